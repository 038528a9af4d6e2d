"""Finds the faces in a picture with the best finder that this machine has, and says which one that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ...sentences import Said
from .detectors import Detector, Found, Haar, ModelUnusableError, Sface, Yunet, load_cv2
from .exposure import FaceLight

YUNET_FILES = "face_detection_yunet_*.onnx"
SFACE_FILES = "face_recognition_sface_*.onnx"
_MOST_FACES = 12
_EMBEDDED = 4
"""Faces a picture whose likeness is computed, the largest first."""


@dataclass(frozen=True, kw_only=True)
class Face:
    """A face; places are shares of the picture's width and height."""

    left: float
    top: float
    width: float
    height: float
    score: float
    """How sure the finder is; each finder has its own scale."""
    landmarks: tuple[tuple[float, float], ...] | None = None
    """Right eye, left eye, nose, right and left corner of the mouth: the person's right, the picture's left."""
    embedding: tuple[float, ...] | None = None
    blur: float | None = None
    """Like Measures.blur, inside the face."""
    light: FaceLight | None = None

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width, height."""
        return (self.left, self.top, self.width, self.height)

    @property
    def share(self) -> float:
        """The share of the picture that the face covers."""
        return self.width * self.height


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file that a person may get to have more measured."""

    file: str
    purpose: str
    megabytes: float
    licence: str
    project: str


class FaceFinder:
    """What finds faces here; make one for each thread."""

    def __init__(
        self, detector: Detector | None = None, embedder: Sface | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        self._detector = detector
        self._embedder = embedder
        self.notes = notes
        """What could not be used and why, to be shown."""

    @property
    def method(self) -> str:
        """yunet, haar or none."""
        return self._detector.name if self._detector else "none"

    @property
    def embeds(self) -> bool:
        """Whether the persons in two pictures can be compared."""
        return self._embedder is not None

    def find(self, image: Image.Image) -> tuple[Face, ...]:
        """The faces in an RGB picture, the largest first."""
        if self._detector is None:
            return ()
        found = sorted(self._detector.find(image), key=lambda face: -face.width * face.height)[:_MOST_FACES]
        faces = [self._face(image, face, place < _EMBEDDED) for place, face in enumerate(found)]
        return tuple(face for face in faces if face.width > 0 and face.height > 0)

    def _face(self, image: Image.Image, found: Found, embed: bool) -> Face:
        wide, high = image.size
        left, top = max(0.0, found.left), max(0.0, found.top)
        right, bottom = min(float(wide), found.left + found.width), min(float(high), found.top + found.height)
        marks = found.landmarks
        return Face(
            left=round(left / wide, 5),
            top=round(top / high, 5),
            width=round(max(0.0, right - left) / wide, 5),
            height=round(max(0.0, bottom - top) / high, 5),
            score=round(found.score, 3),
            landmarks=tuple((round(x / wide, 5), round(y / high, 5)) for x, y in marks) if marks else None,
            embedding=self._embedder.embed(image, found) if self._embedder and embed else None,
        )


def face_finder(models: Path | None) -> FaceFinder:
    """YuNet where its file lies in the folder `models` and OpenCV can run it, else Haar cascades, else none.

    A file that can't be used counts as absent, and a note says so. Of several files the last by name is tried first.
    """
    cv2 = load_cv2()
    if cv2 is None:
        text = "OpenCV isn't installed, so faces are not looked for."
        return FaceFinder(notes=(Said("face_finder.no_opencv", text),))
    notes: list[str] = []
    detector: Detector | None = _first(YUNET_FILES, models, lambda path: Yunet(cv2, path), notes)
    embedder = _first(SFACE_FILES, models, lambda path: Sface(cv2, path), notes) if detector else None
    if detector is None:
        try:
            detector = Haar(cv2)
        except ModelUnusableError as problem:
            notes.append(problem.why)
    return FaceFinder(detector, embedder, tuple(notes))


def where_to_get() -> list[ModelFile]:
    """The files that make the report say more, for a page that lists what is missing."""
    zoo = "https://github.com/opencv/opencv_zoo/tree/main/models"
    return [
        ModelFile(
            file="face_detection_yunet_2023mar.onnx",
            purpose="Finds faces from any side and tells where they look, far better than the rough finder.",
            megabytes=0.2,
            licence="MIT",
            project=f"{zoo}/face_detection_yunet",
        ),
        ModelFile(
            file="face_recognition_sface_2021dec.onnx",
            purpose="Tells photos of somebody else apart from those of your character.",
            megabytes=38.7,
            licence="Apache-2.0",
            project=f"{zoo}/face_recognition_sface",
        ),
    ]


def _first(pattern: str, models: Path | None, load: Callable[[Path], Any], notes: list[str]) -> Any:
    """The first file that loads; those cut down to 8 bits come last."""
    found = sorted(models.glob(pattern), reverse=True) if models else []
    for path in sorted(found, key=lambda path: "int8" in path.name):
        try:
            return load(path)
        except ModelUnusableError as problem:
            notes.append(problem.why)
    return None
