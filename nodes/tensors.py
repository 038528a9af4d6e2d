"""Pictures between Pillow and ComfyUI's IMAGE: floats in 0…1, [pictures, height, width, 3]."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor


def to_tensor(pictures: Sequence[Image.Image]) -> Tensor:
    """A batch of pictures of one size; smaller ones are put in the middle of a field as large as the largest."""
    import numpy as np
    import torch
    from PIL import ImageOps

    width, height = max(p.width for p in pictures), max(p.height for p in pictures)
    fitted = [ImageOps.pad(p.convert("RGB"), (width, height)) for p in pictures]
    return torch.from_numpy(np.stack([np.asarray(p, dtype=np.float32) / 255.0 for p in fitted]))


def to_pictures(images: Tensor) -> list[Image.Image]:
    """The pictures of an IMAGE."""
    from PIL import Image

    levels = (images.clamp(0, 1) * 255).round().byte().cpu().numpy()
    return [Image.fromarray(picture) for picture in levels]


def load(path: Path) -> Image.Image:
    """A picture file, read whole."""
    from PIL import Image

    with Image.open(path) as picture:
        return picture.convert("RGB")
