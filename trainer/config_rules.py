"""What the values of a training's settings must be: each by its type, choices and range, and some by one another."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import TrainingConfig


def problems_of(config: TrainingConfig) -> list[str]:
    """All that is wrong with the values, in sentences that name the setting, what it may be and what it is."""
    found: list[str] = []
    typed = True
    hints = typing.get_type_hints(type(config))
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if not _has_type(value, hints[item.name]):
            typed = False
            found.append(f"{item.name} must be {_type_name(hints[item.name])}, got {value!r}.")
            continue
        if "choices" in item.metadata and value not in item.metadata["choices"]:
            found.append(f"{item.name} must be one of {', '.join(item.metadata['choices'])}, got {value!r}.")
        if "range" in item.metadata:
            low, high = item.metadata["range"]
            if not low <= value <= high:  # a NaN fails this too
                unit = f" {item.metadata['unit']}" if item.metadata["unit"] else ""
                found.append(f"{item.name} must be {low}–{high}{unit}, got {value!r}.")
    return found + (_between(config) if typed else [])


def _between(config: TrainingConfig) -> list[str]:
    found = []
    if not config.name.strip():
        found.append("name must not be empty.")
    if not config.trigger_word.strip() or any(sign.isspace() or sign in ",{}" for sign in config.trigger_word.strip()):
        found.append(f"trigger_word must be one word without spaces, commas or braces, got {config.trigger_word!r}.")
    if not config.resolutions:
        found.append("resolutions must name at least one picture size.")
    for side in config.resolutions:
        if not 64 <= side <= 2048 or side % 16:
            found.append(f"resolutions must be multiples of 16 from 64 to 2048, got {side}.")
    if config.warmup_steps >= config.steps and config.steps > 1:
        found.append(f"warmup_steps must be below steps ({config.steps}), got {config.warmup_steps}.")
    for name in ("sample_width", "sample_height"):
        if getattr(config, name) % 16:
            found.append(f"{name} must be a multiple of 16, got {getattr(config, name)}.")
    if config.lora_plus_ratio != 1 and config.optimizer == "prodigy":
        found.append("lora_plus_ratio must be 1 with prodigy, which finds one learning rate for all.")
    if config.sample_every and not config.sample_prompts:
        found.append("sample_prompts must not be empty while sample_every is on.")
    if config.device.split(":")[0] not in ("auto", "cpu", "cuda", "mps"):
        found.append(f"device must be auto, cpu, cuda, cuda:N or mps, got {config.device!r}.")
    return found


def _has_type(value: Any, wanted: Any) -> bool:
    if typing.get_origin(wanted) is tuple:
        inner = typing.get_args(wanted)[0]
        return isinstance(value, tuple) and all(_has_type(item, inner) for item in value)
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        return isinstance(value, wanted) and all(
            isinstance(getattr(value, f.name), str) for f in dataclasses.fields(wanted)
        )
    return isinstance(value, wanted)


def _type_name(wanted: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    if typing.get_origin(wanted) is tuple:
        return f"a list, each {_type_name(typing.get_args(wanted)[0])}"
    if isinstance(wanted, types.UnionType):
        return " or ".join(_type_name(part) for part in typing.get_args(wanted))
    return names.get(wanted, "a group of file paths")
