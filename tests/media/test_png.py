"""A picture carries its settings in its file, for us and for other programs, whatever is written in the prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from isengard.errors import IsengardError
from isengard.media.png import parameters, read_settings, write_png

SETTINGS: dict[str, Any] = {
    "prompt": "a café,\n<b>“quotes”</b> 李明 👩🏽‍🦰",
    "sent": "ohwx, a café, <b>“quotes”</b> 李明 👩🏽‍🦰",
    "loras": [{"file": "ada.v2.safetensors", "strength": 0.75}],
    "base": {"transformer": "flux1-dev.safetensors"},
    "family": "flux1-dev",
    "steps": 20,
    "guidance": 3.5,
    "seed": 9007199254740991,
    "width": 1024,
    "height": 1024,
}


def test_settings_survive_the_file(tmp_path: Path) -> None:
    """Any script and sign, and numbers as large as seeds can be."""
    write_png(Image.new("RGB", (64, 64), "teal"), tmp_path / "a.png", SETTINGS)
    assert read_settings(tmp_path / "a.png") == SETTINGS
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_other_programs_read_the_common_words() -> None:
    """The prompt with its LoRAs, then one line of facts."""
    lines = parameters(SETTINGS).split("\n")
    assert lines == [
        "ohwx, a café, <b>“quotes”</b> 李明 👩🏽‍🦰 <lora:ada.v2:0.75>",
        "Steps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, "
        "Seed: 9007199254740991, Size: 1024x1024, Model: flux1-dev, Version: Isengard",
    ]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_without_settings_says_so(kind: str, tmp_path: Path) -> None:
    """Also one that is no PNG."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png", format=kind)
    with pytest.raises(IsengardError) as caught:
        read_settings(tmp_path / "a.png")
    assert caught.value.code == "PICTURE_CORRUPT"
    assert str(tmp_path) not in caught.value.message
