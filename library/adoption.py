"""Takes in what was put into a character's folder by hand, was changed there, or vanished from it.

A picture that is clean already stays as it is; another one's bytes go to `originals/` and an upright, private copy
takes its place. Nobody's work is lost: what vanished goes to the trash with its original, what was changed becomes the
new original beside the old one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import told_plainly
from ..media.pictures import SUFFIXES, shown_name
from . import index, names, trash
from .characters import now
from .folders import CharacterFolder
from .journal import Transaction
from .photo_files import file_names, parts, put_derived, put_working, shares_caption, stems, stems_of
from .records import Record, read_record
from .store import Library

QUIET_SECONDS = 2.0
"""A file that changed so recently may still be written to."""


@dataclass(frozen=True, kw_only=True)
class TakenIn:
    """What became of something that was found."""

    character: str
    file: str
    """The photo's name now."""
    what: str
    """new, changed, measured, renamed, vanished, or failed."""
    error: IsengardError | None = None


def waiting(library: Library, slug: str) -> list[tuple[str, str]]:
    """What `take_in` would look at: names and what is the matter (new, changed, unmeasured, unsafe, vanished)."""
    folder = library.folder(slug)
    index.refresh(library, slug)
    with index.connected(library) as connection:
        rows = connection.execute(
            "SELECT file, state FROM photos WHERE slug = ? AND state IN ('new', 'changed', 'unmeasured')", (slug,)
        ).fetchall()
    found = [(str(row["file"]), str(row["state"])) for row in rows]
    unsafe = {path.name for path in _unsafe(folder)}
    found = [(file, what) for file, what in found if file not in unsafe] + [(name, "unsafe") for name in sorted(unsafe)]
    found += [(file, "vanished") for file in _vanished(folder)]
    return found


def take_in(library: Library, slug: str) -> Iterator[TakenIn]:
    """Brings a character's folder in order, and yields what was done. Safe to end at any point, and to repeat."""
    folder = library.folder(slug)
    todo = waiting(library, slug)
    for file, what in todo:
        if what == "vanished" and (entry := _bury(library, slug, file)):
            yield TakenIn(character=slug, file=entry, what="vanished")
    with ThreadPoolExecutor(library.workers.count, thread_name_prefix="take-in") as pool:
        jobs = [pool.submit(_take_in, library, folder, file, what) for file, what in todo if what != "vanished"]
        try:
            for job in jobs:
                if (done := job.result()) is not None:
                    yield done
        finally:
            for job in jobs:
                job.cancel()
    index.refresh(library, slug)


def _take_in(library: Library, folder: CharacterFolder, file: str, what: str) -> TakenIn | None:
    places = (folder.rejected, folder.images) if what == "unsafe" else (folder.images, folder.rejected)
    path = next((place / file for place in places if (place / file).is_file()), None)
    stamp = _stamp(path) if path else None
    if path is None or stamp is None or (what != "unmeasured" and abs(time.time() - stamp[1] / 1e9) < QUIET_SECONDS):
        return None  # gone meanwhile, or still being written: next time
    try:
        if what == "unmeasured":
            return _measure(library, folder, path)
        return _adopt(library, folder, path, what)
    except IsengardError as problem:
        if problem.code in ("DISK_FULL", "FOLDER_NOT_WRITABLE", "LIBRARY_BUSY"):
            raise
        return TakenIn(character=folder.slug, file=shown_name(path), what="failed", error=problem)


def _measure(library: Library, folder: CharacterFolder, path: Path) -> TakenIn | None:
    """Measures a working image that is in order: its measurements were deleted or are an older version's."""
    record = read_record(folder, path.name)
    if record is None:
        return None
    given = names.inside(folder.originals, record.original) if record.original else path
    ending = path.suffix.lower()
    with library.workers.take(path, keep_original=False, ending=ending, facts=given) as (found, out):
        if found["sha256"] != record.working:
            return None
        with library.changing(folder.slug) as change:
            put_derived(change, folder, path.name, {**found, "working": record.working}, out)
    return TakenIn(character=folder.slug, file=path.name, what="measured")


