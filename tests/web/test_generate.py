"""Pictures over HTTP: asked for with a character, followed live, stopped, kept; refusals."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from isengard.library import characters, loras
from isengard.media.png import read_settings
from isengard.tests.generator.made import Painter
from isengard.tests.web.streams import events_of, told
from isengard.tests.web.studio import API, Studio
from isengard.trainer.mini import MODEL_DIR
from isengard.web.api import generate
from isengard.web.call import Call


async def test_a_picture_is_asked_for_and_followed(studio: Studio) -> None:
    """201 with its address; the stream ends with done; the gallery has the picture with what made it."""
    studio.paint_with(Painter())
    body = {"character": "ada", "prompt": "in the rain", "aspect": "3:4", "count": 2, "seed": 10, "steps": 2}
    async with studio.client.post(f"{API}/generate", json=body, headers={"X-Correlation-ID": "c" * 12}) as response:
        made = await response.json()
        assert response.status == 201
        assert response.headers["Location"] == f"{API}/generate/{made['id']}"
    assert made["settings"]["sent"] == "ohwx, in the rain"
    assert (made["settings"]["width"], made["settings"]["height"]) == (112, 144)
    assert made["settings"]["loras"][0]["lora"] == studio.lora
    events = await events_of(studio.client, f"{API}/generate/{made['id']}/stream")
    assert [kind for _, kind, _ in events][-2:] == ["done", "end"]
    ids = [data["id"] for _, kind, data in events if kind == "picture"]
    status, shown = await studio.get(f"/generate/{made['id']}")
    assert (status, shown["state"], shown["pictures"]) == (200, "done", ids)
    assert (await studio.get("/generate"))[1]["generations"] == [shown]
    _, page = await studio.get("/gallery?character=ada&q=rain")
    assert [found["id"] for found in page["pictures"]] == ids[::-1]
    assert page["pictures"][0]["settings"]["seed"] == 11
    assert shown["correlation_id"] == "c" * 12
    assert str(studio.services.library.root) not in json.dumps([events, shown, page])


async def test_a_stream_that_is_taken_up_again_misses_nothing_that_matters(studio: Studio) -> None:
    """With Last-Event-ID from a number of before, by header or by query."""
    studio.paint_with(Painter())
    _, made = await studio.post("/generate", {"prompt": "x", "steps": 30})
    path = f"{API}/generate/{made['id']}/stream"
    first = await events_of(studio.client, path)
    number = next(number for number, kind, _ in first if kind == "picture")
    assert [kind for _, kind, _ in await events_of(studio.client, path, **{"Last-Event-ID": number})] == ["done", "end"]
    assert [kind for _, kind, _ in await events_of(studio.client, f"{path}?after={number}")] == ["done", "end"]
    assert [kind for _, kind, _ in await events_of(studio.client, path)] == ["progress", "picture", "done", "end"]


async def test_a_page_hears_of_pictures_on_the_common_stream(studio: Studio) -> None:
    """Without the previews' bytes, which would fill its memory."""
    studio.paint_with(Painter())
    _, made = await studio.post("/generate", {"prompt": "x", "steps": 2})
    await events_of(studio.client, f"{API}/generate/{made['id']}/stream")
    heard = await told(studio.services.hub, "generation")
    assert any(event["type"] == "done" for event in heard)
    assert all(event["generation"] == made["id"] and len(json.dumps(event)) < 1000 for event in heard)


