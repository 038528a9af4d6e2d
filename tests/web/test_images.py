"""Photos over HTTP: what is uploaded is judged by its content, and every change can be taken back."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from aiohttp import FormData
from aiohttp.test_utils import TestClient
from PIL import Image
from yarl import URL

from isengard.tests.trainer.jobs import most_bytes
from isengard.tests.web.test_answers import error
from isengard.web.api.images import PhotoList, PhotoOut
from isengard.web.services import Services

Here = TestClient  # type: ignore[type-arg]
ADA = "/isengard/characters/ada"


def picture(seed: int, kind: str = "PNG") -> bytes:
    """A small picture that is like no other."""
    data = BytesIO()
    coarse = Image.frombytes("RGB", (6, 6), random.Random(seed).randbytes(108))
    coarse.resize((300, 300), Image.Resampling.BICUBIC).save(data, kind)
    return data.getvalue()


async def uploaded(here: Here, *files: tuple[str, bytes]) -> list[dict[str, Any]]:
    """What became of these files."""
    form = FormData(quote_fields=False)  # as browsers do
    for name, data in files:
        form.add_field("file", data, filename=name, content_type="application/octet-stream")
    answer = await here.post(f"{ADA}/images", data=form)
    body = json.loads(await answer.text())
    assert answer.status == 201, body
    assert body["count"] == sum(bool(item["file"]) for item in body["added"])
    return list(body["added"])


async def until(condition: Callable[[], object]) -> None:
    """Waits for something to become true."""

    async def look() -> None:
        while not condition():  # noqa: ASYNC110 (there is no event for that)
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), 240)


async def listed(here: Here, query: str = "") -> dict[str, Any]:
    answer = await here.get(f"{ADA}/images{query}")
    assert answer.status == 200, await answer.text()
    return dict(await answer.json())


async def test_uploads_are_told_one_by_one(here: Here, root: Path) -> None:
    """Names that lie or lead elsewhere, pages, texts, doubles and captions before and after their photo."""
    await here.post("/isengard/characters", json={"name": "Ada", "trigger_word": "ohwx"})
    await error(await here.post("/isengard/characters/nobody/images", data=FormData({"x": "y"})), "CHARACTER_MISSING")
    page = b"<html><script>alert(1)</script></html>"
    found = await uploaded(
        here, ("early.txt", b"ohwx in a park"), ("early.png", picture(1)), ("../../../escape.png", picture(2)),
        ("page.jpg", page), ("image.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), ("twin.png", picture(1)),
        ("wrong ending.jpg", picture(3, "WEBP")), ("late.png", picture(4)), ("late.txt", b"ohwx by a lake"),
    )  # fmt: skip
    told = {item["title"]: item for item in found}
    assert told["page.jpg"]["message"].startswith("page.jpg ")
    assert [told[name]["code"] for name in ("page.jpg", "image.svg")] == ["PHOTO_UNREADABLE", "PHOTO_UNREADABLE"]
    assert told["twin.png"]["twin"] == told["early.png"]["file"]
    assert next(item for title, item in told.items() if title.endswith("escape.png"))["file"]
    photos = {photo["file"]: photo for photo in (await listed(here))["photos"]}
    assert photos[told["early.png"]["file"]]["caption"] == "ohwx in a park"
    assert photos[told["late.png"]["file"]]["caption"] == "ohwx by a lake"
    assert len(photos) == 4
    assert not list(root.parent.glob("escape*"))
    assert [path.name for path in (root / ".scratch").glob("upload-*")] == []


async def test_a_caption_that_can_not_be_used_costs_no_photo(here: Here) -> None:
    """Too long or no text, before its photo or behind it: the photo is taken, and says what became of the caption."""
    await here.post("/isengard/characters", json={"name": "Ada", "trigger_word": "ohwx"})
    texts = {
        "long": b"a" * 3000, "huge": b"a" * 200_000, "latin": "Stra\xdfe".encode("latin-1"), "binary": b"a\0b",
        "good": b"ohwx by a lake",
    }  # fmt: skip
    files: list[tuple[str, bytes]] = []
    for number, (name, data) in enumerate(texts.items()):
        early, late = (f"{name}-early.png", picture(2 * number)), (f"{name}-late.png", picture(2 * number + 1))
        files += [(f"{name}-early.txt", data), early, late, (f"{name}-late.txt", data)]
    told = {item["title"]: item for item in await uploaded(here, *files)}
    photos = {photo["file"]: photo for photo in (await listed(here))["photos"]}
    for title, item in told.items():
        good = title.startswith("good")
        assert photos[item["file"]]["caption"] == ("ohwx by a lake" if good else ""), title
        assert ("Taken without its caption" in item["note"]) != good, title


async def test_a_form_that_is_none_or_breaks_off(here: Here, services: Services) -> None:
    await here.post("/isengard/characters", json={"name": "Ada"})
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    await error(await here.post(f"{ADA}/images", data=b"--x--\r\n", headers=kind), "REQUEST_INVALID")
    await error(await here.post(f"{ADA}/images", data=b"nonsense", headers=kind), "REQUEST_UNREADABLE")
    bare = {"Content-Type": "multipart/form-data"}
    await error(await here.post(f"{ADA}/images", data=b"x", headers=bare), "REQUEST_UNREADABLE")
    places = services.uploads._value
    _, writer = await asyncio.open_connection("127.0.0.1", here.port)
    writer.write(
        f"POST {ADA}/images HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nabc'.encode()
    )
    await writer.drain()
    await until(lambda: services.uploads._value < places)
    writer.close()
    await until(lambda: services.uploads._value == places)
    assert (await listed(here))["total"] == 0


async def test_every_change_of_a_photo_can_be_taken_back(here: Here) -> None:
    await here.post("/isengard/characters", json={"name": "Ada", "trigger_word": "ohwx"})
    one, two = [item["file"] for item in await uploaded(here, ("a.png", picture(1)), ("b.png", picture(2)))]
    key = {"character": "ada", "file": one}
    changed = await here.patch(f"{ADA}/images/{one}", json={"caption": "ohwx smiling", "rotation": 90})
    assert (await changed.json())["caption"] == "ohwx smiling"
    cropped = await (await here.patch(f"{ADA}/images/{one}", json={"crop": [0.1, 0.1, 0.5, 0.5]})).json()
    assert (cropped["rotation"], cropped["crop"], cropped["can_undo"]) == (90, [0.1, 0.1, 0.5, 0.5], True)
    back = await (await here.patch(f"{ADA}/images/{one}", json={"undo": True})).json()
    assert (back["rotation"], back["crop"]) == (90, None)
    await error(await here.patch(f"{ADA}/images/{one}", json={"crop": [0.9, 0.9, 0.5, 0.5]}), "EDIT_INVALID")
    await here.post("/isengard/images/reject", json={"photos": [key]})
    assert [photo["file"] for photo in (await listed(here, "?rejected=true"))["photos"]] == [one]
    await here.post("/isengard/images/reject", json={"photos": [key], "rejected": False})
    gone = await (await here.post("/isengard/images/delete", json={"photos": [key]})).json()
    assert (await listed(here))["total"] == 1
    await here.post("/isengard/images/restore", json=gone)
    assert {photo["file"] for photo in (await listed(here))["photos"]} == {one, two}
    edit = {"photos": [key], "edit": {"kind": "append", "text": "at night"}}
    preview = await (await here.post("/isengard/images/captions", json={**edit, "preview": True})).json()
    assert (preview["changes"][0]["after"], preview["undo"]) == ("ohwx smiling, at night", "")
    done = await (await here.post("/isengard/images/captions", json=edit)).json()
    assert done["changes"] == preview["changes"]
    undone = await (await here.post("/isengard/images/captions/undo", json={"undo": done["undo"]})).json()
    assert undone == {"restored": [key], "conflicts": []}


async def test_turning_keeps_the_part_that_is_shown(here: Here) -> None:
    """Somebody crops to a face that lies on its side, then turns it: it stays that face."""
    await here.post("/isengard/characters", json={"name": "Ada", "trigger_word": "ohwx"})
    quarters = Image.new("RGB", (600, 400))
    for place, colour in (((0, 0), "red"), ((300, 0), "lime"), ((0, 200), "blue"), ((300, 200), "white")):
        quarters.paste(Image.new("RGB", (300, 200), colour), place)
    data = BytesIO()
    quarters.save(data, "PNG")
    (added,) = await uploaded(here, ("quarters.png", data.getvalue()))
    photo = f"{ADA}/images/{added['file']}"
    crop = [0.52, 0.1, 0.4, 0.3]
    shown = await (await here.patch(photo, json={"crop": crop})).json()
    for rotation in (90, 180, 270, 0):
        shown = await (await here.patch(photo, json={"rotation": rotation})).json()
        assert (shown["width"] > shown["height"]) == (rotation in (0, 180))
        with Image.open(BytesIO(await (await here.get(photo)).read())) as picture:
            for place in ((3, 3), (picture.width - 4, picture.height - 4)):
                red, green, blue = picture.convert("RGB").getpixel(place)  # type: ignore[misc]
                assert (red < 60, green > 200, blue < 60) == (True, True, True), (rotation, place)
    assert shown["crop"] == crop


async def test_pictures_are_private_and_small_ones_are_small(here: Here) -> None:
    await here.post("/isengard/characters", json={"name": "Ada"})
    (added,) = await uploaded(here, ("a.png", picture(1)))
    (photo,) = (await listed(here))["photos"]
    for address, kind in ((photo["url"], b"\xff\xd8\xff"), (photo["thumb"], b"RIFF")):
        answer = await here.get(address)
        data = await answer.read()
        assert data.startswith((kind, b"\x89PNG")), data[:8]
        assert "private" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"].startswith("image/")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    part = await here.get(f"{ADA}/images/{added['file']}", headers={"Range": "bytes=0-3"})
    assert (part.status, len(await part.read())) == (206, 4)


async def test_photos_put_there_by_hand_are_taken_in_when_somebody_looks(
    here: Here, root: Path, services: Services
) -> None:
    await here.post("/isengard/characters", json={"name": "Ada"})
    folder = root / "characters" / "ada" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "by hand.png").write_bytes(picture(5))
    os.utime(folder / "by hand.png", (1, 1))
    deadline = time.monotonic() + 240
    while (states := [photo["state"] for photo in (await listed(here))["photos"]]) != ["ok"]:
        assert time.monotonic() < deadline, states
        await asyncio.sleep(0.1)
    report = await (await here.get(f"{ADA}/report")).json()
    assert report["photos"]["photos"] == 1
    assert services.hub.last > 0


async def test_a_full_disk_is_told_while_something_comes_in(here: Here, services: Services) -> None:
    """Of an archive and of photos; nothing is left of them. A limit on the size of files stands for the disk's."""
    await here.post("/isengard/characters", json={"name": "Ada", "trigger_word": "ohwx"})
    with most_bytes(300_000):
        form = FormData()
        form.add_field("file", b"x" * 3_000_000, filename="large.png", content_type="image/png")
        await error(await here.post(f"{ADA}/images", data=form), "DISK_FULL")
        kind = {"Content-Type": "application/zip"}
        archive = await here.post("/isengard/characters/import", data=b"x" * 3_000_000, headers=kind)
        await error(archive, "DISK_FULL")
    assert [path.name for path in services.library.scratch.iterdir()] == []


