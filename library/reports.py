"""The report on a character's photos and captions: what is good, what is not, and the repairs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import IsengardError
from . import captioning, index, photos
from .captions.linter import CaptionReport
from .photo_files import record_of
from .records import Crop, Edit
from .report.crops import face_crop
from .report.finding import Finding
from .report.findings import not_measured
from .report.summary import SetReport, summarize
from .store import Library


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a person should know before training."""

    photos: SetReport
    captions: CaptionReport
    findings: Mapping[str, tuple[dict[str, Any], ...]]
    """By photo, of those that have any."""
    not_measured: Mapping[str, tuple[str, ...]]
    """By photo: what could not be judged, and why."""
    waiting: tuple[str, ...]
    """Photos that are not measured yet."""


def report(library: Library, slug: str) -> Report:
    """The report on what is measured; `adoption.take_in` measures the rest. Raises CHARACTER_MISSING."""
    library.folder(slug)
    index.refresh(library, slug)
    with index.connected(library) as connection:
        rows = connection.execute("SELECT * FROM photos WHERE slug = ? ORDER BY file", (slug,)).fetchall()
    measures = {row["file"]: known for row in rows if (known := index.measures_of(row)) is not None}
    found = {row["file"]: tuple(json.loads(row["findings"])) for row in rows}
    rejected = frozenset(row["file"] for row in rows if row["rejected"])
    judged = {file: [Finding(**_tuples(item)) for item in items] for file, items in found.items()}
    return Report(
        photos=summarize(measures, judged, rejected & set(measures)),
        captions=captioning.lint(library, slug),
        findings={file: items for file, items in found.items() if items},
        not_measured={file: tuple(told) for file, known in measures.items() if (told := not_measured(known))},
        waiting=tuple(row["file"] for row in rows if row["file"] not in measures),
    )


def crop_to_face(library: Library, slug: str, file: str) -> Edit:
    """Crops a photo to its face, head and shoulders. Raises FACE_UNKNOWN if none was found or looked for."""
    folder = library.folder(slug)
    record = record_of(folder, file)
    index.refresh(library, slug)
    with index.connected(library) as connection:
        row = connection.execute("SELECT * FROM photos WHERE slug = ? AND file = ?", (slug, file)).fetchone()
    measures = index.measures_of(row) if row else None
    crop = face_crop(measures, measures.width, measures.height) if measures else None
    if crop is None:
        raise IsengardError("FACE_UNKNOWN", f"No face is known in {file}.")
    edit = Edit(rotation=record.edit.rotation, crop=_within(record.edit.crop, crop)).checked()
    photos.edit(library, slug, file, edit)
    return edit


def _within(outer: Crop | None, inner: Crop) -> Crop:
    """A crop of a picture that is itself a crop, as a crop of the whole."""
    if outer is None:
        return inner
    left, top, width, height = outer
    return left + inner[0] * width, top + inner[1] * height, inner[2] * width, inner[3] * height


def _tuples(finding: Mapping[str, Any]) -> dict[str, Any]:
    return {**finding, "others": tuple(finding["others"]), "repairs": tuple(finding["repairs"])}
