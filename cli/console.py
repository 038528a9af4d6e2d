"""Shows a job's events on a terminal: bars while it works, lines for what matters."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

_PHASES = {"encode": "Encoding photos and words", "train": "Training", "sample": "Sample pictures"}


class Progress:
    """Give it every event; call `close` at the end."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._phase = ""
        self._loss = ""

    def __call__(self, event: dict[str, Any]) -> None:
        """Shows one event."""
        kind = event["type"]
        if kind == "progress" and event["phase"] in _PHASES:
            self._advance(event)
        elif kind == "loss":
            self._loss = f"loss {event['smoothed']:.4f}"
        elif kind == "warning":
            self._say(f"Warning: {event['message']}")
        elif kind == "error":
            self._say(f"{event['code']}: {event['message']}\n  {event['hint']}")
        elif kind == "state" and event["state"] not in ("preparing", "training", "queued"):
            self.close()

    def close(self) -> None:
        """Ends the bar that is shown."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
            self._phase = ""

    def _advance(self, event: dict[str, Any]) -> None:
        if event["phase"] == "sample" and self._phase == "train":
            return  # short, and the training's bar goes on afterwards
        if self._bar is None or event["phase"] != self._phase:
            self.close()
            self._phase = event["phase"]
            self._bar = tqdm(
                total=event["total"], initial=event["done"], desc=_PHASES[self._phase], file=sys.stderr, leave=True
            )
        self._bar.total = event["total"]
        if self._phase == "train":
            self._bar.set_postfix_str(self._loss, refresh=False)
        self._bar.update(event["done"] - self._bar.n)

    def _say(self, text: str) -> None:
        tqdm.write(text, file=sys.stderr)
