"""A server that is killed in the middle of something: the next one has everything whole, and goes on."""

from __future__ import annotations

import http.client
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from isengard.tests.web.server import Client, Server
from isengard.trainer.mini import CHARACTER_DIR

pytestmark = pytest.mark.slow


def form(photos: list[Path]) -> tuple[bytes, dict[str, str]]:
    """Photos as a browser sends them."""
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n'
        % (photo.name.encode(), photo.read_bytes())
        for photo in photos
    ]
    return b"".join(parts) + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


def whole(root: Path) -> int:
    """How many photos are there; every one of them can be opened and has what belongs to it."""
    images = root / "characters" / "ada" / "images"
    found = [path for path in images.iterdir() if path.suffix != ".txt"] if images.is_dir() else []
    for path in found:
        with Image.open(path) as picture:
            picture.load()
        assert (root / "characters" / "ada" / "records" / f"{path.name}.json").is_file()
    return len(found)


def test_while_photos_arrive(server: Server, root: Path) -> None:
    """What was told to be taken is there, the rest can be sent again, and nothing is there twice or by half."""
    client = server.start()
    client.post("/characters", {"name": "Ada", "trigger_word": "ohwx"})
    photos = sorted(path for path in CHARACTER_DIR.iterdir() if path.suffix == ".jpg")
    data, headers = form(photos)

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120)
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", f"{client.prefix}/characters/ada/images", data, headers)
            connection.getresponse().read()

    sending = threading.Thread(target=send)
    sending.start()
    client.until("/characters/ada/images", lambda found: found["total"] >= 1, pause=0.02)
    server.kill()
    sending.join(120)
    client = server.start()
    kept = whole(root)
    assert 1 <= kept <= len(photos)
    answer = client.ask("POST", "/characters/ada/images", data=data, Content_Type=headers["Content-Type"])
    assert (answer.status, answer.json()["count"]) == (201, len(photos) - kept)
    assert whole(root) == len(photos)
    assert client.get("/characters")["characters"][0]["photos"] == len(photos)
    assert not list((root / ".journal").glob("*"))


def test_while_pictures_are_made_and_captions_written(server: Server, root: Path) -> None:
    """Pictures that are done stay, the others are made by the next server; a captioner's run says that it was broken
    off, and what it had said can be written."""
    client: Client = server.start()
    ada = client.post("/characters/sample", status=201)["id"]
    made = client.post("/generate", {"prompt": "a person", "family": "mini", "count": 6, "steps": 8, "seed": 1})
    client.until(f"/generate/{made['id']}", lambda found: len(found["pictures"]) >= 2, pause=0.02)
    client.post("/captioning", {"captioner": "plain", "character": ada, "overwrite": True, "preview": True})
    server.kill()
    client = server.start()
    (run,) = client.get("/captioning")["runs"]
    assert run["state"] in ("interrupted", "done")
    if run["changes"]:
        assert client.post(f"/captioning/{run['id']}/write", {})["undo"]
    done = client.until(f"/generate/{made['id']}", lambda found: found["state"] == "done")
    assert len(done["pictures"]) == 6
    pictures = client.get("/gallery")["pictures"]
    assert sorted(picture["settings"]["seed"] for picture in pictures) == [1, 2, 3, 4, 5, 6]
    assert client.get(f"/characters/{ada}")["photos"] == client.get(f"/characters/{ada}/images")["total"]
