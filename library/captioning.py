"""Captions of the library's photos: written, changed in bulk with a preview, and undone."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import read_json
from . import names
from .captions import edits, linter
from .characters import get, now
from .journal import Transaction
from .photo_files import Key, by_character, caption_beside, existing
from .store import Library

KEPT_UNDOS = 50
"""So many bulk changes can be undone; older ones are forgotten."""


@dataclass(frozen=True, kw_only=True)
class CaptionChange:
    """What a change does, or did, to one caption."""

    character: str
    file: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A change that was made."""

    undo: str
    """For `undo`; empty if nothing changed."""
    changes: tuple[CaptionChange, ...]


@dataclass(frozen=True, kw_only=True)
class Undone:
    """A change that was taken back."""

    restored: tuple[Key, ...]
    conflicts: tuple[Key, ...]
    """Photos that are gone or whose caption was changed since: left as they are."""


def preview(library: Library, keys: Iterable[Key], operation: edits.Operation) -> tuple[CaptionChange, ...]:
    """What an operation would change. Captions that can't be read stay as they are, unless they are set anew.

    Raises PHOTO_MISSING, CAPTION_TOO_LONG and what `captions.edits` raises.
    """
    changes = []
    anew = isinstance(operation, edits.SetText)
    for slug, files in by_character(keys).items():
        folder = library.folder(slug)
        character = get(library, slug)
        captions = {file: _readable(existing(folder, file)) for file in files}
        known = {file: text or "" for file, text in captions.items() if anew or text is not None}
        found = edits.apply(operation, known, trigger=character.trigger_word, class_word=character.class_word)
        changes += [
            CaptionChange(character=slug, file=file, before=change.before, after=change.after)
            for file, change in found.items()
        ]
    return tuple(changes)


def change(library: Library, keys: Iterable[Key], operation: edits.Operation, *, label: str = "") -> Changed:
    """Makes the change, on all photos or on none."""
    chosen = list(keys)
    with library.changing(*by_character(chosen)) as transaction:
        changes = preview(library, chosen, operation)
        return Changed(undo=_write(library, transaction, changes, label or operation.kind), changes=changes)


def write(library: Library, captions: Mapping[Key, str], *, label: str = "captions") -> Changed:
    """Gives photos new captions, on all or on none. Raises PHOTO_MISSING, CAPTION_TOO_LONG, CAPTION_UNREADABLE."""
    with library.changing(*by_character(captions)) as transaction:
        changes = []
        for (slug, file), text in captions.items():
            before = _present(existing(library.folder(slug), file))
            after = edits.apply(edits.SetText(text=text), {file: before}, trigger="", class_word="").get(file)
            if after is not None:
                changes.append(CaptionChange(character=slug, file=file, before=before, after=after.after))
        return Changed(undo=_write(library, transaction, changes, label), changes=tuple(changes))


def write_unchanged(
    library: Library, proposed: Iterable[CaptionChange], *, label: str
) -> tuple[Changed, tuple[Key, ...]]:
    """Writes captions that were proposed a while ago, where the caption is still what it was then.

    Also returns the photos that are gone or whose caption was changed since, or can't be read: left as they are. Raises
    CAPTION_TOO_LONG.
    """
    given = list(proposed)
    fresh, conflicts = [], []
    there = [slug for slug in by_character((item.character, item.file) for item in given) if slug in library.slugs()]
    with library.changing(*there) as transaction:
        for item in given:
            image = None
            with suppress(IsengardError):
                image = library.folder(item.character).find_image(item.file)
            if image is None or _readable(image) != item.before:
                conflicts.append((item.character, item.file))
                continue
            found = edits.apply(edits.SetText(text=item.after), {item.file: item.before}, trigger="", class_word="")
            fresh += [replace(item, after=change.after) for change in found.values()]
        done = Changed(undo=_write(library, transaction, fresh, label), changes=tuple(fresh))
    return done, tuple(conflicts)


def undo(library: Library, undo_id: str) -> Undone:
    """Takes a change back where the caption is still what the change made it. Raises UNDO_MISSING, LIBRARY_CORRUPT."""
    path = names.inside(library.undo, f"{undo_id}.json")
    try:
        found = _noted(path)
    except FileNotFoundError as problem:
        raise IsengardError("UNDO_MISSING", "This change was undone already, or it is too long ago.") from problem
    restored, conflicts = [], []
    with library.changing(*{slug for slug, *_ in found}) as transaction:
        texts: dict[Path, str] = {}
        for slug, file, before, after in found:
            image = None
            with suppress(IsengardError):
                image = library.folder(slug).find_image(file)
            if image is None or _present(image) != after:
                conflicts.append((slug, file))
                continue
            texts.setdefault(image, before)
            restored.append((slug, file))
        _put(transaction, texts)
        transaction.remove(path)
    return Undone(restored=tuple(restored), conflicts=tuple(conflicts))


def lint(library: Library, slug: str) -> linter.CaptionReport:
    """What the captions of a character's accepted photos show."""
    character = get(library, slug)
    images = library.folder(slug).images
    from . import query  # here, because it brings in the index

    files = query.keys(library, query.Query(characters=(slug,), rejected=False))
    captions = {file: _present(images / file) for _, file in files}
    return linter.lint(captions, trigger=character.trigger_word, class_word=character.class_word)


def _write(library: Library, transaction: Transaction, changes: Iterable[CaptionChange], label: str) -> str:
    done: list[list[Any]] = []
    texts: dict[Path, str] = {}
    for item in changes:
        texts[existing(library.folder(item.character), item.file)] = item.after
        done.append([item.character, item.file, item.before, item.after])
    if not done:
        return ""
    _put(transaction, texts)
    undo_id = f"{now().replace(':', '').replace('+0000', 'Z')}-{secrets.token_hex(4)}"
    transaction.write_json(library.undo / f"{undo_id}.json", {"format": 1, "label": label, "changes": done})
    for old in sorted(library.undo.glob("*.json"))[: -KEPT_UNDOS + 1] if library.undo.is_dir() else []:
        transaction.remove(old)
    return undo_id


def _noted(path: Path) -> list[tuple[str, str, str, str]]:
    """What `_write` noted of a change: slug, file, caption before and after. Raises LIBRARY_CORRUPT."""
    found = read_json(path, "LIBRARY_CORRUPT")
    try:
        changes = [(slug, file, before, after) for slug, file, before, after in found["changes"]]
    except (KeyError, TypeError, ValueError) as problem:
        raise IsengardError("LIBRARY_CORRUPT", f"{path} does not say what was changed.") from problem
    if not all(isinstance(value, str) for change in changes for value in change):
        raise IsengardError("LIBRARY_CORRUPT", f"{path} does not say what was changed.")
    return changes


def _put(transaction: Transaction, texts: Mapping[Path, str]) -> None:
    """Writes captions beside images; of two that share one until they are taken in the first says what it is."""
    captions = {image.with_suffix(".txt"): text for image, text in reversed(list(texts.items()))}
    for path, text in captions.items():
        if text:
            transaction.write(path, text + "\n")
        else:
            transaction.remove(path)


def is_unreadable(image: Path) -> bool:
    """Whether there is a caption beside a photo that can't be read, which is somebody's work all the same."""
    return _readable(image) is None


def _present(image: Path) -> str:
    """The caption that is there; one that can't be read counts as none."""
    return _readable(image) or ""


def _readable(image: Path) -> str | None:
    try:
        return caption_beside(image)
    except IsengardError:
        return None
