"""Makes a job folder from a folder of photos, whole or not at all. Pillow is imported when it works, torch never."""

from __future__ import annotations

import errno
import hashlib
import re
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import IsengardError
from .buckets import MAX_ENLARGEMENT, Placement, assign_buckets
from .captions import place_trigger
from .config import TrainingConfig
from .disk import check_disk, estimate_disk
from .files import replace, sync, told_plainly
from .job import JobFolder, PhotoEntry

if TYPE_CHECKING:
    from .photos import Photo, PhotoInfo

__all__ = ["NewJob", "change_config", "estimate_disk", "make_job"]

UNIT = 16
"""Sides of all buckets are multiples of so many pixels: the unit of every family so far, which a test holds."""

_UNCHANGING = ("family", "trigger_word", "class_word")
"""Settings that the dataset was made with."""
_SHAPING = ("rank", "alpha", "targets", "optimizer")
"""Settings that decide what a checkpoint's tensors mean."""
_MOVED = {"photos": 0, "config.json": 2}
"""What is moved first and last into a folder that existed; everything else between them."""
_CROPPED = 0.15
"""From this share on, a crop is worth a warning."""
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job that was made."""

    job: JobFolder
    warnings: tuple[str, ...]
    """What is allowed but not good, as plain sentences."""


def make_job(
    folder: Path,
    config: TrainingConfig | Callable[[int], TrainingConfig],
    photos_dir: Path,
    *,
    correlation_id: str = "",
) -> NewJob:
    """Makes the job `folder` from the photos in `photos_dir` and the captions beside them.

    `config` may be a function of the number of photos. The photos are copied as they are. The folder appears when all
    is in it; after an error nothing is left behind. Raises JOB_EXISTS, FOLDER_NOT_WRITABLE, DISK_FULL (before anything
    is copied), CONFIG_INVALID and what `photos.read_folder` raises.
    """
    from .photos import read_folder

    folder = folder.expanduser().absolute()
    with _not_writable(folder):
        _check_free(folder)
    with _made_aside(folder) as aside:
        found = read_folder(photos_dir.expanduser().absolute())
        settings = config(len(found.photos)) if callable(config) else config
        infos = [photo.info for photo in found.photos]
        check_disk(aside, estimate_disk(settings, [info.bytes for info in infos]))
        placed = _place(settings, infos)
        entries = _copy(aside, settings, found.photos, placed)
        JobFolder.create(aside, settings, entries, correlation_id=correlation_id)
    names = [photo.info.path.name.encode("utf-8", "replace").decode() for photo in found.photos]
    return NewJob(job=JobFolder(folder), warnings=(*found.warnings, *_size_warnings(names, placed)))


def change_config(job: JobFolder, changes: dict[str, Any]) -> TrainingConfig:
    """Changes settings of a job that is not running; for other resolutions its photos get other buckets.

    Raises JOB_LOCKED, JOB_FINISHED, and CONFIG_INVALID: also for what the dataset or the checkpoints were made with.
    """
    with job.writer() as writer:
        if writer.state.state == "done":
            raise IsengardError("JOB_FINISHED", f"{job.path} is done; its settings can't be changed any more.")
        old = job.config()
        new = old.replace(**changes)
        begun = any(job.checkpoints.glob("step_*"))
        fixed = [
            name for name in (*_UNCHANGING, *(_SHAPING if begun else ())) if getattr(old, name) != getattr(new, name)
        ]
        if fixed:
            problems = [
                f"{name} can't be changed in a job that was begun with {getattr(old, name)!r}." for name in fixed
            ]
            raise IsengardError(
                "CONFIG_INVALID", " ".join(problems), hint="Make a new job for that.", problems=problems
            )
        if (old.resolutions, old.bucket_tolerance) != (new.resolutions, new.bucket_tolerance):
            _place_again(job, new)
        job.write_config(new)
    return new


def _place(config: TrainingConfig, infos: Sequence[PhotoInfo]) -> list[Placement]:
    sizes = [(info.width, info.height) for info in infos]
    return assign_buckets(sizes, config.resolutions, UNIT, config.bucket_tolerance)


def _place_again(job: JobFolder, config: TrainingConfig) -> None:
    from dataclasses import replace as with_changes

    from .photos import inspect_photo

    entries = job.dataset()
    placed = _place(config, [inspect_photo(job.path / entry.file) for entry in entries])
    job.write_dataset(with_changes(entry, buckets=place.buckets) for entry, place in zip(entries, placed, strict=True))


def _copy(
    folder: Path, config: TrainingConfig, photos: Sequence[Photo], placed: Sequence[Placement]
) -> list[PhotoEntry]:
    """Copies the photos and describes them. Raises PHOTO_CHANGED if one is written to meanwhile."""
    with told_plainly(folder):
        (folder / "photos").mkdir()
    entries = []
    for number, (photo, place) in enumerate(zip(photos, placed, strict=True), 1):
        name = _safe_name(number, photo.info)
        copy = folder / "photos" / name
        with told_plainly(copy):
            shutil.copyfile(photo.info.path, copy)
            sync(copy)
        if hashlib.sha256(copy.read_bytes()).hexdigest() != photo.info.sha256:
            raise IsengardError("PHOTO_CHANGED", f"{photo.info.path} changed while it was read.", hint="Try again.")
        entries.append(
            PhotoEntry(
                id=copy.stem,
                file=f"photos/{name}",
                sha256=photo.info.sha256,
                caption=place_trigger(photo.caption, config.trigger_word, config.class_word),
                buckets=place.buckets,
                repeats=photo.repeats,
            )
        )
    return entries


def _safe_name(number: int, info: PhotoInfo) -> str:
    """`003-at-the-beach.jpg`: unique by its number, and fit for every system, archive and URL."""
    plain = unicodedata.normalize("NFKD", info.path.stem).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60].strip("-")
    ending = {"JPEG": "jpg", "TIFF": "tif"}.get(info.format, info.format.lower())
    return f"{number:03d}-{words or 'photo'}.{ending}"


def _check_free(folder: Path) -> None:
    """Raises JOB_EXISTS if something is there already. A folder may exist if it is empty (hidden files don't count)."""
    if folder.exists() and not folder.is_dir():
        raise IsengardError("FOLDER_NOT_WRITABLE", f"{folder} is a file, not a folder.")
    if (folder / "config.json").exists():
        raise IsengardError("JOB_EXISTS", f"{folder} already holds a job.")
    if folder.is_dir() and (there := next(_visible(folder), None)):
        raise IsengardError(
            "JOB_EXISTS",
            f"{folder} is not empty: it holds {there.name}.",
            hint="Choose another --out folder, or empty it.",
        )


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith(".") and path.name != "lost+found")


