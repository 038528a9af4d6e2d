"""Runs in ComfyUI: loads a model, lets go of it as Train LoRA does before it trains, and tells what ComfyUI holds.

Argument: the pack's folder.
"""

import asyncio
import json
import sys
from importlib import import_module

import_module("utils.install_util")  # first, as in main.py: later another `utils` is on the path
nodes, server = import_module("nodes"), import_module("server")

import comfy.model_management  # noqa: E402 (after the line above)
import comfy.model_patcher  # noqa: E402
import torch  # noqa: E402

loop = asyncio.new_event_loop()
server.PromptServer(loop)
assert loop.run_until_complete(nodes.load_custom_node(sys.argv[1], module_parent="custom_nodes"))
host = next(module for name, module in sys.modules.items() if name.endswith(".nodes.host"))

device = torch.device("cpu")
model = comfy.model_patcher.ModelPatcher(torch.nn.Linear(64, 64), load_device=device, offload_device=device)
comfy.model_management.load_models_gpu([model])
before = len(comfy.model_management.current_loaded_models)
host.free_memory()
print(json.dumps({"before": before, "after": len(comfy.model_management.current_loaded_models)}))
