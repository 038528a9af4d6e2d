"""Makes a job folder from a folder of photos, whole or not at all. Pillow is imported when it works, torch never."""

from __future__ import annotations

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import IsengardError
from ..files import sync, told_plainly
from ..media.captions import place_trigger
from ..media.pictures import listed, shown_name
from ..sentences import Said
from .buckets import MAX_ENLARGEMENT, Placement, assign_buckets
from .config import TrainingConfig
from .disk import check_disk, estimate_disk
from .families import check_base
from .folders import check_free, made_aside
from .job import JobFolder, PhotoEntry
from .memory_plan import UNKNOWN, Features, MemoryPlan, Way
from .modelfiles import identify
from .outlook import MemoryNeed, Outlook, features_of, longer_by, look_ahead, recomputes_all, way_as_set

if TYPE_CHECKING:
    from .photos import Photo, PhotoInfo

__all__ = [
    "UNKNOWN", "Features", "MemoryNeed", "MemoryPlan", "NewJob", "Outlook", "PlacedPhoto", "Way", "change_config",
    "check_base", "estimate_disk", "features_of", "identify", "longer_by", "look_ahead", "make_job", "place_photos",
    "recomputes_all", "train_again", "way_as_set",
]  # fmt: skip

UNIT = 16
"""Sides of all buckets are multiples of so many pixels: the unit of every family so far, which a test holds."""

_UNCHANGING = ("family", "trigger_word", "class_word")
"""Settings that the dataset was made with."""
_SHAPING = ("rank", "alpha", "targets", "optimizer", "lora_plus_ratio")
"""Settings that decide what a checkpoint's tensors mean."""
_CROPPED = 0.15
"""From this share on, a crop is worth a warning."""


@dataclass(frozen=True, kw_only=True)
class NewJob:
    """A job that was made."""

    job: JobFolder
    warnings: tuple[str, ...]
    """What is allowed but not good, as plain sentences."""


@dataclass(frozen=True, kw_only=True)
class PlacedPhoto:
    """A photo as it would be trained on."""

    path: Path
    caption: str
    bucket: tuple[int, int]
    """Width and height in pixels."""


def place_photos(photos_dir: Path, resolution: int, tolerance: float = 0.03) -> list[PlacedPhoto]:
    """The photos of a folder with their captions as written, each with its bucket at one picture size.

    Raises what reading the photos raises.
    """
    from .photos import read_folder

    photos = read_folder(photos_dir).photos
    placed = assign_buckets([(photo.info.width, photo.info.height) for photo in photos], (resolution,), UNIT, tolerance)
    return [
        PlacedPhoto(path=photo.info.path, caption=photo.caption, bucket=place.buckets[0])
        for photo, place in zip(photos, placed, strict=True)
    ]


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
    check_free(folder)
    with made_aside(folder) as aside:
        found = read_folder(photos_dir.expanduser().absolute())
        settings = config(len(found.photos)) if callable(config) else config
        infos = [photo.info for photo in found.photos]
        check_disk(aside, estimate_disk(settings, [info.bytes for info in infos]))
        placed = _place(settings, infos)
        entries = _copy(aside, settings, found.photos, placed)
        JobFolder.create(aside, settings, entries, correlation_id=correlation_id)
    names = [shown_name(photo.info.path) for photo in found.photos]
    return NewJob(job=JobFolder(folder), warnings=(*found.warnings, *_size_warnings(names, placed)))


def train_again(job: JobFolder, folder: Path, changes: dict[str, Any], *, correlation_id: str = "") -> JobFolder:
    """A new job with the photos, captions, settings and cache of another, which may be done; nothing is trained yet.

    `changes` are settings of the new one. Raises what `make_job` raises, and CONFIG_INVALID.
    """
    folder = folder.expanduser().absolute()
    check_free(folder)
    config = job.config().replace(**changes)
    with made_aside(folder) as aside:
        for part in (job.photos, job.cache):
            if part.is_dir():
                with told_plainly(aside / part.name):
                    shutil.copytree(part, aside / part.name)
        new = JobFolder.create(aside, config, job.dataset(), correlation_id=correlation_id)
        if _shapes(job.config()) != _shapes(config):
            _place_again(new, config)
    return JobFolder(folder)


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
        if _shapes(old) != _shapes(new):
            _place_again(job, new)
        job.write_config(new)
    return new


def _place(config: TrainingConfig, infos: Sequence[PhotoInfo]) -> list[Placement]:
    sizes = [(info.width, info.height) for info in infos]
    return assign_buckets(sizes, config.resolutions, UNIT, config.bucket_tolerance)


def _shapes(config: TrainingConfig) -> tuple[Any, ...]:
    """The settings that decide the photos' buckets."""
    return config.resolutions, config.bucket_tolerance


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


def _size_warnings(names: Sequence[str], placed: Sequence[Placement]) -> list[Said]:
    found = []
    smaller: dict[tuple[int, ...], list[str]] = {}
    for name, place in zip(names, placed, strict=True):
        if place.too_small_for:
            smaller.setdefault(tuple(sorted(place.too_small_for)), []).append(name)
    for sizes, those in sorted(smaller.items()):
        wanted, photos = " and ".join(map(str, sizes)), listed(those)
        text = f"Too small for {wanted} px, so trained at a smaller size: {photos}."
        found.append(Said("photos.too_small_for", text, sizes=", ".join(map(str, sizes)), photos=photos))
    blurred = [f"{name} ({place.enlarged:.1f}×)" for name, place in zip(names, placed, strict=True)
               if place.enlarged > MAX_ENLARGEMENT]  # fmt: skip
    if blurred:
        photos = listed(blurred)
        text = f"Much smaller than the training size and enlarged, which teaches blur: {photos}."
        found.append(Said("photos.enlarged", text, photos=photos))
    cut = [
        f"{name} ({place.cropped:.0%})" for name, place in zip(names, placed, strict=True) if place.cropped > _CROPPED
    ]
    if cut:
        photos = listed(cut)
        text = f"Very long shapes, cropped to about 2:1; check that the face is in the middle: {photos}."
        found.append(Said("photos.long", text, photos=photos))
    return found
