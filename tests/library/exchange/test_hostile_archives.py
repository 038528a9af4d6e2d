"""Archives that are cut, damaged or made to do harm are refused, and nothing has changed."""

from __future__ import annotations

import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library import archives, exchange
from isengard.library.importing import import_character
from isengard.library.store import Library
from isengard.tests.library.exchanged import (
    assert_tidy,
    assert_untouched,
    manifest,
    pack,
    repack,
)  # fmt: skip
from isengard.tests.library.trees import tree

EVIL_NAMES = [
    "../evil.jpg", "images/../../evil.jpg", "/etc/evil.jpg", "C:/evil.jpg", "C:evil.jpg", "\\\\host\\share\\evil.jpg",
    "images\\..\\..\\evil.jpg", "//host/share/evil.jpg", "images/./a.jpg", "images//a.jpg", "..", "images/..",
]  # fmt: skip


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_names_that_lead_out_refuse_the_archive(
    name: str, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Whether the manifest lists them or not, and in archives of plain photos too."""
    picture = files["images/im-wald.jpg"]
    assert_untouched(library, repack(tmp_path / "1.zip", {**files, name: picture}), "ARCHIVE_UNSAFE")
    listed = {**files, name: picture, exchange.MANIFEST: manifest(files)}
    assert_untouched(library, pack(tmp_path / "2.zip", listed), "ARCHIVE_UNSAFE")
    assert_untouched(library, pack(tmp_path / "3.zip", {"a.jpg": picture, name: picture}), "ARCHIVE_UNSAFE")


def special(path: Path, files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None]) -> Path:
    """An archive in which a last entry is changed."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        info = zipfile.ZipInfo("images/link.jpg")
        change(info)
        archive.writestr(info, "/etc/passwd")
    return path


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010666, 0o060666])
def test_links_and_devices_are_refused(mode: int, library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever system the archive says it comes from."""

    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = mode << 16

    assert_untouched(library, special(tmp_path / "x.zip", files, change), "ARCHIVE_UNSAFE")


@pytest.mark.parametrize("twin", ["images/IM-WALD.jpg", "images/im-wald.jpg", "Images/im-wald.jpg"])
def test_names_that_differ_in_case_only_are_refused(
    twin: str, library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """One would overwrite the other on most disks."""

    def change(info: zipfile.ZipInfo) -> None:
        info.filename = twin

    with pytest.warns(UserWarning, match="Duplicate name") if twin in files else _nothing():
        archive = special(tmp_path / "x.zip", files, change)
    assert_untouched(library, archive, "ARCHIVE_UNSAFE")


class _nothing:  # noqa: N801 - stands where a context manager does
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_a_name_with_nul_is_refused(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """Python cuts it there; others may not."""
    path = pack(tmp_path / "x.zip", {**files, "images/aXevil.jpg": b"x"})
    path.write_bytes(path.read_bytes().replace(b"images/aXevil.jpg", b"images/a\0evil.jpg"))
    assert_untouched(library, path, "ARCHIVE_UNSAFE")


def patched(path: Path, name: str, **changes: tuple[int, int, int]) -> Path:
    """Changes fields of an entry in the table of contents; each is offset, length, value."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2", 0, data.rindex(name.encode()))
    for offset, length, value in changes.values():
        data[at + offset : at + offset + length] = value.to_bytes(length, "little")
    path.write_bytes(data)
    return path


