"""Every shared workflow on FLUX runs in a real ComfyUI, from training to the grid of checkpoints: on small files of
FLUX's true width, at 64 pixels and with few steps."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from isengard import settings
from isengard.tests.comfyui.flux_host import flux_models, furnish, small_flux
from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.comfyui.running import Graph, Running, node
from isengard.tests.comfyui.small_flux import furnish_more, made_small, more_models
from isengard.tests.comfyui.workflows import as_prompt

__all__ = ["flux_models", "more_models", "small_flux"]
pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
PICTURES = (
    "picture-of-a-character", "two-characters-in-one-picture", "character-with-controlnet-canny",
    "character-with-an-image-prompt", "upscale-a-picture-of-a-character",
)  # fmt: skip


@pytest.fixture(scope="module")
def host(
    comfyui: ComfyUI, flux_models: Path, more_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A ComfyUI with small FLUX files in which the training workflow has been run."""
    made = furnish(Running(comfyui, tmp_path_factory.mktemp("workflows")), flux_models)
    furnish_more(made, more_models)
    (made.base / "input").mkdir()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(made.base / "input" / "example.png")
    try:
        made.start().run(made_small(prompt_of("train-a-character-on-flux", made)))
        yield made
    finally:
        made.kill()


def prompt_of(name: str, host: Running) -> Graph:
    """What pressing Run sends."""
    file = settings.PACK / "workflows" / f"{name}.json"
    found: Graph = as_prompt(json.loads(file.read_text(encoding="utf-8")), host.theirs.get("/object_info"))
    return found


def test_the_training_workflow_trains(host: Running) -> None:
    """On conditioning from ComfyUI's own VAE and CLIP; the nodes show pictures, the LoRA is in ComfyUI's list; run
    again, nothing is trained again."""
    job = host.jobs()[-1]
    assert (job["state"], job["family"], job["step"], job["character"]) == ("done", "flux1-dev", 4, "ada")
    assert f"isengard/{job['lora']}.safetensors" in host.theirs.get("/models/loras")
    outputs = host.run(made_small(prompt_of("train-a-character-on-flux", host)))
    assert [len(found["images"]) for found in outputs.values() if "images" in found] == [1, 1, 1]
    assert [found["id"] for found in host.jobs()] == [job["id"]]
    assert host.ours.get(f"/training/{job['id']}")["attempt"] == 1


@pytest.mark.parametrize("name", PICTURES)
def test_a_workflow_makes_a_picture(host: Running, name: str) -> None:
    """With the LoRA that was trained, whose keys all load."""
    outputs = host.run(made_small(prompt_of(name, host)))
    saved = [image for found in outputs.values() for image in found.get("images", []) if image["type"] == "output"]
    assert len(saved) == 1
    with Image.open(host.base / "output" / saved[0]["subfolder"] / saved[0]["filename"]) as picture:
        assert picture.size == ((128, 128) if name.startswith("upscale") else (64, 64))
        assert len(picture.getcolors(1 << 16) or []) > 16, "a picture of numbers that were none"
    assert "lora key not loaded" not in host.log
    assert "missing controlnet keys" not in host.log
    assert "missing clip vision" not in host.log


def test_the_grid_has_a_cell_for_each_checkpoint_and_strength(host: Running) -> None:
    """Painted with the model on the graph: another checkpoint and another strength is another picture, 0 is the plain
    model for all, and the sheet is the same when it is made again."""
    graph = grid_graph(host, strengths="0, 1")
    outputs = host.run(graph)
    shown = [image for found in outputs.values() for image in found.get("images", [])]
    sheet = _picture(host, next(image for image in shown if image["type"] == "output"))
    cells = [[_cell(sheet, row, column) for column in range(2)] for row in range(2)]
    assert cells[0][0] == cells[1][0], "strength 0 is the model without a LoRA"
    assert len({cells[0][0], cells[0][1], cells[1][1]}) == 3


@pytest.mark.parametrize("missing", ["model", "vae", "positive", "latent"])
def test_the_grid_says_what_is_not_connected(host: Running, missing: str) -> None:
    """Before anything is painted."""
    graph = grid_graph(host, strengths="1")
    grid = next(step for step in graph.values() if step["class_type"] == "IsengardCheckpointGrid")
    del grid["inputs"][missing]
    history = host.end_of(host.put(graph))
    name, told = history["status"]["messages"][-1]
    assert name == "execution_error"
    assert told["exception_message"].startswith("GRAPH_INCOMPLETE: ")
    assert f"needs {missing} " in told["exception_message"]


def test_the_grid_stops_when_asked(host: Running) -> None:
    """Between two pictures or two steps, and the queue goes on."""
    graph = grid_graph(host, strengths="0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9", steps=100)
    prompt = host.put(graph)
    host.until(lambda: host.theirs.get("/queue")["queue_running"], "it never ran")
    time.sleep(3)
    host.theirs.ask("POST", "/interrupt", {"prompt_id": prompt})
    messages = [name for name, _ in host.end_of(prompt)["status"]["messages"]]
    assert "execution_interrupted" in messages
    host.run({"size": node("IsengardAspectRatio", aspect="1:1", base_model="mini", batch_size=1),
              "shown": node("PreviewAny", source=["size", 0])})  # fmt: skip


def test_a_lora_of_another_base_model_is_refused(host: Running) -> None:
    """The node names both models; and a version that is not in the library is refused before it runs."""
    graph: dict[str, Any] = {
        "model": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
        "apply": node("IsengardApplyCharacter", model=["model", 0], version="no-such-lora", strength=1.0),
        "shown": node("PreviewAny", source=["apply", 1]),
    }
    answer = host.theirs.ask("POST", "/prompt", {"prompt": graph})
    assert answer.status == 400
    assert "There is no LoRA" in answer.body.decode()


def test_encoders_that_are_not_fluxs_are_refused_by_name(host: Running) -> None:
    """A CLIP that lacks T5 is told before anything is encoded."""
    graph = made_small(prompt_of("train-a-character-on-flux", host))
    clip = next(name for name, step in graph.items() if step["class_type"] == "DualCLIPLoader")
    graph[clip] = node("CLIPLoader", clip_name="clip_l.safetensors", type="stable_diffusion", device="default")
    prepare = next(step for step in graph.values() if step["class_type"] == "IsengardPrepare")
    prepare["inputs"]["steps"] = 5  # another job than the one that is done
    history = host.end_of(host.put(graph))
    told = history["status"]["messages"][-1][1]
    assert told["exception_message"].startswith("MODEL_WRONG_KIND: ")


def grid_graph(host: Running, *, strengths: str, steps: int = 2) -> Graph:
    """The workflow that compares checkpoints, for the job that was trained."""
    graph = made_small(prompt_of("compare-checkpoints-on-flux", host))
    for step in graph.values():
        if step["class_type"] == "IsengardJob":
            step["inputs"]["job"] = host.jobs()[-1]["id"]
        if step["class_type"] == "IsengardCheckpointGrid":
            step["inputs"].update(strengths=strengths, steps=steps)
    return graph


def _picture(host: Running, image: dict[str, str]) -> Image.Image:
    with Image.open(host.base / "output" / image["subfolder"] / image["filename"]) as picture:
        return picture.convert("RGB")


def _cell(sheet: Image.Image, row: int, column: int) -> bytes:
    """The picture in a cell of the sheet: 64 pixels, beside the labels."""
    left, top = sheet.width - (2 - column) * 72, sheet.height - (2 - row) * 72
    return sheet.crop((left, top, left + 64, top + 64)).tobytes()
