"""Guidance distillation: teaches the mini model, as FLUX.1-dev was taught, to do in one forward what guidance does in
two.

The pretrained weights are the teacher. For a random guidance g the student's target is `empty + g · (prompted −
empty)`; at g = 1 that is the plain velocity, so training a LoRA at guidance 1 still means what it meant.
"""

from __future__ import annotations

import copy
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .autoencoder import rate_at, save_torch, set_rate
from .data import Shape, batches
from .flow import Tokenizers, Words, random_levels, read_words, velocity
from .parallel import average_gradients, join, wait_for_all
from .pretrain import load_latents, load_pretrained, training_caption


@dataclass(frozen=True, kw_only=True)
class DistilPlan:
    """How guidance is distilled. Only the transformer is trained; the text encoders stay as pretraining left them."""

    steps: int = 300
    batch: int = 64
    rate: float = 4e-4
    strongest: float = 5.0
    """Guidance is drawn evenly from 1 to this; one in five is exactly 1, where the target is the picture itself."""
    decay: float = 0.99
    save_every: int = 50


def distil(plan: DistilPlan, shapes: list[Shape], work: Path, device: torch.device, seed: int) -> None:
    """Train to `work/distilled.pt` (the transformer's averaged weights), going on from the last checkpoint there."""
    rank, world = join()
    components = load_pretrained(work / "pretrained.pt", seed, device)
    teacher, student = components.transformer, copy.deepcopy(components.transformer).train().requires_grad_(True)
    average = {k: v.detach().clone() for k, v in student.state_dict().items()}
    optimizer = torch.optim.AdamW(student.parameters(), lr=plan.rate, weight_decay=0.0, betas=(0.9, 0.98))
    path, start = work / "distilled.ckpt", 0
    if path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        student.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        average, start = saved["average"], saved["step"]
    tokenizers, latents = Tokenizers(work / f"words_{rank}"), load_latents(shapes, work)
    empty = read_words(components, tokenizers([""], device))
    stream = batches(shapes, plan.batch, seed + 77)
    for _ in range(start):
        next(stream)
    began, shown = time.monotonic(), 0.0
    for step in range(start, plan.steps):
        shape, picks = next(stream)
        mine = picks[rank::world]
        rng, generator = (
            random.Random(f"distil {seed + rank} {step}"),
            torch.Generator().manual_seed((seed + rank) * 7919 + step),
        )
        clean = latents[shape.name][torch.from_numpy(mine)].float()
        ids = tokenizers([training_caption(shape.first_seed + int(pick), rng) for pick in mine], device)
        set_rate(optimizer, rate_at(step, plan.steps, 30))
        loss = _loss(
            teacher,
            student,
            read_words(components, ids),
            empty,
            clean.to(device),
            (shape.width, shape.height),
            plan,
            generator,
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients([student], world)
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        decay = min(plan.decay, (step + 1) / (step + 10))
        for name, value in student.state_dict().items():
            average[name].lerp_(value, 1 - decay)
        shown = loss.item() if not shown else 0.95 * shown + 0.05 * loss.item()
        if (step + 1) % 20 == 0 and rank == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            print(f"distilling {step + 1}/{plan.steps} loss {shown:.4f} {pace:.2f} s", flush=True)
        if rank == 0 and ((step + 1) % plan.save_every == 0 or step + 1 == plan.steps):
            state = {
                "model": student.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average,
                "step": step + 1,
            }
            save_torch(path, state)
    wait_for_all(world)
    if rank == 0:
        save_torch(work / "distilled.pt", average)


def _loss(
    teacher: nn.Module,
    student: nn.Module,
    words: Words,
    empty: Words,
    clean: Tensor,
    size: tuple[int, int],
    plan: DistilPlan,
    generator: torch.Generator,
) -> Tensor:
    """Distance between the student at guidance g and the teacher's guided velocity, on noisy training latents."""
    count, device = len(clean), clean.device
    noise = torch.randn(clean.shape, generator=generator).to(device)
    level = random_levels(count, clean.shape[1], generator).to(device)
    g = 1 + (plan.strongest - 1) * torch.rand(count, generator=generator).to(device)
    plain = (torch.rand(count, generator=generator) < 0.2).to(device)
    g = torch.where(plain, torch.ones_like(g), g)
    noisy, one = torch.lerp(clean, noise, level[:, None, None]), torch.ones(count, device=device)
    with torch.autocast(device.type, torch.bfloat16):
        with torch.no_grad():
            both = Words(empty.tokens.expand(count, -1, -1), empty.pooled.expand(count, -1))
            with_words = velocity(teacher, noisy, level, words, size, one).float()
            without = velocity(teacher, noisy, level, both, size, one).float()
        made = velocity(student, noisy, level, words, size, g)
    target = without + g[:, None, None] * (with_words - without)
    target = torch.where(plain[:, None, None], noise - clean, target)
    return nn.functional.mse_loss(made.float(), target)
