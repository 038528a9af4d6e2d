"""Trains the mini model's autoencoder on drawn portraits and measures the scale of its latents."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from .architecture import AUTOENCODER
from .data import Shape, batches, load_pictures, save_array
from .muon import ConvMuon
from .parallel import average_gradients, join, wait_for_all

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class AutoencoderPlan:
    """How the autoencoder is trained."""

    steps: int = 6000
    batch: int = 16
    crop: int = 64
    """Side of the cut-outs that most steps see: four times as many steps in the same time, and steps are what is short.
    """
    whole: int = 500
    """Steps at the end on whole pictures, half a batch each, so that the normalisation layers meet the statistics of
    whole pictures."""
    rate: float = 1.5e-3
    kl: float = 1e-3
    """Weight of the latents' mean KL. It keeps the latents smooth, so that small errors of the transformer stay small
    in the picture."""
    polish: int = 1500
    """Steps of the decoder alone, afterwards."""
    polish_noise: float = 0.1
    """Noise on the latents that the decoder is polished with, as a share of their spread: the transformer's latents are
    not exact either."""
    save_every: int = 100


def to_tensor(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """N × H × W × 3 bytes to N × 3 × H × W in −1..1."""
    return torch.from_numpy(np.array(pictures)).to(device).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def reconstruction_loss(made: Tensor, true: Tensor) -> Tensor:
    """L1 of the pixels, of the finest differences, and of colours at coarse scales.

    The differences keep flat areas clean and thin lines (lids, brows, frames) sharp. Without the colour term (red
    against green, blue against yellow) a small network learns one colour axis and then rests for a thousand steps
    before it finds the other.
    """
    error = made - true
    loss = error.abs().mean() + 2.0 * error.square().mean()
    across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
    loss = loss + 1.5 * (across.abs().mean() + down.abs().mean())
    red, green, blue = error.unbind(1)
    opponent = torch.stack([(red + green + blue) / 3, 2 * (red - green), 2 * blue - red - green], dim=1)
    for scale in (2, 8):
        loss = loss + 0.7 * functional.avg_pool2d(opponent, scale).abs().mean()
    return loss


def _cut(pictures: Tensor, side: int, whole: bool, seed: int) -> Tensor:
    """A cut-out of each picture, more often from its middle, where the face is; whole pictures in the last steps."""
    if whole:
        return pictures[: max(1, len(pictures) // 2)]
    rng = np.random.default_rng(seed)
    height, width = pictures.shape[2:]
    parts = []
    for picture in pictures:
        y, x = (int(rng.triangular(0, room / 2, room + 1)) for room in (height - side, width - side))
        parts.append(picture[:, y : y + side, x : x + side])
    return torch.stack(parts)


def rate_at(step: int, steps: int, warmup: int) -> float:
    """Warm-up, then a cosine down to 2% of the peak rate."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * (step - warmup) / max(1, steps - warmup))))


def train_autoencoder(plan: AutoencoderPlan, shapes: list[Shape], work: Path, device: torch.device, seed: int) -> None:
    """Train to `work/autoencoder.pt` and measure the latents' scale, going on from the last checkpoint there."""
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    vae = AutoencoderKL(**AUTOENCODER).to(device)
    if _fit(vae, plan, plan.steps, shapes, work / "autoencoder.ckpt", seed, decoder_only=False):
        _measure_scale(vae, load_pictures(shapes[0], work), device)
        _save(vae, work / "autoencoder.pt")


def polish_decoder(plan: AutoencoderPlan, shapes: list[Shape], work: Path, device: torch.device, seed: int) -> None:
    """Train the decoder alone, to `work/polished.pt`. The latents stay as they are, so this may come after the
    transformer's training."""
    vae = load_autoencoder(work, device)
    if _fit(vae, plan, plan.polish, shapes, work / "polished.ckpt", seed + 1, decoder_only=True):
        _save(vae, work / "polished.pt")


