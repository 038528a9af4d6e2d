"""What one photo shows by itself, judged by the table of thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...sentences import Said, several
from .faces import Face
from .finding import INFO, REJECT, WARN, Finding, judged, overruled
from .layout import COMMON, SCREENS
from .measures import Measures
from .thresholds import THRESHOLDS, limit

TRAINING_SIZE = 1024
"""Pixels a side that photos are judged for where the caller names no other."""


def photo_findings(
    measures: Measures, *, kept: frozenset[str] = frozenset(), resolution: int = TRAINING_SIZE
) -> list[Finding]:
    """What one photo shows by itself, for training at `resolution` pixels a side.

    Findings whose code is in `kept` come with the level “kept”. What could not be measured is no finding: see
    not_measured.
    """
    found = [*_size(measures, resolution), *_sharpness(measures), *_light(measures), *_compression(measures)]
    found += [*_faces(measures, resolution), *_no_photo(measures)]
    return [overruled(finding, kept) for finding in found]


def not_measured(measures: Measures) -> list[Said]:
    """What could not be judged and why, in words."""
    found = []
    if measures.blur is None and (measures.face is None or measures.face.blur is None):
        text = "Sharpness was not measured: there are too few edges in the photo to tell."
        found.append(Said("not_measured.sharpness", text))
    if measures.blockiness is None:
        text = "Traces of compression were not measured: the photo is too small to tell."
        found.append(Said("not_measured.compression", text))
    if measures.faces is None:
        none = Said("face_finder.none", "There is no face finder here.")
        why = several(measures.face_notes or (none,))
        text = f"Faces, framing, pose and clothes were not measured. {why}"
        found.append(Said("not_measured.faces", text, why=why))
        text = "Whether this is the same person was not measured: faces are not looked for here."
        found.append(Said("not_measured.person_without_faces", text))
        return found
    if measures.face_method == "haar":
        text = "Pose was not measured: the rough finder sees faces from the front only."
        found.append(Said("not_measured.pose", text))
    if not measures.embeds:
        text = "Whether this is the same person was not measured: there is no model here that compares faces."
        found.append(Said("not_measured.person_without_model", text))
    elif measures.face is None or measures.face.embedding is None:
        text = "Whether this is the same person was not measured: no face was found to compare."
        found.append(Said("not_measured.person_without_face", text))
    return found


def _size(measures: Measures, resolution: int) -> Iterator[Finding]:
    short = min(measures.width, measures.height)
    share = short / resolution
    if share >= limit("small_warn"):
        return
    level = REJECT if share < limit("small_reject") else WARN
    yield Finding(
        code="too_small",
        level=level,
        message=f"The photo is {measures.width} × {measures.height} pixels. Training works with {resolution} a side, "
        f"so {'most' if level == REJECT else 'some'} of the detail would be made up. "
        "Use the original file if you have a larger one.",
        measured=short,
        threshold=round(limit(f"small_{level}") * resolution),
        unit="pixels",
        repairs=("reject", "keep", "upscale"),
    )


def _sharpness(measures: Measures) -> Iterator[Finding]:
    face = measures.face
    on_face = face is not None and face.blur is not None
    blur = face.blur if face is not None and on_face else measures.blur
    where = "The face is" if on_face else "The photo is"
    if blur is not None and blur >= limit("blur_warn"):
        text = (
            f"{where} out of focus: its sharpest edges are about {blur:.1f} pixels soft. The LoRA would learn the blur."
        )
        yield judged("blurred", blur, blur - limit("blur_reject") + 1e-9, "blur", text)
    elif measures.moved is not None and measures.moved >= limit("moved_warn"):
        text = "The photo is smeared in one direction, as if the camera had moved."
        yield judged("moved", measures.moved, 0, "moved", text)


def _light(measures: Measures) -> Iterator[Finding]:
    light, face = measures.exposure, measures.face
    on_face = face.light if face else None
    if on_face and on_face.lightest < limit("face_dark_warn"):
        worse = limit("face_dark_reject") - on_face.lightest
        text = "The face is so dark that its features can hardly be seen."
        yield judged("underexposed", on_face.lightest, worse, "face_dark", text)
    elif light.lightest < limit("dark_warn") and not (on_face and on_face.lightest >= limit("face_lit")):
        worse = limit("dark_reject") - light.lightest
        text = "The photo is too dark: nothing in it is bright, not even the lightest spots."
        yield judged("underexposed", light.lightest, worse, "dark", text)
    elif light.contrast < limit("contrast_warn"):
        text = "The photo is pale: there is little difference between its darkest and its lightest parts."
        yield judged("low_contrast", light.contrast, 0, "contrast", text)
    if on_face:
        if on_face.blown > limit("face_blown_warn"):
            worse = on_face.blown - limit("face_blown_reject")
            text = f"The face is too bright: {on_face.blown:.0%} of it is pure white without any detail."
            yield judged("overexposed", on_face.blown, worse, "face_blown", text)
    elif light.blown > limit("blown_warn"):
        worse = light.blown - limit("blown_reject")
        text = f"The photo is too bright: {light.blown:.0%} of it, beside the background, is pure white without detail."
        yield judged("overexposed", light.blown, worse, "blown", text)


def _compression(measures: Measures) -> Iterator[Finding]:
    quality, blocks = measures.source.jpeg_quality, measures.blockiness
    repairs = ("reject", "keep", "use_original")
    if quality is not None and quality < limit("jpeg_warn"):
        text = f"The file was saved as JPEG of quality {quality} of 100, which leaves blocks and smears. "
        text += "Use the original file if you have it."
        yield judged("compressed", quality, limit("jpeg_reject") - quality, "jpeg", text, repairs=repairs)
    elif blocks is not None and blocks >= limit("blocks_warn"):
        text = "The picture shows the small squares of heavy compression: it was saved at low quality at some time, "
        text += "whatever its format is now. Use the original file if you have it."
        yield judged("compressed", blocks, 0, "blocks", text, repairs=repairs)


def _faces(measures: Measures, resolution: int) -> Iterator[Finding]:
    if measures.faces is None:
        return
    rough = measures.face_method == "haar"
    if not measures.faces:
        yield _no_face(rough)
        return
    largest = measures.faces[0]
    least = limit("second_face") * largest.height
    others = [face for face in measures.faces[1:] if face.height >= least]
    if others:
        yield Finding(
            code="several_faces",
            level=INFO if rough else WARN,
            message=f"There are {len(others) + 1} faces{' (found by the rough finder)' if rough else ''}. "
            "Training can't know which one is meant: crop to the right one.",
            measured=round(max(face.height for face in others) / largest.height, 2),
            threshold=limit("second_face"),
            unit=THRESHOLDS["second_face"].unit,
            repairs=("crop_face", "reject", "keep"),
        )
    high, least_pixels = face_pixels(measures, largest, resolution), min(limit("face_small_warn"), resolution / 8)
    if high < least_pixels:
        text = f"The face is only {high:.0f} pixels high when the photo is scaled for training, which is too small for "
        text += "a likeness. Crop closer if the photo is large enough."
        found = judged("face_too_small", round(high), 0, "face_small", text, repairs=("crop_face", "reject", "keep"))
        yield replace(found, threshold=least_pixels)


def face_pixels(measures: Measures, face: Face, resolution: int) -> float:
    """How high a face is when the photo is scaled to an area of `resolution` squared, but never enlarged."""
    scale = min(1.0, resolution / (measures.width * measures.height) ** 0.5)
    return float(face.height * measures.height * scale)


def _no_face(rough: bool) -> Finding:
    if rough:
        return Finding(
            code="no_face",
            level=INFO,
            message="No face was found by the rough finder, which only sees faces from the front.",
            repairs=("keep", "reject"),
        )
    return Finding(
        code="no_face",
        level=WARN,
        message="No face was found. A photo without the face teaches clothes and place, not the likeness.",
    )


def _no_photo(measures: Measures) -> Iterator[Finding]:
    if evidence := screen_evidence(measures):
        bar = max(measures.layout.top_bar, measures.layout.bottom_bar) or None
        yield Finding(
            code="screenshot",
            level=WARN,
            message=f"This looks like a screenshot: {', '.join(evidence)}. Bars and buttons would be learned, too. "
            "Crop them off or use the photo itself.",
            measured=bar,
            threshold=limit("screen_bar") if bar else None,
            unit=THRESHOLDS["screen_bar"].unit if bar else None,
            repairs=("crop_face", "reject", "keep") if measures.face else ("reject", "keep"),
        )
        return
    seam = max(measures.layout.seam_across, measures.layout.seam_down)
    name, value = ("gutter", measures.layout.gutter) if measures.layout.gutter >= limit("gutter") else ("seam", seam)
    if value >= limit(name):
        yield Finding(
            code="collage",
            level=WARN,
            message="This looks like several pictures in one: a straight line runs through it from edge to edge. "
            "Crop to one of them, or the LoRA learns to draw collages.",
            measured=value,
            threshold=limit(name),
            unit=THRESHOLDS[name].unit,
            repairs=("crop_face", "reject", "keep") if measures.face else ("reject", "keep"),
        )


def screen_evidence(measures: Measures) -> list[str]:
    """What speaks for a screenshot, in words; empty where it isn't enough.

    Each of these alone is innocent: a PNG, a picture without a camera's name, a picture of a screen's size.
    """
    source, bars = measures.source, measures.layout
    size = (min(source.width, source.height), max(source.width, source.height))
    bar = bars.top_bar >= limit("screen_bar")
    low = bars.bottom_bar >= limit("screen_bar")
    fits = size in SCREENS
    named = "screenshot" in (source.software or "").casefold()
    found = ["it has a status bar at the top"] * bar + ["it has a bar at the bottom"] * low
    found += [f"it is {size[0]} × {size[1]}, the size of a screen"] * fits
    if source.camera:
        return []
    if source.format == "PNG":
        found.append("it is a PNG that no camera made")
    if named:
        return [*found, f"it was made by “{source.software}”"]
    strong = (bar and (low or fits or source.format == "PNG")) or (low and fits)
    exact = fits and size not in COMMON and source.format == "PNG"
    return found if strong or exact else []
