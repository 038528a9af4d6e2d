"""Photos for tests that are told apart: by what they show, and by what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from isengard.tests.browser.panel import PHOTOS, Panel
from isengard.tests.web.server import Client

SIDE = 1024


def faces(folder: Path, count: int = 6) -> list[Path]:
    """Sharp photos of the bundled character, large enough that nothing is found wrong with them."""
    found = []
    for number, source in enumerate([file for file in PHOTOS if file.suffix == ".jpg"][:count]):
        with Image.open(source) as picture:
            found.append(_saved(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS), folder / f"face-{number}.jpg"))
    return found


def spoiled(folder: Path) -> dict[str, Path]:
    """One photo good, out of focus, too dark and as a second copy, and a file that is no picture whatever its name."""
    (good,) = faces(folder, 1)
    with Image.open(good) as picture:
        found = {
            "good": good,
            "blurred": _saved(picture.filter(ImageFilter.GaussianBlur(14)), folder / "blurred.jpg"),
            "dark": _saved(picture.point(lambda value: value * 0.07), folder / "dark.jpg"),
            "copy": _saved(picture.resize((900, 900)), folder / "copy.jpg", quality=60),
        }
    found["broken"] = folder / "broken.jpg"
    found["broken"].write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    return found


def numbered(folder: Path, count: int, *, start: int = 0, size: int = 128) -> list[Path]:
    """Small pictures that differ."""
    found = []
    for number in range(start, start + count):
        picture = Image.new("RGB", (size, size), (number * 37 % 256, number * 91 % 256, number * 53 % 256))
        ImageDraw.Draw(picture).text((8, 8), str(number), fill="white")
        found.append(_saved(picture, folder / f"n{number:03d}.png"))
    return found


def _saved(picture: Image.Image, path: Path, quality: int = 92) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=quality) if path.suffix == ".jpg" else picture.save(path)
    return path


def character(port: int, name: str) -> str:
    """Makes a character and gives its id."""
    return str(Client(port).post("/characters", {"name": name, "class_word": "woman"})["id"])


def with_faces(panel: Panel, port: int, folder: Path, name: str, count: int = 6) -> str:
    """A character with photos, open at its photos."""
    made = character(port, name)
    panel.open(f"characters/{made}/photos")
    panel.add_photos(faces(folder / name, count))
    return made


def upload(port: int, character: str, paths: list[Path]) -> None:
    """Adds files to a character without a browser."""
    boundary = "a-line-between-files"
    parts = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"\r\n\r\n'.encode()
        + path.read_bytes()
        + b"\r\n"
        for path in paths
    )
    answer = Client(port).ask(
        "POST", f"/characters/{character}/images", data=parts + f"--{boundary}--\r\n".encode(),
        Content_Type=f"multipart/form-data; boundary={boundary}",
    )  # fmt: skip
    assert answer.status == 201, answer.body
