"""A ComfyUI that has every file the shared workflows name, as far as its lists go: enough to check a prompt."""

from __future__ import annotations

from PIL import Image

from isengard.tests.comfyui.canvas.models import folder_of, names
from isengard.tests.comfyui.running import Running, node

WAITER = '''
"""For tests only: holds the queue until it is interrupted."""

import time

import comfy.model_management


class HoldTheQueue:
    RETURN_TYPES = ()
    FUNCTION = "hold"
    CATEGORY = "tests"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def hold(self):
        while True:
            comfy.model_management.throw_exception_if_processing_interrupted()
            time.sleep(0.05)


NODE_CLASS_MAPPINGS = {"HoldTheQueue": HoldTheQueue}
'''


def furnish(host: Running) -> None:
    """Puts empty files of the right names into the model folders, a picture into `input`, and the node that waits."""
    for name in names():
        file = host.base / "models" / folder_of(name) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (host.base / "input").mkdir(exist_ok=True)
    Image.new("RGB", (64, 64), (200, 120, 90)).save(host.base / "input" / "example.png")
    (host.base / "custom_nodes").mkdir(exist_ok=True)
    (host.base / "custom_nodes" / "hold_the_queue.py").write_text(WAITER, encoding="utf-8")


def hold(host: Running) -> str:
    """Occupies the queue: what is put into it waits. Gives the id of the prompt to interrupt."""
    prompt = host.put({"hold": node("HoldTheQueue")})
    host.until(lambda: host.theirs.get("/queue")["queue_running"], "it never ran")
    return prompt


def release(host: Running, prompt: str) -> None:
    """Empties the queue."""
    host.theirs.ask("POST", "/queue", {"clear": True})
    host.theirs.ask("POST", "/interrupt", {"prompt_id": prompt})
    host.until(lambda: not host.prompts(), "the queue never became empty")
