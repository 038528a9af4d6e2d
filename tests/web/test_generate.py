"""Pictures over HTTP: asked for with a character, followed live, stopped, kept; LoRAs, guides and refusals."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from PIL import Image

from isengard import settings
from isengard.generator.interface import Generator
from isengard.library import characters, guides, loras
from isengard.media.png import read_settings
from isengard.tests.generator.files import write_random_lora
from isengard.tests.generator.made import Painter
from isengard.tests.library.test_guides import picture
from isengard.tests.web.streams import events_of, told
from isengard.trainer.mini import MODEL_DIR
from isengard.web import generating
from isengard.web.api import generate
from isengard.web.call import Call
from isengard.web.services import Services

API = "/isengard"


@dataclass
class Host:
    """A running host with the character Ada, who has one LoRA."""

    client: TestClient[Any, Any]
    services: Services
    lora: str

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON."""
        async with self.client.post(API + path, json=body) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON."""
        async with self.client.get(API + path) as response:
            return response.status, await response.json()

    def paint_with(self, generator: Generator) -> None:
        """Puts a generator in the place of diffusers."""
        self.services.pictures.queue._generators["diffusers"] = generator


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA's file."""
    return write_random_lora(tmp_path_factory.mktemp("weights") / "ada_ohwx_mini_1.safetensors", "mini")


