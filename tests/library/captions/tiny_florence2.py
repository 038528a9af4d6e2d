"""A real Florence-2 folder with a tiny, untrained model in it: all but the words it says is like the real one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

SIDE = 32
"""Pixels: the vision tower divides them by 32, so that one vector a picture is left, and one for their mean."""
IMAGE_TOKENS = 2


def write_tiny_florence2(folder: Path) -> None:
    """Saves model, tokenizer and image processor as transformers itself saves them. Takes a few seconds."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
        PreTrainedTokenizerFast,
    )
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    letters = [*map(chr, range(33, 127)), "Ġ"]  # of the byte alphabet those that are readable alone
    vocabulary = {token: number for number, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters])}
    backend = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )
    pictures = CLIPImageProcessorPil(size={"height": SIDE, "width": SIDE}, do_center_crop=False)
    pictures.image_seq_length = IMAGE_TOKENS
    processor = Florence2Processor(image_processor=pictures, tokenizer=tokenizer)
    config = Florence2Config(
        vision_config={
            "depths": [1, 1, 1, 1],
            "embed_dim": [8, 8, 8, 16],
            "num_heads": [1, 1, 1, 1],
            "num_groups": [1, 1, 1, 1],
            "window_size": 2,
            "projection_dim": 16,
            "max_temporal_embeddings": 4,
            "max_position_embeddings": 8,
        },
        text_config={
            "model_type": "bart",
            "d_model": 16,
            "vocab_size": len(tokenizer),
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 16,
            "decoder_ffn_dim": 16,
            "max_position_embeddings": 512,
            "bos_token_id": 0,
            "pad_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 2,
            "forced_eos_token_id": 2,
        },
        image_token_id=tokenizer.image_token_id,
    )
    torch.manual_seed(5)
    model = Florence2ForConditionalGeneration(config)
    with torch.no_grad():
        for weight in model.parameters():  # new weights are so small that every picture would give the same words
            weight.mul_(20 if weight.ndim > 1 else 1)
    model.generation_config.update(forced_bos_token_id=0)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def write_as_first_published(folder: Path, tiny: Path) -> None:
    """The same model under the names and in the layout in which Microsoft published it, with code that must not run."""
    from safetensors.torch import load_file, save_file

    folder.mkdir()
    weights = load_file(tiny / "model.safetensors")
    save_file(
        {_first_name(name): _first_shape(name, weight) for name, weight in weights.items()},
        folder / "model.safetensors",
    )
    config = json.loads((tiny / "config.json").read_text(encoding="utf-8"))
    vision = config["vision_config"] | {"model_type": "davit", "dim_embed": config["vision_config"].pop("embed_dim")}
    vision["visual_temporal_embedding"] = {
        "type": "COSINE",
        "max_temporal_embeddings": vision.pop("max_temporal_embeddings"),
    }
    vision["image_pos_embed"] = {"type": "learned_abs_2d", "max_pos_embeddings": vision.pop("max_position_embeddings")}
    text = config["text_config"] | {"model_type": "florence2_language"}
    code = {"AutoModelForCausalLM": "modeling_florence2.Florence2ForConditionalGeneration"}
    config = {"model_type": "florence2", "auto_map": code, "vision_config": vision, "text_config": text}
    _write(folder / "config.json", config)
    pictures = json.loads((tiny / "processor_config.json").read_text(encoding="utf-8"))["image_processor"]
    _write(folder / "preprocessor_config.json", pictures | {"auto_map": {"AutoProcessor": "processing_florence2.P"}})
    tokens = json.loads((tiny / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["added_tokens"] = [token for token in tokens["added_tokens"] if token["content"] != "<image>"]
    _write(folder / "tokenizer.json", tokens)
    _write(folder / "tokenizer_config.json", {"model_max_length": 1024})
    for name in ("modeling_florence2.py", "processing_florence2.py", "configuration_florence2.py"):
        (folder / name).write_text(f"open({str(folder / 'it ran')!r}, 'w')\n", encoding="utf-8")


def _first_name(name: str) -> str:
    if name.startswith("model.language_model."):
        return name.replace("model.language_model.", "language_model.model.")
    name = name.removeprefix("model.").removeprefix("multi_modal_projector.")
    for new, old in (
        ("image_projection.weight", "image_projection"),
        ("image_position_embed.", "image_pos_embed."),
        ("visual_temporal_embed.", "visual_temporal_embed."),
        ("lm_head.", "language_model.lm_head."),
    ):
        if name.startswith(new):
            return old + name.removeprefix(new)
    if ".convs." in name:
        return name.replace(".conv.", ".proj.")
    attention = "window_attn" if "spatial_block" in name else "channel_attn"
    for new, old in (
        ("conv1.", "conv1.fn.dw."),
        ("conv2.", "conv2.fn.dw."),
        ("norm1.", f"{attention}.norm."),
        ("norm2.", "ffn.norm."),
        (f"{attention}.", f"{attention}.fn."),
        ("ffn.", "ffn.fn.net."),
    ):
        name = re.sub(rf"(_block\.){re.escape(new)}", lambda found, old=old: found[1] + old, name, count=1)
        if f"_block.{old}" in name:
            break
    return name


def _first_shape(name: str, weight: Any) -> Any:
    return weight.T.contiguous() if name.endswith("image_projection.weight") else weight


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")