def test_encrypted_archives_and_rare_methods_say_so(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """With what to do."""
    path = patched(pack(tmp_path / "1.zip", {"a.jpg": b"x"}), "a.jpg", flags=(8, 2, 1))
    assert "password" in assert_untouched(library, path, "ARCHIVE_UNREADABLE").hint
    path = pack(tmp_path / "2.zip", {"a.jpg": files["images/im-wald.jpg"]}, method=zipfile.ZIP_LZMA)
    assert_untouched(library, path, "ARCHIVE_UNREADABLE")


def test_bombs_are_refused_before_they_are_unpacked(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """By ratio, by declared size, by number of files, by files that lie upon each other, by a large directory."""
    zeros = pack(tmp_path / "1.zip", {"a.bmp": bytes(50_000_000)}, method=zipfile.ZIP_DEFLATED)
    assert zeros.stat().st_size < 100_000
    assert_untouched(library, zeros, "ARCHIVE_UNSAFE")
    big = patched(
        pack(tmp_path / "2.zip", {"a.jpg": b"x" * 100}), "a.jpg", packed=(20, 4, 2**32 - 2), size=(24, 4, 2**32 - 2)
    )
    assert_untouched(library, big, ("ARCHIVE_UNSAFE", "ARCHIVE_UNREADABLE", "DISK_FULL"))
    many = tmp_path / "3.zip"
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(100_001):
            archive.writestr(zipfile.ZipInfo(f"{number}.jpg"), b"")
    assert_untouched(library, many, "ARCHIVE_TOO_LARGE")
    upon = pack(tmp_path / "4.zip", {f"{n}.jpg": files["images/im-wald.jpg"] for n in range(3)})
    patched(upon, "2.jpg", offset=(42, 4, 0))
    assert_untouched(library, upon, ("ARCHIVE_UNSAFE", "ARCHIVE_UNREADABLE"))
    huge = pack(tmp_path / "5.zip", {"a.jpg": b"x"})
    data = bytearray(huge.read_bytes())
    data[-10:-6] = (2**31).to_bytes(4, "little")
    huge.write_bytes(data)
    assert_untouched(library, huge, ("ARCHIVE_TOO_LARGE", "ARCHIVE_UNREADABLE"))


def test_an_archive_that_lies_about_sizes_is_refused(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """A file that says 100 bytes and unpacks to more is cut off there, and its hash tells."""
    path = repack(tmp_path / "x.zip", files)
    data = files["images/im-wald.jpg"]
    patched(path, "images/im-wald.jpg", size=(24, 4, len(data) // 2))
    assert_untouched(library, path, ("ARCHIVE_UNREADABLE", "ARCHIVE_UNSAFE"))


def test_files_of_each_kind_have_limits(library: Library, files: dict[str, bytes], tmp_path: Path) -> None:
    """A caption or a record of megabytes is none."""
    for name in ("images/im-wald.txt", "records/im-wald.jpg.json", "character.json"):
        archive = repack(tmp_path / "x.zip", {**files, name: b"[" * 200_000})
        assert_untouched(library, archive, "ARCHIVE_TOO_LARGE")


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"GIF89a", b"<html></html>", b"\x1f\x8b\x08" * 100, b"PK\x03\x04" + b"x" * 500]
)
def test_what_is_no_zip_is_refused(data: bytes, library: Library, tmp_path: Path) -> None:
    """Told by content."""
    (tmp_path / "x.zip").write_bytes(data)
    assert_untouched(library, tmp_path / "x.zip", "ARCHIVE_UNREADABLE")
    assert_untouched(library, tmp_path / "missing.zip", "ARCHIVE_UNREADABLE")


def test_a_cut_archive_is_refused_wherever_it_is_cut(
    ada: tuple[Library, Path], library: Library, tmp_path: Path
) -> None:
    """A download that broke off."""
    data = ada[1].read_bytes()
    for share in (0.01, 0.3, 0.7, 0.95, 0.999):
        (tmp_path / "x.zip").write_bytes(data[: int(len(data) * share)])
        assert_untouched(library, tmp_path / "x.zip", "ARCHIVE_UNREADABLE")
    (tmp_path / "x.zip").write_bytes(data[:-1])
    assert_untouched(library, tmp_path / "x.zip", "ARCHIVE_UNREADABLE")


def test_a_flipped_bit_is_noticed(ada: tuple[Library, Path], library: Library, tmp_path: Path) -> None:
    """All over the archive: refused with a code, or harmless."""
    data = ada[1].read_bytes()
    whole = 0
    for at in range(7, len(data), len(data) // 60):
        broken = bytearray(data)
        broken[at] ^= 0x10
        (tmp_path / "x.zip").write_bytes(broken)
        before = tree(library.root)
        code = ""
        try:
            came = import_character(library, tmp_path / "x.zip")
        except IsengardError as error:
            code = error.code
        if code:
            assert code.startswith("ARCHIVE_"), at
            assert tree(library.root) == before
        else:
            whole += 1
            assert (came.photos, came.loras) == (3, 2)
        assert_tidy(library)
    assert whole <= 5


def test_a_second_table_of_contents_does_not_hide_a_large_one(
    library: Library, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive's end names where to read; the reader looks just before the end. Both places are checked."""
    many = pack(tmp_path / "x.zip", {f"{number}.txt": b"x" for number in range(100)})
    data = many.read_bytes()
    end = data.rindex(b"PK\5\6")
    size, start = struct.unpack_from("<II", data, end + 12)
    harmless = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, 46, start)
    record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 100, 100, size, start + len(harmless))
    where = struct.pack("<IQI", 0, start, 1)  # of the harmless record
    tail = struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    many.write_bytes(data[:start] + harmless + data[start:end] + record + b"PK\6\7" + where + b"PK\5\6" + tail)
    with zipfile.ZipFile(many) as opened:
        assert len(opened.namelist()) == 100, "the reader would take it"
    monkeypatch.setattr(archives, "MAX_ENTRIES", 50)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the table was read"))
    assert_untouched(library, many, "ARCHIVE_TOO_LARGE")


def test_folders_inside_each_other_without_end_are_refused(
    library: Library, files: dict[str, bytes], tmp_path: Path
) -> None:
    """Each of them would be looked into for every entry: minutes of work for a small file."""
    deep = "a/" * 30_000
    entries = {f"{deep}{number}.jpg": files["images/im-wald.jpg"] for number in range(20)}
    started = time.process_time()
    assert "folders" in assert_untouched(library, pack(tmp_path / "x.zip", entries), "ARCHIVE_UNSAFE").message
    assert time.process_time() - started < 5
