"""Pictures that the report's tests make: scenes, drawn people, screens and collages, with and without flaws."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from isengard.library.report.faces import Face, FaceFinder
from isengard.library.report.findings import Finding, photo_findings
from isengard.library.report.measures import Measures, SourceFacts, measure

Colour = tuple[int, int, int]
NO_FINDER = FaceFinder()
CAMERA = SourceFacts(format="JPEG", bytes=3_000_000, width=4032, height=3024, jpeg_quality=95, camera="Apple iPhone 14")


def scene(seed: int = 0, size: tuple[int, int] = (1024, 768), shapes: int = 200) -> Image.Image:
    """Things that cover one another, of all sizes and colours, with shading and grain: edges as photos have them."""
    return _scene(seed, size, shapes).copy()


@cache
def _scene(seed: int, size: tuple[int, int], shapes: int) -> Image.Image:
    random = np.random.default_rng(seed)
    wide, high = size[0] * 2, size[1] * 2
    image = Image.new("RGB", (wide, high), tuple(random.integers(60, 180, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for place in range(shapes):
        side = int(min(wide, high) * 0.5 * (1 - place / shapes) ** 2 * random.uniform(0.3, 1)) + 12
        left, top = random.uniform(-side, wide), random.uniform(-side, high)
        shape = draw.ellipse if random.random() < 0.6 else draw.rectangle
        box = (left, top, left + side, top + side * random.uniform(0.5, 1.5))
        shape(box, fill=tuple(random.integers(10, 245, 3).tolist()))
    return grained(image.reduce(2), seed)


def grained(image: Image.Image, seed: int = 0, amount: float = 2.5) -> Image.Image:
    """With a gentle change of light from side to side, and the noise of a sensor."""
    pixels = np.asarray(image, dtype=np.float32)
    high, wide = pixels.shape[:2]
    down, right = np.mgrid[:high, :wide].astype(np.float32) / max(high, wide)
    shade = (0.95 + 0.08 * np.sin(3 * right + seed) * np.cos(2 * down)).astype(np.float32)
    noise = np.random.default_rng(seed).standard_normal((high, wide, 1), dtype=np.float32) * amount
    return Image.fromarray(np.clip(pixels * shade[..., None] + noise, 0, 255).astype(np.uint8))


def portrait(
    size: tuple[int, int] = (768, 1024),
    *,
    skin: Colour = (224, 172, 140),
    hair: Colour = (60, 40, 30),
    top: Colour = (40, 70, 120),
    behind: Colour | Image.Image = (120, 130, 140),
    at: tuple[float, float] = (0.5, 0.4),
    scale: float = 0.2,
    grain: float = 2.5,
    seed: int = 0,
) -> Image.Image:
    """A person from the chest up: head with highlights, eyes and strands of hair, before a colour or a picture."""
    wide, high = size[0] * 2, size[1] * 2
    image = behind.resize((wide, high)) if isinstance(behind, Image.Image) else Image.new("RGB", (wide, high), behind)
    draw = ImageDraw.Draw(image)
    x, y, unit = wide * at[0], high * at[1], wide * scale

    def oval(left: float, upper: float, right: float, lower: float, colour: Colour) -> None:
        draw.ellipse((x + left * unit, y + upper * unit, x + right * unit, y + lower * unit), fill=colour)

    oval(-1.25, -1.75, 1.25, 1.3, hair)
    oval(-2.3, 1.6, 2.3, 7, top)
    draw.rectangle((x - 0.45 * unit, y + unit, x + 0.45 * unit, y + 2 * unit), fill=_times(skin, 0.75))
    oval(-1, -1.4, 1, 1.5, skin)
    oval(-0.75, -1.1, 0.35, 0.9, _times(skin, 1.12))
    oval(-0.45, -1.0, -0.1, -0.75, _towards_white(skin, 0.45))
    oval(-0.14, 0.05, 0.16, 0.38, _times(skin, 0.85))
    oval(-0.08, 0.05, 0.06, 0.25, _towards_white(skin, 0.3))
    for side in (-1, 1):
        oval(side * 0.42 - 0.2, -0.3, side * 0.42 + 0.2, -0.1, (238, 235, 230))
        oval(side * 0.42 - 0.09, -0.29, side * 0.42 + 0.09, -0.11, (50, 35, 25))
        oval(side * 0.42 - 0.02, -0.25, side * 0.42 + 0.02, -0.21, (250, 250, 250))
        oval(side * 0.42 - 0.26, -0.5, side * 0.42 + 0.26, -0.42, hair)
    oval(-0.35, 0.68, 0.35, 0.86, _times(skin, 0.6))
    _strands(draw, x, y, unit, hair, seed)
    return grained(image.reduce(2), seed, grain)


def _strands(draw: ImageDraw.ImageDraw, x: float, y: float, unit: float, hair: Colour, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(160):
        angle, length = random.uniform(np.pi, 2 * np.pi), random.uniform(1.05, 1.3)
        start = (x + 1.05 * unit * np.cos(angle), y - 0.1 * unit + 1.35 * unit * np.sin(angle))
        end = (x + length * 1.05 * unit * np.cos(angle), y - 0.1 * unit + length * 1.35 * unit * np.sin(angle))
        draw.line((*start, *end), fill=_times(hair, random.uniform(0.5, 1.9)), width=3)


def _times(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, int(value * factor)) for value in colour)
    return (red, green, blue)


def _towards_white(colour: Colour, share: float) -> Colour:
    red, green, blue = (int(value + (255 - value) * share) for value in colour)
    return (red, green, blue)


def exposed(image: Image.Image, stops: float) -> Image.Image:
    """The picture as a camera takes it with so many stops more (or less) light."""
    light = (np.asarray(image, dtype=np.float32) / 255) ** 2.2 * 2.0**stops
    return Image.fromarray((np.clip(light, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8))


def blurred(image: Image.Image, radius: float) -> Image.Image:
    """Out of focus: a Gaussian with this standard deviation in pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def moved(image: Image.Image, pixels: int) -> Image.Image:
    """Smeared from left to right."""
    values = np.asarray(image, dtype=np.float32)
    steps = [values[:, step : values.shape[1] - pixels + step] for step in range(pixels)]
    return Image.fromarray(np.mean(steps, axis=0).astype(np.uint8))


