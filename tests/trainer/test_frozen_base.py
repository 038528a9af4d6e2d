"""Trainings over a base model in fewer bits: nearly the same losses, exact resume, the usual LoRA file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel
from safetensors.torch import load_file
from torch import Tensor, nn

from isengard.errors import IsengardError
from isengard.tests.flux_files import small_flux
from isengard.tests.trainer.flux_toys import WIDER
from isengard.tests.trainer.jobs import RunHere, assert_same_lora, copy_job, lora_of, losses_of
from isengard.tests.trainer.lora import Adapter as Trained
from isengard.tests.trainer.lora import write_trained
from isengard.trainer.backends.native.fitting import build
from isengard.trainer.config import BaseFiles, TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.families.interface import Placement
from isengard.trainer.job import ExitCode, JobFolder
from isengard.trainer.memory_plan import Features, choose_plan
from isengard.trainer.modelfiles import Part
from isengard.trainer.plan import change_config
from isengard.trainer.quantised import QuantisedLinear
from isengard.trainer.states import ask

__all__ = ["small_flux"]
FAMILY = load_family("flux1-dev")
CPU = torch.device("cpu")


def config(path: Path, **changes: Any) -> TrainingConfig:
    base = BaseFiles(transformer=str(path))
    values = {"name": "Ada", "trigger_word": "ohwx", "sample_every": 0, "rank": 4, "alpha": 4.0, "base": base}
    return TrainingConfig(**{**values, **changes})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a FLUX of toy size."""
    path = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    FluxTransformer2DModel(**WIDER).save_pretrained(path)
    return path


def quantised_layers(model: nn.Module) -> list[str]:
    return [name for name, layer in model.named_modules() if isinstance(layer, QuantisedLinear)]


# --- loading


@pytest.mark.parametrize("form", ["fp8", "int8"])
def test_the_linear_layers_of_the_blocks_are_quantised_while_they_are_loaded(form: str, tiny: Path) -> None:
    """All of them, modulations included, and nothing else; what a LoRA attaches to has the same names."""
    plain = FAMILY.load_transformer(config(tiny), torch.float32)
    model = FAMILY.load_transformer(config(tiny), torch.float32, Placement(CPU, form))
    expected = [name for name, layer in plain.named_modules() if isinstance(layer, nn.Linear) and "blocks." in name]
    assert quantised_layers(model) == expected
    for targets in ("all-linear", "attention", "likeness-blocks"):
        assert FAMILY.lora_targets(model, targets) == FAMILY.lora_targets(plain, targets)
    for (name, ours), (same, theirs) in zip(_others(model), _others(plain), strict=True):
        assert name == same
        assert torch.equal(ours, theirs)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def _others(model: nn.Module) -> list[tuple[str, Tensor]]:
    names = quantised_layers(model)
    return [
        (name, value)
        for name, value in model.named_parameters()
        if name.rpartition(".")[0] not in names and "blocks." not in name
    ]


def test_only_layers_that_a_gradient_passes_keep_turned_weights(tiny: Path) -> None:
    model = FAMILY.load_transformer(config(tiny), torch.float32, Placement(CPU, "fp8", both_ways=True))
    both = {name for name, layer in model.named_modules() if isinstance(layer, QuantisedLinear) and layer.both_ways}
    assert {name for name in quantised_layers(model) if name not in both} == {
        name for name in quantised_layers(model) if ".norm" in name
    }


