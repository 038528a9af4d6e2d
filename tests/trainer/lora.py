"""A bare training loop with peft, to prove a family's pieces without the loop of the trainer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from isengard.trainer.config import TrainingConfig
from isengard.trainer.families.interface import Family
from isengard.trainer.job import PhotoEntry
from isengard.trainer.lora_file import write_lora

RANK, ALPHA = 4, 6.0
PHOTOS = (
    PhotoEntry(id="a", file="photos/a.jpg", sha256="0", caption="ohwx woman, smiling, hat", buckets=((512, 512),)),
    PhotoEntry(id="b", file="photos/b.jpg", sha256="1", caption="ohwx woman, rain", buckets=((448, 576), (512, 512))),
)


@dataclass(frozen=True)
class Adapter:
    """What was trained."""

    targets: list[str]
    weights: dict[str, Tensor]
    scale: float


def config(family: str = "flux1-dev", **changes: Any) -> TrainingConfig:
    """Settings of a training that is over in a moment."""
    chosen = {"name": "Ada", "trigger_word": "ohwx", "class_word": "woman", "rank": RANK, "alpha": ALPHA, "steps": 3}
    return TrainingConfig(**{**chosen, "warmup_steps": 0, "sample_every": 0, "family": family, **changes})  # type: ignore[arg-type]


def train_lora(
    family: Family, model: nn.Module, targets: str, steps: int, rate: float = 1e-3
) -> tuple[Adapter, list[float]]:
    """Puts a LoRA on the model and fits it to one made-up photo."""
    names = family.lora_targets(model, targets)
    torch.manual_seed(5)
    inject_adapter_in_model(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=names), model)
    trained = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
        if "lora_" in name:
            parameter.data = parameter.data.float()
            trained[name.replace(".default.", ".")] = parameter
    shapes: Any = model.config
    latents, noise = torch.randn(1, 16, 8, 8), torch.randn(1, 16, 8, 8)
    words = {
        "text": torch.randn(1, 16, shapes.joint_attention_dim),
        "pooled": torch.randn(1, shapes.pooled_projection_dim),
    }
    optimizer = torch.optim.AdamW(trained.values(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = family.loss(model, latents, noise, torch.tensor([0.6]), words, 1.0).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    weights = {name: parameter.detach().clone() for name, parameter in trained.items()}
    return Adapter(names, weights, ALPHA / RANK), losses


def write_trained(path: Path, family: Family, adapter: Adapter, **changes: Any) -> Path:
    """The LoRA file of what was trained."""
    write_lora(
        path,
        adapter.weights,
        family=family,
        config=config(family.name, **{"save_dtype": "fp32", **changes}),
        scale=adapter.scale,
        photos=PHOTOS,
        step=3,
        started="2026-11-22T16:35:00.000Z",
    )
    return path


def merged_by_peft(model: nn.Module) -> dict[str, Tensor]:
    """The weights of the layers with a LoRA, by layer, after peft has merged them in place."""
    merged = {}
    for name, module in model.named_modules():
        if hasattr(module, "merge") and hasattr(module, "base_layer"):
            module.merge()
            merged[name] = module.base_layer.weight.detach()
    return merged
