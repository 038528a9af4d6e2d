"""TrainingConfig: what it takes, what it refuses and how it says so."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.trainer.config import FORMAT, BaseFiles, TrainingConfig, config_from_dict

LEAST: dict[str, Any] = {"name": "Ada", "trigger_word": "ohwx", "sample_prompts": ["{trigger} person"]}


def problems_of(values: dict[str, Any]) -> list[str]:
    """The sentences that a config of these values is refused with."""
    with pytest.raises(IsengardError) as caught:
        config_from_dict({**LEAST, **values})
    assert caught.value.code == "CONFIG_INVALID"
    found: list[str] = caught.value.details["problems"]
    assert all(problem in caught.value.message for problem in found)
    return found


def test_all_problems_are_reported_at_once() -> None:
    """Unknown keys, wrong types, ranges, choices and a missing name come in one error, each as a sentence."""
    values = {
        "trigger_word": "ohwx", "lerning_rate": 1e-4, "rank": 0, "steps": "many", "schedule": "cosin", "flip": 1,
        "resolutions": [512, "768"], "base": {"transfomer": "a.safetensors"},
    }  # fmt: skip
    with pytest.raises(IsengardError) as caught:
        config_from_dict(values)
    assert caught.value.code == "CONFIG_INVALID"
    assert caught.value.details["problems"] == [
        "lerning_rate is not a setting; did you mean learning_rate?",
        "base.transfomer is not a setting; did you mean base.transformer?",
        "name is missing.",
        "resolutions must be a list, each a whole number, got (512, '768').",
        "flip must be true or false, got 1.",
        "steps must be a whole number, got 'many'.",
        "schedule must be one of constant, cosine, linear, got 'cosin'.",
        "rank must be 1–256, got 0.",
    ]


def test_problems_between_settings_come_together_with_those_of_single_ones() -> None:
    """A value out of its range does not hide what does not fit together."""
    found = problems_of(
        {"rank": 300, "warmup_steps": 2000, "sample_prompts": [], "device": "gpu", "resolutions": [100]}
    )
    assert [problem.split()[0] for problem in found] == [
        "rank", "resolutions", "warmup_steps", "sample_prompts", "device",
    ]  # fmt: skip


def test_an_unknown_setting_without_a_near_name_is_refused_too() -> None:
    assert problems_of({"zzz": 1}) == ["zzz is not a setting."]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", math.nan), ("learning_rate", math.inf), ("learning_rate", 0.0), ("learning_rate", 1.5),
        ("bucket_tolerance", -0.1), ("caption_dropout", 1.01), ("ema_decay", 1.0), ("alpha", math.nan),
        ("steps", 0), ("steps", 100_001), ("batch_size", 65), ("gradient_accumulation", 0), ("rank", 257),
        ("seed", -1), ("seed", 2**31), ("sample_width", 63), ("log_every", 0), ("save_every", 0),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused_with_the_range(name: str, value: float) -> None:
    """NaN and infinity count as out of range."""
    found = problems_of({name: value})
    assert found[0].startswith(f"{name} must be ")
    assert found[0].endswith(f"got {value!r}.")


@pytest.mark.parametrize(
    ("name", "value"),
    [("rank", True), ("rank", 8.0), ("learning_rate", "1e-4"), ("flip", "true"), ("trigger_word", None),
     ("sample_prompts", "one"), ("resolutions", 512), ("base", None), ("base", {"vae": 3})],
)  # fmt: skip
def test_values_of_the_wrong_type_are_refused(name: str, value: object) -> None:
    assert problems_of({name: value})[0].startswith(f"{name} must be ")


def test_whole_numbers_are_taken_where_a_number_is_asked_for() -> None:
    assert config_from_dict({**LEAST, "alpha": 8}).alpha == 8


@pytest.mark.parametrize("word", ["", "  ", "two words", "a,b", "{x}"])
def test_a_trigger_word_is_one_plain_word(word: str) -> None:
    assert problems_of({"trigger_word": word})[0].startswith("trigger_word must be one word")


@pytest.mark.parametrize("version", [FORMAT + 1, "1", None])
def test_a_newer_or_strange_format_is_refused(version: object) -> None:
    """A config that a newer Isengard wrote is never half understood."""
    with pytest.raises(IsengardError, match=f"up to {FORMAT}") as caught:
        config_from_dict({**LEAST, "format": version})
    assert caught.value.code == "CONFIG_UNREADABLE"


@pytest.mark.parametrize("values", [[], "text", 3, None])
def test_what_is_no_group_of_settings_is_refused(values: Any) -> None:
    with pytest.raises(IsengardError) as caught:
        config_from_dict(values)
    assert caught.value.code == "CONFIG_UNREADABLE"


def test_a_config_comes_back_from_json_unchanged() -> None:
    """Every field but the strings' own freedom survives, in type and value, and the format is noted."""
    config = config_from_dict(
        {**LEAST, "name": "Ada Žluťoučká", "family": "mini", "resolutions": [512, 768], "ema_decay": 0.99, "flip": True,
         "base": {"transformer": "/models/flux1-dev.safetensors"}, "sample_prompts": ["{trigger} “quoted”", "b"]}
    )  # fmt: skip
    text = json.dumps(config.as_dict())
    assert json.loads(text)["format"] == FORMAT
    assert config_from_dict(json.loads(text)) == config
    assert config.prompts == ("ohwx “quoted”", "b")


