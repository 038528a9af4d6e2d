"""Edits that take a caption for tags between commas, and those of the trigger word, which is the first of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...media.captions import place_trigger
from .operation import Context, Operation, invalid
from .text import is_prose, join, keep_parts, key, mentions, pieces, tags


@dataclass(frozen=True)
class AddTag(Operation):
    """A tag at the end of every caption that lacks it, or at the start (behind the trigger word)."""

    kind = "add-tag"
    needed = "tag"
    tag: str
    at_start: bool = False

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
    needed = "tag"
    tag: str

    def edit(self, caption: str, context: Context) -> str:
        return keep_parts(caption, lambda _, part: key(part) != key(self.tag))


@dataclass(frozen=True)
class PlaceTrigger(Operation):
    """The trigger word in front where it is missing, as training places it."""

    kind = "place-trigger"

    def edit(self, caption: str, context: Context) -> str:
        if not context.trigger.strip():
            raise invalid(["the character has no trigger word yet."])
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
