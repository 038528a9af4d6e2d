"""The shape of the mini model: a FLUX with every part made small enough to train on a laptop's processor.

Each part is the stock class of diffusers or transformers and the folder is a stock pipeline folder, so that what works
on the mini model works on FLUX.1-dev by the same code: packing, position ids, guidance embedding, shifted schedule,
velocity target.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .tokenizers import CLIP_TOKENS, write_clip_tokenizer, write_t5_tokenizer

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, FluxTransformer2DModel
    from transformers import CLIPTextModel, T5EncoderModel

MAX_TEXT_TOKENS = 32
"""Length of the T5 text, padded as FLUX pads: pass it to the pipeline as `max_sequence_length`."""

PICTURE_SIZE = 128
"""Side of a square picture in pixels; other shapes have about the same area and sides that are multiples of 16."""

SHAPES = ((128, 128), (112, 144), (144, 112), (96, 160), (160, 96), (96, 176), (176, 96))
"""Every (width, height) that the model was pretrained on."""

GUIDANCE = 2.0
"""The guidance that pictures are made with; 1.0 is the plain velocity, which training uses. More makes colours stronger
and people less like themselves."""

TRANSFORMER: dict[str, Any] = {
    "patch_size": 1,
    "in_channels": 64,
    "num_layers": 2,
    "num_single_layers": 4,
    "attention_head_dim": 64,
    "num_attention_heads": 3,
    "joint_attention_dim": 128,
    "pooled_projection_dim": 64,
    "guidance_embeds": True,
    "axes_dims_rope": (8, 28, 28),
}
"""Few wide heads: position is told by rotation alone, and an axis of 12 dimensions has two frequencies that differ over
a grid of 8 × 8 tokens, one of 28 has five."""
AUTOENCODER: dict[str, Any] = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (16, 32, 64, 96),
    "layers_per_block": 1,
    "latent_channels": 16,
    "norm_num_groups": 8,
    "sample_size": PICTURE_SIZE,
    "mid_block_add_attention": False,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "scaling_factor": 1.0,
    "shift_factor": 0.0,
}
SCHEDULER: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "shift": 3.0,
    "use_dynamic_shifting": True,
    "base_shift": 0.5,
    "max_shift": 1.15,
    "base_image_seq_len": 256,
    "max_image_seq_len": 4096,
}


@dataclass
class Components:
    """The trainable parts, in memory. The tokenizers are files: `save_components` writes them."""

    transformer: FluxTransformer2DModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    text_encoder_2: T5EncoderModel


def new_components(seed: int) -> Components:
    """Every part with random weights. The output layer starts at zero, as in DiT, so that a fresh model predicts
    nothing at all."""
    import tempfile

    import torch
    from diffusers import AutoencoderKL, FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel

    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizers(Path(folder))
        clip_tokenizer = CLIPTokenizer.from_pretrained(Path(folder) / "tokenizer")
        t5_size = len(
            json.loads((Path(folder) / "tokenizer_2" / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        )
    clip = CLIPTextConfig(
        vocab_size=len(clip_tokenizer),
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=64,
        max_position_embeddings=CLIP_TOKENS,
        bos_token_id=clip_tokenizer.bos_token_id,
        eos_token_id=clip_tokenizer.eos_token_id,
        pad_token_id=clip_tokenizer.pad_token_id,
    )
    t5 = T5Config(
        vocab_size=t5_size,
        d_model=128,
        d_kv=32,
        d_ff=256,
        num_layers=3,
        num_heads=4,
        relative_attention_num_buckets=16,
        relative_attention_max_distance=32,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    transformer = FluxTransformer2DModel(**TRANSFORMER)
    _start_like_dit(transformer)
    return Components(transformer, AutoencoderKL(**AUTOENCODER), CLIPTextModel(clip), T5EncoderModel(t5))


def _start_like_dit(transformer: FluxTransformer2DModel) -> None:
    """Small embeddings, and zero where a block joins the residual stream or the output (adaLN-Zero, Peebles & Xie
    2023)."""
    from torch import nn

    for name, module in transformer.named_modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            if (
                name.endswith(("norm.linear", "norm1.linear", "norm1_context.linear", "norm_out.linear"))
                or name == "proj_out"
            ):
                nn.init.zeros_(module.weight)
            elif ".timestep_embedder." in name or ".guidance_embedder." in name:
                nn.init.normal_(module.weight, std=0.02)


def write_tokenizers(folder: Path) -> None:
    """Write both tokenizers where a pipeline folder has them."""
    write_clip_tokenizer(folder / "tokenizer")
    write_t5_tokenizer(folder / "tokenizer_2", MAX_TEXT_TOKENS)


def save_components(components: Components, folder: Path) -> None:
    """Write a pipeline folder that `FluxPipeline.from_pretrained` loads, weights in float16."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("transformer", "vae", "text_encoder", "text_encoder_2"):
        module = getattr(components, name)
        state = {key: value.detach().clone() for key, value in module.state_dict().items()}
        module.to(torch.float16).save_pretrained(folder / name)
        module.to(torch.float32).load_state_dict(state)
    for name in ("text_encoder", "text_encoder_2"):  # else transformers computes in what is stored, diffusers doesn't
        path = folder / name / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        stored = {key: "float32" for key in ("dtype", "torch_dtype") if key in config}
        path.write_text(json.dumps({**config, **stored}, indent=2) + "\n", encoding="utf-8")
    write_tokenizers(folder)
    FlowMatchEulerDiscreteScheduler(**SCHEDULER).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "FluxPipeline",
        "_diffusers_version": "0.35.0",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "T5EncoderModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "PreTrainedTokenizerFast"],
        "transformer": ["diffusers", "FluxTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
