"""A request is checked as a whole, keeps what was asked for, and tells no folders."""

from __future__ import annotations

import json
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.generator.request import (
    MOST,
    ControlNet,
    GenerationRequest,
    ImagePrompt,
    LoraUse,
    Upscale,
    request_from_dict,
)
from isengard.trainer.job import BaseFiles

ADA = LoraUse(file="/home/somebody/loras/ada.safetensors", strength=0.8, trigger_word="ohwx", class_word="woman")


def problems(**values: Any) -> list[str]:
    """What is wrong with a request."""
    with pytest.raises(IsengardError) as caught:
        request_from_dict(values)
    assert caught.value.code == "GENERATION_INVALID"
    found: list[str] = caught.value.details["problems"]
    return found


def test_a_request_survives_json() -> None:
    """What `as_dict` writes makes the same request again, with everything switched on."""
    request = GenerationRequest(
        prompt="{trigger} in the rain",
        base=BaseFiles(transformer="/models/flux"),
        loras=(ADA,),
        aspect="3:2",
        count=4,
        controlnet=ControlNet(image="/guides/pose.png", kind="pose"),
        image_prompt=ImagePrompt(image="C:\\guides\\look.png"),
        upscale=Upscale(factor=1.5),
    )
    assert request_from_dict(json.loads(json.dumps(request.as_dict()))) == request


def test_all_problems_are_told_at_once() -> None:
    """Unknown names with the nearest known one, wrong types, values out of range, at every depth."""
    found = problems(
        prompt="x",
        stepps=3,
        count=MOST + 1,
        aspect="5:4",
        guidance="high",
        loras=[{"file": "", "strength": 9, "colour": 1}],
        controlnet={"image": "a.png", "kind": "scribble"},
        upscale=True,
    )
    text = "\n".join(found)
    for part in (
        "stepps is not a setting; did you mean steps?",
        "count must be 1–16, got 17.",
        "aspect must be one of 1:1",
        "guidance must be a number, got 'high'.",
        "loras[0].colour is not a setting",
        "loras[0].file must have 1–4000 characters",
        "loras[0].strength must be 0.0–2.0, got 9.",
        "controlnet.kind must be one of canny, depth, pose",
        "upscale must be a group of settings",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"prompt": "  "}, "prompt must not be empty where no character is chosen."),
        ({"prompt": "{trigger} smiling"}, "no character is chosen that it could stand for"),
        ({"prompt": "x", "width": 1000}, "width must be a multiple of 16"),
        ({"prompt": "x", "family": "mini", "height": 1024}, "height must be a multiple of 16 from 64 to 176 for mini"),
        ({"prompt": "x", "controlnet": {"image": "a", "start": 0.8, "end": 0.8}}, "start must be below"),
        ({"prompt": "x\ud800"}, "prompt holds control characters."),
        ({"prompt": "x", "guidance": float("nan")}, "guidance must be 0.0–20.0, got nan."),
        ({"prompt": "x", "guidance": 10**400}, "guidance must be 0.0–20.0"),
        ({"prompt": "x", "seed": -1}, "seed must be"),
        ({"prompt": "x", "count": True}, "count must be a whole number"),
        ({}, "prompt is missing."),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], complaint: str) -> None:
    """Each contradiction by itself."""
    assert any(complaint in problem for problem in problems(**values))


def test_the_trigger_word_is_put_in() -> None:
    """Where the placeholder stands, else in front, once only; several characters each get their word."""
    assert GenerationRequest(prompt="a photo of {trigger} laughing", loras=(ADA,)).sent == "a photo of ohwx laughing"
    assert GenerationRequest(prompt="laughing", loras=(ADA,)).sent == "ohwx, laughing"
    assert GenerationRequest(prompt="ohwx woman,\n laughing", loras=(ADA,)).sent == "ohwx woman, laughing"
    assert GenerationRequest(prompt="", loras=(ADA,)).sent == "ohwx woman"
    bob = LoraUse(file="bob.safetensors", trigger_word="sks")
    assert GenerationRequest(prompt="in a café", loras=(ADA, bob)).sent == "sks, ohwx, in a café"


def test_a_seed_is_drawn_and_kept() -> None:
    """Two requests without a seed differ; each knows its own."""
    seeds = {GenerationRequest(prompt="x").seed for _ in range(20)}
    assert len(seeds) > 15
    request = GenerationRequest(prompt="x")
    assert request_from_dict(request.as_dict()).seed == request.seed


def test_a_pictures_settings_make_it_again_and_name_no_folder() -> None:
    """The third picture's settings have its own seed; files are there by name only, on every system."""
    request = GenerationRequest(
        prompt="x",
        base=BaseFiles(transformer="/home/somebody/flux"),
        loras=(ADA,),
        count=4,
        seed=10,
        image_prompt=ImagePrompt(image="C:\\Users\\somebody\\look.png"),
    )
    settings = request.settings(2)
    assert (settings["seed"], settings["count"], settings["width"]) == (12, 1, 1024)
    assert "somebody" not in json.dumps(settings)
    assert settings["loras"][0]["file"] == "ada.safetensors"
    assert settings["image_prompt"]["image"] == "look.png"
    assert settings["sent"] == "ohwx, x"
