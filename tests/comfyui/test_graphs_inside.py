"""The graphs that the generator composes, checked by a real ComfyUI: every toggle with every other, in every shape."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isengard.generator.aspects import ASPECTS, size_of
from isengard.generator.comfyui import bases, blocks
from isengard.generator.comfyui.blocks.interface import Given
from isengard.generator.comfyui.client import Client
from isengard.generator.comfyui.generator import ComfyUIGenerator
from isengard.generator.comfyui.graph import Prompt
from isengard.generator.comfyui.offer import Offer, Offers
from isengard.generator.interface import ComfyUIAt
from isengard.generator.request import (
    TOGGLES,
    ControlNet,
    FaceDetailer,
    GenerationRequest,
    ImagePrompt,
    LoraUse,
    Upscale,
)
from isengard.tests.comfyui.canvas.browser import chromium, opened
from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.comfyui.packs import furnish_with_packs
from isengard.tests.comfyui.running import Running
from isengard.trainer.job import BaseFiles

pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
GUIDE = "isengard/guide.png"
LORAS = ("isengard/ada_1.safetensors", "isengard/bob_1.safetensors")
WAYS: dict[str, tuple[Any, ...]] = {
    "controlnet": (None, *(ControlNet(image=GUIDE, kind=kind) for kind in ("canny", "depth", "pose"))),
    "image_prompt": (None, *(ImagePrompt(image=GUIDE, method=method) for method in ("redux", "ip-adapter"))),
    "face_detailer": (None, FaceDetailer()),
    "upscale": (None, Upscale(factor=1.5, method="model"), Upscale(method="tiled")),
}


@pytest.fixture(scope="module")
def furnished(comfyui: ComfyUI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A ComfyUI with stand-ins for every file and pack."""
    host = furnish_with_packs(Running(comfyui, tmp_path_factory.mktemp("packs")))
    try:
        yield host.start()
    finally:
        host.kill()
        shutil.rmtree(host.base, ignore_errors=True)


def look(host: Running) -> Offer:
    """What it has."""

    async def ask() -> Offer:
        client = Client(at(host))
        try:
            return await Offers(client, [*bases.NODES, *blocks.NODES]).look()
        finally:
            await client.close()

    return asyncio.run(ask())


def at(host: Running) -> ComfyUIAt:
    return ComfyUIAt(address=lambda: f"http://127.0.0.1:{host.port}")


def composed(offer: Offer, base: str = "", **asked: Any) -> Prompt:
    """The graph of a request with two characters."""
    loras = tuple(LoraUse(file=name, character=who) for name, who in zip(LORAS, ("ada", "bob"), strict=True))
    request = GenerationRequest(prompt="ohwx (left) and sks", generator="comfyui", loras=loras, **asked)
    assert list(blocks.problems(offer, request)) == []
    files = bases.choose(offer, BaseFiles(transformer=base))
    pictures = {name: GUIDE for name in TOGGLES if hasattr(getattr(request, name), "image")}
    return blocks.compose(offer, Given(request=request, seed=5, base=files, loras=LORAS, pictures=pictures))


def refused(host: Running, prompts: list[Prompt]) -> list[Any]:
    """What ComfyUI has against them."""
    answer = host.theirs.ask("POST", "/tests/check", prompts)
    assert answer.status == 200, answer.body
    return [found for found in answer.json() if not found[0]]


def test_every_combination_in_every_shape_is_accepted(furnished: Running) -> None:
    """All on and off of four toggles, with all their ways, in seven shapes; a graph with a fault is refused."""
    offer = look(furnished)
    asked = [
        {"aspect": aspect, **dict(zip(WAYS, ways, strict=True))}
        for aspect, ways in itertools.product(ASPECTS, itertools.product(*WAYS.values()))
    ]
    prompts = [composed(offer, **one) for one in asked]
    assert len(prompts) == 7 * 4 * 3 * 2 * 3
    assert refused(furnished, prompts) == []
    for one, prompt in zip(asked, prompts, strict=True):
        size = prompt["size"]["inputs"]
        assert (size["width"], size["height"]) == size_of("flux1-dev", one["aspect"])
        kinds = {node["class_type"] for node in prompt.values()}
        assert ("FaceDetailer" in kinds) == (one["face_detailer"] is not None)
        assert ("ControlNetApplyAdvanced" in kinds) == (one["controlnet"] is not None)
    broken = [dict(prompt) for prompt in prompts[:2]]
    del broken[0]["noise"]
    broken[1]["base"] = {**broken[1]["base"], "inputs": {"unet_name": "gone.safetensors", "weight_dtype": "default"}}
    assert len(refused(furnished, broken)) == 2


