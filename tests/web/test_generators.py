"""Generators and packs over HTTP: what can be made, and what is missing for the rest."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from isengard.library import loras
from isengard.tests.generator.made import Painter
from isengard.tests.web.streams import events_of
from isengard.tests.web.studio import API, Studio
from isengard.trainer.mini import MODEL_DIR
from isengard.web import generating


async def test_generators_say_what_they_can_do(studio: Studio) -> None:
    """Every toggle of each, ready or with the reason; the planned ones are there."""
    _, found = await studio.get("/generators?family=mini")
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


async def test_without_a_comfyui_nobody_knows_its_packs(studio: Studio) -> None:
    """And it is said why, in the words of the generator that could tell."""
    status, found = await studio.get("/packs")
    assert status == 200
    assert {pack["present"] for pack in found["packs"]} == {None}
    assert all(pack["get"].startswith("https://") and pack["enables"] for pack in found["packs"])
    _, generators = await studio.get("/generators?family=flux1-dev")
    (comfyui,) = (one for one in generators["generators"] if one["name"] == "comfyui")
    assert found["reason"] == comfyui["reason"]
    assert "COMFYUI_URL" in found["reason"]


async def test_flux_in_the_model_folders_is_found(studio: Studio, tmp_path: Path) -> None:
    """A folder in diffusers' layout under models/diffusers; the request says by name what it will be made with."""
    studio.paint_with(Painter())
    shutil.copytree(MODEL_DIR, tmp_path / "models" / "diffusers" / "FLUX.1-small")
    _, flux = await studio.get("/generators?family=flux1-dev")
    assert flux["generators"][0]["ready"]
    status, made = await studio.post("/generate", {"prompt": "x", "family": "flux1-dev", "steps": 1})
    assert (status, made["settings"]["base"]) == (201, {"transformer": "FLUX.1-small"})
    await events_of(studio.client, f"{API}/generate/{made['id']}/stream")


async def test_a_base_model_of_which_a_part_is_gone_is_not_used(studio: Studio, tmp_path: Path) -> None:
    """A LoRA notes the files that it was trained on; where one of them was moved, those of this machine are taken."""
    transformer, vae = tmp_path / "flux.safetensors", tmp_path / "ae.safetensors"
    for file in (transformer, vae):
        file.write_bytes(b"")
    (known,) = await studio.services.run(loras.list_all, studio.services.library)
    lora = dataclasses.replace(known, base={"transformer": str(transformer), "vae": str(vae)})
    base = await studio.services.run(generating.base_of, studio.services.library, lora)
    assert (base.transformer, base.vae) == (str(transformer), str(vae))
    vae.unlink()
    base = await studio.services.run(generating.base_of, studio.services.library, lora)
    assert base.transformer != str(transformer)
