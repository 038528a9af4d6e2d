"""Edits of many captions at once: what is asked as plain data, and what it changes, before anything is written."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

from ...errors import IsengardError
from ...media.captions import MAX_LENGTH
from ...media.pictures import listed
from .operation import Change, Context, Operation, invalid
from .tag_edits import AddClassWord, AddTag, KeepFirstTrigger, PlaceTrigger, RemoveTag
from .text import clean
from .text_edits import Append, Prepend, Replace, ReplaceRegex, SetText, TidyUp

__all__ = [
    "OPERATIONS", "AddClassWord", "AddTag", "Append", "Change", "Context", "KeepFirstTrigger", "Operation",
    "PlaceTrigger", "Prepend", "RemoveTag", "Replace", "ReplaceRegex", "SetText", "TidyUp", "apply",
    "operation_from_dict",
]  # fmt: skip

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
        raise invalid([f"kind must be one of {', '.join(OPERATIONS)}, got {kind!r:.80}."])
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
        raise invalid(problems)
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
