"""What an archive holds is checked like what is in the library: names, manifest, records, pictures, weights."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from isengard.library import adoption, exchange
from isengard.library.importing import import_character
from isengard.library.records import read_record
from isengard.library.store import Library
from isengard.tests.library import exchanged
from isengard.tests.library.exchanged import (
    assert_untouched,
    found_in,
    manifest,
    pack,
    repack,
)  # fmt: skip
from isengard.tests.library.trees import tree

MISPLACED = [
    "images/CON.jpg", "images/aux", "images/a.jpg.", "images/a.jpg ", "images/" + "x" * 200 + ".jpg", "images/a:b.jpg",
    "images/sub/a.jpg", "evil.py", "images/a.svg", "images/a.html", "originals/a.txt", "loras/a.ckpt", "loras/a.pt",
    "library.json", "trash/x/entry.json", "jobs/x/config.json", "images", "images/a\u202egpj.jpg", "records/a.txt",
    "records/a.jpg.JSON", "loras/a.SAFETENSORS", "images/a.TXT",
]  # fmt: skip


@pytest.mark.parametrize("name", MISPLACED)
def test_only_the_layout_of_a_character_is_taken(
    name: str, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """What the manifest lists under another name refuses the archive."""
    others = (
        {other: data for other, data in files.items() if not other.startswith("images/")} if name == "images" else files
    )
    assert_untouched(library, repack(tmp_path / "x.zip", {**others, name: b"x"}), "ARCHIVE_UNSAFE")


def test_what_the_manifest_does_not_list_is_left_out(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """And said."""
    more = {**files, exchange.MANIFEST: manifest(files), "run.sh": b"#!/bin/sh", "images/other.jpg": b"x"}
    came = import_character(library, pack(tmp_path / "x.zip", more))
    assert any("run.sh" in warning and "other.jpg" in warning for warning in came.warnings)
    assert not list(library.root.rglob("run.sh"))
    assert not list(library.root.rglob("other.jpg"))


def test_foreign_and_newer_manifests_are_refused(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """By code."""

    def refuse(code: str, data: bytes) -> None:
        assert_untouched(library, pack(tmp_path / "x.zip", {**files, exchange.MANIFEST: data}), code)

    refuse("ARCHIVE_NEWER", manifest(files, format=exchange.FORMAT + 1))
    refuse("ARCHIVE_FOREIGN", manifest(files, kind="something"))
    refuse("ARCHIVE_FOREIGN", manifest(files, format="1"))
    refuse("ARCHIVE_FOREIGN", json.dumps({"kind": exchange.KIND, "format": 1, "files": []}).encode())
    refuse("ARCHIVE_FOREIGN", b"[]")
    refuse("ARCHIVE_UNREADABLE", b"{")
    refuse("ARCHIVE_UNREADABLE", b"[" * 200_000)
    refuse("ARCHIVE_UNREADABLE", manifest({**files, "images/gone.jpg": b"x"}))
    refuse("ARCHIVE_UNREADABLE", manifest({**files, "images/im-wald.jpg": b"another"}))
    no_hashes = {"kind": exchange.KIND, "format": 1, "files": dict.fromkeys(files)}
    refuse("ARCHIVE_UNREADABLE", json.dumps(no_hashes).encode())
    refuse("ARCHIVE_UNREADABLE", manifest({name: data for name, data in files.items() if name != "character.json"}))
    assert_untouched(library, pack(tmp_path / "x.zip", {"readme.md": b"x", "run.sh": b"x"}), "ARCHIVE_FOREIGN")


CHARACTERS: list[Any] = [
    [], {}, {"name": "x"}, {"name": "", "trigger_word": "x"}, {"name": "x", "trigger_word": "two words"},
    {"name": "x" * 301, "trigger_word": "x"}, {"name": ["x"], "trigger_word": "x"},
    {"name": "x", "trigger_word": "x", "strength": 9}, {"name": "x\u0000", "trigger_word": "x"},
]  # fmt: skip


@pytest.mark.parametrize("found", CHARACTERS)
def test_a_character_must_hold_what_characters_hold(
    found: Any, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Its file is checked like one that is here already."""
    archive = repack(tmp_path / "x.zip", {**files, "character.json": json.dumps(found).encode()})
    assert_untouched(library, archive, "ARCHIVE_UNREADABLE")


