"""Runs in ComfyUI: loads a diffusion model and a LoRA as its nodes do, and writes the patched weights.

Arguments: the model, the LoRA, the file to write, and a second LoRA that is only looked at. The last line says of each
which keys were not loaded and how many weights it patches.
"""

import json
import logging
import sys
from typing import Any

import comfy.model_management
import comfy.sd
import comfy.utils
from safetensors.torch import save_file

model_path, lora_path, out_path, other_path = sys.argv[1:5]
said: list[str] = []


class Listener(logging.Handler):
    """Keeps what ComfyUI warns of."""

    def emit(self, record: logging.LogRecord) -> None:
        said.append(record.getMessage())


def load(path: str) -> tuple[Any, dict[str, Any]]:
    """The model with a LoRA, and what ComfyUI made of its keys."""
    said.clear()
    patched, _ = comfy.sd.load_lora_for_models(model, None, comfy.utils.load_torch_file(path), 1.0, 0.0)
    not_loaded = [line for line in said if "lora key not loaded" in line]
    return patched, {"not_loaded": not_loaded, "patched": len(patched.patches)}


logging.getLogger().addHandler(Listener(level=logging.WARNING))
model = comfy.sd.load_diffusion_model(model_path)
_, other = load(other_path)
patched, ours = load(lora_path)
comfy.model_management.load_models_gpu([patched], force_full_load=True)
weights = patched.model.state_dict()
save_file({key.removeprefix("diffusion_model."): weights[key].contiguous() for key in patched.patches}, out_path)
print(json.dumps({"model": type(patched.model).__name__, "ours": ours, "other": other}))