def test_a_tensor_that_lacks_is_an_error_in_every_format(tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    weights = load_file(tiny / "diffusion_pytorch_model.safetensors")
    for lost in ("single_transformer_blocks.1.proj_out.bias", "transformer_blocks.0.norm1.linear.weight"):
        (tmp_path / "config.json").write_bytes((tiny / "config.json").read_bytes())
        save_file(
            {name: value for name, value in weights.items() if name != lost},
            tmp_path / "diffusion_pytorch_model.safetensors",
        )
        with pytest.raises(IsengardError, match=f"lacks 1 tensors, first {lost.rpartition('.')[0]}") as caught:
            FAMILY.load_transformer(config(tmp_path), torch.float32, Placement(CPU, "fp8"))
        assert caught.value.code == "MODEL_UNREADABLE"


@pytest.mark.slow
def test_every_tensor_of_a_single_file_stands_where_diffusers_would_put_it(small_flux: Path) -> None:
    """Fused layers are cut, scale and shift change places: compared with diffusers' own converter."""
    from isengard.trainer.families.flux1_files import CONFIGS
    from isengard.trainer.families.flux1_weights import load

    theirs = FluxTransformer2DModel.from_single_file(
        load_file(small_flux), config=str(CONFIGS / "transformer"), local_files_only=True, torch_dtype=torch.bfloat16,
        num_layers=1, num_single_layers=1, guidance_embeds=True,
    )  # fmt: skip
    ours = load(Part(small_flux), torch.bfloat16, Placement(CPU))
    known = dict(theirs.named_parameters())
    assert known.keys() == dict(ours.named_parameters()).keys()
    assert [name for name, value in ours.named_parameters() if not torch.equal(value, known[name])] == []


# --- training


def _train(config: TrainingConfig, steps: int, dtype: torch.dtype, shape: dict[str, int], batches: int = 4) -> Any:
    plan = choose_plan(config, None, Features(), on_gpu=False)
    model, adapter = build(config, FAMILY, plan, CPU, dtype)
    optimizer = torch.optim.AdamW(adapter.parameters.values(), lr=1e-3)
    losses = []
    for step in range(steps):
        draw = torch.Generator().manual_seed(step % batches)
        latents = torch.randn(1, 16, 8, 8, generator=draw)
        noise = torch.randn(1, 16, 8, 8, generator=draw)
        words = {
            "text": torch.randn(1, 16, shape["joint_attention_dim"], generator=draw).to(dtype),
            "pooled": torch.randn(1, shape["pooled_projection_dim"], generator=draw).to(dtype),
        }
        loss = FAMILY.loss(model, latents, noise, torch.tensor([0.6]), words, 1.0).mean()
        loss.backward()
        adapter.collect()
        optimizer.step()
        optimizer.zero_grad()
        adapter.publish()
        losses.append(loss.item())
    return losses, adapter


def _learned(losses: list[float], batches: int = 4) -> bool:
    """Whether each of the batches has a lower loss in the last round than in the first."""
    return all(last < first for first, last in zip(losses[:batches], losses[-batches:], strict=True))


@pytest.mark.parametrize("form", ["fp8", "int8"])
def test_the_loss_falls_as_over_the_full_model(form: str, tiny: Path) -> None:
    full, _ = _train(config(tiny), 24, torch.float32, WIDER)
    ours, adapter = _train(config(tiny, base_weights=form, recompute_blocks=2, swap_blocks=2), 24, torch.float32, WIDER)
    assert _learned(full), "else nothing is compared"
    assert ours == pytest.approx(full, rel=0.005)
    assert ours != full
    assert all(parameter.dtype == torch.float32 for parameter in adapter.parameters.values())


@pytest.mark.slow
def test_the_loss_falls_as_in_bf16_at_the_true_width(small_flux: Path, tmp_path: Path) -> None:
    """One double and one single block of FLUX, LoRA computed in bf16; what was trained is written as ever."""
    shape = {"joint_attention_dim": 4096, "pooled_projection_dim": 768}
    full, _ = _train(config(small_flux), 4, torch.bfloat16, shape, batches=2)
    assert _learned(full, batches=2), "else nothing is compared"
    for form in ("fp8", "int8"):
        ours, adapter = _train(config(small_flux, base_weights=form), 4, torch.bfloat16, shape, batches=2)
        assert ours == pytest.approx(full, rel=0.02), form
        trained = Trained([], dict(adapter.best()), adapter.scale)
        stored = load_file(write_trained(tmp_path / f"{form}.safetensors", FAMILY, trained))
        assert len(stored) == 2 * (12 + 5)
        for name, value in adapter.best().items():
            assert torch.equal(stored[FAMILY.export_key(name)], value * (adapter.scale if "lora_B" in name else 1.0))


LEAN = {"base_weights": "fp8", "recompute_blocks": 3, "swap_blocks": 2}


@pytest.mark.slow
def test_a_lean_training_goes_on_exactly_after_a_stop(job: JobFolder, tmp_path: Path, run_here: RunHere) -> None:
    """Quantised, recomputed and swapped: paused at a step and taken up again it ends in the very LoRA."""
    change_config(job, LEAN)
    cut = copy_job(job, tmp_path / "cut")
    assert run_here(job) == ExitCode.DONE

    def stop(event: dict[str, Any]) -> None:
        if event["type"] == "loss" and event["step"] == 6:
            ask(cut.control_file, stop="pause")

    assert run_here(cut, stop) == ExitCode.PAUSED
    assert run_here(cut) == ExitCode.DONE
    assert losses_of(cut) == losses_of(job)
    assert_same_lora(cut, job)
    told = json.loads((job.path / "memory.json").read_text(encoding="utf-8"))
    assert {name: told[name] for name in LEAN} == LEAN


@pytest.mark.slow
def test_a_checkpoint_keeps_its_number_format(job: JobFolder, tmp_path: Path, run_here: RunHere) -> None:
    """Left to the plan, a resumed training goes on in the format that it was begun in; memory settings may change."""
    change_config(job, LEAN)
    moved = copy_job(job, tmp_path / "moved")
    assert run_here(job) == ExitCode.DONE
    change_config(moved, {"steps": 4, "save_every": 4})
    assert run_here(moved) == ExitCode.DONE
    reopened = copy_job(moved, tmp_path / "reopened")
    state = json.loads(reopened.state_file.read_text(encoding="utf-8"))
    reopened.state_file.write_text(json.dumps({**state, "state": "interrupted"}), encoding="utf-8")
    reopened.result_file.unlink()
    for file in reopened.lora.iterdir():
        file.unlink()
    change_config(reopened, {"steps": 12, "base_weights": "auto", "recompute_blocks": 0, "swap_blocks": 0})
    assert run_here(reopened) == ExitCode.DONE
    assert json.loads((reopened.path / "memory.json").read_text(encoding="utf-8"))["base_weights"] == "fp8"
    assert len(lora_of(reopened)) == len(lora_of(job))
