"""What runs in the process that makes pictures: `python <pack> generate --child`.

A JSON object a line on standard input: `{"make": request, "folder": path, "first": n}` or `{"cancel": true}`; its end
is the end of this process. On standard output events of `generator/interface.py`, and for each `make` one last line:
`finished`, `stopped`, or `failed` with an error.
"""

from __future__ import annotations

import base64
import io
import json
import os
import queue
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ... import log, settings
from ...errors import IsengardError
from ...media.png import write_png
from ..request import GenerationRequest, request_from_dict

if TYPE_CHECKING:
    from ...trainer.pipelines import Pictures, Step

PREVIEW_SECONDS = 0.7
"""A preview at most so often, so that it takes little of the time."""
_LOG = log.get("generator.child")


class _NotWantedError(Exception):
    """The picture that is being made is not wanted any more."""


def main() -> int:
    """Serves until standard input ends."""
    settings.go_offline()
    log.configure(settings.log_level())
    child = _Child(_take_output())
    threading.Thread(target=child.listen, name="listen", daemon=True).start()
    child.serve()
    return 0


def _take_output() -> TextIO:
    """Keeps standard output for messages; what libraries print goes to the log with standard error."""
    sys.stdout.flush()
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return messages


class _Child:
    def __init__(self, messages: TextIO) -> None:
        self._messages = messages
        self._work: queue.Queue[dict[str, Any]] = queue.Queue()
        self._cancelled = threading.Event()
        self._loaded: tuple[str, ...] = ()
        self._model: Pictures | None = None

    def listen(self) -> None:
        """Reads what is asked, beside the work. Nothing of ours is worth keeping when the parent is gone."""
        buffer = b""
        with suppress(OSError):
            while data := os.read(0, 65536):  # sys.stdin's own lock would be held while Python shuts down
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    message = json.loads(line)
                    if message.get("cancel"):
                        self._cancelled.set()
                    else:
                        self._cancelled.clear()
                        self._work.put(message)
        os._exit(0)

    def serve(self) -> None:
        """Does what is asked, one after the other, for ever."""
        while True:
            work = self._work.get()
            try:
                self._make(request_from_dict(work["make"]), Path(work["folder"]), int(work["first"]))
                self._say("finished")
            except _NotWantedError:
                self._say("stopped")
            except IsengardError as error:
                self._say("failed", **error.as_dict())
            except Exception as problem:  # noqa: BLE001 (whatever it is, the host must hear of it)
                _LOG.exception("unforeseen failure")
                self._say("failed", **_explained(problem).as_dict())
                self._model, self._loaded = None, ()

    def _make(self, request: GenerationRequest, folder: Path, first: int) -> None:
        model = self._load(request)
        if request.loras:
            self._say("loading", message="loading the LoRA")
        model.use_loras([(Path(lora.file), lora.strength) for lora in request.loras])
        if cut := model.left_out(request.sent):
            self._say(
                "warning", message=f"The prompt is too long: the last {cut} words or parts of words have no effect."
            )
        for picture in range(first, request.count):
            self._make_one(model, request, folder, picture)

    def _make_one(self, model: Pictures, request: GenerationRequest, folder: Path, picture: int) -> None:
        shown = time.monotonic()

        def on_step(step: Step) -> None:
            nonlocal shown
            self._heed()
            self._say("progress", picture=picture, step=step.done, steps=step.steps, count=request.count)
            if step.done < step.steps and time.monotonic() - shown > PREVIEW_SECONDS:
                self._say("preview", picture=picture, step=step.done, image=_jpeg(step))
                shown = time.monotonic()

        width, height = request.size
        self._heed()
        self._say("progress", picture=picture, step=0, steps=request.steps, count=request.count)
        image = model.picture(
            request.sent,
            width=width,
            height=height,
            steps=request.steps,
            guidance=request.guidance,
            seed=request.seed + picture,
            on_step=on_step,
        )
        file = folder / f"{picture:02d}.png"
        write_png(image, file, request.settings(picture))
        self._say("picture", picture=picture, seed=request.seed + picture, file=str(file))

    def _load(self, request: GenerationRequest) -> Pictures:
        wanted = (request.family, *asdict(request.base).values())
        if self._model is None or wanted != self._loaded:
            self._say("loading", message="loading the base model")
            from ...trainer.pipelines import load_pictures

            self._model, self._loaded = None, ()
            self._model = load_pictures(request.family, request.base)
            self._loaded = wanted
        self._heed()
        return self._model

    def _heed(self) -> None:
        if self._cancelled.is_set():
            raise _NotWantedError

    def _say(self, kind: str, **values: Any) -> None:
        self._messages.write(json.dumps({"type": kind, **values}) + "\n")
        self._messages.flush()


def _jpeg(step: Step) -> str:
    buffer = io.BytesIO()
    step.preview().save(buffer, format="JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode()


def _explained(problem: Exception) -> IsengardError:
    import torch

    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        first = (str(problem) or "none is left").splitlines()[0]
        hint = "Choose a smaller picture, or close other programs that use this device's memory."
        return IsengardError("OUT_OF_MEMORY", f"The memory did not suffice: {first}", hint=hint)
    return IsengardError("INTERNAL", f"{type(problem).__name__}: {problem}.")
