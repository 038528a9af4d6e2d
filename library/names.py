"""Names of folders and files: made from what people type, and checked before they become a path."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from pathlib import Path

from ..errors import IsengardError

LONGEST = 150
"""Bytes, in UTF-8, of a name that we take in: its side files add endings and numbers to it,"""
MAX_BYTES = 200
"""and have so many. The common limit is 255, which leaves room for what files are called while they are written."""
_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"
})  # fmt: skip
"""Names that Windows keeps for itself, whatever ending follows."""
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\ud800-\udfff\u202a-\u202e\u2066-\u2069]')
"""What some system refuses in a name, and signs that turn the direction of text, which disguise endings."""


def slug(text: str, fallback: str) -> str:
    """Lower-case ASCII words with hyphens, fit for every system, archive and URL; `fallback` if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60].strip("-")
    return f"{words}-1" if words in _DEVICES else words or fallback


def folded(name: str) -> str:
    """The name as a disk that ignores case and Unicode form compares it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def unique(name: str, taken: Collection[str]) -> str:
    """`name`, or `name-2`, `name-3`, … ; `taken` holds folded names."""
    if folded(name) not in taken:
        return name
    number = 2
    while folded(f"{name}-{number}") in taken:
        number += 1
    return f"{name}-{number}"


def is_safe(name: str) -> bool:
    """Whether a name is one path component that every system takes, and no hidden one."""
    return (
        bool(name)
        and not name.startswith(".")
        and not name.endswith((".", " "))
        and name == name.strip()
        and not _FORBIDDEN.search(name)
        and name.partition(".")[0].rstrip().casefold() not in _DEVICES
        and len(name.encode("utf-8", "surrogatepass")) <= MAX_BYTES
    )


def is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: JSON and file names may hold halves of surrogate pairs."""
    return not any("\ud800" <= sign <= "\udfff" for sign in value)


def leaves_room(name: str) -> bool:
    """Whether a name is short enough for the names of side files to be safe, too."""
    return len(name.encode("utf-8", "surrogatepass")) <= LONGEST


def inside(root: Path, *names: str) -> Path:
    """The path of `names` under `root`. Raises NAME_INVALID for what is not a safe name or leads out by a link."""
    for name in names:
        if not is_safe(name):
            raise IsengardError("NAME_INVALID", f"{shown(name)} is not a name that can be used.")
    path = root.joinpath(*names)
    if not path.resolve().is_relative_to(root.resolve()):
        raise IsengardError("NAME_INVALID", f"{shown(names[-1])} leads out of the library by a link.")
    return path


def shown(name: str) -> str:
    """A name for messages: short, on one line, without signs that can't be shown."""
    plain = _FORBIDDEN.sub("?", name)
    return repr(plain if len(plain) <= 60 else plain[:57] + "…")
