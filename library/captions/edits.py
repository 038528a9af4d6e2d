"""Edits of many captions at once: what is asked as plain data, and what it changes, before anything is written."""

from __future__ import annotations

import dataclasses
import re
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ...errors import IsengardError
from ...media.captions import MAX_LENGTH, place_trigger
from ...media.pictures import listed
from . import patterns
from .text import clean, ends_sentence, is_prose, join, keep_parts, key, mentions, pieces, tags

_JOINS_ON = "\u0300-\u036f\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff"
"""What follows a sign and makes it another: accents, skin colours, the joiner inside 👩‍🦰."""


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

    def __post_init__(self) -> None:
        for name, value in self._values().items():
            if isinstance(value, str) and len(value) > MAX_LENGTH:
                raise _invalid([f"{name} must have at most {MAX_LENGTH:,} characters, got {len(value):,}."])

    def edit(self, caption: str, context: Context) -> str:
        """The caption after the edit."""
        raise NotImplementedError

    def as_dict(self) -> dict[str, str | bool]:
        """The operation as JSON carries it."""
        return {"kind": self.kind, **self._values()}

    def _values(self) -> dict[str, str | bool]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def _need(self, name: str) -> None:
        if not str(getattr(self, name)).strip():
            raise _invalid([f"{name} must not be empty."])


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
    text: str
    separator: str = ", "

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need("text")

    def edit(self, caption: str, context: Context) -> str:
        return join(self.text, self.separator, caption)


@dataclass(frozen=True)
class Append(Operation):
    """A text behind every caption; behind a full stop it stands without a comma."""

    kind = "append"
    text: str
    separator: str = ", "

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need("text")

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
            raise _invalid(["find must not be empty."])

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
class AddTag(Operation):
    """A tag at the end of every caption that lacks it, or at the start (behind the trigger word)."""

    kind = "add-tag"
    tag: str
    at_start: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need("tag")

    def edit(self, caption: str, context: Context) -> str:
        sentences = re.split(r"(?<=[.!?…。！？])\s+", caption)
        if key(self.tag) in map(key, [*tags(caption), *sentences]):
            return caption
        if not self.at_start:
            return join(caption, ", ", self.tag)
        first, *rest = pieces(caption)
        if not context.trigger or not mentions(context.trigger).match(first.strip()) or is_prose(first):
            return join(self.tag, ", ", caption)
        return join(first, ", ", self.tag) + "".join(rest)


@dataclass(frozen=True)
class RemoveTag(Operation):
    """The parts between commas that are this tag; the same words inside a sentence stay."""

    kind = "remove-tag"
    tag: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need("tag")

    def edit(self, caption: str, context: Context) -> str:
        return keep_parts(caption, lambda _, part: key(part) != key(self.tag))


@dataclass(frozen=True)
class PlaceTrigger(Operation):
    """The trigger word in front where it is missing, as training places it."""

    kind = "place-trigger"

    def edit(self, caption: str, context: Context) -> str:
        if not context.trigger.strip():
            raise _invalid(["the character has no trigger word yet."])
        return place_trigger(caption, context.trigger, context.class_word)


@dataclass(frozen=True)
class KeepFirstTrigger(Operation):
    """The trigger word once: later parts that are nothing but it (or it and the class word) go, sentences stay."""

    kind = "keep-first-trigger"

    def edit(self, caption: str, context: Context) -> str:
        trigger = context.trigger.strip()
        if not trigger:
            return caption
        alone = {key(trigger), key(f"{trigger} {context.class_word}")}
        parts = pieces(caption)[::2]
        named = (number for number, part in enumerate(parts) if mentions(trigger, any_case=True).search(part))
        first = next(named, len(parts))
        return keep_parts(caption, lambda number, part: number <= first or key(part) not in alone)


@dataclass(frozen=True)
class AddClassWord(Operation):
    """The class word behind the trigger word where a caption lacks it: “ohwx, smiling” → “ohwx woman, smiling”."""

    kind = "add-class-word"

    def edit(self, caption: str, context: Context) -> str:
        trigger, word = context.trigger.strip(), context.class_word.strip()
        if not trigger or not word or mentions(word, any_case=True).search(caption):
            return caption
        return mentions(trigger).sub(lambda found: f"{found[0]} {word}", caption, count=1)


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


OPERATIONS: dict[str, type[Operation]] = {
    operation.kind: operation
    for operation in (
        SetText, Prepend, Append, Replace, ReplaceRegex, AddTag, RemoveTag, PlaceTrigger, KeepFirstTrigger,
        AddClassWord, TidyUp,
    )
}  # fmt: skip


def operation_from_dict(values: Mapping[str, object]) -> Operation:
    """Builds an operation from JSON values.

    Raises CAPTION_EDIT_INVALID naming all problems at once, and CAPTION_PATTERN_INVALID.
    """
    kind = values.get("kind")
    operation = OPERATIONS.get(kind) if isinstance(kind, str) else None
    if operation is None:
        raise _invalid([f"kind must be one of {', '.join(OPERATIONS)}, got {kind!r:.80}."])
    given = {name: value for name, value in values.items() if name != "kind"}
    fields = {field.name: field for field in dataclasses.fields(operation)}
    problems = [f"{name} is not a setting of {kind}." for name in given if name not in fields]
    for name, field in fields.items():
        wanted, shown = (bool, "true or false") if field.type == "bool" else (str, "text")
        if name in given and not isinstance(given[name], wanted):
            problems.append(f"{name} must be {shown}, got {given[name]!r:.80}.")
        elif name not in given and field.default is dataclasses.MISSING:
            problems.append(f"{name} is missing.")
    if problems:
        raise _invalid(problems)
    return operation(**given)


def apply(
    operation: Operation,
    captions: Mapping[str, str],
    *,
    trigger: str = "",
    class_word: str = "",
    seconds: float = 2.0,
) -> dict[str, Change]:
    """What the operation changes, by photo; captions that stay as they are don't appear.

    `seconds` is the computing time that a regular expression may take for all captions together. Raises
    CAPTION_TOO_LONG naming the photos whose caption would be, CAPTION_PATTERN_SLOW and CAPTION_EDIT_INVALID.
    """
    context = Context(trigger, class_word, time.thread_time() + seconds)
    changes: dict[str, Change] = {}
    for photo, before in captions.items():
        known = clean(before)
        context.photo = photo
        after = clean(operation.edit(known, context))
        if after != (before if operation.about_form else known):
            changes[photo] = Change(before, after)
    too_long = [photo for photo, change in changes.items() if len(change.after) > MAX_LENGTH]
    if too_long:
        longest = max(len(changes[photo].after) for photo in too_long)
        raise IsengardError(
            "CAPTION_TOO_LONG",
            f"The caption of {listed(too_long)} would have {longest:,} characters; at most {MAX_LENGTH:,} are taken.",
            photos=too_long,
        )
    return changes


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


def _invalid(problems: list[str]) -> IsengardError:
    return IsengardError("CAPTION_EDIT_INVALID", f"The edit can't be made: {' '.join(problems)}", problems=problems)
