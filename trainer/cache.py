"""The job's cache: which tensors a training needs, and the files they stand in.

A file's name is a hash of what went into it (photo bytes, bucket, mirrored or not; or the words) and of the codec, so
that a changed photo or caption is encoded again and nothing else is. A finished cache needs no encoder any more.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ..errors import IsengardError
from ..files import read_json, write_json, written_aside
from ..media.captions import without_trigger
from .config import TrainingConfig
from .job import JobFolder, PhotoEntry

FORMAT = 1
"""Goes into every file's name: raise it when pictures are resized or encoded in another way."""


class Cache:
    """Latents and conditioning of one job, made by one codec."""

    def __init__(self, folder: Path, codec: str) -> None:
        self.folder = folder
        self.codec = codec
        self.latents_folder = folder / "latents"
        self.text_folder = folder / "conditioning"
        self.decoder = folder / "decoder"

    @classmethod
    def of(cls, job: JobFolder) -> Cache | None:
        """The cache that the job's codec began, or None if nothing was encoded yet. Raises JOB_CORRUPT."""
        file = job.cache / "codec.json"
        try:
            return cls(job.cache, str(read_json(file)["fingerprint"]))
        except FileNotFoundError:
            return None
        except (KeyError, TypeError) as problem:
            hint = "Delete the file and resume: photos and words are encoded again."
            raise IsengardError("JOB_CORRUPT", f"{file} names no codec.", hint=hint) from problem

    def begin(self) -> None:
        """Makes the folders and notes the codec."""
        for folder in (self.latents_folder, self.text_folder):
            folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "codec.json", {"format": FORMAT, "fingerprint": self.codec})

    def latents_file(self, photo: PhotoEntry, bucket: tuple[int, int], mirrored: bool) -> Path:
        """Where a photo's latents for one bucket stand."""
        name = _hash(photo.sha256, f"{bucket[0]}x{bucket[1]}", "mirrored" if mirrored else "", self.codec)
        return self.latents_folder / f"{name}.safetensors"

    def text_file(self, text: str) -> Path:
        """Where the conditioning for some words stands."""
        return self.text_folder / f"{_hash(text, self.codec)}.safetensors"

    def is_complete(self, config: TrainingConfig, photos: list[PhotoEntry]) -> bool:
        """Whether a training needs no encoder any more."""
        wanted = [self.latents_file(*image) for image in images_of(config, photos)]
        wanted += [self.text_file(text) for text in texts_of(config, photos)]
        return (self.decoder / "config.json").is_file() and all(file.is_file() for file in wanted)


def images_of(config: TrainingConfig, photos: list[PhotoEntry]) -> list[tuple[PhotoEntry, tuple[int, int], bool]]:
    """Every picture that is encoded: photo, bucket, mirrored."""
    sides = (False, True) if config.flip else (False,)
    return [(photo, bucket, side) for photo in photos for bucket in dict.fromkeys(photo.buckets) for side in sides]


def texts_of(config: TrainingConfig, photos: list[PhotoEntry]) -> list[str]:
    """Every text that is encoded: captions, the empty one for caption dropout, sample prompts; with class
    preservation the captions without the trigger word, too."""
    captions = [photo.caption for photo in photos]
    others = [class_caption(config, photo) for photo in photos] if config.class_preservation else []
    return list(dict.fromkeys([*captions, *others, "", *config.prompts]))


def class_caption(config: TrainingConfig, photo: PhotoEntry) -> str:
    """A photo's caption as it would be for anybody of the class."""
    return without_trigger(photo.caption, config.trigger_word, config.class_word)


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Writes a safetensors file atomically."""
    with written_aside(path) as aside:
        aside.write_bytes(save({name: tensor.contiguous() for name, tensor in tensors.items()}))  # tells a full disk


class TensorStore:
    """Reads cached tensors, keeps the last ones in memory, and hands them out in one number format.

    `capacity` is in bytes.
    """

    def __init__(self, dtype: torch.dtype, *, capacity: int = 4 << 30) -> None:
        self._dtype = dtype
        self._capacity = capacity
        self._size = 0
        self._kept: OrderedDict[Path, dict[str, Tensor]] = OrderedDict()

    def read(self, path: Path) -> dict[str, Tensor]:
        """The tensors of one file. Raises JOB_CORRUPT for a damaged one."""
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as problem:
            path.unlink(missing_ok=True)
            raise IsengardError(
                "JOB_CORRUPT", f"{path} can't be read: {problem}.", hint="Resume the job: the file is made again."
            ) from problem
        tensors = {name: self._ready(tensor) for name, tensor in tensors.items()}
        self._kept[path] = tensors
        self._size += _bytes(tensors)
        while self._size > self._capacity and len(self._kept) > 1:
            self._size -= _bytes(self._kept.popitem(last=False)[1])
        return tensors

    def _ready(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join((str(FORMAT), *parts)).encode()).hexdigest()[:32]


def _bytes(tensors: dict[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
