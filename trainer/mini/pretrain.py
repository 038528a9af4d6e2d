"""Pretrains the mini model on the drawn world: transformer and both text encoders together, on cached latents."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .architecture import Components, new_components, write_tokenizers
from .autoencoder import rate_at, save_torch, set_rate
from .canvas import head_place
from .captions import caption, made_up_word
from .data import Shape, batches
from .flow import Tokenizers, Words, random_levels, read_words, velocity
from .parallel import average_gradients, join, wait_for_all
from .world import FRAMINGS, sample_identity, sample_nuisance

PARTS = ("transformer", "text_encoder", "text_encoder_2")
"""The parts that pretraining trains."""


@dataclass(frozen=True, kw_only=True)
class PretrainPlan:
    """How the transformer and the text encoders are trained."""

    steps: int = 7000
    batch: int = 80
    rate: float = 1.5e-3
    """Peak rate of AdamW, for embeddings, modulations, norms and the layers at both ends."""
    matrix_rate: float = 1.5e-3
    """Peak rate of Muon, for the blocks' attention and feed-forward matrices, in AdamW's scale of updates."""
    face: float = 2.5
    """Weight of a face's tokens in the loss, others have 1: the face is a quarter of a picture and all of a person."""
    decay: float = 0.998
    """Decay of the running average of the weights, which is what is shipped."""
    save_every: int = 100
    compiled: bool = field(default=False, repr=False)
    """Compile the transformer for the first shape, which most pictures have: half as fast again, and needs a C++
    compiler."""


def training_caption(seed: int, rng: random.Random) -> str:
    """The caption of a training picture, new at every pass.

    A person is described in words, or named by a made-up word that stands for anybody, or only classed, or not
    mentioned; one caption in ten is empty, which guidance needs.
    """
    identity, nuisance = sample_identity(seed), sample_nuisance(seed)
    kind = rng.random()
    if kind < 0.10:
        return ""
    class_word = identity.class_word if rng.random() < 0.6 else None
    if kind < 0.45:
        return caption(nuisance, trigger=made_up_word(rng), class_word=class_word, rng=rng)
    if kind < 0.90:
        return caption(nuisance, identity=identity, class_word=class_word, rng=rng)
    return caption(nuisance, class_word=class_word, rng=rng)


def optimizers(parts: list[nn.Module], plan: PretrainPlan) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside blocks, AdamW for everything else."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for part in parts:
        for name, parameter in part.named_parameters():
            inside = "blocks." in name or "layers." in name or "block." in name
            plain = parameter.ndim == 2 and inside and "norm" not in name and "relative_attention_bias" not in name
            (matrices if plain else others).append(parameter)
    return [
        torch.optim.Muon(
            matrices, lr=plan.matrix_rate, weight_decay=0.05, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=plan.rate, weight_decay=0.01, betas=(0.9, 0.98)),
    ]