@pytest.fixture
async def host(
    here: TestClient[Any, Any], services: Services, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Host:
    monkeypatch.setenv("ISENGARD_MODE", "fast-test")
    monkeypatch.setenv("ISENGARD_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(settings, "comfyui_path", lambda: None)
    library = services.library
    await services.run(characters.create, library, name="Ada", trigger_word="ohwx", class_word="woman")
    lora = await services.run(loras.register, library, "ada", weights, job="", step=3, family="mini")
    return Host(here, services, lora.id)


async def test_a_picture_is_asked_for_and_followed(host: Host) -> None:
    """201 with its address; the stream ends with done; the gallery has the picture with what made it."""
    host.paint_with(Painter())
    body = {"character": "ada", "prompt": "in the rain", "aspect": "3:4", "count": 2, "seed": 10, "steps": 2}
    async with host.client.post(f"{API}/generate", json=body, headers={"X-Correlation-ID": "c" * 12}) as response:
        made = await response.json()
        assert response.status == 201
        assert response.headers["Location"] == f"{API}/generate/{made['id']}"
    assert made["settings"]["sent"] == "ohwx, in the rain"
    assert (made["settings"]["width"], made["settings"]["height"]) == (112, 144)
    assert made["settings"]["loras"][0]["lora"] == host.lora
    events = await events_of(host.client, f"{API}/generate/{made['id']}/stream")
    assert [kind for _, kind, _ in events][-2:] == ["done", "end"]
    ids = [data["id"] for _, kind, data in events if kind == "picture"]
    status, shown = await host.get(f"/generate/{made['id']}")
    assert (status, shown["state"], shown["pictures"]) == (200, "done", ids)
    assert (await host.get("/generate"))[1]["generations"] == [shown]
    _, page = await host.get("/gallery?character=ada&q=rain")
    assert [found["id"] for found in page["pictures"]] == ids[::-1]
    assert page["pictures"][0]["settings"]["seed"] == 11
    assert shown["correlation_id"] == "c" * 12
    assert str(host.services.library.root) not in json.dumps([events, shown, page])


async def test_a_stream_that_is_taken_up_again_misses_nothing_that_matters(host: Host) -> None:
    """With Last-Event-ID from a number of before, by header or by query."""
    host.paint_with(Painter())
    _, made = await host.post("/generate", {"prompt": "x", "steps": 30})
    path = f"{API}/generate/{made['id']}/stream"
    first = await events_of(host.client, path)
    number = next(number for number, kind, _ in first if kind == "picture")
    assert [kind for _, kind, _ in await events_of(host.client, path, **{"Last-Event-ID": number})] == ["done", "end"]
    assert [kind for _, kind, _ in await events_of(host.client, f"{path}?after={number}")] == ["done", "end"]
    assert [kind for _, kind, _ in await events_of(host.client, path)] == ["progress", "picture", "done", "end"]


async def test_a_page_hears_of_pictures_on_the_common_stream(host: Host) -> None:
    """Without the previews' bytes, which would fill its memory."""
    host.paint_with(Painter())
    _, made = await host.post("/generate", {"prompt": "x", "steps": 2})
    await events_of(host.client, f"{API}/generate/{made['id']}/stream")
    heard = await told(host.services.hub, "generation")
    assert any(event["type"] == "done" for event in heard)
    assert all(event["generation"] == made["id"] and len(json.dumps(event)) < 1000 for event in heard)


async def test_cancelling_stops_it(host: Host) -> None:
    """Over HTTP, while it runs; what is done stays."""
    host.paint_with(Painter(seconds=0.02))
    _, made = await host.post("/generate", {"prompt": "x", "count": 16, "steps": 50})
    await asyncio.sleep(0.2)
    status, _ = await host.post(f"/generate/{made['id']}/cancel", None)
    assert status == 200
    events = await events_of(host.client, f"{API}/generate/{made['id']}/stream")
    assert [kind for _, kind, _ in events][-2:] == ["cancelled", "end"]


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
    host: Host, body: dict[str, Any], status: int, code: str
) -> None:
    """Nothing is put into the queue, and nothing that was asked for is passed over."""
    found, answer = await host.post("/generate", body)
    assert (found, answer["error"]["code"]) == (status, code)
    assert (await host.get("/generate"))[1]["generations"] == []


async def test_several_characters_are_in_one_picture(host: Host, weights: Path) -> None:
    """Each with its LoRA and strength; all of one base model."""
    host.paint_with(Painter())
    library, run = host.services.library, host.services.run
    other = weights.with_name("bob_sks_mini_1.safetensors")
    other.write_bytes(b"bob's weights")
    await run(characters.create, library, name="Bob", trigger_word="sks", class_word="man")
    await run(loras.register, library, "bob", other, job="", step=3, family="mini")
    wish = {"prompt": "at the sea", "character": "ada", "also": [{"character": "bob", "strength": 0.7}]}
    status, made = await host.post("/generate", wish)
    assert (status, made["settings"]["sent"]) == (201, "sks, ohwx, at the sea")
    assert [(use["character"], use["strength"]) for use in made["settings"]["loras"]] == [("ada", 1.0), ("bob", 0.7)]
    flux = weights.with_name("bob_sks_flux_1.safetensors")
    flux.write_bytes(b"bob's other weights")
    unfit = await run(loras.register, library, "bob", flux, job="", step=4, family="flux1-dev")
    status, answer = await host.post("/generate", {**wish, "also": [{"lora": unfit.id}]})
    assert (status, answer["error"]["code"]) == (422, "LORA_WRONG_FAMILY")


async def test_without_a_comfyui_nobody_knows_its_packs(host: Host) -> None:
    """And it is said why, in the words of the generator that could tell."""
    status, found = await host.get("/packs")
    assert status == 200
    assert {pack["present"] for pack in found["packs"]} == {None}
    assert all(pack["get"].startswith("https://") and pack["enables"] for pack in found["packs"])
    _, generators = await host.get("/generators?family=flux1-dev")
    (comfyui,) = (one for one in generators["generators"] if one["name"] == "comfyui")
    assert found["reason"] == comfyui["reason"]
    assert "COMFYUI_URL" in found["reason"]


async def test_graphs_need_a_comfyui(host: Host) -> None:
    """Without one it is said what to do."""
    status, answer = await host.post("/generate/graph", {"prompt": "x", "family": "flux1-dev"})
    assert (status, answer["error"]["code"]) == (422, "FEATURE_NOT_READY")
    assert "COMFYUI_URL" in answer["error"]["message"]
    assert (await host.get("/gallery/none/graph"))[0] == 404


async def test_pictures_of_the_embedded_model_have_a_graph_wherever_they_are_made(host: Host) -> None:
    """Our own node with all that made the picture, the LoRA by its id; what the node can't do is refused."""
    host.paint_with(Painter())
    wish = {"prompt": "at the sea", "character": "ada", "seed": 10, "count": 2, "aspect": "3:4", "guidance": 3.5}
    made = [await made_by(host, body) for body in ({**wish, "strength": 0.7}, {**wish, "guidance": 2})]
    status, answer = await host.get(f"/gallery/{made[0][1]}/graph")
    graph = answer["prompt"]
    assert status == 200
    assert graph["mini"]["inputs"] == {
        "prompt": "ohwx, at the sea", "strength": 0.7, "width": 112, "height": 144, "count": 1, "seed": 11, "steps": 3,
        "lora": ["lora", 0],
    }  # fmt: skip
    assert graph["lora"]["inputs"] == {"value": host.lora}
    status, answer = await host.get(f"/gallery/{made[1][0]}/graph")
    assert (status, answer["error"]["code"]) == (422, "FEATURE_NOT_READY")
    assert "guidance" in answer["error"]["message"]


async def made_by(host: Host, body: dict[str, Any]) -> list[str]:
    """Ids of the pictures that a request leads to."""
    _, made = await host.post("/generate", body)
    events = await events_of(host.client, f"{API}/generate/{made['id']}/stream")
    return [data["id"] for _, kind, data in events if kind == "picture"]


async def test_generators_say_what_they_can_do(host: Host) -> None:
    """Every toggle of each, ready or with the reason; the planned ones are there."""
    _, found = await host.get("/generators?family=mini")
    named = {one["name"]: one for one in found["generators"]}
    assert set(named) == {"diffusers", "comfyui", "video"}
    assert named["diffusers"]["ready"]
    assert not named["video"]["ready"]
    for one in named.values():
        assert [toggle["name"] for toggle in one["toggles"]] == [
            "controlnet",
            "image_prompt",
            "face_detailer",
            "upscale",
        ]
        assert all(toggle["reason"] for toggle in one["toggles"] if not toggle["ready"])


async def test_loras_are_listed_deleted_and_restored(host: Host) -> None:
    """With what each can be used with; a LoRA whose file is gone says so."""
    status, found = await host.get("/loras?character=ada")
    lora = found["loras"][0]
    assert (status, lora["id"], lora["present"], lora["step"]) == (200, host.lora, True, 3)
    usable = {one["generator"]: one for one in lora["usable"]}
    assert usable["diffusers"]["ready"]
    assert "diffusers" in usable["comfyui"]["reason"]
    assert await host.get(f"/loras/{host.lora}") == (200, lora)
    async with host.client.delete(f"{API}/loras/{host.lora}") as response:
        assert response.status == 200
        assert (await response.json())["trash"] in {one["id"] for one in (await host.get("/trash"))[1]["entries"]}
    assert (await host.get(f"/loras/{host.lora}"))[0] == 404
    assert (await host.get("/loras"))[1]["loras"] == []
    status, answer = await host.post("/generate", {"prompt": "x", "character": "ada"})
    assert (status, answer["error"]["code"]) == (404, "LORA_MISSING")
    status, restored = await host.post(f"/loras/{host.lora}/restore", None)
    assert (status, restored) == (200, lora)
    status, answer = await host.post(f"/loras/{host.lora}/restore", None)
    assert (status, answer["error"]["code"]) == (404, "LORA_MISSING")
    (host.services.library.loras / f"{host.lora}.safetensors").unlink()
    assert not (await host.get("/loras"))[1]["loras"][0]["usable"][0]["ready"]


async def test_a_lora_without_its_base_model_says_what_is_missing(host: Host, weights: Path) -> None:
    """A FLUX LoRA on a machine without FLUX: which file, from where, and where it goes; so does the generator."""
    library = host.services.library
    other = weights.with_name("other.safetensors")
    other.write_bytes(b"other weights")
    await host.services.run(loras.register, library, "ada", other, job="", step=9, family="flux1-dev")
    _, found = await host.get("/loras")
    usable = {one["step"]: one["usable"][0] for one in found["loras"]}
    assert usable[3]["ready"]
    assert not usable[9]["ready"]
    _, flux = await host.get("/generators?family=flux1-dev")
    for reason in (usable[9]["reason"], flux["generators"][0]["reason"]):
        assert "flux1-dev.safetensors" in reason
        assert "models/diffusion_models" in reason


async def test_flux_in_the_model_folders_is_found(host: Host, tmp_path: Path) -> None:
    """A folder in diffusers' layout under models/diffusers; the request says by name what it will be made with."""
    host.paint_with(Painter())
    shutil.copytree(MODEL_DIR, tmp_path / "models" / "diffusers" / "FLUX.1-small")
    _, flux = await host.get("/generators?family=flux1-dev")
    assert flux["generators"][0]["ready"]
    status, made = await host.post("/generate", {"prompt": "x", "family": "flux1-dev", "steps": 1})
    assert (status, made["settings"]["base"]) == (201, {"transformer": "FLUX.1-small"})
    await events_of(host.client, f"{API}/generate/{made['id']}/stream")


async def test_a_base_model_of_which_a_part_is_gone_is_not_used(host: Host, tmp_path: Path) -> None:
    """A LoRA notes the files that it was trained on; where one of them was moved, those of this machine are taken."""
    transformer, vae = tmp_path / "flux.safetensors", tmp_path / "ae.safetensors"
    for file in (transformer, vae):
        file.write_bytes(b"")
    (known,) = await host.services.run(loras.list_all, host.services.library)
    lora = dataclasses.replace(known, base={"transformer": str(transformer), "vae": str(vae)})
    base = await host.services.run(generating.base_of, host.services.library, lora)
    assert (base.transformer, base.vae) == (str(transformer), str(vae))
    vae.unlink()
    base = await host.services.run(generating.base_of, host.services.library, lora)
    assert base.transformer != str(transformer)


async def test_a_guide_is_told_by_its_content(host: Host) -> None:
    """A picture gets a number and is private; a page under a picture's name, and a form, are refused."""
    async with host.client.post(f"{API}/guides", data=picture(), headers={"Content-Type": "image/jpeg"}) as response:
        made = await response.json()
        assert response.status == 201
        assert response.headers["Location"] == f"{API}/guides/{made['id']}"
    kept = guides.path_of(host.services.library, made["id"]).read_bytes()
    async with host.client.get(f"{API}/guides/{made['id']}") as response:
        assert (response.content_type, await response.read()) == ("image/png", kept)
        assert "private" in response.headers["Cache-Control"]
    for data, kind, status, code in (
        (b"<svg onload='x'/>", "image/png", 422, "PHOTO_UNREADABLE"),
        (picture(), "text/plain", 415, "CONTENT_TYPE_WRONG"),
        (b"", "image/png", 422, "PHOTO_UNREADABLE"),
    ):
        async with host.client.post(f"{API}/guides", data=data, headers={"Content-Type": kind}) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (status, code)
    _, answer = await host.post("/generate", {"prompt": "x", "image_prompt": {"guide": made["id"]}})
    assert answer["error"]["code"] == "FEATURE_NOT_READY"
    assert "Redux" in answer["error"]["message"]


@pytest.mark.slow
async def test_the_embedded_model_makes_a_picture_over_http(host: Host) -> None:
    """The whole way with nothing in anybody's place: character, LoRA, process, gallery, file; made again it is the
    same."""
    body = {"character": "ada", "prompt": "smiling", "seed": 10, "steps": 2, "strength": 0.5}
    files: list[Path] = []
    for _ in range(2):
        _, made = await host.post("/generate", body)
        events = await events_of(host.client, f"{API}/generate/{made['id']}/stream")
        done = next(data for _, kind, data in events if kind == "done")
        async with host.client.get(f"{API}/gallery/{done['pictures'][0]}") as response:
            assert response.content_type == "image/png"
            path = host.services.library.root / f"{len(files)}.png"
            path.write_bytes(await response.read())
            files.append(path)
    settings = read_settings(files[0])
    assert (settings["seed"], settings["loras"][0]["strength"], settings["sent"]) == (10, 0.5, "ohwx, smiling")
    first, second = (Image.open(path) for path in files)
    assert first.size == (128, 128)
    assert first.tobytes() == second.tobytes()
    assert MODEL_DIR.is_dir()


async def test_a_preview_reaches_its_page_unharmed(host: Host) -> None:
    """Base64 holds slashes, which are no paths."""
    image = base64.b64encode(bytes(range(256)) * 20).decode()
    told = generate._told(
        Call(request=None, route=None, services=host.services, correlation_id="", prefix=""),  # type: ignore[arg-type]
        {"type": "preview", "image": image, "message": f"{host.services.library.root}/characters/ada"},
    )
    assert told == {"image": image, "message": "characters/ada"}
