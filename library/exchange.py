"""Characters as zip archives, written: photos with captions, originals and records, and LoRAs.

```
isengard.json                   what is in the archive, each file with its hash; the last entry, because it is written
                                while the others pass by
character.json                  these five as in the library, see store.py
images/  rejected/  originals/
records/
loras/<id>.json, <id>.safetensors
```
The other way round stands in importing.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, BinaryIO

from ..errors import IsengardError
from ..files import told_plainly, written_aside
from ..media.pictures import SUFFIXES, picture_format
from ..media.pixels import MAX_BYTES
from . import finished, names, scratch
from . import loras as lora_files
from .characters import get, now
from .folders import CharacterFolder
from .photo_files import own_files
from .records import Edit, Record, read_record
from .store import Library

KIND = "isengard-character"
"""What the manifest says of itself."""
FORMAT = 1
"""Version of the archive; a reader refuses a newer one."""
MANIFEST = "isengard.json"
MAX_CAPTION = 64_000
"""Bytes of a caption's file; the longest that is read has far fewer."""
_PACKED = (".json", ".txt")
"""What shrinks; pictures and weights don't."""
_BLOCK = 1 << 20
_EARLIEST, _LATEST = 315_619_200, 4_102_444_800
"""Moments that a zip can name: from 1980 on; past 2100 is no file's true time."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An archive that was written."""

    file: str
    """A name for it."""
    photos: int
    loras: int
    bytes: int
    """Of all files in it, unpacked."""
    warnings: tuple[str, ...] = ()
    """What was left out and why, and what a person should know before it is given away."""


@dataclass
class _Contents:
    """What goes into an archive."""

    files: dict[str, Path | bytes] = field(default_factory=dict)
    photos: int = 0
    located: int = 0
    """Originals that say where they were taken."""
    loras: int = 0
    warnings: list[str] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    """Names of photos, folded, with endings and without."""

    def claim(self, folder: str, name: str) -> str:
        """`folder/name`, or one like it if the name can't be used everywhere or is taken but for its spelling."""
        if not names.is_safe(name) or names.folded(f"{folder}/{name}") in self._taken:
            stem = names.unique(f"{folder}/{names.slug(Path(name).stem, 'photo')}", self._taken)
            name = f"{stem.partition('/')[2]}{Path(name).suffix.lower()}"
        self._taken |= {names.folded(f"{folder}/{name}"), names.folded(f"{folder}/{Path(name).stem}")}
        return f"{folder}/{name}"


def export(
    library: Library, slug: str, target: Path | BinaryIO, *, originals: bool = True, loras: bool = True
) -> Exported:
    """Writes a character as a zip archive, as it is at this moment; later changes don't come in.

    `target` is a new file, or anything with `write`: nothing is sought, nothing is held in memory. A file appears when
    it is whole.

    Raises TARGET_EXISTS, CHARACTER_MISSING, CHARACTER_CORRUPT, LIBRARY_CONFLICT, DISK_FULL, FOLDER_NOT_WRITABLE.
    """
    character = get(library, slug)
    if isinstance(target, Path) and target.exists():
        raise IsengardError("TARGET_EXISTS", f"{target} is there already.")
    with _still(library, slug, originals=originals, loras=loras) as (contents, desk), _vanishing():
        head = {
            "kind": KIND,
            "format": FORMAT,
            "exported": now(),
            "character": {"id": slug, "name": character.name, "trigger_word": character.trigger_word},
            "photos": contents.photos,
            "loras": contents.loras,
        }
        if isinstance(target, Path):
            with told_plainly(target):
                target.parent.mkdir(parents=True, exist_ok=True)
            with written_aside(target) as aside:
                if desk:
                    desk.answer_for(aside)
                with aside.open("xb") as file:
                    size = _write(file, contents, head)
        else:
            size = _write(target, contents, head)
    warnings = list(contents.warnings)
    if contents.located:
        warnings.append(
            f"{contents.located} of the original photos say where they were taken, and all may name camera and time."
            " To give the archive to others, leave the originals out."
        )
    return Exported(
        file=f"{slug}.zip", photos=contents.photos, loras=contents.loras, bytes=size, warnings=tuple(warnings)
    )


def without_paths(base: Any) -> dict[str, Any] | None:
    """What is known of a base model, but for the folders of this machine."""
    if not isinstance(base, dict):
        return None
    plain = {key: value for key, value in base.items() if isinstance(value, str | int | float | bool)}
    return {
        key: value.replace("\\", "/").rpartition("/")[2] if isinstance(value, str) else value
        for key, value in plain.items()
    }


