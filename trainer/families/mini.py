"""The embedded mini model: a FLUX in small. All but its files (a diffusers pipeline folder) and sizes is FLUX.1's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..config import BaseFiles, TrainingConfig
from ..mini import MODEL_DIR
from ..modelfiles import Part
from .flux1 import Flux1
from .flux1_files import find_parts


class Mini(Flux1):
    """The embedded model; `config.base` means nothing to it."""

    name = "mini"
    title = "Isengard mini"
    architecture = "isengard-mini/lora"
    base_model_version = "isengard-mini"
    unit = 16

    @property
    def text_tokens(self) -> int:
        return self._text_tokens

    @cached_property
    def _text_tokens(self) -> int:
        return int(
            json.loads((MODEL_DIR / "tokenizer_2" / "tokenizer_config.json").read_text(encoding="utf-8"))[
                "model_max_length"
            ]
        )

    def parts(self, config: TrainingConfig, *, encoders: bool = True) -> dict[str, Part]:
        return find_parts(BaseFiles(transformer=str(MODEL_DIR)), encoders=encoders)

    def tokenizers(self, config: TrainingConfig) -> str:
        return str(MODEL_DIR)

    def scheduler_config(self) -> dict[str, Any]:
        return self._scheduler_config

    @cached_property
    def _scheduler_config(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(
            (MODEL_DIR / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8")
        )
        return values

    def sample_sizes(self) -> Sequence[tuple[int, int]]:
        """About the area of the square that the model was pretrained on."""
        return ((128, 128), (144, 112), (112, 144), (160, 96), (96, 160), (176, 96), (96, 176))


FAMILY = Mini()
