"""One process's share of a step as tensors: latents, noise, noise levels, conditioning.

Everything random about a photo in a step comes from (seed, step, index in the global batch), drawn on the CPU: a
resumed run, and any number of processes on any device, see the same.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import torch
from torch import Tensor

from ...cache import Cache, TensorStore, class_caption
from ...config import TrainingConfig
from ...families.interface import Conditioning, Family
from ...job import PhotoEntry
from ...order import Place, global_batch, is_preserving, item_seed, share_of


@dataclass(frozen=True)
class MicroBatch:
    """What one forward pass takes: tensors with the photos along dimension 0."""

    photos: list[str]
    latents: Tensor
    noise: Tensor
    times: Tensor
    conditioning: Conditioning
    others: Conditioning | None = None
    """Conditioning for anybody of the class, in a step that holds it to what it was."""

    def to(self, device: torch.device) -> MicroBatch:
        """The same on a device; the host does not wait for pinned tensors."""
        return MicroBatch(
            self.photos,
            self.latents.to(device, non_blocking=True),
            self.noise.to(device, non_blocking=True),
            self.times.to(device, non_blocking=True),
            _moved(self.conditioning, device),
            _moved(self.others, device) if self.others else None,
        )


def _moved(conditioning: Conditioning, device: torch.device) -> Conditioning:
    return {name: tensor.to(device, non_blocking=True) for name, tensor in conditioning.items()}


class Batches:
    """Makes the micro-batches of any step; holds no position."""

    def __init__(
        self,
        config: TrainingConfig,
        family: Family,
        photos: list[PhotoEntry],
        cache: Cache,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._config = config
        self._family = family
        self._photos = photos
        self._cache = cache
        self._device = device
        self._dtype = dtype
        self._latents = TensorStore(torch.float32)
        self._texts = TensorStore(dtype)

    @property
    def device(self) -> torch.device:
        """Where the batches are used."""
        return self._device

    def of_step(self, step: int, rank: int, processes: int) -> list[MicroBatch]:
        """This process's micro-batches of an optimizer step (1…), in main memory, pinned for a GPU.

        Raises PROCESSES_DO_NOT_DIVIDE.
        """
        whole = global_batch(self._photos, self._config, step - 1)
        return [self._batch(step, places) for places in share_of(rank, processes, whole)]

    def _batch(self, step: int, places: list[Place]) -> MicroBatch:
        parts = [self._item(step, place) for place in places]
        times = torch.stack([part[2] for part in parts])
        latents = torch.stack([part[0] for part in parts])
        if self._config.timesteps == "logit-normal-shift":
            times = self._family.shift_timesteps(times, (latents.shape[-2], latents.shape[-1]))
        others = None
        if is_preserving(self._config, step):
            others = self._stacked([class_caption(self._config, self._photos[place.entry]) for place in places])
        return MicroBatch(
            [self._photos[place.entry].id for place in places],
            self._ready(latents),
            self._ready(torch.stack([part[1] for part in parts])),
            self._ready(times),
            self._stacked([part[3] for part in parts]),
            others,
        )

    def _stacked(self, texts: list[str]) -> Conditioning:
        read = [self._texts.read(self._cache.text_file(text)) for text in texts]
        return {name: self._ready(torch.stack([item[name] for item in read])) for name in read[0]}

    def _item(self, step: int, place: Place) -> tuple[Tensor, Tensor, Tensor, str]:
        """Latents, noise, noise level and caption of one photo."""
        config, photo = self._config, self._photos[place.entry]
        draw = torch.Generator().manual_seed(item_seed(config.seed, step, place.index))
        level = torch.randn((), generator=draw)
        drop, mirror = torch.rand(2, generator=draw).tolist()
        file = self._cache.latents_file(photo, photo.buckets[place.bucket], config.flip and mirror < 0.5)
        latents = self._latents.read(file)["latents"]
        noise = torch.randn(latents.shape, generator=draw)
        if config.timesteps == "uniform":
            time = torch.special.ndtr(level)  # the normal distribution's own function makes it uniform
        else:
            time = torch.sigmoid(config.logit_mean + config.logit_std * level)
        caption = "" if drop < config.caption_dropout else photo.caption
        return latents, noise, time, caption

    def _ready(self, tensor: Tensor) -> Tensor:
        return tensor.pin_memory() if self._device.type == "cuda" else tensor


class Prefetch:
    """Makes the next step's batches in a thread while the device works at this one. A context manager."""

    def __init__(self, batches: Batches, rank: int, processes: int, last: int) -> None:
        self._batches = batches
        self._share = (rank, processes)
        self._last = last
        self._next: tuple[int, Future[list[MicroBatch]]] | None = None
        self._pool = ThreadPoolExecutor(1, "batches", initializer=self._begin)

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def take(self, step: int) -> list[MicroBatch]:
        """A step's micro-batches on the device; raises what making them raised."""
        ready = self._next[1] if self._next and self._next[0] == step else self._order(step)
        made = [batch.to(self._batches.device) for batch in ready.result()]
        self._next = (step + 1, self._order(step + 1)) if step < self._last else None
        return made

    def _order(self, step: int) -> Future[list[MicroBatch]]:
        return self._pool.submit(self._batches.of_step, step, *self._share)

    def _begin(self) -> None:
        if self._batches.device.type == "cuda":
            torch.cuda.set_device(self._batches.device)  # else pinning would begin to use the first GPU
