"""Zip archives from strangers: looked through before anything is unpacked, and unpacked within limits.

Nothing in an archive decides where a file goes: names are for looking entries up, and whoever unpacks says the place.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import IsengardError
from ..files import sync, told_plainly
from . import names

MAX_ENTRIES = 100_000
"""Ten thousand photos are about 40,000 files."""
MAX_TOTAL = 200 * 10**9
"""Bytes of all files together, unpacked."""
MAX_FILE = 20 * 10**9
"""Bytes of one file, unpacked; kinds of files have smaller limits of their own."""
MAX_RATIO = 200
"""A file may unpack to so many times its packed size,"""
_RATIO_FROM = 10**6
"""if it has more bytes than this: short texts pack well. Photos hardly shrink; what does is made to fill a disk."""
_MAX_DIRECTORY = 40 * 10**6
"""Bytes of the archive's table of contents, which is read whole."""
_SPARE = 50 * 10**6
"""Bytes that stay free on the disk."""
_BLOCK = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_FOLDERS = 50
"""Folders inside each other. Datasets have a few; tens of thousands take minutes to look through."""
_JUNK = ("__macosx", "thumbs.db", "desktop.ini")
"""What systems put into archives by themselves, beside hidden files."""
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError,
    OverflowError,
)  # fmt: skip
"""What `zipfile` raises for damaged archives."""


@dataclass(frozen=True)
class Entry:
    """A file in an archive."""

    name: str
    """With slashes."""
    size: int
    """Bytes, unpacked, as the archive says."""
    info: zipfile.ZipInfo

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders' names and the file's."""
        return tuple(self.name.split("/"))


class Archive:
    """An archive whose table of contents is sound."""

    def __init__(self, path: Path, opened: zipfile.ZipFile, entries: dict[str, Entry]) -> None:
        self.path = path
        self.entries = entries
        """By name."""
        self._opened = opened

    def read(self, entry: Entry, most: int) -> bytes:
        """A small file's bytes. Raises ARCHIVE_TOO_LARGE, ARCHIVE_UNREADABLE."""
        return b"".join(self._blocks(entry, most))

    def unpack(self, entry: Entry, target: Path, most: int) -> str:
        """Writes a file to `target`, which must not exist, and returns its SHA-256.

        Raises ARCHIVE_TOO_LARGE, ARCHIVE_UNREADABLE, DISK_FULL.
        """
        digest = hashlib.sha256()
        with told_plainly(target):
            with target.open("xb") as file:
                for block in self._blocks(entry, most):
                    digest.update(block)
                    file.write(block)
            sync(target)
        return digest.hexdigest()

    def _blocks(self, entry: Entry, most: int) -> Iterator[bytes]:
        """The bytes, counted as they come: what the archive says of sizes is only checked, not believed."""
        if entry.size > most:
            raise _too_large(
                f"{names.shown(entry.parts[-1])} has {_shown(entry.size)}; at most {_shown(most)} are read."
            )
        count = 0
        with _damage_told(self.path), self._opened.open(entry.info) as file:
            while block := file.read(_BLOCK):
                count += len(block)
                if count > entry.size:
                    raise unsafe(f"{names.shown(entry.parts[-1])} unpacks to more than it says.")
                yield block
            if count != entry.size:
                raise unreadable(self.path, f"{names.shown(entry.parts[-1])} is cut short.")


@contextmanager
def opened(path: Path, room: Path) -> Iterator[Archive]:
    """Opens an archive and checks all that its table of contents says; `room` is the disk it is to be unpacked on.

    Raises ARCHIVE_UNREADABLE, ARCHIVE_UNSAFE, ARCHIVE_TOO_LARGE, DISK_FULL.
    """
    try:
        file = path.open("rb")
    except OSError as problem:
        raise unreadable(path, problem.strerror or "it can't be opened") from problem
    with file:
        _check_directory(file, path)
        with _damage_told(path):
            archive = zipfile.ZipFile(file)
        with archive:
            infos = archive.infolist()
            size = path.stat().st_size
            _check_infos(infos, size)
            total = sum(info.file_size for info in infos)
            with told_plainly(room):
                free = shutil.disk_usage(room).free
            if total + _SPARE > free:
                raise IsengardError(
                    "DISK_FULL", f"The archive unpacks to {_shown(total)}; {room} has {_shown(free)} left."
                )
            yield Archive(path, archive, _named(infos))


