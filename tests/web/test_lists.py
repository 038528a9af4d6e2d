"""Lists that are given whole unless somebody wants pages, and what is measured of LoRAs in them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from isengard.library import loras
from isengard.library.jobs import Jobs
from isengard.tests.library.test_jobs import trained, wish
from isengard.tests.trainer.jobs import empty_job, write_photos
from isengard.web.services import Services

API = "/isengard"
Here = TestClient[Any, Any]


async def get(here: Here, path: str) -> Any:
    """The JSON of a good answer."""
    async with here.get(API + path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def post(here: Here, path: str, body: Any) -> Any:
    """The same."""
    async with here.post(API + path, json=body) as response:
        assert response.status in (200, 201), await response.text()
        return await response.json()


@pytest.mark.parametrize(
    "odd",
    [
        {"created": 5},
        {"step": "many"},
        {"said": {"code": 1}},
        {"error": {"code": "X", "message": "y", "hint": "z", "details": "w"}},
        {"error": {"code": "X", "message": "y", "hint": "z", "said": {"message": 3}}},
    ],
)
async def test_a_job_that_a_stranger_wrote_does_not_hide_the_others(
    here: Here, services: Services, odd: dict[str, Any]
) -> None:
    """It is named as broken, by itself as an error of ours; the others are listed."""
    good, bad = (empty_job(services.library.jobs / name) for name in ("good", "bad"))
    good.cancel()
    bad.cancel()
    bad.state_file.write_text(json.dumps({**json.loads(bad.state_file.read_text()), **odd}), encoding="utf-8")
    for path in ("/training", "/jobs"):
        found = await get(here, path)
        assert [job["id"] for job in found["jobs"]] == ["good"]
        assert [(job["id"], job["code"]) for job in found["broken"]] == [("bad", "JOB_CORRUPT")]
    async with here.get(f"{API}/training/bad") as response:
        assert (await response.json())["error"]["code"] == "JOB_CORRUPT"


@pytest.mark.parametrize("name", ["characters", "loras", "trash"])
async def test_pages_give_everything_once_in_the_same_order(
    here: Here, services: Services, name: str, tmp_path: Path
) -> None:
    """Whole without a limit; with one each page goes on where the last one ended, also behind long names."""
    for number, called in enumerate(("Ada", "ada", "Zoë", "王" * 300, "ab" * 150)):
        made = await post(here, "/characters", {"name": called})
        file = tmp_path / f"{number}.safetensors"
        file.write_bytes(b"%d" % number)
        await services.run(loras.register, services.library, made["id"], file, job="", step=number, family="mini")
        if name == "trash":
            async with here.delete(f"{API}/characters/{made['id']}") as response:
                assert response.status == 200
    part = "entries" if name == "trash" else name
    whole = await get(here, f"/{name}")
    assert (len(whole[part]), whole["next"]) == (5, "")
    found, cursor = [], ""
    for _ in range(3):
        page = await get(here, f"/{name}?limit=2&cursor={cursor}")
        found += page[part]
        cursor = page["next"]
    assert (found, cursor) == (whole[part], "")
    deep = base64.urlsafe_b64encode(b"[" * 2900).decode()
    for nonsense in ("nonsense", deep):
        async with here.get(f"{API}/{name}?cursor={nonsense}") as response:
            assert response.status == 422


async def test_a_lora_shows_what_was_measured_of_it(here: Here, services: Services) -> None:
    """Of its own step, as soon as it was; null before, and where no face was seen."""
    await post(here, "/characters", {"name": "Ada", "trigger_word": "ohwx"})
    library = services.library
    write_photos(library.folder("ada").images)
    job = Jobs(library).create(wish(sample_prompts=["{trigger} person", "a street"])).job
    trained(job.folder)
    assert [lora["scores"] for lora in (await get(here, "/loras"))["loras"]] == [None]
    job.folder.samples.mkdir(exist_ok=True)
    pictures: dict[str, Any] = {}
    for step, score in ((4, 0.4), (12, 0.71)):
        for prompt, value in ((0, score), (1, 0.125)):
            path = job.folder.samples / f"step_{step:06d}_{prompt}.png"
            path.write_bytes(b"x")
            pictures[path.name] = {"mark": f"1 {path.stat().st_mtime_ns}", "score": value}
    kept = {"format": 1, "method": "drawn", "pictures": pictures, "photos": 4, "among_photos": 0.8}
    (job.folder.path / "likeness.json").write_text(json.dumps(kept), encoding="utf-8")
    (lora,) = (await get(here, "/loras?character=ada"))["loras"]
    assert (lora["step"], lora["scores"]) == (12, {"likeness": 0.71, "leak": 0.125})
    (job.folder.path / "likeness.json").write_text("{", encoding="utf-8")
    assert [lora["scores"] for lora in (await get(here, "/loras"))["loras"]] == [None]


async def test_a_library_without_jobs_has_an_order(here: Here) -> None:
    """An empty one, whatever was done before."""
    assert await post(here, "/training/order", {"order": []}) == {"running": "", "order": []}
    async with here.post(f"{API}/training/order", json={"order": ["none"]}) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (409, "JOB_STATE")
