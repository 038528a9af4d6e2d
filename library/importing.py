"""Characters from zip archives: what `exchange.export` wrote, or a folder of photos that somebody packed.

Whatever an archive says is checked before anything of it is in the library: names against the layout, sizes against
limits, hashes, JSON by those who own the files, pictures by decoding them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import replace as put_in_place
from ..files import told_plainly, write_json
from ..media.captions import read_caption
from ..media.pictures import SUFFIXES, listed, picture_format
from ..sentences import Said
from . import archives, gallery, names, scratch
from .admission import check_weights, most_bytes, tidied
from .archives import Archive, Entry, unreadable, unsafe
from .arrivals import Imported, Progress, settle, trigger_warning
from .characters import Character, character_from_dict
from .datasets import import_archive
from .exchange import FORMAT, KIND, MANIFEST
from .folders import CharacterFolder
from .loras import Lora, lora_from_dict
from .records import MAX_HISTORY, Edit, Record, record_from_dict
from .store import Library

_MANIFEST_BYTES = 20 * 10**6
_LOOSE = (".json", ".safetensors")
_WORKING = (".jpg", ".png", ".webp")
"""Endings of working images; others were put there by hand and not taken in yet."""


def import_character(library: Library, archive: Path, *, name: str = "", progress: Progress | None = None) -> Imported:
    """Brings in the character in an archive, or makes one of the photos in it. Whole, or not at all.

    `name` is for a character that is made of photos; without one it is called like the file.
    Raises ARCHIVE_UNREADABLE, ARCHIVE_UNSAFE, ARCHIVE_TOO_LARGE, ARCHIVE_NEWER, ARCHIVE_FOREIGN, DISK_FULL,
    FOLDER_NOT_WRITABLE, LIBRARY_BUSY.
    """
    library.tidy_up()
    with told_plainly(library.characters), archives.opened(archive, library.root) as opened:
        top = next((name.removesuffix(MANIFEST) for name in opened.entries if _is_manifest(name)), None)
        if top is None and any(name.rpartition("/")[2] == "character.json" for name in opened.entries):
            raise unreadable(archive, f"{MANIFEST} is missing from it, the list of what a character's archive holds")
        if top is None:
            return import_archive(library, opened, name=name or archive.stem, progress=progress)
        found = {name.removeprefix(top): entry for name, entry in opened.entries.items() if name.startswith(top)}
        with scratch.workspace(library.scratch, "import") as desk:
            return _Incoming(library, opened, found, desk).take(progress)


def _is_manifest(name: str) -> bool:
    """Somebody may have unpacked the archive and packed its folder again."""
    return name.rpartition("/")[2] == MANIFEST and name.count("/") <= 1


class _Incoming:
    """A character on its way in."""

    def __init__(
        self, library: Library, archive: Archive, entries: Mapping[str, Entry], desk: scratch.Workspace
    ) -> None:
        self._library = library
        self._archive = archive
        self._entries = entries
        self._desk = desk
        self._folder = CharacterFolder(desk.path / "character")
        self._loose = desk.path / "files"
        """Where files are that still must be looked at: records and weights."""
        self._warnings: list[str] = []

    def take(self, progress: Progress | None) -> Imported:
        """The steps of an import."""
        files = self._manifest()
        folder = self._folder
        for place in (folder.images, folder.rejected, folder.originals, folder.records, folder.measured,
                      folder.thumbnails, self._loose / "records", self._loose / "loras"):  # fmt: skip
            place.mkdir(parents=True)
        for name, facts in files.items():
            self._unpack(name, facts)
        character = self._character()
        records = self._records()
        self._check_captions()
        photos = self._look_at_photos(records, progress)
        weights = list(self._loras(files))
        if character.cover and not self._is_photo(character.cover):
            character = replace(character, cover="")
        if character.cover_picture and not gallery.is_there(self._library, character.cover_picture):
            character = replace(character, cover_picture="")
        if warning := trigger_warning(self._library, character):
            self._warnings.append(warning)
        settled = settle(self._library, self._desk, self._folder, character, weights)
        return Imported(character=settled, photos=photos, loras=len(weights), warnings=tuple(self._warnings))

    def _manifest(self) -> dict[str, dict[str, Any]]:
        """What the archive says is in it; all of it is there, and has names that are allowed."""
        found = self._json(self._archive.read(self._entries[MANIFEST], _MANIFEST_BYTES), MANIFEST)
        version = found.get("format") if isinstance(found, dict) else None
        if not isinstance(version, int) or found.get("kind") != KIND or not isinstance(found.get("files"), dict):
            raise IsengardError("ARCHIVE_FOREIGN", f"{MANIFEST} in the archive is not of a character.")
        if version > FORMAT:
            raise IsengardError(
                "ARCHIVE_NEWER", f"The archive has format {version}; this version reads up to {FORMAT}."
            )
        files: dict[str, dict[str, Any]] = found["files"]
        for name in files:
            if most_bytes(name) is None:
                raise unsafe(f"{names.shown(name)} has no place in a character's archive.")
        missing = sorted(set(files) - set(self._entries))
        if missing or "character.json" not in files:
            raise unreadable(self._archive.path, f"{listed(missing or ['character.json'])} is missing from it")
        if more := sorted(set(self._entries) - set(files) - {MANIFEST}):
            shown = [names.shown(name) for name in more]
            files_out = listed(shown)
            text = f"Left out, because the archive's list doesn't name it: {files_out}."
            self._warnings.append(Said("import.not_named", text, files=files_out))
        return files

    def _unpack(self, name: str, facts: Any) -> None:
        entry = self._entries[name]
        file = entry.parts[-1]
        target = (self._loose if name.endswith(_LOOSE) else self._folder.path) / name
        digest = self._archive.unpack(entry, target, most_bytes(name) or 0)
        if not isinstance(facts, dict) or facts.get("sha256") != digest:
            raise unreadable(self._archive.path, f"{names.shown(file)} is not what it was when the archive was made")
        if Path(name).suffix.lower() in SUFFIXES:
            with target.open("rb") as opened:
                if picture_format(opened.read(64)) is None:
                    raise unsafe(f"{names.shown(file)} is not a picture, whatever its name says.")
        elif name.endswith(".safetensors"):
            check_weights(target)

    def _character(self) -> Character:
        found = self._json((self._loose / "character.json").read_bytes(), "character.json")
        with_id = found.get("id") if isinstance(found, dict) else None
        try:
            character = character_from_dict(found, "character.json", slug="x")
        except IsengardError as problem:
            raise self._told(problem) from problem
        wanted = with_id if isinstance(with_id, str) and with_id == names.slug(with_id, "") else ""
        return replace(character, id=wanted or names.slug(character.name, "character"))

    def _records(self) -> dict[str, Record]:
        """The photos' records, made fit: an original belongs to one photo, and is there."""
        records: dict[str, Record] = {}
        originals = {path.name for path in self._folder.originals.iterdir()}
        for path in sorted((self._loose / "records").iterdir()):
            file = path.name.removesuffix(".json")
            if not self._is_photo(file):
                continue
            try:
                record = record_from_dict(self._json(path.read_bytes(), path.name), path.name)
            except IsengardError as problem:
                raise self._told(problem) from problem
            kept = tuple(code[:40] for code in record.kept[:50])
            record = replace(record, title=record.title[:300], note=record.note[:1000], kept=kept)
            if record.original in originals:
                originals.remove(record.original)
                record = replace(record, history=record.history[-MAX_HISTORY:])
            else:
                record = replace(record, original="", edit=Edit(), history=())
            records[file] = record
        for name in originals:
            (self._folder.originals / name).unlink()
        if originals:
            names_out = listed(sorted(originals))
            text = f"Left out, because no photo was made of it: {names_out}."
            self._warnings.append(Said("import.no_photo", text, files=names_out))
        return records

    def _check_captions(self) -> None:
        for place in (self._folder.images, self._folder.rejected):
            for path in sorted(place.glob("*.txt")):
                try:
                    read_caption(path)
                except IsengardError as problem:
                    path.unlink()
                    text = f"A caption is left out: {problem.message}"
                    self._warnings.append(Said("import.caption", text, file=path.name))

    def _look_at_photos(self, records: Mapping[str, Record], progress: Progress | None) -> int:
        """Has every photo decoded and measured, several at a time. Returns how many are good."""
        photos = [path for path in self._images() if path.suffix.lower() in SUFFIXES]
        first = {path.name: path for path in reversed(photos)}  # a name that is in both folders has one record
        good = 0
        with ThreadPoolExecutor(self._library.workers.count, thread_name_prefix="import") as pool:
            jobs = [
                pool.submit(self._look_at, path, records.get(path.name) if first[path.name] == path else None)
                for path in photos
            ]
            try:
                for done, job in enumerate(jobs, 1):
                    warning = job.result()
                    good += not warning
                    self._warnings += [warning] if warning else []
                    if progress:
                        progress(done, len(photos))
            finally:
                for job in jobs:
                    job.cancel()
        return good

    def _look_at(self, path: Path, record: Record | None) -> str:
        """One photo; a sentence if it is left out. What is not as we leave photos is taken in later, like one that was
        put into the folder by hand."""
        if record is None:
            return ""
        folder = self._folder
        ending = path.suffix.lower()
        given = folder.originals / record.original if record.original else path
        record = replace(record, size=0, mtime=0)
        try:
            with self._library.workers.take(
                path, keep_original=False, ending=ending if ending in _WORKING else "", facts=given
            ) as (found, out):
                if found["clean"] and ending == found["ending"] and found["sha256"] == record.working:
                    stat = path.stat()
                    record = replace(record, size=stat.st_size, mtime=stat.st_mtime_ns)
                    put_in_place(out / "thumbnail", folder.thumbnails / f"{path.name}.webp")
                    measured = {"working": record.working, "measures": found["measures"]}
                    write_json(folder.measured / f"{path.name}.json", measured)
                else:
                    record = replace(record, working="")
        except IsengardError as problem:
            if problem.code not in ("PHOTO_UNREADABLE", "PHOTO_TOO_LARGE", "PHOTO_TOO_SMALL"):
                raise
            for part in (path, path.with_suffix(".txt"), given):
                part.unlink(missing_ok=True)
            return Said("import.photo", f"A photo is left out: {problem.message}", why=problem.message)
        write_json(folder.record(path.name), record.as_dict())
        return ""

    def _loras(self, files: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Lora, Path]]:
        for path in sorted((self._loose / "loras").glob("*.safetensors")):
            if not path.with_name(f"{path.stem}.json").is_file():
                name = names.shown(path.stem)
                text = f"The LoRA {name} is left out: nothing is noted of it."
                self._warnings.append(Said("import.lora", text, name=name))
        for path in sorted((self._loose / "loras").glob("*.json")):
            lora_id = path.name.removesuffix(".json")
            weights = path.with_name(f"{lora_id}.safetensors")
            if not weights.is_file():
                name = names.shown(lora_id)
                text = f"The LoRA {name} is left out: its weights are not in the archive."
                self._warnings.append(Said("import.lora", text, name=name))
                continue
            found = self._json(path.read_bytes(), path.name)
            try:
                lora = lora_from_dict(found, path.name, lora_id=lora_id, character="")
            except IsengardError as problem:
                raise self._told(problem) from problem
            yield tidied(lora, weights, files[f"loras/{weights.name}"]["sha256"]), weights

    def _images(self) -> list[Path]:
        return [*sorted(self._folder.images.iterdir()), *sorted(self._folder.rejected.iterdir())]

    def _is_photo(self, file: str) -> bool:
        return (
            names.is_safe(file) and Path(file).suffix.lower() in SUFFIXES and self._folder.find_image(file) is not None
        )

    def _json(self, data: bytes, name: str) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as problem:
            raise unreadable(self._archive.path, f"{name} is no JSON ({problem})") from problem

    def _told(self, problem: IsengardError) -> IsengardError:
        if problem.code == "LIBRARY_NEWER":
            return IsengardError("ARCHIVE_NEWER", f"In the archive, {problem.message}")
        return IsengardError("ARCHIVE_UNREADABLE", f"In the archive, {problem.message}")
