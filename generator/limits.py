"""Limits of a request's settings: declared beside each field, and told as sentences where a value is beyond them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from typing import Any

from ..trainer.job import BaseFiles


def within(low: float, high: float, **kwargs: Any) -> Any:
    """A field for a number from `low` to `high`."""
    return dataclasses.field(**kwargs, metadata={"range": (low, high)})


def one_of(choices: tuple[str, ...], **kwargs: Any) -> Any:
    """A field for one of these words."""
    return dataclasses.field(**kwargs, metadata={"choices": choices})


def text(most: int, least: int = 0, **kwargs: Any) -> Any:
    """A field for a text of so many characters."""
    return dataclasses.field(**kwargs, metadata={"length": (least, most)})


def problems_of(group: Any, where: str) -> Iterator[str]:
    """What is wrong with the values of a dataclass, each by itself; `where` stands before the fields' names."""
    hints = typing.get_type_hints(type(group))
    for item in dataclasses.fields(group):
        value, name = getattr(group, item.name), f"{where}{item.name}"
        if not _has_type(value, hints[item.name]):
            yield f"{name} must be {_type_name(hints[item.name])}, got {value!r:.80}."
        elif "choices" in item.metadata and value not in item.metadata["choices"]:
            yield f"{name} must be one of {', '.join(item.metadata['choices'])}, got {value!r:.80}."
        elif "range" in item.metadata and not item.metadata["range"][0] <= value <= item.metadata["range"][1]:
            yield f"{name} must be {'–'.join(str(end) for end in item.metadata['range'])}, got {value!r:.80}."
        elif "length" in item.metadata:
            least, most = item.metadata["length"]
            if not least <= len(value) <= most:
                yield f"{name} must have {least}–{most} characters, got {len(value)}."
            elif any((ord(sign) < 32 and sign not in "\n\t\r") or "\ud800" <= sign <= "\udfff" for sign in value):
                yield f"{name} holds control characters."


def _has_type(value: Any, wanted: Any) -> bool:
    if typing.get_origin(wanted) is tuple:
        return isinstance(value, tuple) and all(isinstance(item, typing.get_args(wanted)[0]) for item in value)
    if isinstance(wanted, types.UnionType):
        return any(_has_type(value, part) for part in typing.get_args(wanted))
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted is BaseFiles:
        return isinstance(value, BaseFiles) and all(isinstance(path, str) for path in vars(value).values())
    return isinstance(value, wanted)


def _type_name(wanted: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", BaseFiles: "a group of file paths"}
    return names.get(wanted, "a list of LoRAs" if typing.get_origin(wanted) is tuple else "a group of settings")
