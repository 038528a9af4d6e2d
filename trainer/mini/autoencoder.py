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

from .architecture import AUTOENCODER, SHAPES
from .data import Shape, batches, load_pictures, save_array
from .parallel import average_gradients, join, wait_for_all

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class AutoencoderPlan:
    """How the autoencoder is trained."""

    steps: int = 3600
    batch: int = 16
    crop: int = 64
    """Side of the cut-outs that most steps see: four times as many steps in the same time, and steps are what is short."""
    whole: int = 400
    """Steps at the end on whole pictures, half a batch each, so that the normalisation layers meet the statistics of whole pictures."""
    rate: float = 1.5e-3
    kl: float = 1e-3
    """Weight of the latents' mean KL. It keeps the latents smooth, so that small errors of the transformer stay small in the picture."""
    save_every: int = 100


def to_tensor(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """N × H × W × 3 bytes to N × 3 × H × W in −1..1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def reconstruction_loss(made: Tensor, true: Tensor) -> Tensor:
    """L1 of the pixels, of the finest differences, and of colours at coarse scales.

    The differences keep flat areas clean and thin lines (lids, brows, frames) sharp. Without the colour term (red against green, blue
    against yellow) a small network learns one colour axis and then rests for a thousand steps before it finds the other.
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
    """A cut-out of each picture at a random place; whole pictures in the last steps."""
    if whole:
        return pictures[: max(1, len(pictures) // 2)]
    rng = np.random.default_rng(seed)
    height, width = pictures.shape[2:]
    parts = []
    for picture in pictures:
        y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
        parts.append(picture[:, y : y + side, x : x + side])
    return torch.stack(parts)


def rate_at(step: int, steps: int, warmup: int) -> float:
    """Warm-up, then a cosine down to 2% of the peak rate."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * (step - warmup) / max(1, steps - warmup))))


def train_autoencoder(plan: AutoencoderPlan, shapes: list[Shape], work: Path, device: torch.device, seed: int) -> None:
    """Train to `work/autoencoder.pt`, going on from the last checkpoint there. Latents: N × 16 × H/8 × W/8."""
    from diffusers import AutoencoderKL

    rank, world = join()
    torch.manual_seed(seed)
    vae = AutoencoderKL(**AUTOENCODER).to(device)
    average = {name: value.detach().clone() for name, value in vae.state_dict().items()}
    optimizer = torch.optim.AdamW(vae.parameters(), lr=plan.rate, weight_decay=0.01, betas=(0.9, 0.98))
    path, start = work / "autoencoder.ckpt", 0
    if path.exists():
        saved = torch.load(path, map_location=device)
        vae.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        average, start = saved["average"], saved["step"]
    pictures = {shape.name: load_pictures(shape, work) for shape in shapes}
    stream = batches(shapes, plan.batch, seed)
    for _ in range(start):
        next(stream)
    began, shown = time.monotonic(), 0.0
    for step in range(start, plan.steps):
        shape, picks = next(stream)
        true = _cut(to_tensor(pictures[shape.name][np.sort(picks)[rank::world]], device), plan.crop, step >= plan.steps - plan.whole, step * world + rank)
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * rate_at(step, plan.steps, 100)
        with torch.autocast(device.type, torch.bfloat16):
            posterior = vae.encode(true).latent_dist
            made = vae.decode(posterior.sample()).sample
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        loss = reconstruction_loss(made.float(), true) + plan.kl * kl
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients([vae], world)
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        decay = min(0.995, (step + 1) / (step + 20))
        for name, value in vae.state_dict().items():
            average[name].lerp_(value, 1 - decay)
        shown = loss.item() if not shown else 0.95 * shown + 0.05 * loss.item()
        if (step + 1) % 50 == 0 and rank == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            spread = logvar.mul(0.5).exp().mean().item() / mean.std().item()
            print(f"autoencoder {step + 1}/{plan.steps} loss {shown:.4f} kl {kl.item():.2f} noise/signal {spread:.3f} {pace:.2f} s", flush=True)
        if rank == 0 and ((step + 1) % plan.save_every == 0 or step + 1 == plan.steps):
            save_torch(path, {"model": vae.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "step": step + 1})
    wait_for_all(world)
    if rank:
        return
    vae.load_state_dict(average)
    _measure_scale(vae, pictures["%dx%d" % SHAPES[0]], device)
    save_torch(work / "autoencoder.pt", {"state": vae.state_dict(), "scale": vae.config.scaling_factor, "shift": vae.config.shift_factor})


def _measure_scale(vae: AutoencoderKL, pictures: NDArray[np.uint8], device: torch.device) -> None:
    """Set scaling and shift so that latents have zero mean and unit variance over the world, as FLUX's have over photos."""
    vae.eval()
    with torch.no_grad():
        latents = torch.cat([vae.encode(to_tensor(pictures[i : i + 32], device)).latent_dist.mean for i in range(0, min(512, len(pictures)), 32)])
    vae.register_to_config(shift_factor=round(latents.mean().item(), 4), scaling_factor=round(1.0 / latents.std().item(), 4))
    channels = latents.std(dim=(0, 2, 3)) * vae.config.scaling_factor
    print(f"latents: shift {vae.config.shift_factor} scale {vae.config.scaling_factor} std a channel {[round(c, 2) for c in channels.tolist()]}")


def load_autoencoder(work: Path, device: torch.device) -> AutoencoderKL:
    """The trained autoencoder of a work folder, frozen."""
    from diffusers import AutoencoderKL

    saved = torch.load(work / "autoencoder.pt", map_location=device)
    vae = AutoencoderKL(**{**AUTOENCODER, "scaling_factor": saved["scale"], "shift_factor": saved["shift"]})
    vae.load_state_dict(saved["state"])
    return vae.to(device).eval().requires_grad_(False)


def encode_all(shapes: list[Shape], work: Path, device: torch.device) -> None:
    """Write every picture's latents (scaled, packed as FLUX packs: N × H/16·W/16 × 64, float16)."""
    vae = load_autoencoder(work, device)
    for shape in shapes:
        target = work / f"latents_{shape.name}.npy"
        if target.exists():
            continue
        pictures = load_pictures(shape, work)
        parts = []
        with torch.no_grad():
            for i in range(0, shape.count, 64):
                latents = vae.encode(to_tensor(pictures[i : i + 64], device)).latent_dist.mean
                parts.append(pack((latents - vae.config.shift_factor) * vae.config.scaling_factor).half().cpu().numpy())
        save_array(target, np.concatenate(parts))
        print(f"encoded {shape.count} of {shape.name}", flush=True)


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
