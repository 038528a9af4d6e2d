"""The captioners' registry, and the one that needs no model."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator

import pytest

from isengard.errors import IsengardError
from isengard.library.captions.captioners import NAMES, load_captioner
from isengard.library.captions.captioners.interface import CaptionRequest
from isengard.library.captions.captioners.plain import FRAMING, LIGHT, POSE, words
from isengard.tests.architecture.sources import ROOT


def test_captioners_are_found_by_name() -> None:
    """Each has its name and says whether it is ready; an unknown one is refused with those there are."""
    for name in NAMES:
        assert load_captioner(name).name == name
        assert isinstance(load_captioner(name).ready().ready, bool)
    with pytest.raises(IsengardError, match="florence2") as caught:
        load_captioner("gpt")
    assert caught.value.code == "CAPTIONER_UNKNOWN"


def test_loading_and_asking_a_captioner_stays_light() -> None:
    """No heavy package is imported by loading the captioners and asking whether they are ready."""
    code = (
        "import runpy, sys, pathlib\n"
        f"runpy.run_path({str(ROOT / 'loader.py')!r})['load_package'](pathlib.Path({str(ROOT)!r}))\n"
        "from isengard.library.captions import captioners, edits, linter\n"
        "for name in captioners.NAMES: captioners.load_captioner(name).ready()\n"
        "print(sorted({'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""),
        ({"framing": "close-up", "light": "soft"}, "close-up, soft light"),
        ({"framing": "full body", "faces": 1, "pose": "turned left"}, "full-body shot, head turned to the left"),
        ({"faces": 3, "light": "dark"}, "three people, dim light"),
        ({"faces": 12}, "a group of people"),
        ({"monochrome": True, "pose": "profile"}, "black and white photo, seen in profile"),
        ({"framing": None, "faces": None, "light": None, "pose": None, "monochrome": False}, ""),
        ({"framing": "sideways", "faces": "2", "light": 7, "pose": ["frontal"], "mood": "happy", "monochrome": 1}, ""),
        ({"faces": 0}, ""),
        ({"faces": True}, ""),
        ({"faces": -1}, ""),
    ],
)
def test_only_what_was_measured_is_said(facts: dict[str, object], said: str) -> None:
    """Nothing is guessed: unknown and missing facts are silent."""
    assert words(facts) == said


def test_every_combination_of_facts_has_words() -> None:
    """Each value of the report's facts is said, and no two sets of facts read alike."""
    all_of_them = [
        words({"framing": framing, "pose": pose, "light": light, "faces": faces, "monochrome": grey})
        for framing, pose, light, faces, grey in itertools.product(FRAMING, POSE, LIGHT, (1, 2, 3), (False, True))
    ]
    assert len(set(all_of_them)) == len(all_of_them)


def test_plain_captions_have_the_trigger_and_the_class_word() -> None:
    """In front; a photo of which nothing is known gets no caption, and no trigger word is made up."""
    requests = [
        CaptionRequest(photo="a", facts={"light": "soft"}, trigger="ohwx", class_word="woman"),
        CaptionRequest(photo="b", facts={"light": "soft"}, trigger="ohwx"),
        CaptionRequest(photo="c", facts={"light": "soft"}, class_word="woman"),
        CaptionRequest(photo="d", trigger="ohwx", class_word="woman"),
    ]
    results = list(load_captioner("plain").describe(requests))
    assert [(result.photo, result.caption) for result in results] == [
        ("a", "ohwx woman, soft light"),
        ("b", "ohwx, soft light"),
        ("c", "soft light"),
        ("d", ""),
    ]
    assert all(result.error is None for result in results)


def test_photos_are_described_one_by_one() -> None:
    """A result comes before the next photo is asked for."""
    asked = []

    def photos() -> Iterator[CaptionRequest]:
        for name in ("a", "b"):
            asked.append(name)
            yield CaptionRequest(photo=name)

    results = load_captioner("plain").describe(photos())
    assert (next(results).photo, asked) == ("a", ["a"])
