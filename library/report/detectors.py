"""The face models that OpenCV runs, where an OpenCV is installed: YuNet, Haar cascades, and SFace's embeddings."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...sentences import Said

Point = tuple[float, float]
Bgr = NDArray[np.uint8]

_CANVAS = 640
"""Pixels a side of what YuNet is shown: the size its file was exported for, which OpenCV 5 insists on."""
_YUNET_SCALES = (1.0, 0.4)
"""It was trained on faces of 10 to 300 pixels, so that a face that fills the picture is found in a smaller copy."""
_YUNET_SCORE = 0.7
_HAAR_LONG_SIDE = 512
_HAAR_SMALLEST = 0.05
"""Of the long side. What is smaller is too often no face."""
CASCADE = "haarcascade_frontalface_alt2.xml"


class ModelUnusableError(Exception):
    """A model's file can't be used."""

    def __init__(self, why: Said) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Found:
    """A face in pixels of the picture that was searched."""

    left: float
    top: float
    width: float
    height: float
    score: float
    landmarks: tuple[Point, ...] | None = None
    """Right eye, left eye, nose, right and left corner of the mouth: the person's right, the picture's left."""


class Detector(Protocol):
    """Finds faces."""

    name: str

    def find(self, image: Image.Image) -> list[Found]:
        """The faces in an RGB picture, in no order."""


def load_cv2() -> Any | None:
    """The OpenCV that is installed, or None."""
    try:
        return importlib.import_module("cv2")
    except Exception:  # noqa: BLE001 - an OpenCV that fits neither numpy nor the system raises more than ImportError
        return None


class Yunet:
    """OpenCV's FaceDetectorYN with a YuNet file. Not for two threads at a time."""

    name = "yunet"

    def __init__(self, cv2: Any, model: Path) -> None:
        self._cv2 = cv2
        size = (_CANVAS, _CANVAS)
        self._net = _create(cv2, "FaceDetectorYN", model, size, _YUNET_SCORE, 0.3, 200)
        try:
            self._net.detect(np.zeros((*size, 3), dtype=np.uint8))
        except cv2.error as problem:
            text = f"{model.name} is no face finder that this OpenCV can run."
            raise ModelUnusableError(Said("face_finder.unusable", text, file=model.name)) from problem

    def find(self, image: Image.Image) -> list[Found]:
        """Looks at a copy of the whole picture, and at a smaller one if nothing was found."""
        for scale in _YUNET_SCALES:
            if found := self._find(image, _CANVAS * scale):
                return found
        return []

    def _find(self, image: Image.Image, long_side: float) -> list[Found]:
        scale = long_side / max(image.size)
        small = _resized(image, scale)
        canvas = np.zeros((_CANVAS, _CANVAS, 3), dtype=np.uint8)
        canvas[: small.height, : small.width] = bgr(small)
        _, rows = self._net.detect(canvas)
        faces = []
        for row in [] if rows is None else np.asarray(rows, dtype=float):
            box, points, score = row[:4] / scale, row[4:14].reshape(5, 2) / scale, float(row[14])
            marks = tuple((float(x), float(y)) for x, y in points)
            faces.append(_found(box, score, marks))
        return faces


class Haar:
    """OpenCV's cascade for frontal faces: rough, but it comes with OpenCV 4."""

    name = "haar"

    def __init__(self, cv2: Any) -> None:
        folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
        if not hasattr(cv2, "CascadeClassifier") or not folder or not Path(folder, CASCADE).is_file():
            text = f"OpenCV {cv2.__version__} comes without Haar cascades."
            raise ModelUnusableError(Said("face_finder.no_rough_one", text, version=cv2.__version__))
        self._cv2 = cv2
        self._cascade = cv2.CascadeClassifier()
        text = Path(folder, CASCADE).read_text(encoding="utf-8")  # OpenCV can't open every path on Windows
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        if not self._cascade.read(storage.getFirstTopLevelNode()):
            text = f"{CASCADE} of OpenCV {cv2.__version__} can't be read."
            raise ModelUnusableError(Said("face_finder.no_rough_one", text, version=cv2.__version__))

    def find(self, image: Image.Image) -> list[Found]:
        """Looks at a grey copy with its contrast evened out."""
        scale = min(1.0, _HAAR_LONG_SIDE / max(image.size))
        small = np.asarray(_resized(image.convert("L"), scale))
        smallest = max(24, round(max(small.shape) * _HAAR_SMALLEST))
        boxes, counts = self._cascade.detectMultiScale2(
            self._cv2.equalizeHist(small), scaleFactor=1.12, minNeighbors=4, minSize=(smallest, smallest)
        )
        pairs = zip(np.asarray(boxes, dtype=float).reshape(-1, 4), np.ravel(counts).tolist(), strict=True)
        return [_found(box / scale, count) for box, count in pairs]


class Sface:
    """OpenCV's FaceRecognizerSF with an SFace file. Not for two threads at a time."""

    name = "sface"

    def __init__(self, cv2: Any, model: Path) -> None:
        self._net = _create(cv2, "FaceRecognizerSF", model)
        self._wrong = cv2.error
        try:
            self._net.feature(np.zeros((112, 112, 3), dtype=np.uint8))
        except cv2.error as problem:
            text = f"{model.name} is no face recogniser that this OpenCV can run."
            raise ModelUnusableError(Said("face_finder.unusable", text, file=model.name)) from problem

    def embed(self, image: Image.Image, face: Found) -> tuple[float, ...] | None:
        """A unit vector that is alike for pictures of one person; None for a face without landmarks."""
        if face.landmarks is None:
            return None
        scale = min(1.0, 448 / max(face.width, face.height))  # the network sees 112 pixels
        box = [face.left, face.top, face.width, face.height, *(value for mark in face.landmarks for value in mark)]
        row = np.asarray([*(value * scale for value in box), face.score], dtype=np.float32)
        aligned = self._net.alignCrop(bgr(_resized(image, scale)), row)
        vector = np.asarray(self._net.feature(aligned), dtype=np.float64).ravel()
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            return None
        return tuple(round(value, 5) for value in (vector / length).tolist())


def bgr(image: Image.Image) -> Bgr:
    """Rows × columns × blue, green, red, as OpenCV counts them."""
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _create(cv2: Any, kind: str, model: Path, *options: object) -> Any:
    """The network from the file's bytes: OpenCV can't open every path on Windows."""
    maker = getattr(cv2, kind, None)
    if maker is None:
        text = f"OpenCV {cv2.__version__} has no {kind}."
        raise ModelUnusableError(Said("face_finder.old_opencv", text, version=cv2.__version__))
    try:
        data = np.frombuffer(model.read_bytes(), dtype=np.uint8)
        return maker.create("onnx", data, np.empty(0, dtype=np.uint8), *options)
    except OSError as problem:
        text = f"{model.name} can't be read: {problem.strerror}."
        raise ModelUnusableError(Said("face_finder.unreadable", text, file=model.name)) from problem
    except (cv2.error, TypeError, ValueError) as problem:
        text = f"{model.name} is damaged, or not for OpenCV {cv2.__version__}."
        why = Said("face_finder.damaged", text, file=model.name, version=cv2.__version__)
        raise ModelUnusableError(why) from problem


def _found(box: NDArray[np.float64], score: float, landmarks: tuple[Point, ...] | None = None) -> Found:
    left, top, width, height = box.tolist()
    return Found(left=left, top=top, width=width, height=height, score=score, landmarks=landmarks)


def _resized(image: Image.Image, scale: float) -> Image.Image:
    if scale == 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