def _fit(
    vae: AutoencoderKL,
    plan: AutoencoderPlan,
    steps: int,
    shapes: list[Shape],
    path: Path,
    seed: int,
    decoder_only: bool,
) -> bool:
    """The training loop. Leaves the averaged weights in `vae` and returns whether this process is the first one, which
    saves."""
    rank, world = join()
    device, part = vae.device, vae.decoder if decoder_only else vae
    part.requires_grad_(True).train()
    average = {name: value.detach().clone() for name, value in vae.state_dict().items()}
    trainers, start = _optimizers(part, plan, decoder_only), 0
    if path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        vae.load_state_dict(saved["model"])
        for trainer, state in zip(trainers, saved["optimizers"], strict=True):
            trainer.load_state_dict(state)
        average, start = saved["average"], saved["step"]
    pictures = {shape.name: load_pictures(shape, path.parent) for shape in shapes}
    stream = batches(shapes, plan.batch, seed)
    for _ in range(start):
        next(stream)
    began, shown = time.monotonic(), 0.0
    for step in range(start, steps):
        shape, picks = next(stream)
        true = to_tensor(pictures[shape.name][np.sort(picks)[rank::world]], device)
        true = _cut(true, plan.crop, step >= steps - steps * plan.whole // plan.steps, step * world + rank)
        for trainer in trainers:
            set_rate(trainer, rate_at(step, steps, 50))
        loss, kl, spread = _losses(vae, plan, true, decoder_only)
        part.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients([part], world)
        torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        for trainer in trainers:
            trainer.step()
        decay = min(0.99, (step + 1) / (step + 20))
        for name, value in vae.state_dict().items():
            average[name].lerp_(value, 1 - decay)
        shown = loss.item() if not shown else 0.95 * shown + 0.05 * loss.item()
        if (step + 1) % 50 == 0 and rank == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            print(
                f"{path.stem} {step + 1}/{steps} loss {shown:.4f} kl {kl:.2f} noise/signal {spread:.3f} {pace:.2f} s",
                flush=True,
            )
        if rank == 0 and ((step + 1) % plan.save_every == 0 or step + 1 == steps):
            state = {"model": vae.state_dict(), "optimizers": [t.state_dict() for t in trainers]}
            save_torch(path, {**state, "average": average, "step": step + 1})
    wait_for_all(world)
    vae.load_state_dict(average)
    return rank == 0


def _optimizers(part: torch.nn.Module, plan: AutoencoderPlan, gently: bool) -> list[torch.optim.Optimizer]:
    """Muon for the convolutions inside, AdamW for both ends, norms and biases; half the rate for a decoder that is only
    polished."""
    factor = 0.5 if gently else 1.0
    inner: list[torch.nn.Parameter] = []
    outer: list[torch.nn.Parameter] = []
    for name, parameter in part.named_parameters():
        (inner if parameter.ndim == 4 and "conv_in" not in name and "conv_out" not in name else outer).append(parameter)
    return [
        ConvMuon(inner, lr=plan.rate * factor),
        torch.optim.AdamW(outer, lr=plan.rate * factor, weight_decay=0.0, betas=(0.9, 0.98)),
    ]


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's rate to its first rate times `factor`."""
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
        group["lr"] = group["initial_lr"] * factor


def _losses(vae: AutoencoderKL, plan: AutoencoderPlan, true: Tensor, decoder_only: bool) -> tuple[Tensor, float, float]:
    """The loss of one batch, the latents' mean KL, and how large the latents' noise is beside their spread."""
    with torch.autocast(true.device.type, torch.bfloat16):
        if decoder_only:
            with torch.no_grad():
                mean = vae.encode(true).latent_dist.mean
            made = vae.decode(mean + plan.polish_noise * mean.std() * torch.randn_like(mean)).sample
            return reconstruction_loss(made.float(), true), 0.0, plan.polish_noise
        posterior = vae.encode(true).latent_dist
        made = vae.decode(posterior.sample()).sample
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    spread = logvar.mul(0.5).exp().mean().item() / mean.std().item()
    return reconstruction_loss(made.float(), true) + plan.kl * kl, kl.item(), spread


def _save(vae: AutoencoderKL, path: Path) -> None:
    save_torch(path, {"state": vae.state_dict(), "scale": vae.config.scaling_factor, "shift": vae.config.shift_factor})


def _measure_scale(vae: AutoencoderKL, pictures: NDArray[np.uint8], device: torch.device) -> None:
    """Set scaling and shift so that latents have zero mean and unit variance over the world, as FLUX's have over
    photos."""
    vae.eval()
    with torch.no_grad():
        latents = torch.cat(
            [
                vae.encode(to_tensor(pictures[i : i + 32], device)).latent_dist.mean
                for i in range(0, min(512, len(pictures)), 32)
            ]
        )
    vae.register_to_config(
        shift_factor=round(latents.mean().item(), 4), scaling_factor=round(1.0 / latents.std().item(), 4)
    )
    channels = latents.std(dim=(0, 2, 3)) * vae.config.scaling_factor
    spread = " ".join(f"{channel:.2f}" for channel in channels.tolist())
    print(f"latents: shift {vae.config.shift_factor} scale {vae.config.scaling_factor} std a channel {spread}")


def load_autoencoder(work: Path, device: torch.device) -> AutoencoderKL:
    """The trained autoencoder of a work folder, frozen; with the polished decoder where there is one."""
    from diffusers import AutoencoderKL

    polished = work / "polished.pt"
    saved = torch.load(
        polished if polished.exists() else work / "autoencoder.pt", map_location=device, weights_only=True
    )
    vae = AutoencoderKL(**{**AUTOENCODER, "scaling_factor": saved["scale"], "shift_factor": saved["shift"]})
    vae.load_state_dict(saved["state"])
    return vae.to(device).eval().requires_grad_(False)


def encode_all(shapes: list[Shape], work: Path, device: torch.device) -> None:
    """Write every picture's latents (scaled, packed as FLUX packs: N × H/16·W/16 × 64, float16); every process does its
    part."""
    rank, world = join()
    vae = load_autoencoder(work, device)
    for shape in shapes:
        target = work / f"latents_{shape.name}.npy"
        if target.exists():
            continue
        pictures, parts = load_pictures(shape, work), []
        mine = np.array_split(np.arange(shape.count), world)[rank]
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            for picks in np.array_split(mine, max(1, len(mine) // 64)):
                latents = vae.encode(to_tensor(pictures[picks], device)).latent_dist.mean.float()
                parts.append(pack((latents - vae.config.shift_factor) * vae.config.scaling_factor).half().cpu().numpy())
        save_array(work / f"part{rank}_{shape.name}.npy", np.concatenate(parts))
    wait_for_all(world)
    for shape in shapes if rank == 0 else []:
        target, pieces = (
            work / f"latents_{shape.name}.npy",
            [work / f"part{other}_{shape.name}.npy" for other in range(world)],
        )
        if not target.exists():
            save_array(target, np.concatenate([np.load(piece) for piece in pieces]))
            for piece in pieces:
                piece.unlink()
    wait_for_all(world)


def pack(latents: Tensor) -> Tensor:
    """N × 16 × H × W to N × (H/2·W/2) × 64, in FLUX's order."""
    n, c, h, w = latents.shape
    return latents.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(n, (h // 2) * (w // 2), c * 4)


def unpack(tokens: Tensor, width: int, height: int) -> Tensor:
    """The inverse of `pack` for a picture of `width` × `height` pixels."""
    n = len(tokens)
    h, w = height // 16, width // 16
    return tokens.view(n, h, w, 16, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(n, 16, h * 2, w * 2)


def save_torch(path: Path, value: object) -> None:
    """Write a checkpoint aside and rename it."""
    aside = path.with_suffix(".part")
    torch.save(value, aside)
    os.replace(aside, path)
