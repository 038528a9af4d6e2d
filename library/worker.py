"""A process that looks at photos for the library: decodes, turns, crops, measures. It never touches the library.

Decoders meet what strangers made: in a process of its own a crash costs one photo, memory goes back to the system, and
both cores work. Tasks come as JSON lines on standard input, results go out the same way; it ends when the input does.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import IsengardError
from ..files import told_plainly
from ..media.pictures import picture_format, shown_name
from ..media.pixels import decode, flat_rgb, read_bytes
from .records import Edit
from .report.faces import FaceFinder, face_finder
from .report.measures import measure, source_facts

MAX_SIDE = 2048
"""Pixels of a working image's long side. Twice what any preset trains at; the original keeps the rest."""
ENOUGH = 1800
"""Pixels of the long side from which on a JPEG is decoded no finer: half of a 12-megapixel photo is taken as it is."""
QUALITY = 95
THUMBNAIL = 320
"""Pixels of a thumbnail's long side."""
_PLAIN_MODES = ("RGB", "L")
_PLAIN_FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
_TELLING = ("exif", "xmp", "icc_profile", "comment", "photoshop", "XML:com.adobe.xmp", "Raw profile type exif")
"""What a picture file may carry beside pixels, by Pillow's names."""
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
"""Clockwise for people, counter-clockwise for Pillow."""


def take(
    source: Path, out: Path, edit: Edit, faces: FaceFinder, *, keep_original: bool, ending: str, given: Path
) -> dict[str, Any]:
    """Reads a photo and writes into the folder `out`: `original` (if asked), `working`, `thumbnail`.

    Returns what is known of it, for JSON. A photo that is clean already is its own working image, byte for byte;
    others become JPEG, or what `ending` (.jpg, .png, .webp) says. `given` is the file that `source` may have been made
    from, which tells of camera and compression. Raises the errors of media.pixels.
    """
    data = read_bytes(source)
    kind = str(picture_format(data[:64]))
    image = decode(data, source, long_side=None if edit.crop else ENOUGH)
    facts = source_facts(given)
    clean = edit == Edit() and _is_clean(data, kind, image)
    picture, note = flat_rgb(image)
    picture.info.clear()  # Pillow would write a comment or a profile that it finds there
    picture = _scaled(_edited(picture, edit))
    if clean and ending in ("", _PLAIN_FORMATS[kind]):
        working, ending = data, _PLAIN_FORMATS[kind]
    else:
        ending = ending or ".jpg"
        working = _packed(picture, ending)
    with told_plainly(out):
        if keep_original:
            (out / "original").write_bytes(data)
        (out / "working").write_bytes(working)
        (out / "thumbnail").write_bytes(thumbnail(picture))
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "working": hashlib.sha256(working).hexdigest(),
        "clean": clean,
        "ending": ending,
        "original_ending": {"JPEG": ".jpg", "TIFF": ".tif"}.get(kind, f".{kind.lower()}"),
        "source": dataclasses.asdict(facts),
        "measures": measure(picture, facts, faces).as_dict(),
        "note": note,
    }


def thumbnail(picture: Image.Image) -> bytes:
    """A small WebP."""
    small = picture.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    small.save(packed, "WEBP", quality=80, method=2)
    return packed.getvalue()


def _is_clean(data: bytes, kind: str, image: Image.Image) -> bool:
    """Whether the file can be trained on and passed on as it is: nothing to turn, to convert, to scale or to hide."""
    if kind not in _PLAIN_FORMATS or image.mode not in _PLAIN_MODES:
        return False
    with Image.open(io.BytesIO(data)) as opened:  # its size, as `image` may have been decoded at half of it
        one = getattr(opened, "n_frames", 1) == 1 and opened.format != "MPO"
        if not one or max(opened.size) > MAX_SIDE or any(opened.info.get(name) for name in _TELLING):
            return False
        return not getattr(opened, "text", None)  # what made a PNG writes prompts and whole workflows there


def _edited(picture: Image.Image, edit: Edit) -> Image.Image:
    if edit.rotation:
        picture = picture.transpose(_TURNS[edit.rotation])
    if edit.crop:
        left, top, width, height = edit.crop
        right, bottom = round((left + width) * picture.width), round((top + height) * picture.height)
        box = (round(left * picture.width), round(top * picture.height))
        picture = picture.crop((*box, max(right, box[0] + 1), max(bottom, box[1] + 1)))
    return picture


def _scaled(picture: Image.Image) -> Image.Image:
    scale = MAX_SIDE / max(picture.size)
    if scale >= 1:
        return picture
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _packed(picture: Image.Image, ending: str) -> bytes:
    packed = io.BytesIO()
    if ending == ".png":
        picture.save(packed, "PNG", compress_level=4)
    elif ending == ".webp":
        picture.save(packed, "WEBP", quality=QUALITY)
    else:
        picture.save(packed, "JPEG", quality=QUALITY, subsampling=0)
    return packed.getvalue()


def main(_argv: list[str]) -> int:
    """Serves tasks until standard input closes."""
    finders: dict[str, FaceFinder] = {}
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)  # whatever a decoder prints is no answer, and it may be written in C
    for line in sys.stdin:
        task = json.loads(line)
        try:
            models = task["models"]
            if models not in finders:
                finders[models] = face_finder(Path(models))
            edit = Edit(rotation=task["rotation"], crop=tuple(task["crop"]) if task["crop"] else None).checked()
            result = take(
                Path(task["source"]),
                Path(task["out"]),
                edit,
                finders[models],
                keep_original=task["keep_original"],
                ending=task["ending"],
                given=Path(task["facts"]),
            )
            answer: dict[str, Any] = {"result": result}
        except IsengardError as problem:
            answer = {"error": problem.as_dict()}
        except MemoryError:
            message = f"There is not enough memory for {shown_name(Path(task['source']))}."
            answer = {"error": IsengardError("PHOTO_TOO_LARGE", message).as_dict()}
        except Exception as problem:  # noqa: BLE001 - the next task must find us alive; the parent logs it
            answer = {"defect": f"{type(problem).__name__}: {problem}", "trace": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
    return 0
