"""Runs in ComfyUI: prints the diffusers names that its LoRA loader maps for a FLUX of these depths."""

import json
import sys

import comfy.utils

config = {"depth": int(sys.argv[1]), "depth_single_blocks": int(sys.argv[2]), "hidden_size": 3072}
names = comfy.utils.flux_to_diffusers(config)
print(json.dumps([name.removesuffix(".weight") for name in names if name.endswith(".weight")]))
