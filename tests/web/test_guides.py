"""Pictures that steer others, over HTTP."""

from __future__ import annotations

from isengard.library import guides
from isengard.tests.library.test_guides import picture
from isengard.tests.web.studio import API, Studio


async def test_a_guide_is_told_by_its_content(studio: Studio) -> None:
    """A picture gets a number and is private; a page under a picture's name, and a form, are refused."""
    async with studio.client.post(f"{API}/guides", data=picture(), headers={"Content-Type": "image/jpeg"}) as response:
        made = await response.json()
        assert response.status == 201
        assert response.headers["Location"] == f"{API}/guides/{made['id']}"
    kept = guides.path_of(studio.services.library, made["id"]).read_bytes()
    async with studio.client.get(f"{API}/guides/{made['id']}") as response:
        assert (response.content_type, await response.read()) == ("image/png", kept)
        assert "private" in response.headers["Cache-Control"]
    for data, kind, status, code in (
        (b"<svg onload='x'/>", "image/png", 422, "PHOTO_UNREADABLE"),
        (picture(), "text/plain", 415, "CONTENT_TYPE_WRONG"),
        (b"", "image/png", 422, "PHOTO_UNREADABLE"),
    ):
        async with studio.client.post(f"{API}/guides", data=data, headers={"Content-Type": kind}) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (status, code)
    _, answer = await studio.post("/generate", {"prompt": "x", "image_prompt": {"guide": made["id"]}})
    assert answer["error"]["code"] == "FEATURE_NOT_READY"
    assert "Redux" in answer["error"]["message"]
