"""Sentences for people: English text that also says what it means, so that a page can say it in another language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Value = str | int | float | Sequence[Any]
"""What stands in a sentence: a text, a number, another sentence, or several of them."""


class Said(str):
    """An English sentence with its code and the values in it.

    It is a text like any other: who prints, logs or keeps it needs to know nothing. What is made of it (joined, cut,
    written to a file) is plain English again, so a page that finds no code shows that.
    """

    code: str
    """Names the sentence in the panel's `i18n/server.*.json`; a test holds both sides equal."""
    values: Mapping[str, Value]
    """By the names that stand in curly brackets there; `n` chooses the plural form."""

    def __new__(cls, code: str, text: str, /, **values: Value) -> Said:
        """`code` is written out where it is called, so that it can be found."""
        made = super().__new__(cls, text)
        made.code = code
        made.values = values
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.code, str(self), dict(self.values))

    def as_dict(self) -> dict[str, Any]:
        """As JSON carries it: code, message and values; sentences among the values in the same form."""
        return {"code": self.code, "message": str(self), "values": _plain(self.values)}


def as_said(text: str) -> dict[str, Any]:
    """Any sentence as JSON carries it; one without a code can only be shown as it is."""
    return text.as_dict() if isinstance(text, Said) else {"code": "", "message": text, "values": {}}


def from_dict(values: Mapping[str, Any]) -> Said:
    """The sentence that `as_dict` told of; sentences among its values stay as they are."""
    return _again(str(values["code"]), str(values["message"]), dict(values["values"]))


def to_json(text: str) -> str | dict[str, Any]:
    """A sentence for a file or a pipe from which `from_json` reads it."""
    return text.as_dict() if isinstance(text, Said) else text


def from_json(value: str | Mapping[str, Any]) -> str:
    """What `to_json` gave, or a plain text. Raises KeyError, TypeError or ValueError for anything else."""
    if isinstance(value, Mapping):
        return from_dict(value)
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is no sentence")
    return value


def several(sentences: Sequence[str]) -> str:
    """Sentences one after the other, as one; a single one is itself."""
    if len(sentences) == 1:
        return sentences[0]
    return Said("several", " ".join(sentences), parts=[*sentences])


def _again(code: str, text: str, values: dict[str, Any]) -> Said:
    return Said(code, text, **values)


def _plain(value: Any) -> Any:
    if isinstance(value, Said):
        return value.as_dict()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
