"""Edits that take a caption for text: set, put in front or behind, replaced, tidied up."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from . import patterns
from .operation import Context, Operation, invalid
from .text import ends_sentence, is_prose, join, keep_parts, key, pieces

_JOINS_ON = "\u0300-\u036f\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff"
"""What follows a sign and makes it another: accents, skin colours, the joiner inside 👩‍🦰."""


@dataclass(frozen=True)
class SetText(Operation):
    """Every caption becomes this text."""

    kind = "set"
    about_form = True
    text: str

    def edit(self, caption: str, context: Context) -> str:
        return self.text


@dataclass(frozen=True)
class Prepend(Operation):
    """A text in front of every caption."""

    kind = "prepend"
    needed = "text"
    text: str
    separator: str = ", "

    def edit(self, caption: str, context: Context) -> str:
        return join(self.text, self.separator, caption)


@dataclass(frozen=True)
class Append(Operation):
    """A text behind every caption; behind a full stop it stands without a comma."""

    kind = "append"
    needed = "text"
    text: str
    separator: str = ", "

    def edit(self, caption: str, context: Context) -> str:
        return join(caption, self.separator, self.text)


@dataclass(frozen=True)
class Replace(Operation):
    """A text by another, letter for letter; where nothing takes its place, the comma that is left over goes too."""

    kind = "replace"
    find: str
    replace: str = ""
    case_sensitive: bool = False
    whole_word: bool = False
    """Not inside a longer word. In scripts without spaces (Chinese, Thai) that is a whole run of signs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.find:
            raise invalid(["find must not be empty."])

    def edit(self, caption: str, context: Context) -> str:
        wanted = unicodedata.normalize("NFC", self.find)
        start, end = ("(?<!\\w)", "(?!\\w)") if self.whole_word else ("", "")
        pattern = rf"(?<!\u200d){start}{re.escape(wanted)}{end}(?![{_JOINS_ON}])"
        after = re.sub(pattern, lambda _: self.replace, caption, flags=0 if self.case_sensitive else re.IGNORECASE)
        return after if self.replace.strip() else _mend(caption, after)


@dataclass(frozen=True)
class ReplaceRegex(Operation):
    """What a regular expression finds; the replacement may name groups: `\\1`, `\\g<name>`."""

    kind = "replace-regex"
    pattern: str
    replace: str = ""
    case_sensitive: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        patterns.check(self.pattern, self.replace, self.case_sensitive)

    def edit(self, caption: str, context: Context) -> str:
        after = patterns.substitute(
            self.pattern, self.replace, self.case_sensitive, caption, context.deadline, context.photo
        )
        return after if self.replace.strip() else _mend(caption, after)


@dataclass(frozen=True)
class TidyUp(Operation):
    """Spaces, doubled and stray commas; in lists of tags also tags that stand twice. Words are never touched."""

    kind = "tidy-up"
    about_form = True

    def edit(self, caption: str, context: Context) -> str:
        text = _without_strays(caption)
        text = re.sub(r"(?<!\d),(?=\w)|,(?=[^\W\d])", ", ", text)
        if is_prose(text):
            return text
        keys = [key(part) for part in pieces(text)[::2]]
        return keep_parts(text, lambda number, _: keys.index(keys[number]) == number)


def _mend(before: str, after: str) -> str:
    """Takes away the commas and stops that a removal left without words; a caption that had such ones keeps all."""
    return _without_strays(after) if after != before and _without_strays(before) == before else after


def _without_strays(text: str) -> str:
    split = pieces(" ".join(text.split()))
    done = ""
    for comma, part in zip(["", *split[1::2]], split[::2], strict=True):
        if part.strip() and not (done and ends_sentence(part) and not key(part)):
            done += (comma if done else "") + part.strip()
        elif part.strip() and not ends_sentence(done):  # only a full stop is left of the last part
            done += part.strip()
    return re.sub(r"([.!?…])\s+\.(?=\s|$)", r"\1", done)
