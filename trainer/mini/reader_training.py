"""Trains the attribute reader on drawn pictures and on the autoencoder's reconstructions of them, and measures it on
fresh ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .autoencoder import load_autoencoder, rate_at, save_torch, set_rate, to_tensor
from .canvas import head_pose, picture_rng
from .data import HELD_OUT, Shape, load_pictures, picture, save_array, save_json
from .parallel import average_gradients, join, wait_for_all
from .reader import (
    CATEGORIES,
    Reader,
    accuracy,
    pictures_to_tensor,
    place_targets,
    read,
    save_reader,
    split_outputs,
    truth,
)
from .world import IDENTITY_NUMBERS, NUMBER_STD, sample_identity, sample_nuisance


@dataclass(frozen=True, kw_only=True)
class ReaderPlan:
    """How the reader is trained and measured."""

    steps: int = 3000
    batch: int = 96
    rate: float = 3e-3
    reconstructed: int = 2400
    """How many training pictures are also shown as the autoencoder makes them."""
    fresh: int = 512
    """How many fresh pictures the accuracy is measured on."""
    save_every: int = 250


def train_reader(plan: ReaderPlan, shape: Shape, work: Path, device: torch.device, seed: int) -> None:
    """Train to `work/reader.pt` on square pictures, going on from the last checkpoint there."""
    rank, world = join()
    torch.manual_seed(seed)
    drawn, remade = load_pictures(shape, work), _reconstructions(plan, shape, work, device)
    seeds = range(shape.first_seed, shape.first_seed + shape.count)
    ways = [sample_nuisance(s) for s in seeds]
    numbers, indices = truth([sample_identity(s) for s in seeds], ways)
    places = place_targets([head_pose(shape.width, shape.width, way, picture_rng(way)) for way in ways], shape.width)
    reader = Reader().to(device)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=plan.rate, weight_decay=0.05)
    path, start = work / "reader.ckpt", 0
    if path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        reader.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["step"]
    shown = 0.0
    for step in range(start, plan.steps):
        rng, generator = np.random.default_rng([seed, step]), torch.Generator().manual_seed(step * world + rank)
        source = remade if step % 2 else drawn
        picks = np.sort(rng.choice(len(source), size=min(plan.batch, len(source)), replace=False))[rank::world]
        pictures, place = _disturbed(to_tensor(source[picks], device), places[picks].to(device), generator)
        set_rate(optimizer, rate_at(step, plan.steps, 50))
        with torch.autocast(device.type, torch.bfloat16):
            told, found = reader.train().look(pictures, place + _slip(len(picks), generator).to(device))
        loss = _loss(told.float(), numbers[picks].to(device), {n: i[picks].to(device) for n, i in indices.items()})
        loss = loss + nn.functional.smooth_l1_loss(found.float(), place, beta=0.1)
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


def _slip(count: int, generator: torch.Generator) -> Tensor:
    """How far a cut may be off in training, as the first look's own answers will be."""
    return torch.randn(count, 4, generator=generator) * torch.tensor([0.08, 0.08, 0.08, 0.06])


def _disturbed(pictures: Tensor, place: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The pictures a little brighter or darker, noisy, and two times in three moved and zoomed by a few pixels, with
    the heads' new places: made pictures are no more exact."""
    count = len(pictures)
    pictures = pictures * (1 + 0.05 * torch.randn(count, 1, 1, 1, generator=generator).to(pictures.device))
    if torch.rand(1, generator=generator) < 0.67:
        zoom = torch.exp(0.03 * torch.randn(count, generator=generator)).to(pictures.device)
        shift = (0.03 * torch.randn(count, 2, generator=generator)).to(pictures.device)  # in half widths
        where = torch.zeros(count, 2, 3, device=pictures.device)
        where[:, 0, 0] = where[:, 1, 1] = 1 / zoom
        where[:, :, 2] = shift
        grid = nn.functional.affine_grid(where, list(pictures.shape), align_corners=False)
        pictures = nn.functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
        middle = (place[:, :2] - shift * 5) * zoom[:, None]
        place = torch.cat([middle, place[:, 2:3] + zoom.log()[:, None] * 5, place[:, 3:]], dim=1)
    noise = torch.randn(pictures.shape, generator=generator).to(pictures.device)
    return pictures + 0.03 * noise, place


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
    """Numbers in population standard deviations, words by cross entropy; all attributes count alike."""
    told, logits = split_outputs(outputs)
    loss = 2.0 * len(IDENTITY_NUMBERS) * nn.functional.smooth_l1_loss(told / NUMBER_STD, numbers / NUMBER_STD, beta=0.3)
    for name, index in indices.items():
        loss = loss + nn.functional.cross_entropy(logits[name], index)
    return loss / len(CATEGORIES)


def _reconstructions(plan: ReaderPlan, shape: Shape, work: Path, device: torch.device) -> np.ndarray:
    """The first training pictures as the autoencoder makes them, kept in the work folder; every process does its
    part."""
    rank, world = join()
    target = work / f"remade_{shape.name}.npy"
    pieces = [work / f"remade{other}_{shape.name}.npy" for other in range(world)]
    if not target.exists():
        vae, drawn, parts = load_autoencoder(work, device), load_pictures(shape, work), []
        mine = np.array_split(np.arange(min(plan.reconstructed, shape.count)), world)[rank]
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            for picks in np.array_split(mine, max(1, len(mine) // 32)):
                made = vae.decode(vae.encode(to_tensor(drawn[picks], device)).latent_dist.mean).sample
                parts.append(((made.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy())
        save_array(pieces[rank], np.concatenate(parts))
        wait_for_all(world)
        if rank == 0:
            save_array(target, np.concatenate([np.load(piece) for piece in pieces]))
            for piece in pieces:
                piece.unlink()
        wait_for_all(world)
    remade: np.ndarray = np.load(target, mmap_mode="r")
    return remade
