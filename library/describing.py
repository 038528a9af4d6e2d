"""Gives photos to a captioner, with what was measured of them in the captioner's words."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from typing import Any

from . import captioning, index, query
from .captions.captioners.interface import Captioner, CaptionRequest, CaptionResult
from .characters import get
from .photo_files import Key, by_character, existing
from .report.framing import FRONT, LEFT, RIGHT
from .report.measures import Measures
from .store import Library

_POSE = {FRONT: "frontal", LEFT: "turned left", RIGHT: "turned right"}
_LIGHT = {"bright": "bright", "dim": "dark", "warm": "warm", "cool": "cool"}


def without_caption(library: Library, keys: Iterable[Key]) -> list[Key]:
    """Those of these photos that have none yet. One that can't be read is one."""
    empty = set(query.keys(library, query.Query(captions="empty")))
    found = [(key, library.folder(key[0]).find_image(key[1])) for key in keys if key in empty]
    return [key for key, image in found if image and not captioning.is_unreadable(image)]


def check_there(library: Library, keys: Iterable[Key]) -> None:
    """Raises CHARACTER_MISSING, PHOTO_MISSING or NAME_INVALID unless all of these photos are there."""
    for slug, files in by_character(keys).items():
        folder = library.folder(slug)
        for file in files:
            existing(folder, file)


def of_character(library: Library, slug: str) -> list[Key]:
    """A character's photos that are trained on. Raises CHARACTER_MISSING, NAME_INVALID."""
    library.folder(slug)
    return query.keys(library, query.Query(characters=(slug,), rejected=False))


def describe(
    library: Library, keys: Iterable[Key], captioner: Captioner
) -> Generator[tuple[Key, CaptionResult], None, None]:
    """What a captioner says of photos, each as soon as it is there; nothing is written.

    Raises PHOTO_MISSING before the first, and what stops the captioner.
    """
    asked: list[Key] = []
    requests: list[CaptionRequest] = []
    for slug, files in by_character(keys).items():
        folder, character, measured = library.folder(slug), get(library, slug), _measured(library, slug)
        for file in files:
            asked.append((slug, file))
            requests.append(
                CaptionRequest(
                    photo=file,
                    file=existing(folder, file),
                    facts=_facts(measured[file]) if file in measured else {},
                    trigger=character.trigger_word,
                    class_word=character.class_word,
                )
            )
    with closing(captioner.describe(requests)) as results:
        yield from zip(asked, results, strict=True)


def _measured(library: Library, slug: str) -> Mapping[str, Measures]:
    index.refresh(library, slug)
    with index.connected(library) as connection:
        rows = connection.execute("SELECT * FROM photos WHERE slug = ?", (slug,)).fetchall()
    return {row["file"]: known for row in rows if (known := index.measures_of(row)) is not None}


def _facts(measures: Measures) -> dict[str, Any]:
    """What is striking: warm and cool light more than how bright it is."""
    light = next((_LIGHT[word] for word in reversed(measures.light.split(", ")) if word in _LIGHT), None)
    faces = len(measures.faces) if measures.faces is not None else None
    pose = _POSE.get(measures.pose) if measures.pose else None
    return {"framing": measures.framing, "pose": pose, "light": light, "faces": faces}
