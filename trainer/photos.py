"""A folder of photos: found, inspected and captioned, with every problem reported at once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import IsengardError
from ..media.captions import read_caption
from ..media.folders import FoundFiles, find_photos
from ..media.pictures import SHOWN, listed, picture_format, shown_name
from ..media.pixels import decode, flat_rgb, load_photo, read_bytes
from ..sentences import Said, several

__all__ = ["Photo", "PhotoInfo", "PhotoSet", "inspect_photo", "load_photo", "read_folder"]

FEWEST = 5
"""Fewer photos than this are trained on with a warning."""


@dataclass(frozen=True, kw_only=True)
class PhotoInfo:
    """What a photo is, after it was decoded once."""

    path: Path
    width: int
    """Pixels, upright."""
    height: int
    format: str
    """JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF or HEIC."""
    sha256: str
    """Hash of the file's bytes."""
    bytes: int
    note: str = ""
    """What was tolerated, as a sentence that goes on after the file's name and a colon."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo that can be trained on."""

    info: PhotoInfo
    caption: str
    """As it stands in the text file; empty where there is none."""
    repeats: int


@dataclass(frozen=True, kw_only=True)
class PhotoSet:
    """All photos of a folder."""

    photos: tuple[Photo, ...]
    warnings: tuple[Said, ...]


def inspect_photo(path: Path) -> PhotoInfo:
    """Reads and decodes a photo once, so that what is wrong with it shows now and not in the middle of a training.

    Raises PHOTO_UNREADABLE, PHOTO_TOO_LARGE (by bytes before reading, by pixels before decoding) or PHOTO_TOO_SMALL.
    """
    data = read_bytes(path)
    image = decode(data, path)
    _, note = flat_rgb(image.crop((0, 0, 1, 1)))  # one pixel is enough to see whether the colours can be converted
    return PhotoInfo(
        path=path,
        width=image.width,
        height=image.height,
        format=str(picture_format(data[:64])),
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        note=note,
    )


def read_folder(folder: Path) -> PhotoSet:
    """All photos of a folder, inspected, with captions; the same picture twice is used once.

    Raises PHOTOS_NONE, PHOTOS_TOO_FEW (one photo), or the error of the bad photos and captions: all are in the message
    or in `details["photos"]`, each with file, code and message.
    """
    found = find_photos(folder)
    if not found.photos:
        raise _no_photos(folder, found)
    photos: list[Photo] = []
    problems: list[tuple[Path, IsengardError]] = []
    for item in found.photos:
        try:
            info, caption = inspect_photo(item.path), read_caption(item.path)
            photos.append(Photo(info=info, caption=caption, repeats=item.repeats))
        except IsengardError as problem:
            problems.append((item.path, problem))
    if problems:
        raise _bad_photos(problems, len(found.photos))
    different, doubles = _without_doubles(photos)
    if len(different) == 1:
        what = "one photo" if not doubles else f"one photo, {len(photos)} times"
        raise IsengardError(
            "PHOTOS_TOO_FEW", f"{folder} holds {what}; a likeness can't be learned from a single picture."
        )
    return PhotoSet(photos=tuple(different), warnings=(*doubles, *_warnings(different)))


def _no_photos(folder: Path, found: FoundFiles) -> IsengardError:
    kinds = Counter(path.suffix.lower() or "without an ending" for path in found.others)
    shown = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(SHOWN))
    holds = [f"{_counted(len(found.others), 'file')} of other kinds ({shown})"] if found.others else []
    if found.folders:
        names = listed([shown_name(path) for path in found.folders])
        holds.append(f"{_counted(len(found.folders), 'sub-folder')} not looked into ({names})")
    message = f"There are no photos in {folder}: it holds {' and '.join(holds)}." if holds else f"{folder} is empty."
    return IsengardError("PHOTOS_NONE", message)


def _bad_photos(problems: Sequence[tuple[Path, IsengardError]], total: int) -> IsengardError:
    """One error for all; it has the code and the hint of the first."""
    first = problems[0][1]
    details = [
        {"file": shown_name(path), "code": problem.code, "message": problem.message, "hint": problem.hint}
        for path, problem in problems
    ]
    message = first.message
    if len(problems) > 1:
        shown = " ".join(problem.message for _, problem in problems[:SHOWN])
        more = f" And {len(problems) - SHOWN} more." if len(problems) > SHOWN else ""
        text = f"{len(problems)} of {total} photos can't be used. {shown}{more}"
        told = several([problem.message for _, problem in problems[:SHOWN]])
        message = Said("photos.unusable", text, n=len(problems), total=total, what=told)
    return IsengardError(first.code, message, hint=first.hint, photos=details)


def _without_doubles(photos: Sequence[Photo]) -> tuple[list[Photo], list[Said]]:
    """Of files with equal bytes the first that has a caption, in the place of the first; and a warning for each."""
    groups: dict[str, list[Photo]] = {}
    for photo in photos:
        groups.setdefault(photo.info.sha256, []).append(photo)
    kept, warnings = [], []
    for group in groups.values():
        best = next((photo for photo in group if photo.caption), group[0])
        kept.append(best)
        if len(group) > 1:
            names = listed([shown_name(photo.info.path) for photo in group])
            used = shown_name(best.info.path)
            text = f"{names} are the same picture; {used} is used, and once."
            warnings.append(Said("photos.same", text, photos=names, used=used))
    return kept, warnings


def _warnings(photos: Sequence[Photo]) -> list[Said]:
    found, count = [], len(photos)
    if count < FEWEST:
        text = f"Only {count} photos: the likeness will be rough. 15 to 30 different ones work best."
        found.append(Said("photos.few", text, n=count))
    for photo in photos:
        if note := photo.info.note:
            name = shown_name(photo.info.path)
            found.append(Said("photos.note", f"{name}: {note}", photo=name, note=note))
    bare = [shown_name(photo.info.path) for photo in photos if not photo.caption]
    if bare and len(bare) < count:
        names = listed(bare)
        text = f"{len(bare)} of {count} photos have no caption beside them: {names}."
        found.append(Said("photos.some_without_caption", text, n=len(bare), count=count, photos=names))
    elif bare:
        text = "No photo has a caption, so place, pose and clothes may be learned as part of the person."
        found.append(Said("photos.none_with_caption", text))
    return found


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