def test_an_address_is_never_taken_on_trust(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """An id that is no slug gives way to one made of the name."""
    for wanted in ("../../evil", "", "CON", "a/b", "a" * 300, 5, None):
        found = {**json.loads(files["character.json"]), "id": wanted, "trigger_word": f"w{len(library.slugs())}"}
        came = import_character(
            library, repack(tmp_path / "x.zip", {**files, "character.json": json.dumps(found).encode()})
        )
        assert came.character.id.startswith("ada-lov")
    assert len(library.slugs()) == 7


RECORDS: list[Any] = [
    [], 5, {"sha256": 5}, {"edit": {"rotation": 45}}, {"edit": {"crop": [0, 0, "x", 1]}}, {"history": [5]},
    {"source": {"taken": ["list"]}}, {"source": [1]}, {"title": "\ud800"}, {"size": "x"},
]  # fmt: skip


@pytest.mark.parametrize("found", RECORDS)
def test_a_record_must_hold_what_records_hold(
    found: Any, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Also where the index would stumble over it."""
    archive = repack(tmp_path / "x.zip", {**files, "records/im-wald.jpg.json": json.dumps(found).encode()})
    assert_untouched(library, archive, "ARCHIVE_UNREADABLE")


def test_newer_records_and_characters_are_refused(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """Their fields may mean something else."""
    for name in ("character.json", "records/im-wald.jpg.json", next(n for n in files if n.startswith("loras/"))):
        found = json.dumps({**json.loads(files[name]), "format": 99}).encode()
        assert_untouched(library, repack(tmp_path / "x.zip", {**files, name: found}), "ARCHIVE_NEWER")


def test_a_record_reaches_for_nothing_but_its_own_original(
    library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Not for a path, and not for another photo's: deleting one would take the other's away."""
    mine = json.loads(files["records/b.png.json"])
    for original in ("../../../library.json", "/etc/passwd", "nothing.jpg", "im-wald.jpg"):
        changed = json.dumps({**mine, "original": original}).encode()
        came = import_character(library, repack(tmp_path / "x.zip", {**files, "records/b.png.json": changed}))
        folder = library.folder(came.character.id)
        names = [record.original for file in ("im-wald.jpg", "b.png", "c.jpg") if (record := read_record(folder, file))]
        assert len(set(names) - {""}) == len([name for name in names if name])
        assert all(not name or (folder.originals / name).is_file() for name in names)


NO_PICTURES = [
    b"<html><script>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"MZ\x90", b"#!/bin/sh", b"\x80\x04\x95",
    b"PK\3\4", b"", b"%!PS-Adobe",
]  # fmt: skip


@pytest.mark.parametrize("data", NO_PICTURES)
def test_what_is_no_picture_is_refused(data: bytes, library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever its name says: working images and originals."""
    for name in ("images/im-wald.jpg", "originals/im-wald.jpg", "images/new.jpg"):
        assert_untouched(library, repack(tmp_path / "x.zip", {**files, name: data}), "ARCHIVE_UNSAFE")


def test_a_picture_that_can_not_be_decoded_is_left_out(
    library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """With its caption and its record; the others come in."""
    came = import_character(library, repack(tmp_path / "x.zip", {**files, "images/b.png": files["images/b.png"][:200]}))
    assert (came.photos, len(came.warnings)) == (2, 1)
    assert "b.png" in came.warnings[0]
    assert not [name for name in tree(library.characters) if "/b." in name]


def test_a_photo_that_is_not_as_we_leave_them_is_taken_in_later(
    library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """An image with a location comes in as one that was put there by hand, though the record says it is in order."""
    unclean = exchanged.located(tmp_path / "x.jpg").read_bytes()
    record = json.loads(files["records/im-wald.jpg.json"])
    record["working"] = hashlib.sha256(unclean).hexdigest()
    changed = {**files, "images/im-wald.jpg": unclean, "records/im-wald.jpg.json": json.dumps(record).encode()}
    import_character(library, repack(tmp_path / "x.zip", changed))
    assert found_in(library, "ada-lov")["im-wald.jpg"][0] == "changed"
    os.utime(library.folder("ada-lov").image("im-wald.jpg"), (1, 1))
    assert [item.what for item in adoption.take_in(library, "ada-lov")] == ["changed"]
    assert b"Exif" not in library.folder("ada-lov").image("im-wald.jpg").read_bytes()[:100]
    assert found_in(library, "ada-lov")["im-wald.jpg"][0] == "ok"


def test_captions_that_are_no_text_are_left_out(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """And named."""
    came = import_character(library, repack(tmp_path / "x.zip", {**files, "images/b.txt": b"\xff\xfe\x00"}))
    assert (came.photos, len(came.warnings)) == (3, 1)
    assert "b.txt" in came.warnings[0]


BAD_WEIGHTS = [
    b"", b"\x80\x04\x95pickle", b"PK\3\4" + b"x" * 100, struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 10) + b"{",
    struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 24) + b'{"a":{"data_offsets":[0]',
    struct.pack("<Q", 34) + b'{"a":{"data_offsets":[0,99999999]}}',
]  # fmt: skip


@pytest.mark.parametrize("data", BAD_WEIGHTS)
def test_weights_must_be_safetensors(data: bytes, library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """No pickles, no headers that are larger than the file."""
    name = next(name for name in files if name.endswith(".safetensors"))
    assert_untouched(library, repack(tmp_path / "x.zip", {**files, name: data}), "ARCHIVE_UNSAFE")


def test_a_cover_that_is_not_there_is_forgotten(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """One that is there is kept."""
    for cover, kept in (("../../x.jpg", ""), ("gone.jpg", ""), ("character.json", ""), ("b.png", "b.png")):
        found = {**json.loads(files["character.json"]), "cover": cover}
        came = import_character(
            library, repack(tmp_path / "x.zip", {**files, "character.json": json.dumps(found).encode()})
        )
        assert came.character.cover == kept
