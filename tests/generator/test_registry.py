"""Generators are found by name, planned ones say what is missing, and importing the room costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.generator import NAMES, NOT_READY, load_generator
from isengard.generator.request import TOGGLES, ControlNet, FaceDetailer, ImagePrompt, Upscale
from isengard.tests.architecture.sources import ROOT
from isengard.tests.generator.made import mini


@pytest.mark.parametrize("name", NOT_READY)
def test_a_planned_generator_says_so(name: str, tmp_path: Path) -> None:
    """Video is one of them; it is listed and refused by name."""
    with pytest.raises(IsengardError, match=name) as caught:
        load_generator(name, tmp_path)
    assert caught.value.code == "GENERATOR_NOT_READY"
    assert "video" in NOT_READY
    assert name in NAMES


def test_an_unknown_generator_is_refused(tmp_path: Path) -> None:
    """With the names that are known."""
    with pytest.raises(IsengardError, match="diffusers") as caught:
        load_generator("difusers", tmp_path)
    assert caught.value.code == "GENERATION_INVALID"


async def test_what_diffusers_can_not_do_is_refused_by_name(tmp_path: Path) -> None:
    """All toggles that can't run are named at once, each with what it needs; nothing is left out silently."""
    generator = load_generator("diffusers", tmp_path)
    readiness = await generator.readiness("mini")
    assert readiness["pictures"].ready
    for toggle in TOGGLES:
        assert not readiness[toggle].ready
        assert "ComfyUI" in readiness[toggle].reason
    asked = {
        "controlnet": ControlNet(image="a.png"),
        "image_prompt": ImagePrompt(image="a.png"),
        "face_detailer": FaceDetailer(),
        "upscale": Upscale(),
    }
    for toggle, given in asked.items():
        with pytest.raises(IsengardError) as caught:
            await generator.check(mini(**{toggle: given}))
        assert caught.value.code == "FEATURE_NOT_READY"
        assert caught.value.details["problems"] == [readiness[toggle].reason]
    with pytest.raises(IsengardError) as caught:
        await generator.check(mini(**asked))
    assert len(caught.value.details["problems"]) == len(TOGGLES)


def test_the_room_is_cheap_to_import(tmp_path: Path) -> None:
    """A host that imports it, makes a queue and asks the registry has no torch, diffusers or Pillow from it."""
    script = tmp_path / "look.py"
    script.write_text(
        "import runpy, sys, pathlib\n"
        f"root = pathlib.Path({str(ROOT)!r})\n"
        "runpy.run_path(str(root / 'loader.py'))['load_package'](root)\n"
        "from isengard.generator import load_generator, queue, request\n"
        "load_generator('diffusers', pathlib.Path('.'))\n"
        "print(sorted({'torch', 'diffusers', 'transformers', 'peft', 'PIL', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
