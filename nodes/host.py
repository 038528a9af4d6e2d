"""What nodes ask of the ComfyUI around them: progress on the canvas, interrupts, memory, addresses."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

    from ..library.jobs import Jobs
    from ..library.store import Library

_READY: list[Jobs] = []
"""The jobs of this process's library, once a node has used them."""


class Canvas:
    """The node that is running, as people see it."""

    def __init__(self, node_id: str | None) -> None:
        import comfy.utils

        self._id = node_id or ""
        self._bar = comfy.utils.ProgressBar(1, node_id=node_id)

    def show(self, done: float, total: float, preview: Image.Image | None = None) -> None:
        """Moves the progress bar, here and in the queue. A wish to interrupt stays for `interrupted` to find."""
        import comfy.model_management

        shown = ("JPEG", preview, 512) if preview is not None else None
        try:
            self._bar.update_absolute(done, max(1, total), shown)
        except comfy.model_management.InterruptProcessingException:
            comfy.model_management.interrupt_current_processing(True)  # the bar has taken the wish back

    def say(self, text: str) -> None:
        """Puts a line of text on the node."""
        from server import PromptServer

        PromptServer.instance.send_progress_text(text, self._id)

    def interrupted(self) -> bool:
        """Whether ComfyUI was asked to stop what runs; the wish stays."""
        import comfy.model_management

        return bool(comfy.model_management.processing_interrupted())


def end_quietly() -> Exception:
    """What a node raises to end its prompt without an error dialog. Takes the wish to interrupt back."""
    import comfy.model_management

    comfy.model_management.interrupt_current_processing(False)
    ending: Exception = comfy.model_management.InterruptProcessingException()
    return ending


def free_memory() -> None:
    """Lets go of all models that ComfyUI holds on the device, for the trainer's process."""
    import comfy.model_management

    comfy.model_management.unload_all_models()
    gc.collect()
    comfy.model_management.soft_empty_cache()


def library() -> Library:
    """The library, which the routes use too. Raises what opening it raises."""
    from ..library.shared import the_library

    jobs()
    return the_library()


def jobs() -> Jobs:
    """The library's jobs; logging is set up with them."""
    from .. import log, settings
    from ..library.jobs import Jobs
    from ..library.shared import the_library

    if not _READY:
        log.configure(settings.log_level())
        _READY.append(Jobs(the_library()))
    return _READY[0]


def address() -> str:
    """Where this ComfyUI answers requests from this machine, e.g. `http://127.0.0.1:8188`."""
    from comfy.cli_args import args
    from server import PromptServer

    given: Any = getattr(PromptServer.instance, "address", None) or str(args.listen).split(",")[0]
    port = getattr(PromptServer.instance, "port", None) or args.port
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(given, given)
    scheme = "https" if args.tls_keyfile and args.tls_certfile else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def on_network() -> bool:
    """Whether ComfyUI listens for others than this machine's users."""
    from comfy.cli_args import args

    return any(part.strip() not in ("127.0.0.1", "::1", "localhost") for part in str(args.listen).split(","))
