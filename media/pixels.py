"""From a picture file to upright sRGB pixels of a bucket's size. The only module that decodes photos."""

from __future__ import annotations

import errno
import io
import math
import stat
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile

from ..errors import IsengardError
from ..sentences import Said
from .pictures import RAW_SUFFIXES, picture_format, shown_name

MAX_BYTES = 100_000_000
MAX_PIXELS = 64 * 2**20
"""64 megapixels, as camera makers count them (a “64 MP” phone has 64.2 million)."""
MIN_SIDE = 64

HEAD_ROOM = 0.3
"""Share of the surplus height that is cut from the top; the rest goes from the bottom. People are photographed with the
head in the upper half, and hair that is cut off hurts a likeness more than a jacket that is."""

NO_PROFILE = Said("photo.no_profile", "its colour profile can't be used, so its colours may be slightly off.")
"""The one thing that is tolerated with a note, which goes on after the file's name and a colon."""

_READERS = {"JPEG": ("JPEG", "MPO"), "HEIC": ("HEIF",)}
"""Pillow's names for a format, where they differ from ours. Nothing else may open a file: Pillow would run Ghostscript
for PostScript."""
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each value of EXIF's orientation."""
_ORIENTATION = 0x0112
_ONE_AT_A_TIME = threading.Lock()
_SQUEEZED = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
"""Pillow's modes for one channel of more than 8 bits."""