def test_a_whole_number_for_a_setting_with_decimals_is_the_same_setting() -> None:
    """A page sends 1 for 1.0; the same training must not be begun twice for that."""
    whole, decimal = (config_from_dict({**LEAST, "lora_plus_ratio": v, "ema_decay": v - v}) for v in (1, 1.0))
    assert whole == decimal
    assert whole.fingerprint() == decimal.fingerprint()


def test_a_config_cannot_be_changed_in_place_but_copied_with_changes() -> None:
    """A changed copy is checked like a new config."""
    config = config_from_dict(LEAST)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.rank = 4  # type: ignore[misc]
    assert config.replace(rank=4).rank == 4
    with pytest.raises(IsengardError, match="did you mean rank"):
        config.replace(rnk=4)


def _another(name: str, config: TrainingConfig) -> Any:
    """A valid value for a field that differs from the config's."""
    choices = next(item for item in dataclasses.fields(config) if item.name == name).metadata.get("choices")
    value = getattr(config, name)
    if choices:
        return next(choice for choice in choices if choice != value)
    special: dict[str, Any] = {
        "base": BaseFiles(vae="x"), "device": "cuda:1", "resolutions": (768,), "sample_prompts": ("other",),
        "sample_width": 528, "sample_height": 528, "class_word": "dog", "trigger_word": "zxc", "name": "Bo",
        "preset": "quick",
    }  # fmt: skip
    if name in special:
        return special[name]
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value + 0.01


@pytest.mark.parametrize("name", [item.name for item in dataclasses.fields(TrainingConfig)])
def test_the_fingerprint_changes_with_what_decides_the_result_and_nothing_else(name: str) -> None:
    """Names, places, the logging cadence and what only makes it quicker or leaner leave it as it is."""
    config = config_from_dict(LEAST)
    changed = dataclasses.replace(config, **{name: _another(name, config)})
    assert changed != config
    speed = ("recompute_blocks", "swap_blocks", "compile_blocks", "attention")
    same = name in ("name", "device", "base", "preset", "log_every", *speed)
    assert (changed.fingerprint() == config.fingerprint()) is same


def test_prodigy_finds_one_rate_for_all_so_a_lora_plus_ratio_is_refused() -> None:
    assert config_from_dict({**LEAST, "lora_plus_ratio": 4, "sample_every": 0}).lora_plus_ratio == 4
    with pytest.raises(IsengardError, match="lora_plus_ratio"):
        config_from_dict({**LEAST, "lora_plus_ratio": 4, "optimizer": "prodigy", "sample_every": 0})