def _adopt(library: Library, folder: CharacterFolder, path: Path, what: str) -> TakenIn | None:
    before = _stamp(path)
    with library.workers.take(path, keep_original=True) as (found, out), library.changing(folder.slug) as change:
        if _stamp(path) != before:
            return None  # somebody is at it: next time
        old = read_record(folder, path.name) if what == "changed" else None
        if old and found["working"] == old.working:
            return None
        record = Record(
            title=old.title if old else shown_name(path)[:300],
            sha256=found["sha256"],
            added=old.added if old else now(),
            kept=old.kept if old else (),
            source=found["source"],
            note=found["note"],
        )
        file = _place(change, folder, path, found, out, record, good=what != "unsafe")
    if what == "unsafe":  # its name may not fit into the journal; the photo is there under a good one
        with told_plainly(path):
            path.unlink(missing_ok=True)
            if not shares_caption(path):
                path.with_suffix(".txt").unlink(missing_ok=True)
    return TakenIn(character=folder.slug, file=file, what="renamed" if what == "unsafe" else what)


def _place(
    change: Transaction,
    folder: CharacterFolder,
    path: Path,
    found: dict[str, Any],
    out: Path,
    record: Record,
    *,
    good: bool,
) -> str:
    """Puts an adopted picture's files into a change. Returns its name, which stays the same if it is `good`."""
    if found["clean"] and good and path.suffix.lower() == found["ending"]:
        stat = path.stat()
        record = replace(record, working=found["working"], size=stat.st_size, mtime=stat.st_mtime_ns)
        put_derived(change, folder, path.name, found, out)
        change.write_json(folder.record(path.name), record.as_dict())
        return path.name
    file = f"{path.stem}{found['ending']}"
    target = path.with_name(file)
    if not good or (target != path and target.exists()):
        stem = names.unique(names.slug(path.stem, "photo"), stems(folder))
        target = path.parent / f"{stem}{found['ending']}"
    original = names.unique(target.stem, stems_of(folder.originals)) + found["original_ending"]
    change.put(out / "original", folder.originals / original)
    put_working(change, folder, target, replace(record, original=original), found, out)
    caption = path.with_suffix(".txt")
    if target.stem != path.stem and caption.is_file() and not caption.is_symlink():
        change.copy(caption, target.with_suffix(".txt"))
    if target != path and good:
        change.remove(path)
    return target.name


def _bury(library: Library, slug: str, file: str) -> str:
    """Puts what is left of a photo whose image vanished into the trash. Returns its name; empty if it is back."""
    with library.changing(slug) as change:
        folder = library.folder(slug)
        if folder.find_image(file) is not None or not folder.record(file).is_file():
            return ""
        try:
            record = read_record(folder, file)
        except IsengardError:
            record = None
        entry = replace(trash.new_entry("photos", f"{file} (removed by hand)", slug), photos=(file,))
        trash.throw_away(library, change, entry, parts(folder, folder.images / file, record))
    return file


def _vanished(folder: CharacterFolder) -> list[str]:
    if not folder.records.is_dir():
        return []
    there = {*file_names(folder.images), *file_names(folder.rejected)}
    records = (name.removesuffix(".json") for name in file_names(folder.records) if name.endswith(".json"))
    gone = sorted(file for file in records if file not in there and names.is_safe(file))
    return [file for file in gone if folder.find_image(file) is None]  # on some disks the case of a name may change


def _unsafe(folder: CharacterFolder) -> list[Path]:
    """Pictures whose names can't be kept: no good on some system, too long, or another's but for the ending."""
    found = []
    used: set[str] = set()
    for place in (folder.images, folder.rejected):
        for name in sorted(file_names(place)):
            if Path(name).suffix.lower() not in SUFFIXES or name.startswith("."):
                continue
            stem = names.folded(Path(name).stem)
            if not names.is_safe(name) or not names.leaves_room(name) or stem in used:
                found.append(place / name)
            used.add(stem)
    return found


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
