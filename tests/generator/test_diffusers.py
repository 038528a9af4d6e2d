"""The diffusers generator with its process and the embedded model: pictures, seeds, LoRAs; its end is tested beside."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from isengard.errors import IsengardError
from isengard.generator.diffusers import DiffusersGenerator
from isengard.generator.request import GenerationRequest, LoraUse
from isengard.media.png import parameters, read_settings
from isengard.tests.flux_files import clip_weights, original_vae, small_flux, t5_weights, vae_weights
from isengard.tests.generator.made import PROMPT, all_events, mini, pixels
from isengard.trainer.job import BaseFiles
from isengard.trainer.mini import MODEL_DIR

__all__ = ["small_flux"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("imports_done")]


@pytest.fixture
def flux_encoders(tmp_path: Path) -> dict[str, Path]:
    """VAE, CLIP-L and T5 as single files; the text encoders have two layers and the embedded model's vocabularies."""
    from safetensors.torch import save_file

    files = {"vae": original_vae(vae_weights()), "clip": clip_weights(888), "t5": t5_weights(435)}
    for part, weights in files.items():
        save_file(weights, tmp_path / f"{part}.safetensors")
    return {part: tmp_path / f"{part}.safetensors" for part in files}


@dataclass
class Made:
    """What one process made of several requests."""

    folders: dict[str, Path]
    events: dict[str, list[dict[str, Any]]]
    pids: list[int]
    requests: dict[str, GenerationRequest]

    def pixels(self, name: str, picture: int = 0) -> np.ndarray[Any, Any]:
        """Of a picture of a request."""
        return pixels(self.folders[name] / f"{picture:02d}.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, mini_lora: Path) -> Made:
    """Requests that follow each other in one process."""
    folder = tmp_path_factory.mktemp("made")

    def ada(strength: float, **changes: Any) -> GenerationRequest:
        return mini(loras=(LoraUse(file=str(mini_lora), strength=strength, trigger_word="ohwx"),), **changes)

    requests = {
        "two": mini(count=2, seed=5, steps=12),
        "second alone": mini(seed=6, steps=12),
        "wide": mini(aspect="16:9"),
        "long": mini(prompt=", ".join(["smiling"] * 40)),
        "lora": ada(1.0, prompt="ohwx, " + PROMPT),
        "half": ada(0.5, prompt="ohwx, " + PROMPT),
        "nothing of it": ada(0.0, prompt="ohwx, " + PROMPT),
        "without": mini(prompt="ohwx, " + PROMPT),
        "first again": mini(seed=5, steps=12),
    }
    events, pids = {}, []

    async def run() -> None:
        generator = DiffusersGenerator(folder)
        for name, request in requests.items():
            events[name] = await all_events(generator, request, folder / name)
            assert generator._process is not None
            pids.append(generator._process.pid)
        await generator.close()

    asyncio.run(run())
    return Made({name: folder / name for name in requests}, events, pids, requests)


def test_pictures_appear_with_their_progress(made: Made) -> None:
    """The model is loaded once for all requests; every step is told; a picture is one, not one colour."""
    assert len(set(made.pids)) == 1
    assert [
        name for name, events in made.events.items() if any("base model" in e.get("message", "") for e in events)
    ] == ["two"]
    steps = [(e["picture"], e["step"]) for e in made.events["two"] if e["type"] == "progress"]
    assert steps == [(picture, step) for picture in (0, 1) for step in range(13)]
    assert [e["seed"] for e in made.events["two"] if e["type"] == "picture"] == [5, 6]
    assert made.pixels("two").shape == (128, 128, 3)
    assert made.pixels("wide").shape == (96, 176, 3)
    assert made.pixels("two").std() > 20


def test_a_prompt_that_is_cut_is_told(made: Made) -> None:
    """With how much of it has no effect; one that fits is not talked about."""
    warned = {name: [e["message"] for e in events if e["type"] == "warning"] for name, events in made.events.items()}
    assert [name for name, messages in warned.items() if messages] == ["long"]
    assert "too long" in warned["long"][0]


def test_a_picture_can_be_made_again_alone(made: Made) -> None:
    """Picture 1 of seed 5 is picture 0 of seed 6, to the pixel, also after LoRAs were on and off."""
    assert np.array_equal(made.pixels("two", 1), made.pixels("second alone"))
    assert np.array_equal(made.pixels("two", 0), made.pixels("first again"))
    assert not np.array_equal(made.pixels("two", 0), made.pixels("two", 1))


def test_strength_is_what_it_says(made: Made) -> None:
    """Strength 0 equals no LoRA, to the pixel; 0.5 lies between; 1 is plainly another picture."""
    assert np.array_equal(made.pixels("nothing of it"), made.pixels("without"))
    whole = np.abs(made.pixels("lora") - made.pixels("without")).mean()
    half = np.abs(made.pixels("half") - made.pixels("without")).mean()
    assert 0 < half < whole
    assert whole > 4


def test_a_picture_carries_its_settings(made: Made, mini_lora: Path) -> None:
    """Ours as JSON, the common ones as text that other programs read; neither names a folder."""
    settings = made.requests["lora"].settings(0)
    with Image.open(made.folders["lora"] / "00.png") as image:
        texts = dict(getattr(image, "text", {}))
    assert json.loads(texts["isengard"]) == settings == read_settings(made.folders["lora"] / "00.png")
    assert texts["parameters"] == parameters(settings)
    assert texts["parameters"].startswith(f"ohwx, {PROMPT} <lora:ada:1>\nSteps: 3, Sampler: Euler")
    assert "Seed: 5, Size: 128x128, Model: mini" in texts["parameters"]
    assert str(mini_lora.parent) not in json.dumps(texts)


def test_it_is_what_the_stock_pipeline_makes(made: Made, mini_lora: Path) -> None:
    """diffusers' FluxPipeline with all its own parts, from the same noise, gives the same picture."""
    import torch
    from diffusers import FluxPipeline

    from isengard.trainer.mini.architecture import MAX_TEXT_TOKENS

    pipeline = FluxPipeline.from_pretrained(MODEL_DIR, local_files_only=True).to(torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(str(mini_lora.parent), weight_name=mini_lora.name)
    stock = pipeline(
        "ohwx, " + PROMPT,
        width=128,
        height=128,
        num_inference_steps=3,
        guidance_scale=3.5,
        max_sequence_length=MAX_TEXT_TOKENS,
        generator=torch.Generator().manual_seed(5),
    ).images[0]
    assert np.abs(np.asarray(stock, dtype=np.int16) - made.pixels("lora")).max() <= 1


async def test_a_lora_that_does_not_fit_is_refused(tmp_path: Path, mini_lora: Path, flux_folder: Path) -> None:
    """By its notes before anything is loaded; without notes by its tensors, each with its name and size; and no file
    that is something else. The process goes on with the next request."""
    import torch
    from safetensors.torch import load_file, save_file

    generator = DiffusersGenerator(tmp_path)

    async def refusal(file: Path, **changes: Any) -> IsengardError:
        with pytest.raises(IsengardError) as caught:
            await all_events(generator, mini(loras=(LoraUse(file=str(file)),), **changes), tmp_path)
        assert str(tmp_path) not in caught.value.message
        return caught.value

    other = await refusal(
        mini_lora, family="flux1-dev", base=BaseFiles(transformer=str(flux_folder)), width=128, height=128
    )
    assert other.code == "LORA_WRONG_FAMILY"
    assert (await refusal(tmp_path / "none.safetensors")).code == "MODEL_MISSING"
    save_file({"a.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    assert (await refusal(tmp_path / "other.safetensors")).code == "LORA_INCOMPATIBLE"
    assert generator._process is None

    plain = load_file(mini_lora)
    name = next(key for key in plain if key.endswith("lora_A.weight"))
    save_file({**plain, name: torch.zeros(4, 3072)}, tmp_path / "size.safetensors")
    size = await refusal(tmp_path / "size.safetensors")
    assert size.code == "LORA_INCOMPATIBLE"
    assert "3,072 inputs" in size.message
    strange = {key.replace("transformer_blocks.0.", "transformer_blocks.7."): value for key, value in plain.items()}
    save_file(strange, tmp_path / "strange.safetensors")
    assert "has no place in it" in (await refusal(tmp_path / "strange.safetensors")).message
    assert [e["type"] for e in await all_events(generator, mini(), tmp_path)][-1] == "picture"
    await generator.close()


async def test_flux_is_taken_from_a_folder(tmp_path: Path, flux_folder: Path, mini_lora: Path) -> None:
    """In diffusers' layout, with the tokenizers in it; what is missing is named, and so is a folder that is none."""
    flux: dict[str, Any] = {
        "family": "flux1-dev",
        "width": 128,
        "height": 96,
        "base": BaseFiles(transformer=str(flux_folder)),
    }
    generator = DiffusersGenerator(tmp_path)
    await all_events(generator, mini(**flux), tmp_path / "a")
    assert pixels(tmp_path / "a" / "00.png").shape == (96, 128, 3)
    assert "Model: FLUX.1-small" in Image.open(tmp_path / "a" / "00.png").text["parameters"]  # type: ignore[attr-defined]

    shutil.copytree(flux_folder, tmp_path / "partly")
    shutil.rmtree(tmp_path / "partly" / "vae")
    for base, code in (("partly", "MODEL_MISSING"), ("nothing", "MODEL_MISSING"), ("a", "MODEL_WRONG_KIND")):
        with pytest.raises(IsengardError) as caught:
            await all_events(generator, mini(**{**flux, "base": BaseFiles(transformer=str(tmp_path / base))}), tmp_path)
        assert caught.value.code == code, base
    with pytest.raises(IsengardError) as caught:
        await all_events(generator, mini(**{**flux, "base": BaseFiles()}), tmp_path)
    assert caught.value.code == "MODEL_MISSING"
    await generator.close()


async def test_flux_is_taken_from_the_files_that_people_have(
    tmp_path: Path, small_flux: Path, flux_encoders: dict[str, Path]
) -> None:
    """Transformer, VAE and text encoders as single files, of the true width."""
    encoders = {part: str(path) for part, path in flux_encoders.items()}
    base = BaseFiles(transformer=str(small_flux), tokenizers=str(MODEL_DIR), **encoders)
    generator = DiffusersGenerator(tmp_path)
    request = mini(family="flux1-dev", base=base, width=64, height=64, steps=1)
    assert [e["type"] for e in await all_events(generator, request, tmp_path / "a")][-1] == "picture"
    assert pixels(tmp_path / "a" / "00.png").shape == (64, 64, 3)
    await generator.close()


async def test_several_characters_share_a_picture(tmp_path: Path, mini_lora: Path) -> None:
    """Two LoRAs at once are not one of them."""
    second = tmp_path / "bob.safetensors"
    shutil.copyfile(mini_lora, second)
    generator = DiffusersGenerator(tmp_path)
    one = LoraUse(file=str(mini_lora), strength=0.5)
    await all_events(generator, mini(loras=(one,)), tmp_path / "one")
    await all_events(generator, mini(loras=(one, LoraUse(file=str(second), strength=0.5))), tmp_path / "both")
    await all_events(generator, mini(loras=(LoraUse(file=str(mini_lora), strength=1.0),)), tmp_path / "whole")
    both, whole = (pixels(tmp_path / name / "00.png") for name in ("both", "whole"))
    assert np.abs(both - whole).max() <= 2  # twice the half of the same is the whole
    assert np.abs(both - pixels(tmp_path / "one" / "00.png")).mean() > 1
    await generator.close()
