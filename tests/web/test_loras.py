"""LoRAs over HTTP: listed with what each can be used with, deleted, restored."""

from __future__ import annotations

from pathlib import Path

from isengard.library import loras
from isengard.tests.web.studio import API, Studio


async def test_loras_are_listed_deleted_and_restored(studio: Studio) -> None:
    """With what each can be used with; a LoRA whose file is gone says so."""
    status, found = await studio.get("/loras?character=ada")
    lora = found["loras"][0]
    assert (status, lora["id"], lora["present"], lora["step"]) == (200, studio.lora, True, 3)
    usable = {one["generator"]: one for one in lora["usable"]}
    assert usable["diffusers"]["ready"]
    assert "diffusers" in usable["comfyui"]["reason"]
    assert await studio.get(f"/loras/{studio.lora}") == (200, lora)
    async with studio.client.delete(f"{API}/loras/{studio.lora}") as response:
        assert response.status == 200
        assert (await response.json())["trash"] in {one["id"] for one in (await studio.get("/trash"))[1]["entries"]}
    assert (await studio.get(f"/loras/{studio.lora}"))[0] == 404
    assert (await studio.get("/loras"))[1]["loras"] == []
    status, answer = await studio.post("/generate", {"prompt": "x", "character": "ada"})
    assert (status, answer["error"]["code"]) == (404, "LORA_MISSING")
    status, restored = await studio.post(f"/loras/{studio.lora}/restore", None)
    assert (status, restored) == (200, lora)
    status, answer = await studio.post(f"/loras/{studio.lora}/restore", None)
    assert (status, answer["error"]["code"]) == (404, "LORA_MISSING")
    (studio.services.library.loras / f"{studio.lora}.safetensors").unlink()
    assert not (await studio.get("/loras"))[1]["loras"][0]["usable"][0]["ready"]


async def test_a_lora_without_its_base_model_says_what_is_missing(studio: Studio, weights: Path) -> None:
    """A FLUX LoRA on a machine without FLUX: which file, from where, and where it goes; so does the generator."""
    library = studio.services.library
    other = weights.with_name("other.safetensors")
    other.write_bytes(b"other weights")
    await studio.services.run(loras.register, library, "ada", other, job="", step=9, family="flux1-dev")
    _, found = await studio.get("/loras")
    usable = {one["step"]: one["usable"][0] for one in found["loras"]}
    assert usable[3]["ready"]
    assert not usable[9]["ready"]
    _, flux = await studio.get("/generators?family=flux1-dev")
    for reason in (usable[9]["reason"], flux["generators"][0]["reason"]):
        assert "flux1-dev.safetensors" in reason
        assert "models/diffusion_models" in reason