def saved(image: Image.Image, quality: int) -> Image.Image:
    """After a trip through JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def cropped(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """With these shares of the sides cut off."""
    wide, high = image.size
    return image.crop((round(left * wide), round(top * high), round((1 - right) * wide), round((1 - bottom) * high)))


def screenshot(
    picture: Image.Image, size: tuple[int, int] = (1170, 2532), ground: Colour = (250, 250, 250)
) -> Image.Image:
    """The picture in an app: a status bar with clock and battery above, buttons below."""
    wide, high = size
    image = Image.new("RGB", size, ground)
    bar, foot = round(high * 0.045), round(high * 0.07)
    image.paste(picture.resize((wide, high - bar - foot)), (0, bar))
    draw = ImageDraw.Draw(image)
    ink = tuple(255 - value for value in ground)
    for left, right in ((0.08, 0.10), (0.11, 0.13), (0.15, 0.17), (0.78, 0.81), (0.83, 0.86), (0.89, 0.95)):
        draw.rectangle((left * wide, bar * 0.35, right * wide, bar * 0.7), fill=ink)
    for place in range(5):
        middle = wide * (place + 0.5) / 5
        draw.ellipse((middle - 30, high - foot * 0.75, middle + 30, high - foot * 0.35), fill=ink)
    return image


def collage(pictures: list[Image.Image], *, gutter: int = 0, across: bool = False) -> Image.Image:
    """Pictures side by side (or one above the other), with a white strip between them."""
    cells = [picture.resize((600, 800)) for picture in pictures]
    step = (0, 800 + gutter) if across else (600 + gutter, 0)
    count = len(cells) - 1
    image = Image.new("RGB", (600 + step[0] * count, 800 + step[1] * count), "white")
    for place, cell in enumerate(cells):
        image.paste(cell, (step[0] * place, step[1] * place))
    return image


def measured(image: Image.Image, source: SourceFacts = CAMERA, finder: FaceFinder = NO_FINDER) -> Measures:
    return measure(image, source, finder)


def findings(image: Image.Image, source: SourceFacts = CAMERA, finder: FaceFinder = NO_FINDER) -> dict[str, Finding]:
    """What is found in a picture, by code; every finding is checked to be complete."""
    found = photo_findings(measured(image, source, finder))
    for finding in found:
        assert finding.message.endswith(".")
        assert finding.repairs
        assert (finding.measured is None) == (finding.threshold is None) == (finding.unit is None), finding
    return {finding.code: finding for finding in found}


class KnownFaces(FaceFinder):
    """A finder that is told where the faces are."""

    def __init__(self, *faces: Face, embeds: bool = False) -> None:
        super().__init__()
        self._faces = faces
        self._embeds = embeds

    @property
    def method(self) -> str:
        return "yunet"

    @property
    def embeds(self) -> bool:
        return self._embeds

    def find(self, image: Image.Image) -> tuple[Face, ...]:
        return tuple(sorted(self._faces, key=lambda face: -face.share))


PORTRAIT_FACE = Face(left=0.3, top=0.22, width=0.4, height=0.4, score=0.9)
"""Where the face is in a portrait of the usual size."""


def hopper() -> Image.Image:
    """A photograph of a real person that matplotlib carries: Grace Hopper by the US Navy, in the public domain."""
    import matplotlib

    return Image.open(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")).convert("RGB")
