"""Libraries and archives that tests of the exchange make."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from isengard.errors import IsengardError
from isengard.library import characters, exchange, loras, photos, query
from isengard.library.importing import import_character
from isengard.library.records import Edit
from isengard.library.store import Library
from isengard.tests.library.trees import tree
from isengard.tests.media.made import noise, refused, save

TRIGGER = "ohwx"


def weights(path: Path, size: int = 8) -> Path:
    """A safetensors file with one tensor of `size` bytes."""
    header = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(size))
    return path


def located(path: Path) -> Path:
    """A photo that says where it was taken and lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    return save(path, noise((300, 200), 7), exif=exif)


def make_character(library: Library, folder: Path, name: str = "Ada Löv") -> str:
    """A character with three photos (one cropped, one put aside), captions, notes and two LoRAs. Returns its slug."""
    character = characters.create(library, name=name, trigger_word=TRIGGER, class_word="woman", notes="Line\nLine ✨")
    sources = [located(folder / "im wald.jpg"), save(folder / "b.png", noise((200, 260), 1)),
               save(folder / "c.jpg", noise((260, 200), 2))]  # fmt: skip
    for path in sources[:2]:
        path.with_suffix(".txt").write_text(f"{TRIGGER}, {path.stem} ✨", encoding="utf-8")
    added = list(photos.add(library, character.id, [photos.Source(path=path) for path in sources]))
    assert [item.error for item in added] == [None] * 3
    photos.edit(library, character.id, "b.png", Edit(rotation=90, crop=(0.1, 0.1, 0.8, 0.8)))
    photos.keep(library, character.id, "c.jpg", ["blurred"])
    photos.set_rejected(library, [(character.id, "c.jpg")], True)
    for step in (100, 200):
        loras.register(
            library, character.id, weights(folder / f"ada-{step}.safetensors", 1000 + step), job="20260101", step=step,
            family="mini", base={"file": "/home/ada/models/flux.safetensors", "bytes": 5}, scores={"likeness": 0.5},
        )  # fmt: skip
    return str(character.id)


def contents(archive: Path) -> dict[str, bytes]:
    """What is in an archive, but for its manifest."""
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist() if name != exchange.MANIFEST}


def manifest(files: Mapping[str, bytes], **changes: Any) -> bytes:
    """A manifest that is right about these files."""
    listed = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()}
    return json.dumps({"kind": exchange.KIND, "format": exchange.FORMAT, "files": listed, **changes}).encode()


def pack(path: Path, files: Mapping[str, bytes], *, method: int = zipfile.ZIP_STORED) -> Path:
    """A zip with exactly these entries."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def repack(path: Path, files: Mapping[str, bytes], **changes: Any) -> Path:
    """An archive like an exported one, with a manifest that fits."""
    return pack(path, {**files, exchange.MANIFEST: manifest(files, **changes)})


def found_in(library: Library, slug: str) -> dict[str, tuple[str, bool, str]]:
    page = query.search(library, query.Query(characters=(slug,)))
    return {photo.file: (photo.state, photo.rejected, photo.caption) for photo in page.photos}


def assert_untouched(library: Library, archive: Path, code: str | tuple[str, ...]) -> IsengardError:
    """An import is refused with a code, and neither the library nor anything around it has changed."""
    around = library.root.parent
    before = tree(around)
    error = refused(lambda: import_character(library, archive))
    assert error.code in ([code] if isinstance(code, str) else code), error
    assert str(library.scratch) not in error.message
    assert tree(around) == before
    assert_tidy(library)
    return error


def assert_tidy(library: Library) -> None:
    assert [*library.scratch.glob("*")] == []
    assert [*(library.root / ".journal").glob("*")] == []