async def test_an_archive_goes_out_and_comes_in(here: Here) -> None:
    await here.post("/isengard/characters", json={"name": "Ada", "trigger_word": "ohwx"})
    await uploaded(here, ("a.png", picture(1)), ("a.txt", b"ohwx smiling"))
    answer = await here.get(f"{ADA}/export")
    archive = await answer.read()
    assert (answer.status, answer.content_type, archive[:2]) == (200, "application/zip", b"PK")
    kind = {"Content-Type": "application/zip"}
    back = await here.post("/isengard/characters/import", data=archive, headers=kind)
    body = json.loads(await back.text())
    assert back.status == 201, body
    assert (body["character"]["id"], body["photos"]) == ("ada-2", 1)
    await error(await here.post("/isengard/characters/import", data=b"no zip", headers=kind), "ARCHIVE_UNREADABLE")


async def test_a_list_says_of_a_photo_what_the_photo_says_of_itself(here: Here) -> None:
    await here.post("/isengard/characters", json={"name": "Ada"})
    names = ("Åsa & Øyvind's 100%.png", "写真 #1.png", "plain.png")
    await uploaded(here, *((name, picture(number)) for number, name in enumerate(names)))
    photos = PhotoList.model_validate(await listed(here)).photos
    assert {photo.title for photo in photos} == set(names)
    for number, photo in enumerate(photos):
        changes = {"caption": f'said "{number}"\n\\ and </script>', "rotation": 90}
        alone = await here.patch(URL(photo.url, encoded=True).with_query(None), json=changes)
        assert PhotoOut.model_validate(await alone.json()) in PhotoList.model_validate(await listed(here)).photos
        assert (await here.get(URL(photo.thumb, encoded=True))).status == 200
