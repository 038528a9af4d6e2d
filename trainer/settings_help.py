"""Every setting of TrainingConfig as data, for forms: read off the dataclass and the lines under its fields."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import typing
from functools import cache
from typing import Any

from .config import TrainingConfig

_TYPES = {str: "text", int: "whole number", float: "number", bool: "yes or no"}


@cache
def describe_settings() -> tuple[dict[str, Any], ...]:
    """Name, type, default, help, unit, least, most and choices of each setting that stands for itself."""
    helps, hints = _helps(), typing.get_type_hints(TrainingConfig)
    found = []
    for item in dataclasses.fields(TrainingConfig):
        if item.default is dataclasses.MISSING:
            continue  # the character's name and trigger word; the base files
        low, high = item.metadata.get("range", (None, None))
        default = list(item.default) if isinstance(item.default, tuple) else item.default
        found.append(
            {
                "name": item.name,
                "type": _type(hints[item.name]),
                "default": default,
                "help": helps.get(item.name, ""),
                "unit": item.metadata.get("unit", ""),
                "least": low,
                "most": high,
                "choices": list(item.metadata.get("choices", ())),
            }
        )
    return tuple(found)


def _type(hint: Any) -> str:
    if typing.get_origin(hint) is tuple:
        return f"list of {_TYPES[typing.get_args(hint)[0]]}s"
    return _TYPES[hint]


def _helps() -> dict[str, str]:
    """The text under each field."""
    body = ast.parse(textwrap.dedent(inspect.getsource(TrainingConfig))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found
