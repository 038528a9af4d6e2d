"""The bare loop that ours is measured against: diffusers and peft, as diffusers' own example goes."""

from __future__ import annotations

import argparse
from typing import Any

import torch

from .gpu_common import FAMILY, batch_of, config_of, dtype_of, figures_of, losses_of, moment, the_device


def measure_bare(options: argparse.Namespace) -> dict[str, Any]:
    """The way of diffusers' example: peft in fp32 under autocast, every block recomputed."""
    from peft import LoraConfig, inject_adapter_in_model

    device = the_device()
    config = config_of(options)
    transformer = FAMILY.load_transformer(config, dtype_of(device)).to(device)
    names = FAMILY.lora_targets(transformer, config.targets)
    inject_adapter_in_model(LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=names), transformer)
    trained = [parameter for name, parameter in transformer.named_parameters() if "lora_" in name]
    for parameter in transformer.parameters():
        parameter.requires_grad_(False)
    for parameter in trained:
        parameter.data = parameter.data.float()
        parameter.requires_grad_(True)
    transformer.enable_gradient_checkpointing()
    transformer.train()
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate)
    seconds: list[float] = []
    for number in range(options.steps + 3):
        batch = batch_of(config, number, device, transformer)
        began = moment(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = losses_of(transformer, batch).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(moment(device) - began)
    return figures_of(seconds[3:], seconds[0], config, device)