def _check_directory(file: BinaryIO, path: Path) -> None:
    """Looks at the very end of the file, before the table of contents is read whole into memory."""
    if file.read(4) not in (b"PK\3\4", b"PK\5\6"):
        raise unreadable(path, "it is no zip archive")
    size = file.seek(0, 2)
    file.seek(max(0, size - 65_557 - 20))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise unreadable(path, "its end is missing")
    count, length = struct.unpack_from("<HI", tail, at + 10)
    tables = [(count, length)]
    if tail[at - 20 : at - 16] == b"PK\6\7" and at >= 20:  # a large archive's; readers differ in where they look for it
        for place in (struct.unpack_from("<Q", tail, at - 12)[0], size - len(tail) + at - 76):
            file.seek(min(max(0, place), size))
            record = file.read(56)
            if len(record) == 56 and record.startswith(b"PK\6\6"):
                tables.append(struct.unpack_from("<QQ", record, 32))
        tables = tables[1:] or tables
    count, length = (max(values) for values in zip(*tables, strict=True))
    if count > MAX_ENTRIES or length > _MAX_DIRECTORY:
        raise _too_large(f"The archive lists {count:,} files; at most {MAX_ENTRIES:,} are read.")
    file.seek(0)


def _check_infos(infos: list[zipfile.ZipInfo], size: int) -> None:
    if len(infos) > MAX_ENTRIES:
        raise _too_large(f"The archive lists {len(infos):,} files; at most {MAX_ENTRIES:,} are read.")
    total = 0
    seen: set[str] = set()
    for info in infos:
        _check_info(info)
        total += info.file_size
        key = names.folded(info.filename.rstrip("/"))
        if key in seen:
            raise unsafe(f"{names.shown(info.filename)} is in it twice, or differs in upper and lower case only.")
        seen.add(key)
    if total > MAX_TOTAL:
        raise _too_large(f"The archive unpacks to {_shown(total)}; at most {_shown(MAX_TOTAL)} are read.")
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise unsafe("its files lie upon each other, which is how archives are made that unpack without end.")
        end = info.header_offset + 30 + info.compress_size
    if end > size:
        raise IsengardError("ARCHIVE_UNREADABLE", "The archive is cut short: it lists more than it holds.")


def _check_info(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    parts = name.rstrip("/").split("/")
    if "\\" in name or "\0" in name or name.startswith("/") or name[1:2] == ":" or {"", ".", ".."} & set(parts):
        raise unsafe(f"{names.shown(name)} would lead out of the folder it is unpacked into.")
    if len(parts) > _MOST_FOLDERS:
        raise unsafe(f"{names.shown(parts[-1])} lies in {len(parts) - 1:,} folders inside each other.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise unsafe(f"{names.shown(name)} is a link or a device, not a file.")
    if info.flag_bits & 0x41:
        raise IsengardError(
            "ARCHIVE_UNREADABLE", "The archive is encrypted.", hint="Unpack it with its password and pack it again."
        )
    if info.compress_type not in _METHODS:
        raise IsengardError(
            "ARCHIVE_UNREADABLE",
            f"{names.shown(name)} is packed by a method that is not read here.",
            hint="Pack the files again as an ordinary zip archive.",
        )
    if info.file_size > MAX_FILE:
        raise _too_large(f"{names.shown(name)} has {_shown(info.file_size)}; at most {_shown(MAX_FILE)} are read.")
    if info.file_size > _RATIO_FROM and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise unsafe(f"{names.shown(name)} unpacks to more than {MAX_RATIO} times its size.")


def _named(infos: list[zipfile.ZipInfo]) -> dict[str, Entry]:
    """The files by name, without what systems add."""
    found = {info.filename: info for info in infos if not info.is_dir() and not _is_junk(info.filename)}
    return {name: Entry(name, info.file_size, info) for name, info in found.items()}


def _is_junk(name: str) -> bool:
    return any(part.startswith(".") or part.casefold() in _JUNK for part in name.split("/"))


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except IsengardError:
        raise
    except _DAMAGED as problem:
        raise unreadable(path, f"it is damaged ({problem})") from problem


def unreadable(path: Path, why: str) -> IsengardError:
    """An archive that can't be read."""
    return IsengardError("ARCHIVE_UNREADABLE", f"{names.shown(path.name)} can't be read: {why}.")


def unsafe(why: str) -> IsengardError:
    """An archive that somebody made to do harm, or that looks so."""
    return IsengardError("ARCHIVE_UNSAFE", f"The archive is refused: {why}")


def _too_large(why: str) -> IsengardError:
    return IsengardError("ARCHIVE_TOO_LARGE", why)


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{size / 1e6:.1f} MB" if size >= 10**6 else f"{size:,} bytes"
