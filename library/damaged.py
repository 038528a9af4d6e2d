"""What happens when an index turns out to be damaged: it is thrown away, made anew from files, and asked again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from ..errors import IsengardError

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


class IndexDamagedError(IsengardError):
    """An index was damaged and has been thrown away. To a person it says to try again."""

    def __init__(self, path: Path) -> None:
        super().__init__("LIBRARY_BUSY", f"The index {path} was damaged and is made again.", hint="Try again.")


def asked_again(ask: Callable[_Given, _Answer]) -> Callable[_Given, _Answer]:
    """Asks a question once more if the index was damaged."""

    @functools.wraps(ask)
    def answer(*args: _Given.args, **values: _Given.kwargs) -> _Answer:
        try:
            return ask(*args, **values)
        except IndexDamagedError:
            return ask(*args, **values)

    return answer