def _write(target: IO[bytes], contents: _Contents, head: dict[str, Any]) -> int:
    listed = {}
    with zipfile.ZipFile(target, "w", strict_timestamps=False) as archive:
        for name, content in contents.files.items():
            listed[name] = _add(archive, name, content)
        manifest = {**head, "files": listed}
        _add(archive, MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n")
    return sum(int(item["bytes"]) for item in listed.values())


def _add(archive: zipfile.ZipFile, name: str, content: Path | bytes) -> dict[str, Any]:
    """Copies one file in, block by block. Returns what the manifest says of it."""
    written = content.stat() if isinstance(content, Path) else None
    moment = written.st_mtime if written else time.time()
    date = time.gmtime(min(max(moment, _EARLIEST), _LATEST))
    info = zipfile.ZipInfo(name, date[:6])
    info.compress_type = zipfile.ZIP_DEFLATED if name.endswith(_PACKED) else zipfile.ZIP_STORED
    info.external_attr = 0o100644 << 16
    info.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size
    digest, count = hashlib.sha256(), 0
    with archive.open(info, "w", force_zip64=info.file_size > 1 << 30) as entry:
        for block in _blocks(content):
            digest.update(block)
            count += len(block)
            entry.write(block)
    return {"sha256": digest.hexdigest(), "bytes": count}


def _blocks(content: Path | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


@contextmanager
def _vanishing() -> Iterator[None]:
    """Weights outside the library, and all files of one that can only be read, may be taken away meanwhile."""
    try:
        yield
    except FileNotFoundError as problem:
        raise IsengardError("LIBRARY_CONFLICT", f"{problem.filename} was taken away meanwhile.") from problem


@contextmanager
def _still(
    library: Library, slug: str, *, originals: bool, loras: bool
) -> Iterator[tuple[_Contents, scratch.Workspace | None]]:
    """The character's files as they are now: linked aside, so that nobody has to wait until they are written.

    In a library that can only be read they are taken where they are.
    """
    if not os.access(library.root, os.W_OK):
        yield _contents(library, slug, with_originals=originals, loras=loras), None
        return
    library.tidy_up()
    finished.take_in(library)
    with scratch.workspace(library.scratch, "export") as desk:
        with library.changing(), told_plainly(desk.path):
            contents = _contents(library, slug, with_originals=originals, loras=loras)
            for number, (name, content) in enumerate(contents.files.items()):
                if isinstance(content, Path) and content.is_relative_to(library.characters):
                    contents.files[name] = _linked(content, desk.path / str(number))
        yield contents, desk


def _linked(path: Path, aside: Path) -> Path:
    try:
        os.link(path, aside)
    except OSError:  # not every disk has links
        shutil.copy2(path, aside)
    return aside


def _contents(library: Library, slug: str, *, with_originals: bool, loras: bool) -> _Contents:
    folder = library.folder(slug)
    contents = _Contents()
    contents.files["character.json"] = _json({**get(library, slug).as_dict(), "id": slug})
    originals = own_files(folder, folder.originals) if with_originals else []
    for place in (folder.images, folder.rejected):
        files = own_files(folder, place)
        own = {*files, *originals}
        for path in files:
            if path.suffix.lower() in SUFFIXES:
                _photo(contents, folder, path, own)
    if loras:
        _loras(contents, library, folder)
    return contents


def _loras(contents: _Contents, library: Library, folder: CharacterFolder) -> None:
    found = lora_files.stored(library, folder.slug)
    sound = {lora.id for lora in found}
    for record in sorted(folder.loras.glob("*.json")):
        if record.stem not in sound:
            contents.warnings.append(f"A LoRA is left out: {names.shown(record.name)} can't be read.")
    for lora in found:
        weights = lora_files.path_of(library, lora)
        if not names.is_safe(lora.file) or not weights.is_file():
            contents.warnings.append(f"{lora.name} is left out: its file {weights.name} was taken away.")
            continue
        contents.files[f"loras/{lora.id}.json"] = _json({**asdict(lora), "job": "", "base": without_paths(lora.base)})
        contents.files[f"loras/{lora.file}"] = weights
        contents.loras += 1


def _photo(contents: _Contents, folder: CharacterFolder, path: Path, own: Set[Path]) -> None:
    """Adds a photo with its caption, its original and its record, as far as these are among the character's `own`
    files."""
    with path.open("rb") as file:
        if picture_format(file.read(64)) is None or path.stat().st_size > MAX_BYTES:
            contents.warnings.append(f"{names.shown(path.name)} is left out: it is not a picture, or far too large.")
            return
    record, problem = _sound(folder, path.name)
    if problem:
        contents.warnings.append(problem)
    name = contents.claim(path.parent.name, path.name)
    contents.files[name] = path
    contents.photos += 1
    caption = path.with_suffix(".txt")
    if caption in own and caption.stat().st_size <= MAX_CAPTION:
        contents.files[str(Path(name).with_suffix(".txt").as_posix())] = caption
    if record is None or Path(name).name != path.name:
        return  # without a record it is taken in as one that was put there by hand
    original = folder.originals / record.original if names.is_safe(record.original) else None
    if record.original and original not in own:
        record = replace(record, original="", edit=Edit(), history=())
    elif original:
        contents.files[f"originals/{original.name}"] = original
        contents.located += bool((record.source or {}).get("has_location"))
    contents.files[f"records/{path.name}.json"] = _json(replace(record, size=0, mtime=0).as_dict())


def _sound(folder: CharacterFolder, file: str) -> tuple[Record | None, str]:
    if not names.is_safe(file):
        return None, ""
    try:
        return read_record(folder, file), ""
    except IsengardError as problem:
        return None, f"{names.shown(file)} goes without its record: {problem.message}"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"