@contextmanager
def _made_aside(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to fill; what is in it stands in `folder` afterwards, or is gone if anything failed.

    A new folder is renamed whole. An existing one may be a mounted disk, which can't be renamed onto: there the parts
    are moved in: photos first, which fails if somebody else was faster, config.json last, which makes it a job.
    """
    existed = folder.is_dir()
    home = folder if existed else folder.parent
    aside = home / f".{folder.name}.{secrets.token_hex(4)}.tmp"
    made = [parent for parent in [home, *home.parents] if not parent.exists()]
    done = False
    try:
        with _not_writable(folder):
            aside.mkdir(parents=True)
        yield aside
        with _not_writable(folder):
            if existed:
                for part in sorted(aside.iterdir(), key=lambda path: _MOVED.get(path.name, 1)):
                    replace(part, folder / part.name)
            else:
                replace(aside, folder)
            sync(home)
        done = True
    except IsengardError as problem:
        if problem.code != "DISK_FULL" or problem.details:
            raise
        hint = "Free disk space and try again; nothing was left behind."
        raise IsengardError("DISK_FULL", f"The disk filled up while {folder} was made.", hint=hint) from problem
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        for parent in [] if done else made:
            _remove_if_empty(parent)


@contextmanager
def _not_writable(folder: Path) -> Iterator[None]:
    """Any reason why a folder can't be made is the same to a person, but for a full disk."""
    try:
        with told_plainly(folder):
            yield
    except OSError as problem:
        if problem.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise IsengardError("JOB_EXISTS", f"Another job was made in {folder} meanwhile.") from problem
        raise IsengardError("FOLDER_NOT_WRITABLE", f"{folder} can't be made: {problem.strerror}.") from problem


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # somebody else put something in, or it was never made


def _size_warnings(names: Sequence[str], placed: Sequence[Placement]) -> list[str]:
    found = []
    smaller: dict[tuple[int, ...], list[str]] = {}
    for name, place in zip(names, placed, strict=True):
        if place.too_small_for:
            smaller.setdefault(tuple(sorted(place.too_small_for)), []).append(name)
    for sizes, those in sorted(smaller.items()):
        found.append(
            f"Too small for {' and '.join(map(str, sizes))} px, so trained at a smaller size: {_listed(those)}."
        )
    blurred = [f"{name} ({place.enlarged:.1f}×)" for name, place in zip(names, placed, strict=True)
               if place.enlarged > MAX_ENLARGEMENT]  # fmt: skip
    if blurred:
        found.append(f"Much smaller than the training size and enlarged, which teaches blur: {_listed(blurred)}.")
    cut = [
        f"{name} ({place.cropped:.0%})" for name, place in zip(names, placed, strict=True) if place.cropped > _CROPPED
    ]
    if cut:
        found.append(f"Very long shapes, cropped to about 2:1; check that the face is in the middle: {_listed(cut)}.")
    return found


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
