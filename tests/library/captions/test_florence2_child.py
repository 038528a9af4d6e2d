"""Florence-2's child process and the ways in which it can go wrong: real processes of a few lines stand in for it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library.captions.captioners import florence2
from isengard.library.captions.captioners.children.florence2 import _answer
from isengard.library.captions.captioners.florence2 import Florence2Captioner
from isengard.library.captions.captioners.interface import CaptionRequest, CaptionResult
from isengard.tests.library.captions.florence2_made import PATIENCE, a_folder, children

pytestmark = pytest.mark.usefixtures("no_process_is_left")

ANSWERS = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    %s
"""
"""A child that is ready at once, and what it does with a question."""
BUSY = "import pathlib, time; pathlib.Path(__file__).with_suffix('.busy').touch(); time.sleep(36_000)"
"""It says that it has one, and never answers."""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> Florence2Captioner:
    """A captioner whose child is a real process of a few lines, and whose folder looks as it should."""
    program = tmp_path / "child.py"
    program.write_text(request.param, encoding="utf-8")
    monkeypatch.setattr(florence2, "_PROGRAM", program)
    return Florence2Captioner(a_folder(tmp_path / "looks right"), photo_seconds=PATIENCE, load_seconds=PATIENCE)


@pytest.mark.parametrize("stand_in", [ANSWERS % "sys.exit(3)"], indirect=True)
def test_three_deaths_in_a_row_end_the_run(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """Two photos have their errors, then it is clear that none will work."""
    results = stand_in.describe(photos * 2)
    failed = [next(results), next(results)]
    assert [result.error and result.error.code for result in failed] == ["CAPTIONER_FAILED", "CAPTIONER_FAILED"]
    with pytest.raises(IsengardError, match="ended with code 3"):
        next(results)


@pytest.mark.parametrize("stand_in", [ANSWERS % "import time; time.sleep(36_000)"], indirect=True)
def test_a_photo_that_takes_too_long(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """The time is up, the process is ended, and the caller goes on or stops."""
    stand_in._photo_seconds = 2
    results = stand_in.describe(photos)
    start = time.monotonic()
    assert (error := next(results).error) is not None
    assert (error.code, "0.png" in error.message) == ("CAPTIONER_SLOW", True)
    assert time.monotonic() - start < PATIENCE, "it would have slept for hours"
    assert children() == []


@pytest.mark.parametrize("stand_in", [ANSWERS % BUSY], indirect=True)
def test_it_can_be_stopped_from_another_thread(
    stand_in: Florence2Captioner, photos: list[CaptionRequest], tmp_path: Path
) -> None:
    """In the middle of a photo, which then has an error; nothing more is described, and no process is left."""
    stand_in._photo_seconds = 36_000
    results = stand_in.describe(photos)

    def stop() -> None:
        while not (tmp_path / "child.busy").exists():
            time.sleep(0.01)
        stand_in.stop()

    stopping = threading.Thread(target=stop)
    stopping.start()
    assert (error := next(results).error) is not None
    assert error.code == "CAPTIONER_FAILED"
    with pytest.raises(IsengardError, match="was stopped"):
        next(results)
    stopping.join()
    assert children() == []


@pytest.mark.parametrize("stand_in", ["import time; time.sleep(36_000)"], indirect=True)
def test_a_model_that_takes_too_long_to_load(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """No photo can be described, so the run ends, and the process too."""
    stand_in._load_seconds = 0.5
    with pytest.raises(IsengardError, match="not loaded within") as caught:
        next(stand_in.describe(photos))
    assert caught.value.code == "CAPTIONER_SLOW"


@pytest.mark.parametrize("stand_in", ["import sys; sys.exit('no such luck')"], indirect=True)
def test_a_child_that_dies_while_loading(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """Its last words are in the error's details."""
    with pytest.raises(IsengardError, match="ended with code 1") as caught:
        next(stand_in.describe(photos))
    assert "no such luck" in caught.value.details["tail"]


@pytest.mark.parametrize(
    ("stand_in", "said"),
    [
        (ANSWERS % "print('{', flush=True)", "no JSON"),
        (ANSWERS % "print('[]', flush=True)", "stopped talking"),
        (ANSWERS % "print(json.dumps({'problem': 'memory', 'message': 'x'}), flush=True)", "ran out of memory"),
        (ANSWERS % "print(json.dumps({'problem': 'model', 'message': 'x'}), flush=True)", "failed at"),
        (ANSWERS % "print(json.dumps({'text': '<loc_1>', 'cut': False}), flush=True)", "said nothing"),
    ],
    indirect=["stand_in"],
)
def test_answers_that_are_none(stand_in: Florence2Captioner, said: str, photos: list[CaptionRequest]) -> None:
    """Each is an error of its photo, with a reason."""
    error = next(stand_in.describe(photos)).error
    assert error is not None
    assert error.code == "CAPTIONER_FAILED"
    assert said in error.message


@pytest.mark.parametrize(
    "stand_in", [ANSWERS % "print(json.dumps({'text': 'a man. He', 'cut': True}), flush=True)"], indirect=True
)
def test_without_a_trigger_nothing_is_put_in_front(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """The caption is what was said, without the sentence that was cut off."""
    (result,) = stand_in.describe([CaptionRequest(photo="a", file=photos[0].file)])
    assert result == CaptionResult(photo="a", caption="a man")


@pytest.mark.parametrize("stand_in", [ANSWERS % "pass"], indirect=True)
def test_no_photos_start_no_process(stand_in: Florence2Captioner) -> None:
    """A model isn't loaded for nothing."""
    assert list(stand_in.describe([])) == []


def test_no_picture_starts_another_program(tmp_path: Path) -> None:
    """Pillow would run Ghostscript for PostScript, whatever the file is called."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 60\n%%EndComments\nshowpage\n")
    answer = _answer(None, None, {"file": str(path), "task": "", "tokens": 1})
    assert answer["problem"] == "photo"
    assert "UnidentifiedImageError" in answer["message"]