def test_each_base_model_has_its_own_way(furnished: Running) -> None:
    """Files in subfolders and all-in-one files; schnell takes no guidance and does not shift; others are no choice."""
    offer = look(furnished)
    found = {files.transformer: files for files in bases.find_all(offer, BaseFiles())}
    assert list(found) == [
        "flux1-dev.safetensors", "krea/flux1-krea-dev_fp8_scaled.safetensors", "flux1-schnell-fp8.safetensors",
    ]  # fmt: skip
    assert [(files.kind.steps, files.kind.guidance) for files in found.values()] == [(20, 3.5), (28, 3.5), (4, 0.0)]
    prompts = [composed(offer, base=name, steps=4) for name in found]
    assert refused(furnished, prompts) == []
    assert [prompt["base"]["class_type"] for prompt in prompts] == [
        "UNETLoader",
        "UNETLoader",
        "CheckpointLoaderSimple",
    ]
    assert [("guidance" in prompt, "shift" in prompt) for prompt in prompts] == [
        (True, True),
        (True, True),
        (False, False),
    ]
    assert prompts[0]["encoders"]["inputs"]["clip_name2"] == "t5xxl_fp8_e4m3fn_scaled.safetensors"


def test_a_bare_comfyui_says_what_is_missing(running: Running, furnished: Running) -> None:
    """Every toggle and every way of it: what to get, where, and where it goes; with all of it they are ready."""

    async def ready(host: Running) -> Any:
        generator = ComfyUIGenerator(at(host))
        try:
            packs, reason = await generator.packs()
            assert reason == ""
            there = {pack.name: is_there for pack, is_there in packs}
            return await generator.readiness("flux1-dev"), await generator.readiness("mini"), there
        finally:
            await generator.close()

    bare, mini, packs = asyncio.run(ready(running))
    asked = [get for toggle in TOGGLES for way in (bare[toggle], *bare[toggle].choices.values()) for get in way.get]
    assert set(packs) == {get.what for get in asked if get.folder == "custom_nodes"}
    assert set(packs.values()) == {False}
    assert "models/diffusion_models" in bare["pictures"].reason
    for toggle in TOGGLES:
        assert not bare[toggle].ready
        for way in (bare[toggle], *bare[toggle].choices.values()):
            assert way.get
            for get in way.get:
                assert get.source.startswith("https://")
                assert get.source in way.reason
                assert get.folder in (*(f"models/{name}" for name in ALL_FOLDERS), "custom_nodes")
    assert set(bare["controlnet"].choices) == {"canny", "depth", "pose"}
    assert "comfyui_controlnet_aux" not in bare["controlnet"].choices["canny"].reason
    assert "comfyui_controlnet_aux" in bare["controlnet"].choices["pose"].reason
    assert not mini["pictures"].ready
    full, _, packs = asyncio.run(ready(furnished))
    assert set(packs.values()) == {True}
    assert all(found.ready for found in full.values()), full
    assert all(way.ready for found in full.values() for way in found.choices.values())


def test_models_are_let_go_for_a_training(furnished: Running, tmp_path: Path) -> None:
    """After pictures were asked for, once: a ComfyUI that was not used by us keeps what it holds."""

    async def rest() -> None:
        generator = ComfyUIGenerator(at(furnished))
        freed = []
        free = generator._client.free

        async def noted() -> None:
            await free()
            freed.append(True)

        generator._client.free = noted  # type: ignore[method-assign]
        stopped = asyncio.Event()
        stopped.set()
        try:
            await generator.rest()
            async for _ in generator.run(GenerationRequest(prompt="x", generator="comfyui"), tmp_path, stopped):
                pass
            await generator.rest()
            await generator.rest()
        finally:
            await generator.close()
        assert freed == [True]
        furnished.until(lambda: not furnished.prompts(), "a prompt that nobody waits for is still there")

    asyncio.run(rest())


@pytest.mark.browser
def test_a_graph_opens_on_the_canvas(furnished: Running) -> None:
    """Whole: what ComfyUI's own page would send for it is what we would have sent."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("no Chromium was found: apt-get install chromium")
    prompt = composed(look(furnished), **{name: ways[-1] for name, ways in WAYS.items()})
    with opened(furnished.port) as page:
        found = page.evaluate(_OPEN, prompt)
    assert found["missing"] == []
    assert {node["_meta"]["title"] for node in prompt.values()} == set(found["titles"])
    theirs, ours = _by_title(found["prompt"]), _by_title(prompt)
    assert {title: {key: theirs[title][key] for key in inputs} for title, inputs in ours.items()} == ours


def _by_title(prompt: Prompt) -> dict[str, Any]:
    """Inputs by the nodes' titles: the canvas may number nodes anew."""
    titles = {name: node["_meta"]["title"] for name, node in prompt.items()}
    return {
        titles[name]: {
            key: [titles[value[0]], value[1]] if isinstance(value, list) else value
            for key, value in node["inputs"].items()
        }
        for name, node in prompt.items()
    }


_OPEN = """async (prompt) => {
  await app.loadApiJson(prompt, 'Isengard')
  const opened = (await app.graphToPrompt()).output
  const nodes = app.graph.nodes
  return {
    prompt: opened,
    titles: nodes.map((node) => node.title),
    missing: nodes.filter((node) => node.has_errors).map((node) => node.type),
  }
}"""
ALL_FOLDERS = (
    "controlnet", "clip_vision", "style_models", "upscale_models", "ipadapter-flux", "ultralytics/bbox",
)  # fmt: skip
