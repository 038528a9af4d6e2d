"""Pictures for a node: their prompts, and trouble that comes to the node and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.library.shared import the_library
from isengard.nodes import picturing
from isengard.nodes.prompting import worded
from isengard.tests.generator.made import Painter, mini


class Canvas:
    """A node that only notes, or fails at that."""

    def __init__(self, problem: Exception | None = None) -> None:
        self._problem = problem

    def show(self, done: float, total: float, preview: Any = None) -> None:
        if self._problem is not None:
            raise self._problem

    def say(self, text: str) -> None:
        pass

    def interrupted(self) -> bool:
        return False


@pytest.fixture
def painter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Painter:
    """In the place of diffusers."""
    monkeypatch.setenv("VOLUME_ROOT", str(tmp_path / "library"))
    made = Painter()
    monkeypatch.setattr(picturing, "_GENERATORS", [made])
    monkeypatch.setattr(picturing, "_decoded", lambda _image: None)  # its previews are none
    return made


def left_behind() -> list[str]:
    """What is left of the folders in which pictures were made."""
    library = the_library()
    found = [path.name for path in library.scratch.iterdir()] if library.scratch.is_dir() else []
    return [*found, *(path.name for path in library.root.glob(".pictures-*"))]


def test_pictures_are_made_and_nothing_is_left_behind(painter: Painter) -> None:
    assert len(picturing.make(mini(count=2), Canvas())) == 2
    assert left_behind() == []


def test_what_nobody_foresaw_comes_to_the_node(painter: Painter) -> None:
    """Not as fewer pictures."""
    painter.fail_with = ZeroDivisionError("by nobody")
    with pytest.raises(ZeroDivisionError, match="by nobody"):
        picturing.make(mini(), Canvas())
    assert left_behind() == []


def test_a_node_that_fails_ends_the_work(painter: Painter) -> None:
    """Whatever the canvas raises: when the node is over, nobody paints any more."""
    with pytest.raises(ValueError, match="seven apples"):
        picturing.make(mini(count=9, steps=50), Canvas(ValueError("seven apples")))
    assert painter.seen == []
    assert left_behind() == []


def test_a_prompt_gets_its_trigger_word() -> None:
    """In its place, or in front; a prompt that asks for a word where there is none is refused, not sent as it is."""
    assert worded("{trigger}, smiling", "ohwx", "woman") == "ohwx, smiling"
    assert worded("smiling", " ohwx ") == "ohwx, smiling"
    assert worded("a lake\nin the hills", "") == "a lake\nin the hills"
    with pytest.raises(IsengardError, match="GRAPH_INCOMPLETE"):
        worded("{trigger}, smiling", " ")
