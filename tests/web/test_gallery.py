"""The gallery over HTTP: pages, files with the right type and caching, deleting and undoing."""

from __future__ import annotations

import io
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from PIL import Image

from isengard.library import gallery
from isengard.tests.library.test_gallery import add
from isengard.web.services import Services

API = "/isengard/gallery"
Host = tuple[TestClient[Any, Any], Services]


@pytest.fixture
def host(here: TestClient[Any, Any], services: Services) -> Host:
    return here, services


async def test_pages_go_on_where_the_last_one_ended(host: Host) -> None:
    """Newest first, with what made each picture."""
    client, services = host
    made = [add(services.library, f"number {index}", "ada").id for index in range(5)]
    async with client.get(f"{API}?limit=3&character=ada") as response:
        first = await response.json()
    assert [found["id"] for found in first["pictures"]] == made[:1:-1]
    assert (first["total"], first["damaged"]) == (5, 0)
    assert first["pictures"][0]["prompt"] == "number 4"
    assert first["pictures"][0]["characters"] == ["ada"]
    async with client.get(API, params={"limit": 3, "cursor": first["next"]}) as response:
        second = await response.json()
    assert [found["id"] for found in second["pictures"]] == made[1::-1]
    assert second["next"] == ""
    for query in ({"cursor": "nonsense"}, {"cursor": "W10="}, {"cursor": "MQ=="}, {"cursor": "é"}):
        async with client.get(API, params=query) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (422, "QUERY_INVALID")


async def test_files_are_served_as_what_they_are(host: Host) -> None:
    """PNG and WebP, kept by the browser alone, never sniffed, asked again only by condition."""
    client, services = host
    picture = add(services.library, "x", size=(640, 480))
    for query, kind, size in (("", "image/png", (640, 480)), ("?size=thumb", "image/webp", (384, 288))):
        async with client.get(f"{API}/{picture.id}{query}") as response:
            assert (response.status, response.content_type) == (200, kind)
            assert response.headers["Cache-Control"].startswith("private")
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            with Image.open(io.BytesIO(await response.read())) as image:
                assert image.size == size
            condition = {"If-None-Match": response.headers["ETag"]}
        async with client.get(f"{API}/{picture.id}{query}", headers=condition) as response:
            assert response.status == 304
    async with client.get(f"{API}/{picture.id}/settings") as response:
        assert (await response.json())["settings"] == dict(picture.settings)


async def test_deleting_can_be_undone(host: Host) -> None:
    """Gone from list and address, and back with the same number: by its own, or by the trash's that was answered."""
    client, services = host
    picture = add(services.library, "x")
    async with client.delete(f"{API}/{picture.id}") as response:
        assert response.status == 200
        entry = (await response.json())["trash"]
    for method, path in (("GET", f"{API}/{picture.id}"), ("DELETE", f"{API}/{picture.id}")):
        async with client.request(method, path) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (404, "PICTURE_MISSING")
    async with client.post(f"{API}/{picture.id}/restore") as response:
        assert (response.status, (await response.json())["id"]) == (200, picture.id)
    async with client.delete(f"{API}/{picture.id}") as response:
        assert (await response.json())["trash"] == entry
    async with client.post(f"/isengard/trash/{entry}/restore") as response:
        assert (response.status, (await response.json())["kind"]) == (200, "picture")
    async with client.get(API) as response:
        assert (await response.json())["total"] == 1


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2flibrary.json", "%252e%252e", "a%00b", "C%3Ax", "x" * 400])
async def test_no_address_leads_out(host: Host, name: str) -> None:
    """Nothing but pictures, whatever is asked for and done."""
    client, services = host
    add(services.library, "x")
    before = sorted(path for path in services.library.root.rglob("*") if "sqlite" not in path.name)
    for method in ("GET", "DELETE"):
        async with client.request(method, f"{API}/{name}") as response:
            assert response.status in (404, 405, 422)
            assert response.content_type == "application/json"
    assert sorted(path for path in services.library.root.rglob("*") if "sqlite" not in path.name) == before


async def test_a_damaged_picture_does_not_break_the_page(host: Host) -> None:
    """It is listed with its problem, which names no folder."""
    client, services = host
    picture = add(services.library, "x")
    add(services.library, "y")
    gallery.path_of(services.library, picture.id).with_suffix(".json").write_text("{")
    async with client.get(API) as response:
        page = await response.json()
    assert page["damaged"] == 1
    problems = [found["problem"] for found in page["pictures"] if found["problem"]]
    assert len(problems) == 1
    assert str(services.library.root) not in problems[0]


async def test_one_of_the_trash_goes_for_good_and_the_others_can_come_back(host: Host) -> None:
    """By its number alone; what is gone is said to be gone, and nothing else is touched."""
    client, services = host
    first, second = (add(services.library, name).id for name in ("first", "second"))
    for picture in (first, second):
        async with client.delete(f"{API}/{picture}") as response:
            assert response.status == 200
    for answer in ((200, {"emptied": 1}), (404, "TRASH_MISSING")):
        async with client.post("/isengard/trash/empty", json={"trash": [first]}) as response:
            body = await response.json()
            assert (response.status, body if response.ok else body["error"]["code"]) == answer
    async with client.get("/isengard/trash") as response:
        assert [entry["id"] for entry in (await response.json())["entries"]] == [second]
    async with client.post(f"{API}/{first}/restore") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (404, "PICTURE_MISSING")
    async with client.post(f"{API}/{second}/restore") as response:
        assert response.status == 200
    assert not (services.library.trash / first).exists()