async def test_cancelling_stops_it(studio: Studio) -> None:
    """Over HTTP, while it runs; what is done stays."""
    studio.paint_with(Painter(stays_at=1))
    _, made = await studio.post("/generate", {"prompt": "x", "count": 16, "steps": 2})
    while not (await studio.get(f"/generate/{made['id']}"))[1]["pictures"]:  # noqa: ASYNC110 (nobody announces it)
        await asyncio.sleep(0.02)
    status, _ = await studio.post(f"/generate/{made['id']}/cancel", None)
    assert status == 200
    events = await events_of(studio.client, f"{API}/generate/{made['id']}/stream")
    assert [kind for _, kind, _ in events][-2:] == ["cancelled", "end"]
    assert len((await studio.get(f"/generate/{made['id']}"))[1]["pictures"]) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"prompt": "x", "upscale": {}}, 422, "FEATURE_NOT_READY"),
        ({"prompt": "x", "face_detailer": {"denoise": 0.3}}, 422, "FEATURE_NOT_READY"),
        ({"prompt": "x", "generator": "video"}, 501, "GENERATOR_NOT_READY"),
        ({"prompt": "x", "generator": "comfyui"}, 422, "FEATURE_NOT_READY"),
        ({"prompt": "x", "base_file": "flux1-dev.safetensors"}, 422, "MODEL_MISSING"),
        ({"prompt": "x", "also": [{"character": "nobody"}]}, 404, "CHARACTER_MISSING"),
        ({"prompt": ""}, 422, "GENERATION_INVALID"),
        ({"prompt": "{trigger}"}, 422, "GENERATION_INVALID"),
        ({"prompt": "x", "character": "nobody"}, 404, "CHARACTER_MISSING"),
        ({"prompt": "x", "character": ".."}, 422, "NAME_INVALID"),
        ({"prompt": "x", "character": "ada", "lora": "none"}, 404, "LORA_MISSING"),
        ({"prompt": "x", "character": "ada", "family": "flux1-dev"}, 422, "LORA_WRONG_FAMILY"),
        ({"prompt": "x", "family": "flux1-dev"}, 422, "MODEL_MISSING"),
        ({"prompt": "x", "controlnet": {"guide": "../library"}}, 404, "GUIDE_MISSING"),
        ({"prompt": "x", "count": 17}, 422, "REQUEST_INVALID"),
        ({"prompt": "x", "aspect": "5:4"}, 422, "REQUEST_INVALID"),
        ({"prompt": "x", "sampler": "heun"}, 422, "REQUEST_INVALID"),
    ],
)
async def test_what_can_not_be_made_is_refused_by_name(
    studio: Studio, body: dict[str, Any], status: int, code: str
) -> None:
    """Nothing is put into the queue, and nothing that was asked for is passed over."""
    found, answer = await studio.post("/generate", body)
    assert (found, answer["error"]["code"]) == (status, code)
    assert (await studio.get("/generate"))[1]["generations"] == []


async def test_several_characters_are_in_one_picture(studio: Studio, weights: Path) -> None:
    """Each with its LoRA and strength; all of one base model."""
    studio.paint_with(Painter())
    library, run = studio.services.library, studio.services.run
    other = weights.with_name("bob_sks_mini_1.safetensors")
    other.write_bytes(b"bob's weights")
    await run(characters.create, library, name="Bob", trigger_word="sks", class_word="man")
    await run(loras.register, library, "bob", other, job="", step=3, family="mini")
    wish = {"prompt": "at the sea", "character": "ada", "also": [{"character": "bob", "strength": 0.7}]}
    status, made = await studio.post("/generate", wish)
    assert (status, made["settings"]["sent"]) == (201, "sks, ohwx, at the sea")
    assert [(use["character"], use["strength"]) for use in made["settings"]["loras"]] == [("ada", 1.0), ("bob", 0.7)]
    flux = weights.with_name("bob_sks_flux_1.safetensors")
    flux.write_bytes(b"bob's other weights")
    unfit = await run(loras.register, library, "bob", flux, job="", step=4, family="flux1-dev")
    status, answer = await studio.post("/generate", {**wish, "also": [{"lora": unfit.id}]})
    assert (status, answer["error"]["code"]) == (422, "LORA_WRONG_FAMILY")


@pytest.mark.slow
async def test_the_embedded_model_makes_a_picture_over_http(studio: Studio) -> None:
    """The whole way with nothing in anybody's place: character, LoRA, process, gallery, file; made again it is the
    same."""
    body = {"character": "ada", "prompt": "smiling", "seed": 10, "steps": 2, "strength": 0.5}
    files: list[Path] = []
    for _ in range(2):
        _, made = await studio.post("/generate", body)
        events = await events_of(studio.client, f"{API}/generate/{made['id']}/stream")
        done = next(data for _, kind, data in events if kind == "done")
        async with studio.client.get(f"{API}/gallery/{done['pictures'][0]}") as response:
            assert response.content_type == "image/png"
            path = studio.services.library.root / f"{len(files)}.png"
            path.write_bytes(await response.read())
            files.append(path)
    settings = read_settings(files[0])
    assert (settings["seed"], settings["loras"][0]["strength"], settings["sent"]) == (10, 0.5, "ohwx, smiling")
    first, second = (Image.open(path) for path in files)
    assert first.size == (128, 128)
    assert first.tobytes() == second.tobytes()
    assert MODEL_DIR.is_dir()


async def test_a_preview_reaches_its_page_unharmed(studio: Studio) -> None:
    """Base64 holds slashes, which are no paths."""
    image = base64.b64encode(bytes(range(256)) * 20).decode()
    told = generate._told(
        Call(request=None, route=None, services=studio.services, correlation_id="", prefix=""),  # type: ignore[arg-type]
        {"type": "preview", "image": image, "message": f"{studio.services.library.root}/characters/ada"},
    )
    assert told == {"image": image, "message": "characters/ada"}
