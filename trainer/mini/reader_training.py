"""Trains the attribute reader on drawn pictures and on the autoencoder's reconstructions of them, and measures it on
fresh ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .autoencoder import load_autoencoder, rate_at, save_torch, set_rate, to_tensor
from .data import HELD_OUT, Shape, load_pictures, picture, save_array, save_json
from .parallel import average_gradients, join, wait_for_all
from .reader import CATEGORIES, Reader, accuracy, pictures_to_tensor, read, save_reader, split_outputs, truth
from .world import sample_identity, sample_nuisance


@dataclass(frozen=True, kw_only=True)
class ReaderPlan:
    """How the reader is trained and measured."""

    steps: int = 1600
    batch: int = 64
    rate: float = 2e-3
    reconstructed: int = 4000
    """How many training pictures are also shown as the autoencoder makes them."""
    fresh: int = 512
    """How many fresh pictures the accuracy is measured on."""
    save_every: int = 250


def train_reader(plan: ReaderPlan, shape: Shape, work: Path, device: torch.device, seed: int) -> None:
    """Train to `work/reader.pt` on pictures of one shape, going on from the last checkpoint there."""
    rank, world = join()
    torch.manual_seed(seed)
    drawn, remade = load_pictures(shape, work), _reconstructions(plan, shape, work, device)
    seeds = range(shape.first_seed, shape.first_seed + shape.count)
    numbers, indices = truth([sample_identity(s) for s in seeds], [sample_nuisance(s) for s in seeds])
    reader = Reader().to(device)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=plan.rate, weight_decay=0.02)
    path, start = work / "reader.ckpt", 0
    if path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        reader.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["step"]
    shown = 0.0
    for step in range(start, plan.steps):
        rng = np.random.default_rng([seed, step])
        source = remade if step % 2 else drawn
        picks = np.sort(rng.choice(len(source), size=min(plan.batch, len(source)), replace=False))[rank::world]
        pictures = to_tensor(source[picks], device)
        pictures = pictures * (1 + 0.06 * torch.randn(len(picks), 1, 1, 1)) + 0.03 * torch.randn_like(pictures)
        set_rate(optimizer, rate_at(step, plan.steps, 50))
        loss = _loss(
            reader.train()(pictures), numbers[picks].to(device), {n: i[picks].to(device) for n, i in indices.items()}
        )
        reader.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients([reader], world)
        optimizer.step()
        shown = loss.item() if not shown else 0.95 * shown + 0.05 * loss.item()
        if (step + 1) % 100 == 0 and rank == 0:
            print(f"reader {step + 1}/{plan.steps} loss {shown:.3f}", flush=True)
        if rank == 0 and ((step + 1) % plan.save_every == 0 or step + 1 == plan.steps):
            save_torch(path, {"model": reader.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1})
    wait_for_all(world)
    if rank == 0:
        save_torch(work / "reader.pt", reader.state_dict())


def publish_reader(
    plan: ReaderPlan, work: Path, folder: Path, device: torch.device
) -> dict[str, dict[str, dict[str, float]]]:
    """Write the weights and the measured accuracy, on pictures drawn for this and on their reconstructions."""
    reader = Reader()
    reader.load_state_dict(torch.load(work / "reader.pt", map_location="cpu", weights_only=True))
    save_reader(reader, folder)
    seeds = range(HELD_OUT, HELD_OUT + plan.fresh)
    true = truth([sample_identity(s) for s in seeds], [sample_nuisance(s) for s in seeds])
    pictures = pictures_to_tensor(np.stack([picture(s, 128, 128) for s in seeds]))
    vae = load_autoencoder(work, torch.device("cpu"))
    with torch.no_grad():
        remade = torch.cat(
            [vae.decode(vae.encode(part).latent_dist.mean).sample.clamp(-1, 1) for part in pictures.split(32)]
        )
    measured = {
        "drawn": accuracy(read(reader, pictures), *true),
        "reconstructed": accuracy(read(reader, remade), *true),
    }
    save_json(folder / "accuracy.json", measured)
    return measured


def _loss(outputs: Tensor, numbers: Tensor, indices: dict[str, Tensor]) -> Tensor:
    told, logits = split_outputs(outputs)
    loss = 12.0 * nn.functional.smooth_l1_loss(told, numbers, beta=0.1) * len(CATEGORIES) / 4
    for name, index in indices.items():
        loss = loss + nn.functional.cross_entropy(logits[name], index)
    return loss / len(CATEGORIES)


def _reconstructions(plan: ReaderPlan, shape: Shape, work: Path, device: torch.device) -> np.ndarray:
    """The first training pictures as the autoencoder makes them, kept in the work folder."""
    target = work / f"remade_{shape.name}.npy"
    if not target.exists():
        vae, drawn, parts = load_autoencoder(work, device), load_pictures(shape, work), []
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            for i in range(0, min(plan.reconstructed, shape.count), 32):
                true = to_tensor(drawn[i : min(i + 32, plan.reconstructed)], device)
                made = vae.decode(vae.encode(true).latent_dist.mean).sample
                parts.append(((made.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy())
        save_array(target, np.concatenate(parts))
    remade: np.ndarray = np.load(target, mmap_mode="r")
    return remade
