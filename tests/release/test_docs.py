"""What the pages say is so: links lead somewhere, codes and settings exist, figures are those of the presets."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from isengard.errors import KINDS
from isengard.tests.architecture.sources import ROOT
from isengard.trainer.job import TrainingConfig
from isengard.trainer.presets import PRESETS

PAGES = sorted([ROOT / "README.md", ROOT / "ERROR_LIST.md", *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"\b[A-Z]{3,}(?:_[A-Z0-9]+)+\b")
NO_CODES = ("ISENGARD_", "COMFYUI_", "VOLUME_ROOT", "ERROR_LIST", "LAST_EVENT", "OMP_", "HF_", "HKEY_", "WEB_DIRECTORY")
SETTINGS = {field.name for field in fields(TrainingConfig)}
PLAIN = ("training-well.md", "captions.md", "memory.md")
"""Pages for people who never open a terminal."""


def anchors(page: Path) -> set[str]:
    """What `#…` may name in a page, as GitHub makes it of the headings."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """To files that are there, and to headings that they have."""
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_codes_exist(page: Path) -> None:
    """A page that sends people to a code which nobody raises helps nobody."""
    named = {code for code in CODE.findall(page.read_text(encoding="utf-8")) if not code.startswith(NO_CODES)}
    assert sorted(named - KINDS.keys()) == []


@pytest.mark.parametrize("name", PLAIN)
def test_settings_exist(name: str) -> None:
    """What stands in code marks with an underscore is a setting of a training."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text))
    assert sorted(named - SETTINGS - {"set_event_loop_policy"}) == []


def test_the_presets_are_as_the_page_says() -> None:
    """Steps for 20 photos and picture sizes, in the table and in the sentence below it."""
    text = (ROOT / "docs" / "training-well.md").read_text(encoding="utf-8")
    for title, name in (("Quick", "quick"), ("Balanced", "balanced"), ("High Quality", "high-quality")):
        preset = PRESETS[name]["flux1-dev"]
        row = next(line for line in text.splitlines() if line.startswith(f"| **{title}**"))
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[2] == f"{preset.steps(20):,}", row
        assert [int(size) for size in re.findall(r"\d+", cells[3])] == list(preset.settings["resolutions"]), row
    mini = [f"{PRESETS[name]['mini'].steps(20):,}" for name in ("quick", "balanced", "high-quality")]
    assert f"of {mini[0]}, {mini[1]} and {mini[2]} steps for 20 photos" in text


def test_the_security_page_names_tests_that_are_there() -> None:
    """A row without its test is a promise."""
    text = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    rows = [
        line for line in text.splitlines() if line.startswith("|") and not line.startswith(("|---", "| tried", "| **"))
    ]
    assert len(rows) > 25
    for row in rows:
        files = re.findall(r"`((?:tests/)?[\w/]*(?:test_\w+\.py|/))`", row.split("|")[-2])
        assert files, row
        for file in files:
            found = [ROOT / file, ROOT / "tests" / "web" / file, ROOT / "tests" / "comfyui" / file]
            assert any(path.exists() for path in found), (file, row)
