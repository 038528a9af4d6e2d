"""What the panel's build gives, and what its sources must hold; `make test` runs their own tests and the compiler."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re

import pytest

from isengard.tests.browser.conftest import DIST
from isengard.tests.browser.panel import PACK
from isengard.trainer.job import TrainingConfig

SOURCE = PACK / "web" / "panel"
LARGEST = 250_000
"""Bytes of all that a browser could ever load of the panel, compressed; the sample's photos are data, not program."""


@pytest.fixture
def built() -> list[str]:
    """Names of the built files."""
    if not (DIST / "panel.mjs").is_file():
        pytest.skip("the panel is not built: make panel (it needs Node.js 20 and npm)")
    return [path.relative_to(DIST).as_posix() for path in DIST.rglob("*") if path.is_file()]


def test_comfyui_loads_one_small_file_by_itself(built: list[str]) -> None:
    """It imports every .js; ours stands alone, and no other file reaches for ComfyUI's."""
    assert [name for name in built if name.endswith(".js")] == ["extension.js"]
    text = (DIST / "extension.js").read_text(encoding="utf-8")
    assert re.findall(r"""(?:^|[^\w])import[^("'`]*["']([^"']+)["']""", text) == ["../../scripts/app.js"]
    assert len(text) < 8_000
    others = [name for name in built if name.endswith(".mjs")]
    assert [name for name in others if "scripts/app" in (DIST / name).read_text(encoding="utf-8")] == []


def test_the_panel_is_small(built: list[str]) -> None:
    """Everything together, all languages and the chart, compressed."""
    code = [name for name in built if name.endswith((".mjs", ".js", ".css", ".html"))]
    assert sum(len(gzip.compress((DIST / name).read_bytes())) for name in code) < LARGEST


def test_nothing_is_asked_of_other_servers(built: list[str]) -> None:
    """No address in the built files but names of XML and links for people."""
    allowed = re.compile(r"https?://(?:www\.w3\.org/|vuejs\.org/)")
    for name in built:
        if name.endswith((".mjs", ".js", ".css", ".html")):
            found = re.findall(r"https?://[a-z][\w./-]+", (DIST / name).read_text(encoding="utf-8"))
            assert [address for address in found if not allowed.match(address)] == [], name


@pytest.mark.parametrize("language", ["de", "zh", "ar"])
def test_every_setting_of_a_training_has_its_words(language: str) -> None:
    """What Advanced lists is said in every language; English is the server's own."""
    decided = {"name", "trigger_word", "class_word", "family", "base", "preset"}
    wanted = {field.name for field in dataclasses.fields(TrainingConfig)} - decided
    texts = json.loads((SOURCE / "src" / "training" / "texts" / f"{language}.json").read_text(encoding="utf-8"))
    assert set(texts["settings"]) == wanted


def test_the_lock_names_no_registry() -> None:
    """Installations elsewhere must find what was locked here."""
    packages = json.loads((SOURCE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    named = {package["resolved"] for package in packages.values() if "resolved" in package and not package.get("link")}
    assert not named
    assert all("integrity" in package for name, package in packages.items() if name)