def load_photo(path: Path, size: tuple[int, int]) -> Image.Image:
    """The photo as RGB of exactly `size` (width, height): upright, in sRGB, without alpha, covering and cropped.

    Equal bytes give equal pixels. Raises PHOTO_UNREADABLE, PHOTO_TOO_LARGE or PHOTO_TOO_SMALL.
    """
    image = decode(read_bytes(path), path, enough_for=size)
    return cover(flat_rgb(image)[0], size)


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises PHOTO_UNREADABLE, also for camera raw, or PHOTO_TOO_LARGE before anything is read."""
    name = shown_name(path)
    refuse_raw(name)
    try:
        status = path.stat()
        length = status.st_size
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited on forever
            raise OSError(errno.EINVAL, "it is no ordinary file")
        if length > MAX_BYTES:
            size, most = round(length / 1e6), MAX_BYTES // 10**6
            text = f"{name} has {size} MB; at most {most} MB are read."
            raise IsengardError("PHOTO_TOO_LARGE", Said("photo.too_many_bytes", text, photo=name, size=size, most=most))
        return path.read_bytes()
    except OSError as problem:
        text = f"{name} can't be read: {problem.strerror}."
        raise IsengardError("PHOTO_UNREADABLE", Said("photo.unreadable", text, photo=name)) from problem


def refuse_raw(name: str) -> None:
    """Raises PHOTO_UNREADABLE for a camera raw file: many are TIFF inside, where a reader finds the thumbnail only."""
    if Path(name).suffix.lower() in RAW_SUFFIXES:
        raise IsengardError(
            "PHOTO_UNREADABLE",
            Said("photo.raw", f"{name} is a camera raw file.", photo=name),
            hint=Said("photo.export", "Export it from your photo program as JPEG."),
        )


def decode(
    data: bytes, path: Path, *, enough_for: tuple[int, int] | None = None, long_side: int | None = None
) -> Image.Image:
    """The picture in `data`, decoded whole (of an animation the first frame) and turned upright, in any mode.

    With `enough_for` (width, height) a large JPEG may be decoded at half, a quarter or an eighth of its size, if that
    is still twice what is needed; with `long_side`, if its long side still has so many pixels. `path` is for messages.
    Nothing is decoded whose size isn't allowed. Raises PHOTO_UNREADABLE, PHOTO_TOO_LARGE or PHOTO_TOO_SMALL.
    """
    name = shown_name(path)
    formats = readers(data[:64], name)
    try:
        if data[12:16] == b"IHDR":  # Pillow looks at a PNG's size only after a good part of the file
            _check_size(struct.unpack(">II", data[16:24]), name)
        with _strict_decoding(), Image.open(io.BytesIO(data), formats=formats) as image:
            _check_size(image.size, name)
            if enough_for:
                _decode_smaller(image, enough_for)
            elif long_side:
                scale = min(1.0, long_side / max(image.size))
                image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
            image.load()
            return _upright(image)
    except Image.DecompressionBombError as problem:
        most = round(MAX_PIXELS / 1e6)
        text = f"{name} has far more than the {most} megapixels that are read."
        raise IsengardError("PHOTO_TOO_LARGE", Said("photo.too_many_pixels", text, photo=name, most=most)) from problem
    except (IsengardError, MemoryError):
        raise
    except Exception as problem:  # decoders of damaged files raise anything, from OSError to KeyError
        text = f"{name} is damaged or cut short."
        raise IsengardError("PHOTO_UNREADABLE", Said("photo.damaged", text, photo=name)) from problem


def flat_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Any mode to 8-bit sRGB, and a sentence if the colour profile had to be ignored.

    What is transparent becomes white: cut-outs are shown on white nearly everywhere, black would leave dark edges, and
    the colours hidden under the transparency are arbitrary.
    """
    profile = image.info.get("icc_profile")
    if image.mode in _SQUEEZED:
        image = _to_8_bits(image)
    elif image.mode in ("P", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    if alpha:
        image = image.convert("RGB" if image.mode == "RGBA" else "L")
    colours, note = _to_srgb(image, profile)
    if alpha:
        white = Image.new("RGB", colours.size, "white")
        white.paste(colours, mask=alpha)
        colours = white
    return colours, note


def known_note(text: str) -> str:
    """A note as a file kept it, with its code again."""
    return NO_PROFILE if text == NO_PROFILE else text


def cover(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scales the picture to cover `size` and crops the rest: equally at the sides; for the height see HEAD_ROOM."""
    scale = max(size[0] / image.width, size[1] / image.height)
    width, height = min(size[0] / scale, image.width), min(size[1] / scale, image.height)
    left, top = (image.width - width) / 2, (image.height - height) * HEAD_ROOM
    return image.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))


def readers(head: bytes, name: str) -> list[str]:
    """Pillow's names for the format of a file with these first 64 bytes: nothing else may open it.

    Raises PHOTO_UNREADABLE for what is no picture, or one that can't be read here.
    """
    kind = picture_format(head)
    if kind is None:
        text = f"{name} is not a picture, whatever its name says."
        raise IsengardError("PHOTO_UNREADABLE", Said("photo.no_picture", text, photo=name))
    found = [reader for reader in _READERS.get(kind, (kind,)) if _can_read(reader)]
    if not found:
        text = f"{name} is a {kind} picture, which this Python can't read."
        hint = "Save the photo as JPEG, or install the package pillow-heif."
        raise IsengardError(
            "PHOTO_UNREADABLE",
            Said("photo.no_reader", text, photo=name, kind=kind),
            hint=Said("photo.save_as_jpeg", hint),
        )
    return found


def _can_read(reader: str) -> bool:
    if reader == "HEIF" and reader not in Image.OPEN:
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            return False
        register_heif_opener()
    if reader not in Image.OPEN:
        Image.init()
    return reader in Image.OPEN


def _check_size(size: tuple[int, int], name: str) -> None:
    shape = f"{size[0]} × {size[1]} pixels"
    if size[0] * size[1] > MAX_PIXELS:
        most = round(MAX_PIXELS / 1e6)
        text = f"{name} has {shape} ({size[0] * size[1] / 1e6:.0f} megapixels); at most {most} megapixels are read."
        raise IsengardError("PHOTO_TOO_LARGE", Said("photo.too_many_pixels", text, photo=name, most=most))
    if min(size) < MIN_SIDE:
        text = f"{name} has {shape}; the short side must be at least {MIN_SIDE} pixels."
        shown = f"{size[0]} × {size[1]}"
        raise IsengardError("PHOTO_TOO_SMALL", Said("photo.too_small", text, photo=name, shape=shown, least=MIN_SIDE))


@contextmanager
def _strict_decoding() -> Iterator[None]:
    """Holds two settings of the whole process, one thread at a time, while a picture is decoded.

    Pillow's leave to fill up truncated files with grey, which other packs give, is taken back; its warnings are silent,
    because sizes are judged here.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _upright(image: Image.Image) -> Image.Image:
    """The decoded picture turned as its EXIF data say (TIFF and HEIC decoders have turned it and forgot them)."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - whatever is wrong with the EXIF data, the pixels are good
        return image
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _decode_smaller(image: Image.Image, size: tuple[int, int]) -> None:
    """Lets a JPEG decoder leave out detail that the resize would drop, down to twice what is needed either way up."""
    needed = max(2 * max(size) / max(image.size), 2 * min(size) / min(image.size))
    if needed < 1:
        image.draft(None, (math.ceil(image.width * needed), math.ceil(image.height * needed)))


def _to_8_bits(image: Image.Image) -> Image.Image:
    """One channel of 16 or 32 bits or of fractions to 8 bits; white is 65,535, or 1.0 for fractions."""
    white = 1.0 if image.mode == "F" else 65535.0
    highest = image.getextrema()[1]
    if isinstance(highest, int | float) and highest > white * 1.01:
        white = float(highest)  # no rule says what white is here, so the brightest pixel is
    factor = 255.0 / white
    wide = image if image.mode == "F" else image.convert("I")
    return wide.point(lambda value: value * factor + 0.5).convert("L")


def _to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """1, L, RGB, CMYK, YCbCr, HSV or LAB to sRGB; a profile that can't be used is ignored, and the note says so."""
    from PIL import ImageCms

    target = ImageCms.createProfile("sRGB")
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), target), ""
    if image.mode not in ("L", "CMYK", "RGB"):
        image = image.convert("RGB")
    if not profile:
        return image if image.mode == "RGB" else image.convert("RGB"), ""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space == "RGB " and image.mode == "L":
            image = image.convert("RGB")  # grey pictures often carry the camera's profile
        return _converted(image, source, target), ""
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image.convert("RGB"), NO_PROFILE


def _converted(image: Image.Image, source: object, target: object) -> Image.Image:
    from PIL import ImageCms

    result = ImageCms.profileToProfile(
        image,
        source,  # type: ignore[arg-type,unused-ignore]
        target,  # type: ignore[arg-type,unused-ignore]
        renderingIntent=ImageCms.Intent.PERCEPTUAL,
        outputMode="RGB",
    )
    assert result is not None  # only None when converted in place
    return result
