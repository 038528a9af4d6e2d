"""A job whose cache is filled already, with random latents and words: only training is left to be measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from ..trainer.cache import Cache, images_of, texts_of, write_tensors
from ..trainer.config import TrainingConfig
from ..trainer.job import JobFolder, PhotoEntry


def filled_job(
    path: Path, config: TrainingConfig, *, photos: int, side: int, tokens: int, width: int, pooled: int
) -> JobFolder:
    """So many square photos of `side` pixels; words of `tokens` vectors of that width, and one pooled vector."""
    entries = [
        PhotoEntry(
            id=str(number), file=f"photos/{number}.png", sha256=hashlib.sha256(bytes([number])).hexdigest(),
            caption=f"{config.trigger_word} {number}", buckets=((side, side),),
        )
        for number in range(photos)
    ]  # fmt: skip
    job = JobFolder.create(path, config, entries)
    cache = Cache(job.cache, "bench")
    cache.begin()
    for image in images_of(config, entries):
        write_tensors(cache.latents_file(*image), {"latents": torch.randn(16, side // 8, side // 8)})
    for text in texts_of(config, entries):
        write_tensors(cache.text_file(text), {"text": torch.randn(tokens, width), "pooled": torch.randn(pooled)})
    cache.decoder.mkdir()
    (cache.decoder / "config.json").write_text("{}", encoding="utf-8")
    return job
