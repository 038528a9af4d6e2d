"""What an edit of captions is: plain data, and what it makes of one caption."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from ...errors import IsengardError
from ...media.captions import MAX_LENGTH


@dataclass(frozen=True)
class Change:
    """What an operation does to one caption."""

    before: str
    after: str


@dataclass
class Context:
    """What an operation may need beside the caption."""

    trigger: str = ""
    class_word: str = ""
    deadline: float = 0.0
    """Moment of `time.thread_time` at which a regular expression is stopped."""
    photo: str = ""
    """Whose caption it is, for messages."""


@dataclass(frozen=True)
class Operation:
    """One edit. Captions come in cleaned (one line, NFC); what an edit does not concern it leaves to the letter."""

    kind: ClassVar[str] = ""
    about_form: ClassVar[bool] = False
    """Whether a caption that differs only in spaces or Unicode form counts as changed."""
    needed: ClassVar[str] = ""
    """The setting that can't be empty."""

    def __post_init__(self) -> None:
        for name, value in self._values().items():
            if isinstance(value, str) and len(value) > MAX_LENGTH:
                raise invalid([f"{name} must have at most {MAX_LENGTH:,} characters, got {len(value):,}."])
        if self.needed and not str(getattr(self, self.needed)).strip():
            raise invalid([f"{self.needed} must not be empty."])

    def edit(self, caption: str, context: Context) -> str:
        """The caption after the edit."""
        raise NotImplementedError

    def as_dict(self) -> dict[str, str | bool]:
        """The operation as JSON carries it."""
        return {"kind": self.kind, **self._values()}

    def _values(self) -> dict[str, str | bool]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def invalid(problems: list[str]) -> IsengardError:
    """An edit that can't be made, with all that speaks against it."""
    return IsengardError("CAPTION_EDIT_INVALID", f"The edit can't be made: {' '.join(problems)}", problems=problems)
