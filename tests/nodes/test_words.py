"""Help pages and translations: one for every node, in every language, in a form that ComfyUI's frontend can show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isengard import settings

LANGUAGES = ("en", "de", "zh")


def node_ids() -> set[str]:
    """The ids that the nodes' schemas give."""
    sources = (settings.PACK / "nodes").glob("*.py")
    return {found for file in sources for found in re.findall(r'node_id="(\w+)"', file.read_text(encoding="utf-8"))}


def locale(language: str) -> dict[str, Any]:
    file = settings.PACK / "locales" / language / "nodeDefs.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def texts(values: Any) -> Iterator[str]:
    if isinstance(values, dict):
        for value in values.values():
            yield from texts(value)
    else:
        yield values


def shape(values: Any) -> Any:
    return {name: shape(value) for name, value in values.items()} if isinstance(values, dict) else "text"


def test_every_node_has_a_help_page() -> None:
    """One for each id and no other, with a title and the name of every input that a person sets."""
    pages = {file.stem: file.read_text(encoding="utf-8") for file in (settings.PACK / "nodes" / "help").glob("*.md")}
    assert set(pages) == node_ids()
    assert all(text.startswith("# ") and len(text) > 200 for text in pages.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    """The same nodes, inputs and outputs as in English; nothing empty; no sign that the frontend's messages read as
    code."""
    found = locale(language)
    assert set(found) == node_ids()
    assert shape(found) == shape(locale("en"))
    for text in texts(found):
        assert text.strip()
        assert not re.search(r"[{}@|]", text), text


def test_languages_differ() -> None:
    """A translation is one."""
    english = list(texts(locale("en")))
    for language in ("de", "zh"):
        same = [text for text, other in zip(english, texts(locale(language)), strict=True) if text == other]
        assert len(same) < len(english) / 5, (language, same)


def test_workflows_are_in_comfyuis_own_format() -> None:
    """Links lead from and to nodes that are there, and our nodes are ones that exist."""
    files = sorted((settings.PACK / "workflows").glob("*.json"))
    assert Path("try-out-on-the-embedded-model.json").name in [file.name for file in files]
    for file in files:
        workflow = json.loads(file.read_text(encoding="utf-8"))
        nodes = {node["id"]: node for node in workflow["nodes"]}
        for number, source, output, target, slot, kind in workflow["links"]:
            assert number in nodes[source]["outputs"][output]["links"]
            assert nodes[target]["inputs"][slot]["link"] == number
            assert nodes[source]["outputs"][output]["type"] == nodes[target]["inputs"][slot]["type"] == kind
        ours = {node["type"] for node in nodes.values() if node["type"].startswith("Isengard")}
        assert ours <= node_ids()
