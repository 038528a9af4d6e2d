"""Losses of the steps since the last report: kept on the device, read all at once, checked, smoothed."""

from __future__ import annotations

import math
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from ....errors import IsengardError
from ...config import TrainingConfig
from ...reporter import Reporter
from .optimizers import learning_rate as rate_of

SMOOTHING = 0.98
"""Decay of the smoothed loss, corrected for its start: an average over about the last 50 steps."""

_NONE = -1.0
"""In the place of a mean square: it was not looked at in that step."""


class Losses:
    """Collects without synchronising; `report` is the only place that waits for the device."""

    def __init__(self, config: TrainingConfig, reporter: Reporter, accelerator: Accelerator) -> None:
        self._config = config
        self._reporter = reporter
        self._accelerator = accelerator
        self._steps: list[int] = []
        self._photos: list[list[str]] = []
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._held: list[Tensor] = []
        self._average = 0.0
        self._weight = 0.0
        self.last = math.nan
        """Smoothed loss of the last reported step."""

    def state(self) -> dict[str, float]:
        """What a checkpoint must hold."""
        return {"average": self._average, "weight": self._weight, "last": self.last}

    def load_state(self, state: dict[str, float]) -> None:
        """Goes on from a checkpoint."""
        self._average, self._weight, self.last = state["average"], state["weight"], state["last"]

    def add(
        self, step: int, photos: list[str], losses: Tensor, norm: Tensor | None, held: Tensor | None = None
    ) -> None:
        """Notes a step: this process's losses [B], the gradient's norm, and how far the class was moved [B] where that
        was looked at; all left on the device."""
        self._steps.append(step)
        self._photos.append(photos)
        self._losses.append(losses)
        self._norms.append(losses.new_full((), math.nan) if norm is None else norm.detach())
        self._held.append(losses.new_full((), _NONE) if held is None else held.mean())

    def report(self) -> None:
        """Writes a loss event for each step noted since the last call.

        Raises LOSS_NOT_FINITE with the step and the photo; all processes raise it together.
        """
        if not self._steps:
            return
        losses = torch.stack(self._losses)
        means = self._accelerator.reduce(losses.mean(dim=1), reduction="mean")
        held = self._accelerator.reduce(torch.stack(self._held), reduction="mean")
        rows = torch.stack([means.float(), torch.stack(self._norms).float(), held.float()]).tolist()
        self._check(rows[0], losses)
        self._check_held(rows[2])
        for step, loss, norm, moved in zip(self._steps, *rows, strict=True):
            self._average = SMOOTHING * self._average + (1 - SMOOTHING) * loss
            self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
            self.last = self._average / self._weight
            fields: dict[str, Any] = {"step": step, "loss": round(loss, 6), "smoothed": round(self.last, 6)}
            fields["learning_rate"] = rate_of(self._config, step)
            fields["grad_norm"] = round(norm, 6) if math.isfinite(norm) else None
            if moved != _NONE:
                fields["class_loss"] = round(moved, 6)
            self._reporter.emit("loss", **fields)
        self._steps, self._photos, self._losses, self._norms, self._held = [], [], [], [], []

    def _check_held(self, moved: list[float]) -> None:
        bad = next((place for place, mean in enumerate(moved) if not math.isfinite(mean)), None)
        if bad is not None:
            raise IsengardError(
                "LOSS_NOT_FINITE", f"The loss of step {self._steps[bad]} for the class is not a number.",
                step=self._steps[bad], photos=[],
            )  # fmt: skip

    def _check(self, means: list[float], losses: Tensor) -> None:
        bad = next((place for place, mean in enumerate(means) if not math.isfinite(mean)), None)
        if bad is None:
            return
        finite = torch.isfinite(losses[bad]).tolist()
        photos = [photo for photo, fine in zip(self._photos[bad], finite, strict=True) if not fine]
        shown = ", ".join(photos) or "a photo of another process"
        raise IsengardError(
            "LOSS_NOT_FINITE", f"The loss of step {self._steps[bad]} is not a number; photo: {shown}.",
            step=self._steps[bad], photos=photos,
        )  # fmt: skip
