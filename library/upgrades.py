"""Brings a library of an older version up to date: a backup of its records first, then a step for each version.

The version in library.json is written last, so an upgrade that was cut off is taken up again; a step must therefore be
such that it can be repeated. Photos and weights are never changed by an upgrade, so the backup holds what is said
about them.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .. import log
from ..errors import IsengardError
from ..files import read_json, told_plainly, write_json, written_aside

Step = Callable[[Path], None]
"""Changes the files below a library's root from one format to the next."""
STEPS: dict[int, Step] = {}
"""By the format that a step begins with. Format 1 is the first, so there is none yet."""
BACKUPS = "backups"
_RECORDS = (".json", ".txt")
_PASSING = frozenset({".cache", ".scratch", ".journal", "cache", "models", "logs", "loras", BACKUPS})
"""Folders in which nothing stands that an upgrade may change. `loras` at the root only holds weights."""
_LOG = log.get("library.upgrades")


def bring_up(root: Path, target: int) -> None:
    """Upgrades the library in `root`. Whoever calls holds its lock; another process may have been faster.

    Raises LIBRARY_CORRUPT for a version that never was, DISK_FULL, FOLDER_NOT_WRITABLE.
    """
    version = int(read_json(root / "library.json", "LIBRARY_CORRUPT")["format"])
    missing = [number for number in range(version, target) if number not in STEPS]
    if missing:
        raise IsengardError(
            "LIBRARY_CORRUPT", f"{root / 'library.json'} says format {version}, which no version of Isengard wrote."
        )
    backup = back_up(root, version) if version < target else None
    for number in range(version, target):
        _LOG.info("the library is upgraded", format=number, to=number + 1, backup=str(backup))
        with told_plainly(root / "library.json"):
            STEPS[number](root)
        write_json(root / "library.json", {"format": number + 1})


def back_up(root: Path, version: int) -> Path:
    """Packs all records as they are; a backup that an upgrade made before it was cut off is kept."""
    target = root / BACKUPS / f"format-{version}.zip"
    if target.is_file():
        return target
    with told_plainly(target):
        target.parent.mkdir(exist_ok=True)
    with (
        written_aside(target) as aside,
        zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
    ):
        for path in _records(root):
            archive.write(path, path.relative_to(root).as_posix())
    return target


def _records(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        at_root = here == root
        folders[:] = sorted(name for name in folders if name not in _PASSING or (name == "loras" and not at_root))
        for name in sorted(files):
            path = here / name
            if path.suffix in _RECORDS and not path.is_symlink():
                yield path
