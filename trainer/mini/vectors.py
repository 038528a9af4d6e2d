"""Drawn people as vectors, by the attribute reader, in a process of its own: `python <pack folder> _drawn_vectors`.

Lines of JSON: first `{"ready": true}`, then for every `{"file": …}` a `{"vector": [...]}` of unit length, or null for
a file that is no picture. What is read of the person is centred on the population before it is scaled, so that the
product of two vectors is near 1 for two pictures of one person and near 0 for two strangers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from ... import settings
from . import MODEL_DIR
from .reader import Reader, Reading, load_reader, pictures_to_tensor, read
from .world import IDENTITY_CATEGORIES, IDENTITY_NUMBERS, NUMBER_STD

_SIDE = 128
"""Pixels of what the reader is shown: the middle square of a picture."""


def main(_argv: list[str]) -> int:
    """Serves until standard input closes."""
    answers, sys.stdout = sys.stdout, sys.stderr
    settings.go_offline()
    torch.set_num_threads(1)
    reader = load_reader(MODEL_DIR / "reader")
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_look(reader, Path(json.loads(line)["file"]))), file=answers, flush=True)
    return 0


def vectors(reading: Reading) -> Tensor:
    """Who is read, without how they are taken: N × (12 numbers and every word's chance), rows of unit length."""
    numbers = (reading.numbers.clamp(0, 1) - 0.5) / NUMBER_STD / len(IDENTITY_NUMBERS) ** 0.5
    words = [reading.chances[name] - 1 / len(values) for name, values in IDENTITY_CATEGORIES.items()]
    return functional.normalize(torch.cat([numbers, *words], dim=1), dim=1)


def _look(reader: Reader, file: Path) -> dict[str, Any]:
    try:
        with Image.open(file, formats=("PNG", "JPEG", "WEBP")) as opened:
            picture = ImageOps.fit(opened.convert("RGB"), (_SIDE, _SIDE), Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError) as problem:
        return {"vector": None, "problem": type(problem).__name__}
    seen = pictures_to_tensor(np.asarray(picture)[None])
    return {"vector": [round(value, 5) for value in vectors(read(reader, seen))[0].tolist()]}
