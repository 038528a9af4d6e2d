"""The library commands for characters, photos and the trash."""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..library import adoption, characters, loras, names, photos, query, reports
from ..library import trash as bin_
from ..library.characters import Character
from ..library.listed import Photo
from ..library.photo_files import Key
from ..library.store import Library
from .library_answer import SOME_FAILED, Answer, bar, counted, table


def find(library: Library, wanted: str) -> Character:
    """A character by its id, or by a name that only one has. Raises CHARACTER_MISSING, CHARACTER_CORRUPT."""
    if names.is_safe(wanted) and wanted in library.slugs():
        return characters.get(library, wanted)
    found = [one for one in characters.list_all(library)[0] if names.folded(one.name) == names.folded(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(one.id for one in found)
        raise IsengardError("CHARACTER_MISSING", f"{len(found)} characters are called {names.shown(wanted)}: {ids}.")
    raise IsengardError("CHARACTER_MISSING", f"There is no character {names.shown(wanted)}.")


def list_(library: Library, options: argparse.Namespace) -> Answer:
    """The characters, or the photos of one."""
    if options.character or options.finding or options.text:
        return _list_photos(library, options)
    found, damaged = characters.list_all(library)
    rows = []
    listed = []
    for one in found:
        page = query.search(library, query.Query(characters=(one.id,), limit=1))
        own = len(loras.list_all(library, one.id))
        listed.append({**one.as_dict(), "photos": page.total, "rejected": page.totals["rejected"], "loras": own})
        rows.append((one.id, one.name, one.trigger_word, counted(page.total, "photo"), counted(own, "LoRA")))
    lines = table(rows) or ["There are no characters yet."]
    lines += [f"{problem.code}: {problem.message}" for problem in damaged]
    return Answer({"characters": listed, "damaged": [problem.as_dict() for problem in damaged]}, lines)


def _list_photos(library: Library, options: argparse.Namespace) -> Answer:
    slugs = (find(library, options.character).id,) if options.character else ()
    asked = {"characters": slugs, "findings": tuple(options.finding), "text": options.text, "limit": query.MOST}
    found: list[Photo] = []
    page = query.search(library, query.Query(**asked))
    found += page.photos
    while page.cursor:
        page = query.search(library, query.Query(**asked, cursor=page.cursor))
        found += page.photos
    rows = [
        (f"{photo.character}/{photo.file}", f"{photo.width}×{photo.height}" if photo.width else "not measured",
         "rejected" if photo.rejected else "" if photo.state == "ok" else photo.state,
         ", ".join(item["code"] for item in photo.findings if item["level"] != "kept"), photo.caption[:60])
        for photo in found
    ]  # fmt: skip
    return Answer({"photos": [asdict(photo) for photo in found], "total": page.total}, table(rows) or ["No photos."])


def create(library: Library, options: argparse.Namespace) -> Answer:
    """Makes a character."""
    made = characters.create(
        library, name=options.name, trigger_word=options.trigger, class_word=options.class_word, notes=options.notes
    )
    if options.base:
        made = characters.update(library, made.id, {"family": options.base})
    lines = [f"{made.id}: {made.name}, trigger word {made.trigger_word}"]
    lines += [
        problem.message
        for problem in characters.check_trigger(library, made.trigger_word, slug=made.id, class_word=made.class_word)
    ]
    return Answer({"character": made.as_dict()}, lines)


def add(library: Library, options: argparse.Namespace) -> Answer:
    """Adds photos; what is wrong with one doesn't keep the others out."""
    character = find(library, options.character)
    sources = list(itertools.chain.from_iterable(_sources(path) for path in options.sources))
    done: list[photos.Added] = []
    with bar("Adding photos", quiet=options.json, total=len(sources)) as shown:
        for added in photos.add(library, character.id, sources):
            done.append(added)
            shown.advance(len(done), len(sources))
            if added.error:
                shown.say(f"{added.title}: {added.error.code}: {added.error.message}")
            elif added.twin or added.note:
                shown.say(f"{added.title}: {added.note or f'has the same bytes as {added.twin}'}")
    failed = [item for item in done if item.error]
    new = sum(bool(item.file) for item in done)
    listed = [_outcome(item) for item in done]
    summary = f"{counted(new, 'photo')} added to {character.name}"
    twins = len(done) - new - len(failed)
    summary += f", {twins} there already" if twins else ""
    summary += f", {len(failed)} failed" if failed else ""
    return Answer({"added": listed, "failed": len(failed)}, [f"{summary}."], SOME_FAILED if failed else 0)


def _outcome(item: photos.Added | adoption.TakenIn) -> dict[str, Any]:
    return {**asdict(replace(item, error=None)), "error": item.error.as_dict() if item.error else None}


def _sources(path: Path) -> list[photos.Source]:
    return photos.folder_sources(path) if path.is_dir() else [photos.Source(path=path.absolute())]


def report(library: Library, options: argparse.Namespace) -> Answer:
    """Takes in what was changed by hand, then says what is known of the photos and captions."""
    character = find(library, options.character)
    taken: list[adoption.TakenIn] = []
    total = len(adoption.waiting(library, character.id))
    with bar("Looking at photos", quiet=options.json, total=total) as shown:
        for item in adoption.take_in(library, character.id):
            taken.append(item)
            shown.advance(len(taken), max(total, len(taken)))
            if item.error:
                shown.say(f"{item.file}: {item.error.code}: {item.error.message}")
    found = reports.report(library, character.id)
    failed = any(item.error for item in taken)
    body = {
        "character": character.id,
        "taken_in": [_outcome(item) for item in taken],
        "photos": found.photos.as_dict(),
        "captions": found.captions.as_dict(),
        "findings": dict(found.findings),
        "not_measured": dict(found.not_measured),
        "waiting": list(found.waiting),
    }
    lines = [f"{character.name} ({character.id}), trigger word {character.trigger_word}", *_taken_lines(taken)]
    return Answer(body, [*lines, *_report_lines(found)], SOME_FAILED if failed else 0)


def _taken_lines(taken: list[adoption.TakenIn]) -> Iterator[str]:
    kinds = Counter(item.what for item in taken if item.what not in ("measured", "failed"))
    if kinds:
        yield f"Taken in: {', '.join(f'{count} {what}' for what, count in kinds.items())}."


def _report_lines(found: reports.Report) -> Iterator[str]:
    yield ""
    yield found.photos.headline
    yield from (f"  {kind}: {variety.verdict}" for kind, variety in found.photos.variety.items())
    if found.photos.advice:
        yield from ["", "What would help most:", *(f"  {sentence}" for sentence in found.photos.advice)]
    flaws = [(file, item) for file, items in found.findings.items() for item in items if item["level"] != "kept"]
    if flaws:
        yield from ["", "Photos:", *table([(f"  {file}", item["level"], item["message"]) for file, item in flaws])]
    if found.captions.findings:
        yield from ["", "Captions:", *(f"  {item.level}: {item.message}" for item in found.captions.findings)]
    if found.photos.not_measured:
        yield from ["", *found.photos.not_measured]
    if found.waiting:
        yield f"{counted(len(found.waiting), 'photo')} not looked at yet: run this again in a few seconds."


def reject(library: Library, options: argparse.Namespace) -> Answer:
    """Puts photos aside."""
    return _moved(library, options, rejected=True)


def accept(library: Library, options: argparse.Namespace) -> Answer:
    """Takes photos back that were put aside."""
    return _moved(library, options, rejected=False)


def _moved(library: Library, options: argparse.Namespace, *, rejected: bool) -> Answer:
    moved = photos.set_rejected(library, keys_of(library, options), rejected)
    word = "rejected" if rejected else "accepted"
    return Answer({word: [file for _, file in moved]}, [f"{counted(len(moved), 'photo')} {word}."])


def keys_of(library: Library, options: argparse.Namespace) -> list[Key]:
    """The photos that are named."""
    slug = find(library, options.character).id
    return [(slug, file) for file in options.photos]


def keep(library: Library, options: argparse.Namespace) -> Answer:
    """Overrules findings."""
    slug = find(library, options.character).id
    photos.keep(library, slug, options.photo, options.findings, kept=not options.back)
    kept = query.one(library, slug, options.photo).kept
    return Answer({"photo": options.photo, "kept": list(kept)}, [f"Overruled now: {', '.join(kept) or 'nothing'}."])


def delete(library: Library, options: argparse.Namespace) -> Answer:
    """Puts photos or a character into the trash."""
    if options.photos:
        entries = bin_.delete_photos(library, keys_of(library, options))
    elif options.whole:
        entries = [bin_.delete_character(library, find(library, options.character).id)]
    else:
        raise IsengardError("USAGE", "Name photos, or give --whole to delete the character with all that is its own.")
    return _entries(entries, "To undo: restore")


def restore(library: Library, options: argparse.Namespace) -> Answer:
    """Takes something out of the trash."""
    return _restored(library, [options.entry])


def trash(library: Library, options: argparse.Namespace) -> Answer:
    """Lists the trash, restores from it, empties it."""
    if options.action == "restore":
        return _restored(library, options.entries)
    if options.action == "list":
        return _entries(bin_.entries(library), "In the trash:")
    if not options.yes:
        raise IsengardError(
            "USAGE",
            "Emptying the trash deletes for good.",
            hint="Give --yes; `trash list` shows what is there.",
        )
    count = bin_.empty(library, options.entries or None)
    return Answer({"emptied": count}, [f"{counted(count, 'entry', 'entries')} deleted for good."])


def _restored(library: Library, wanted: list[str]) -> Answer:
    if not wanted:
        raise IsengardError("USAGE", "Say what to restore.", hint="`trash list` shows the ids.")
    done = [_entry(bin_.restore(library, entry_id)) for entry_id in wanted]
    return Answer({"restored": done}, [f"{counted(len(done), 'entry', 'entries')} restored."])


def _entries(entries: list[bin_.Entry], title: str) -> Answer:
    rows = [(entry.id, entry.kind, entry.character, entry.label, entry.deleted) for entry in entries]
    lines = [title, *table(rows)] if rows else ["The trash is empty."]
    return Answer({"entries": [_entry(entry) for entry in entries]}, lines)


def _entry(entry: bin_.Entry) -> dict[str, Any]:
    return {name: value for name, value in entry.as_dict().items() if name != "files"}
