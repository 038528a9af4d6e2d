"""Who the photos are of: the person in most of them, and the photos where that person is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .measures import Measures
from .thresholds import limit

_LEAST_PHOTOS = 3
_NEAREST = 5
"""A face is compared with so many of the person's faces that are most like it: not every pose is like every other."""

Vectors = NDArray[np.float32]


def other_people(photos: Mapping[str, Measures]) -> dict[str, float]:
    """Photos in which no face is the main person's, and how alike the best one is. Without vectors nothing is said."""
    faces = {photo: _vectors(measures) for photo, measures in photos.items()}
    known = [photo for photo, vectors in faces.items() if len(vectors)]
    main = main_person(photos)
    if main is None:
        return {}
    members = np.stack([faces[photo][0] for photo in main])
    found = {}
    for photo in known:
        others = np.delete(members, main.index(photo), axis=0) if photo in main else members
        likeness = np.sort(faces[photo] @ others.T, axis=1)[:, -_NEAREST:].mean(axis=1)
        best = round(float(likeness.max()), 3)
        if best < limit("other_person"):
            found[photo] = best
    return found


def main_person(photos: Mapping[str, Measures]) -> list[str] | None:
    """The photos of the person who is the largest face in more than half of those that can be compared, or None."""
    rows = [(photo, vectors[0]) for photo, measures in photos.items() if len(vectors := _vectors(measures))]
    if len(rows) < _LEAST_PHOTOS:
        return None
    vectors = np.stack([vector for _, vector in rows])
    likeness = vectors @ vectors.T
    same = likeness >= limit("other_person")
    middle = int(np.lexsort((likeness.sum(axis=1), same.sum(axis=1)))[-1])
    members = [photo for (photo, _), alike in zip(rows, same[middle].tolist(), strict=True) if alike]
    return members if len(members) >= _LEAST_PHOTOS and len(members) * 2 > len(rows) else None


def _vectors(measures: Measures) -> Vectors:
    """The vectors of a photo's faces, those of children and people in the background left out."""
    faces = measures.faces or ()
    least = limit("second_face") * faces[0].height if faces else 0
    rows: list[Any] = [face.embedding for face in faces if face.embedding is not None and face.height >= least]
    return np.asarray(rows, dtype=np.float32).reshape(len(rows), -1) if rows else np.empty((0, 0), dtype=np.float32)
