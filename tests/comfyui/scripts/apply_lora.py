"""Runs in ComfyUI: loads a diffusion model and a LoRA as its nodes do, and writes the patched weights.

Arguments: the model, the LoRA, the file to write. The last line says which LoRA keys were not loaded.
"""

import json
import logging
import sys

import comfy.model_management
import comfy.sd
import comfy.utils
from safetensors.torch import save_file

model_path, lora_path, out_path = sys.argv[1:4]
said: list[str] = []


class Listener(logging.Handler):
    """Keeps what ComfyUI warns of."""

    def emit(self, record: logging.LogRecord) -> None:
        said.append(record.getMessage())


logging.getLogger().addHandler(Listener(level=logging.WARNING))
model = comfy.sd.load_diffusion_model(model_path)
patched, _ = comfy.sd.load_lora_for_models(model, None, comfy.utils.load_torch_file(lora_path), 1.0, 0.0)
comfy.model_management.load_models_gpu([patched], force_full_load=True)
weights = patched.model.state_dict()
save_file({key.removeprefix("diffusion_model."): weights[key].contiguous() for key in patched.patches}, out_path)
not_loaded = [line for line in said if "lora key not loaded" in line]
print(json.dumps({"not_loaded": not_loaded, "patched": len(patched.patches), "model": type(patched.model).__name__}))
