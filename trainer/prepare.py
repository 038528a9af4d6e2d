"""Preparing: photos become latents, words become conditioning, once, in the job's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch

from .. import log
from ..errors import IsengardError
from ..files import told_plainly
from ..media.pixels import load_photo
from .cache import Cache, images_of, texts_of, write_tensors
from .config import TrainingConfig
from .families.interface import Codec, LoadingStopped
from .job import JobFolder, PhotoEntry
from .reporter import Reporter
from .wishes import Wishes

_LOG = log.get("trainer.prepare")


def is_prepared(job: JobFolder, config: TrainingConfig) -> bool:
    """Whether the job's cache holds all that a training needs."""
    cache = Cache.of(job)
    return cache is not None and cache.is_complete(config, job.dataset())


def prepare(
    job: JobFolder, config: TrainingConfig, load_codec: Callable[[], Codec], reporter: Reporter, wishes: Wishes
) -> bool:
    """Encodes what the cache lacks; the codec is loaded only if something is lacking, and let go afterwards.

    Returns False if it was stopped on the way; what is encoded by then stays. Raises PHOTO_CHANGED for a photo whose
    bytes are not those the job was made with, and what the photo reader and the codec raise.
    """
    photos = job.dataset()
    if not photos:
        raise IsengardError("PHOTOS_NONE", f"{job.dataset_file} lists no photo.")
    if is_prepared(job, config):
        return True
    reporter.emit("progress", phase="load", done=0, total=1, message="loading the encoders")
    codec = load_codec()
    cache = Cache(job.cache, codec.fingerprint)
    with told_plainly(job.cache):
        cache.begin()
    images = [image for image in images_of(config, photos) if not cache.latents_file(*image).is_file()]
    texts = [text for text in texts_of(config, photos) if not cache.text_file(text).is_file()]
    total = len(images) + len(texts)
    try:
        for index, (photo, bucket, mirrored) in enumerate(images):
            if wishes.stop:
                return False
            reporter.emit("progress", phase="encode", done=index, total=total, message=photo.file)
            pixels = _pixels(job, photo, bucket, mirrored)
            write_tensors(cache.latents_file(photo, bucket, mirrored), {"latents": codec.encode_image(pixels)})
        if not (cache.decoder / "config.json").is_file():
            codec.write_decoder(cache.decoder)
        codec.release()
        for index, text in enumerate(texts, len(images)):
            if wishes.stop:
                return False
            reporter.emit("progress", phase="encode", done=index, total=total, message=text)
            write_tensors(cache.text_file(text), codec.encode_text(text))
    except LoadingStopped:
        return False
    finally:
        codec.release()
    reporter.emit("progress", phase="encode", done=total, total=total)
    _LOG.info("prepared", pictures=len(images), texts=len(texts))
    return True


def _pixels(job: JobFolder, photo: PhotoEntry, bucket: tuple[int, int], mirrored: bool) -> torch.Tensor:
    """A photo as [3, H, W] in −1…1."""
    path = job.path / photo.file
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:
        raise IsengardError("PHOTO_UNREADABLE", f"{path} can't be read: {problem.strerror}.") from problem
    if found != photo.sha256:
        raise IsengardError("PHOTO_CHANGED", f"{path} is not the photo that the job was made with.")
    picture = np.asarray(load_photo(path, bucket), dtype=np.float32) / 127.5 - 1.0
    if mirrored:
        picture = picture[:, ::-1]
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
