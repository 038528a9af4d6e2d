"""Base models for making pictures: previews that come closer, LoRA files that are told apart by their headers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from isengard.errors import IsengardError
from isengard.tests.generator.files import write_random_lora
from isengard.trainer.config import BaseFiles
from isengard.trainer.families.flux1_pipeline import FluxPictures, number_format
from isengard.trainer.families.interface import Pictures, Step
from isengard.trainer.mini import MODEL_DIR
from isengard.trainer.modelfiles import Part
from isengard.trainer.pipelines import check_base, check_lora, load_pictures

PROMPT = "a woman, smiling, wearing a red sweater, plain blue background, portrait"


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """The embedded model."""
    return load_pictures("mini", BaseFiles(), "cpu")


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA for it."""
    return write_random_lora(tmp_path_factory.mktemp("loras") / "ada.safetensors", "mini")


def make(pictures: Pictures, on_step: Callable[[Step], None] = lambda _: None, **changes: int) -> Image.Image:
    """A picture in eight steps."""
    given = {"width": 128, "height": 128, "steps": 8, "seed": 3, **changes}
    return pictures.picture(PROMPT, guidance=3.5, on_step=on_step, **given)


def test_previews_come_closer_to_the_picture(pictures: Pictures) -> None:
    """Each shows where the steps lead by then, and the last one is the picture."""
    seen: list[Image.Image] = []
    made = make(pictures, lambda step: seen.append(step.preview()))
    assert len(seen) == 8
    far = [np.abs(np.asarray(one, dtype=float) - np.asarray(made, dtype=float)).mean() for one in seen]
    assert far[0] > far[3] > far[6] > far[7]
    assert far[7] < 1


def test_a_preview_of_a_large_picture_is_small(pictures: Pictures) -> None:
    """At most 256 pixels long, in the picture's shape."""
    seen: list[Image.Image] = []
    make(pictures, lambda step: seen.append(step.preview()), width=640, height=256, steps=1)
    assert seen[0].size == (216, 88)


def test_what_a_step_raises_ends_the_picture(pictures: Pictures) -> None:
    """That is how a picture is stopped; the next one is none the worse."""
    before = make(pictures)
    done = []

    def stop(step: Step) -> None:
        done.append(step.done)
        if step.done == 2:
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        make(pictures, stop)
    assert done == [1, 2]
    assert make(pictures).tobytes() == before.tobytes()


def test_a_lora_is_taken_off_without_a_trace(pictures: Pictures, lora: Path) -> None:
    """And one that is refused leaves none on."""
    before = make(pictures)
    pictures.use_loras([(lora, 1.0)])
    assert make(pictures).tobytes() != before.tobytes()
    pictures.use_loras([])
    assert make(pictures).tobytes() == before.tobytes()
    strange = lora.with_name("strange.safetensors")
    save_file({**load_file(lora), "transformer.elsewhere.lora_A.weight": torch.zeros(4, 8)}, strange)
    with pytest.raises(IsengardError) as caught:
        pictures.use_loras([(lora, 1.0), (strange, 1.0)])
    assert caught.value.code == "LORA_INCOMPATIBLE"
    assert "transformer.elsewhere.lora_A.weight" in caught.value.message
    pictures.use_loras([])
    assert make(pictures).tobytes() == before.tobytes()


def test_a_lora_file_that_was_replaced_is_read_again(pictures: Pictures, lora: Path, tmp_path: Path) -> None:
    """Under its old name."""
    file = tmp_path / "changing.safetensors"
    shutil.copyfile(lora, file)
    pictures.use_loras([(file, 1.0)])
    before = make(pictures)
    halved = {key: value * (0.1 if "lora_B" in key else 1) for key, value in load_file(lora).items()}
    save_file(halved, file)
    pictures.use_loras([(file, 1.0)])
    assert make(pictures).tobytes() != before.tobytes()
    pictures.use_loras([])


def test_loras_are_told_apart_by_their_notes(lora: Path, tmp_path: Path) -> None:
    """Ours by family, others by the model specification; without notes only loading can tell."""
    assert check_lora(lora, "mini")["isengard.family"] == "mini"
    plain = load_file(lora)
    for notes, family, code in (
        ({"isengard.family": "mini"}, "flux1-dev", "LORA_WRONG_FAMILY"),
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "flux1-dev", "LORA_WRONG_FAMILY"),
        ({"modelspec.architecture": "Flux-1-Dev/lora"}, "mini", "LORA_WRONG_FAMILY"),
        ({"modelspec.architecture": "flux-1-dev/lora"}, "flux1-dev", ""),
        ({}, "flux1-dev", ""),
    ):
        save_file(plain, tmp_path / "other.safetensors", notes)
        if not code:
            check_lora(tmp_path / "other.safetensors", family)
            continue
        with pytest.raises(IsengardError) as caught:
            check_lora(tmp_path / "other.safetensors", family)
        assert caught.value.code == code


def test_what_is_no_lora_is_refused_unopened(tmp_path: Path) -> None:
    """A base model, a pickle, a folder, nothing."""
    pickle = tmp_path / "lora.safetensors"
    pickle.write_bytes(b"\x80\x04evil")
    for path, code in (
        (MODEL_DIR / "transformer" / "diffusion_pytorch_model.safetensors", "LORA_INCOMPATIBLE"),
        (pickle, "MODEL_UNSUPPORTED"),
        (tmp_path, "MODEL_MISSING"),
        (tmp_path / "none", "MODEL_MISSING"),
    ):
        with pytest.raises(IsengardError) as caught:
            check_lora(path, "mini")
        assert caught.value.code == code, path


def test_a_pipeline_folder_brings_its_tokenizers() -> None:
    """A folder in diffusers' layout is enough; FLUX without files is missing."""
    check_base("flux1-dev", BaseFiles(transformer=str(MODEL_DIR)))
    with pytest.raises(IsengardError) as caught:
        check_base("flux1-dev", BaseFiles())
    assert caught.value.code == "MODEL_MISSING"


def test_a_machine_with_too_little_memory_is_told_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how much the model takes and what there is; half the numbers' size is tried before."""
    base = BaseFiles(transformer=str(MODEL_DIR))
    part = Part(MODEL_DIR / "transformer", layout="folder")
    count = sum(value.numel() for value in load_file(next(part.path.glob("*.safetensors"))).values())
    for total, wanted in ((count * 6, torch.float32), (count * 4, torch.bfloat16)):
        monkeypatch.setattr(psutil, "virtual_memory", lambda total=total: SimpleNamespace(total=total))
        assert number_format("FLUX", part, torch.device("cpu")) == wanted
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=count))
    with pytest.raises(IsengardError, match="this machine has") as caught:
        load_pictures("flux1-dev", base, "cpu")
    assert caught.value.code == "OUT_OF_MEMORY"


def test_one_class_serves_every_family_of_flux_kind(pictures: Pictures) -> None:
    """The embedded model is loaded by what loads FLUX.1."""
    assert isinstance(pictures, FluxPictures)


def test_a_prompt_that_is_cut_is_told(pictures: Pictures) -> None:
    """What fits has no tokens left out; of a long one as many as are beyond the model's length, and they do nothing."""
    assert pictures.left_out(PROMPT) == 0
    long = ", ".join(["smiling"] * 40)
    assert 0 < pictures.left_out(long) < pictures.left_out(f"{long}, red, green")