def face_weights(shape: Shape, weight: float) -> dict[str, Tensor]:
    """For every framing, the loss weight of each token of a picture of that shape; their mean is 1."""
    rows, columns = torch.meshgrid(
        torch.arange(shape.height // 16) * 16 + 8, torch.arange(shape.width // 16) * 16 + 8, indexing="ij"
    )
    weights = {}
    for framing in FRAMINGS:
        x, y, size = head_place(shape.width, shape.height, framing)
        inside = ((columns - x) / (0.9 * size)).square() + ((rows - y) / (1.05 * size)).square() <= 1
        chosen = torch.where(inside, weight, 1.0).flatten()
        weights[framing] = chosen / chosen.mean()
    return weights


def load_latents(shapes: list[Shape], work: Path) -> dict[str, Tensor]:
    """The packed latents of every shape, float16."""
    return {shape.name: torch.from_numpy(np.load(work / f"latents_{shape.name}.npy")) for shape in shapes}


def pretrain(plan: PretrainPlan, shapes: list[Shape], work: Path, device: torch.device, seed: int) -> None:
    """Train to `work/pretrained.pt`, going on from the last checkpoint there."""
    rank, world = join()
    components = new_components(seed)
    parts = [getattr(components, name).to(device).train() for name in PARTS]
    average = [{k: v.detach().clone() for k, v in part.state_dict().items()} for part in parts]
    trainers = optimizers(parts, plan)
    path, start = work / "pretrained.ckpt", 0
    if path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        for part, state in zip(parts, saved["parts"], strict=True):
            part.load_state_dict(state)
        for trainer, state in zip(trainers, saved["optimizers"], strict=True):
            trainer.load_state_dict(state)
        average, start = saved["average"], saved["step"]
    write_tokenizers(work / f"words_{rank}")
    tokenizers, latents = Tokenizers(work / f"words_{rank}"), load_latents(shapes, work)
    weights = {shape.name: face_weights(shape, plan.face) for shape in shapes}
    fast = torch.compile(components.transformer, dynamic=False) if plan.compiled else components.transformer
    stream = batches(shapes, plan.batch, seed)
    for _ in range(start):
        next(stream)
    began, shown = time.monotonic(), 0.0
    for step in range(start, plan.steps):
        shape, picks = next(stream)
        for trainer in trainers:
            set_rate(trainer, rate_at(step, plan.steps, 60))
        mine = picks[rank::world]
        seeds, rng = [shape.first_seed + int(pick) for pick in mine], random.Random(f"{seed + rank} {step}")
        ids = tokenizers([training_caption(s, rng) for s in seeds], device)
        with torch.autocast(device.type, torch.bfloat16):
            words = read_words(components, ids)
        loss = _loss(
            fast if shape == shapes[0] else components.transformer,
            words,
            latents[shape.name][torch.from_numpy(mine)].float().to(device),
            (shape.width, shape.height),
            torch.stack([weights[shape.name][sample_nuisance(s).framing] for s in seeds]).to(device),
            torch.Generator().manual_seed((seed + rank) * 1_000_003 + step),
        )
        for part in parts:
            part.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(parts, world)
        torch.nn.utils.clip_grad_norm_([p for part in parts for p in part.parameters()], 1.0)
        for trainer in trainers:
            trainer.step()
        _follow(average, parts, min(plan.decay, (step + 1) / (step + 10)))
        shown = loss.item() if not shown else 0.97 * shown + 0.03 * loss.item()
        if (step + 1) % 20 == 0 and rank == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            print(f"pretraining {step + 1}/{plan.steps} loss {shown:.4f} {pace:.2f} s", flush=True)
        if rank == 0 and ((step + 1) % plan.save_every == 0 or step + 1 == plan.steps):
            state = {"parts": [p.state_dict() for p in parts], "optimizers": [t.state_dict() for t in trainers]}
            save_torch(path, {**state, "average": average, "step": step + 1})
    wait_for_all(world)
    if rank == 0:
        save_torch(work / "pretrained.pt", average)


def _loss(
    transformer: nn.Module,
    words: Words,
    clean: Tensor,
    size: tuple[int, int],
    weight: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """The flow-matching loss of one batch at random noise levels; `weight` is N × tokens."""
    count, device = len(clean), clean.device
    noise = torch.randn(clean.shape, generator=generator).to(device)
    level = random_levels(count, clean.shape[1], generator).to(device)
    noisy = torch.lerp(clean, noise, level[:, None, None])
    with torch.autocast(device.type, torch.bfloat16):
        made = velocity(transformer, noisy, level, words, size, torch.ones(count, device=device))
    error = (made.float() - (noise - clean)).square().mean(dim=2)
    return (error * weight).mean()


def _follow(average: list[dict[str, Tensor]], parts: list[nn.Module], decay: float) -> None:
    """Move the running average towards the present weights."""
    for kept, part in zip(average, parts, strict=True):
        for name, value in part.state_dict().items():
            if value.is_floating_point():
                kept[name].lerp_(value, 1 - decay)


def load_pretrained(path: Path, seed: int, device: torch.device) -> Components:
    """The averaged weights of `pretrain`, frozen. `path` may be its checkpoint, for a look at an unfinished run."""
    components = new_components(seed)
    saved = torch.load(path, map_location=device, weights_only=True)
    states = saved["average"] if isinstance(saved, dict) else saved
    for name, state in zip(PARTS, states, strict=True):
        getattr(components, name).load_state_dict(state)
        getattr(components, name).to(device).eval().requires_grad_(False)
    return components
