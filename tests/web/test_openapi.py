"""The document of the API is complete, and the live server keeps to it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from isengard.generator import NAMES
from isengard.generator.aspects import ASPECTS
from isengard.tests.architecture.sources import ROOT
from isengard.tests.web.server import Client
from isengard.trainer.presets import FAMILIES, PRESETS
from isengard.web.api import all_routes
from isengard.web.models import Family
from isengard.web.openapi import document

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "unsupported_method", "missing_required_header",
)  # fmt: skip
"""All of schemathesis's but those that want every well-formed request to succeed: a good name may be nobody's."""


def references(value: Any) -> set[str]:
    """All `$ref` in a document."""
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_every_route_is_in_the_document() -> None:
    """With a summary, its errors by status, and an id of its own; every reference leads somewhere."""
    found = document("/isengard")
    operations = [
        (path, method, operation) for path, methods in found["paths"].items() for method, operation in methods.items()
    ]
    wanted = {("/isengard" + route.path, route.method.lower()) for route in all_routes()}
    assert {(path, method) for path, method, _ in operations} == wanted
    assert len({operation["operationId"] for *_, operation in operations}) == len(operations)
    for path, method, operation in operations:
        assert operation["summary"], (path, method)
        assert {"403", "422", "500"} <= operation["responses"].keys(), (path, method)
    names = {reference.rpartition("/")[2] for reference in references(found)}
    assert names <= found["components"]["schemas"].keys()
    assert not any("__" in name for name in names), "two models have one name"


def test_what_is_taken_away_has_no_version() -> None:
    """An ETag stands on answers that have what it names; deletions heed it and answer where the thing went."""
    found = document("/isengard")["paths"]["/isengard/characters/{character}"]
    named = {method: "ETag" in told["responses"]["200"]["headers"] for method, told in found.items()}
    assert named == {"get": True, "patch": True, "delete": False}
    assert any(parameter["name"] == "If-Match" for parameter in found["delete"]["parameters"])


def test_choices_are_those_of_the_rooms_below() -> None:
    """A family, generator, aspect or preset more is one that can be asked for."""
    schemas = document("/isengard")["components"]["schemas"]

    def choices(model: str, name: str) -> list[str]:
        found = schemas[model]["properties"][name]
        return list(found["anyOf"][0]["enum"] if "anyOf" in found else found["enum"])

    assert get_args(Family) == FAMILIES
    assert choices("NewGeneration", "family") == choices("NewTraining", "family") == list(FAMILIES)
    assert choices("NewGeneration", "generator") == list(NAMES)
    assert choices("NewGeneration", "aspect") == list(ASPECTS)
    assert choices("NewTraining", "preset") == list(PRESETS)


def test_the_page_on_the_api_names_routes_that_are_there() -> None:
    """Every address in its curl lines, and every route of the table."""
    text = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
    patterns = [re.compile(re.sub(r"\{\w+\}", "[^/]+", route.path)) for route in all_routes()]
    used = re.findall(r"\$B(/[\w/$-]+)", text)
    assert len(used) > 10
    assert [path for path in used if not any(pattern.fullmatch(path) for pattern in patterns)] == []
    table = text.partition("## All routes")[2]
    ends = {route.path.rpartition("/")[2] for route in all_routes()} - {"{file}"}
    assert [end for end in sorted(ends) if end not in table] == []


@pytest.mark.slow
def test_the_live_server_keeps_to_its_document(
    client: Client, with_photos: Callable[[Client], str], tmp_path: Path
) -> None:
    """Thousands of requests, right and wrong: no 500, no status, header or body that is not documented."""
    with_photos(client)
    run = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{client.port}/isengard/openapi.json",
            "--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing",
            "--exclude-path-regex", "(/stream|/events|/import)$",  # what goes on for ever, and a type it can't make
            "--max-examples", "3", "--max-time", "40", "--seed", "1", "--no-shrink", "--generation-database", "none",
            "--request-timeout", "60", "--warnings", "off", "--no-color",
        ],
        capture_output=True, text=True, timeout=570, check=False, encoding="utf-8", cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert client.get("/health") == {"status": "ok", "host": "standalone"}
    assert json.dumps(client.get("/characters"))
