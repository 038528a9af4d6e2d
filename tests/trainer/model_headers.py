"""Headers of model files as people have them, and files of zeros that carry them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import torch

SIZES = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "U8": 1, "I8": 1, "F8_E8M0": 1}
FLUX = {
    "img_in.weight": (8, 64),
    "txt_in.weight": (8, 32),
    "vector_in.in_layer.weight": (8, 16),
    "double_blocks.0.img_attn.qkv.weight": (24, 8),
    "double_blocks.0.img_attn.norm.key_norm.scale": (4,),
    "single_blocks.0.linear1.weight": (56, 8),
}
DEV = {**FLUX, "guidance_in.in_layer.weight": (8, 256)}
VAE = {
    "encoder.conv_in.weight": (4, 3, 3, 3),
    "decoder.conv_in.weight": (4, 16, 3, 3),
    "decoder.mid.block_1.norm1.weight": (4,),
}
CLIP = {"encoder.layers.0.mlp.fc1.weight": (12, 768), "final_layer_norm.weight": (768,)}
T5 = {"encoder.block.0.layer.1.DenseReluDense.wi_1.weight": (8, 32), "encoder.final_layer_norm.weight": (32,)}
SD = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"


def prefixed(prefix: str, keys: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {prefix + name: shape for name, shape in keys.items()}


ALL_IN_ONE = {
    **prefixed("model.diffusion_model.", DEV),
    **prefixed("vae.", VAE),
    **prefixed("text_encoders.clip_l.transformer.text_model.", CLIP),
    **prefixed("text_encoders.t5xxl.transformer.", T5),
}


def write(path: Path, keys: dict[str, tuple[int, ...]], dtype: str = "BF16", **metadata: str) -> Path:
    """A safetensors file of zeros with these names and shapes."""
    entries, at = {}, 0
    for name, shape in keys.items():
        size = SIZES[dtype] * torch.Size(shape).numel()
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    header = json.dumps({"__metadata__": metadata, **entries} if metadata else entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(at))
    return path
