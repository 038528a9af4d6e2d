"""The library command for captions."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict

from ..errors import IsengardError
from ..library import captioning, describing, query
from ..library.captions import edits
from ..library.captions.captioners import load_captioner
from ..library.photo_files import Key
from ..library.store import Library
from .library_answer import SOME_FAILED, Answer, bar, counted
from .library_commands import find, keys_of

_SHOWN = 20
"""So many changes are shown on the terminal; --json gives all."""


def caption(library: Library, options: argparse.Namespace) -> Answer:
    """Changes captions, shows what would change, or takes a change back."""
    if options.undo:
        return _undo(library, options.undo)
    if not options.character:
        raise IsengardError("USAGE", "Say whose captions: library caption CHARACTER …")
    keys = _chosen(library, options)
    if options.describe:
        return _describe(library, keys, options)
    operation = _operation(options)
    if options.preview:
        return _answer(captioning.preview(library, keys, operation), preview=True)
    done = captioning.change(library, keys, operation)
    return _answer(done.changes, undo=done.undo)


def _chosen(library: Library, options: argparse.Namespace) -> list[Key]:
    if options.photos:
        return keys_of(library, options)
    return query.keys(library, query.Query(characters=(find(library, options.character).id,), rejected=False))


def _operation(options: argparse.Namespace) -> edits.Operation:
    if options.replace:
        find_, by = options.replace
        return edits.ReplaceRegex(pattern=find_, replace=by) if options.regex else edits.Replace(find=find_, replace=by)
    if options.prepend is not None:
        return edits.Prepend(text=options.prepend)
    if options.append is not None:
        return edits.Append(text=options.append)
    if options.remove_tag is not None:
        return edits.RemoveTag(tag=options.remove_tag)
    if options.set is not None:
        return edits.SetText(text=options.set)
    return edits.PlaceTrigger()


def _describe(library: Library, keys: list[Key], options: argparse.Namespace) -> Answer:
    """Writes what was described even if it is stopped in between."""
    captioner = load_captioner(options.describe, options.model, models=library.models)
    readiness = captioner.ready()
    if not readiness.ready:
        raise IsengardError("CAPTIONER_NOT_READY", readiness.reason, hint=readiness.what_to_do)
    if not options.overwrite:
        keys = describing.without_caption(library, keys)
    said: dict[Key, str] = {}
    failed: dict[str, IsengardError] = {}
    try:
        with bar("Describing photos", quiet=options.json, total=len(keys)) as shown:
            for done, (key, result) in enumerate(describing.describe(library, keys, captioner), 1):
                shown.advance(done, len(keys))
                if result.error:
                    failed[key[1]] = result.error
                    shown.say(f"{key[1]}: {result.error.code}: {result.error.message}")
                elif result.caption:
                    said[key] = result.caption
    finally:
        written = None if options.preview else captioning.write(library, said, label=f"describe: {captioner.name}")
    if written is not None:
        answer = _answer(written.changes, undo=written.undo)
    else:
        changes = (captioning.CaptionChange(character=k[0], file=k[1], before="", after=v) for k, v in said.items())
        answer = _answer(changes, preview=True)
    answer.json["failed"] = {file: error.as_dict() for file, error in failed.items()}
    answer.code = SOME_FAILED if failed else 0
    return answer


def _undo(library: Library, undo_id: str) -> Answer:
    undone = captioning.undo(library, undo_id)
    body = {"restored": [list(key) for key in undone.restored], "conflicts": [list(key) for key in undone.conflicts]}
    lines = [f"{counted(len(undone.restored), 'caption')} as before."]
    lines += [f"Left alone, because it was changed since: {slug}/{file}" for slug, file in undone.conflicts]
    return Answer(body, lines, SOME_FAILED if undone.conflicts else 0)


def _answer(changes: Iterable[captioning.CaptionChange], *, undo: str = "", preview: bool = False) -> Answer:
    found = list(changes)
    body = {"changes": [asdict(item) for item in found], "undo": undo, "preview": preview}
    lines = []
    for item in found[:_SHOWN]:
        lines += [f"{item.file}", f"  - {item.before or '(empty)'}", f"  + {item.after or '(empty)'}"]
    lines += [f"… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    lines.append(f"{counted(len(found), 'caption')} {'would change' if preview else 'changed'}.")
    lines += [f"To undo: library caption --undo {undo}"] if undo else []
    return Answer(body, lines)
