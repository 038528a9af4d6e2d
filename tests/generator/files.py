"""LoRA files with a visible effect, made without a training."""

from __future__ import annotations

from pathlib import Path


def write_random_lora(path: Path, name: str) -> Path:
    """Random weights on the attention layers of a family's model."""
    import torch

    from isengard.tests.trainer.lora import Adapter, config, write_trained
    from isengard.trainer.families import load_family

    family = load_family(name)
    model = family.load_transformer(config(name), torch.float32)
    targets = family.lora_targets(model, "attention")
    torch.manual_seed(5)
    layers = {target: model.get_submodule(target) for target in targets}
    weights = {
        f"{target}.lora_{half}.weight": torch.randn(shape) * 0.2
        for target, layer in layers.items()
        for half, shape in (("A", (4, layer.in_features)), ("B", (layer.out_features, 4)))
    }
    return write_trained(path, family, Adapter(targets, weights, 1.0))
