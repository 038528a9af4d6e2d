"""Runs Florence-2: `python florence2.py FOLDER DEVICE`, JSON lines in and out; ends when its standard input closes.

First line out: `{"ready": true, "device": …}` or `{"failed": "model" | "memory" | "package", "message": …}`.
Then for each `{"file", "task", "tokens"}` one `{"text", "cut"}`, or one `{"problem", "message"}` whose problem is
photo, memory or model.
It stands alone: no import of the pack, no network, no code from the model's folder.
"""

from __future__ import annotations

import json
import os
import queue
import re
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HERE = os.path.realpath(Path(__file__).parent)
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""Pictures that are opened, whatever a file is called: for PostScript, Pillow would start another program."""
_VISION = (
    "depths", "patch_size", "patch_stride", "patch_padding", "patch_prenorm", "num_heads", "num_groups", "window_size",
    "projection_dim", "mlp_ratio", "drop_path_rate",
)  # fmt: skip
_TEXT = (
    "d_model", "vocab_size", "encoder_layers", "decoder_layers", "encoder_attention_heads", "decoder_attention_heads",
    "encoder_ffn_dim", "decoder_ffn_dim", "max_position_embeddings", "activation_function", "scale_embedding",
    "bos_token_id", "pad_token_id", "eos_token_id", "decoder_start_token_id", "forced_eos_token_id",
)  # fmt: skip
_NEW_NAMES = (
    (r"^language_model\.model\.", "model.language_model."),
    (r"^language_model\.lm_head\.", "lm_head."),
    (r"^image_projection$", "model.multi_modal_projector.image_projection.weight"),
    (r"^image_pos_embed\.", "model.multi_modal_projector.image_position_embed."),
    (r"^(image_proj_norm|visual_temporal_embed)\.", r"model.multi_modal_projector.\1."),
    (r"^vision_tower\.", "model.vision_tower."),
    (r"(\.convs\.\d+)\.proj\.", r"\1.conv."),
    (r"_block\.(conv[12])\.fn\.dw\.", r"_block.\1."),
    (r"_block\.(?:window|channel)_attn\.norm\.", "_block.norm1."),
    (r"_block\.(window_attn|channel_attn)\.fn\.", r"_block.\1."),
    (r"_block\.ffn\.norm\.", "_block.norm2."),
    (r"_block\.ffn\.fn\.net\.", "_block.ffn."),
)
"""What Microsoft's names became in transformers, in the order in which they are changed."""
_SHARED = "model.language_model.shared.weight"
_TIED = {
    "lm_head.weight",
    "model.language_model.encoder.embed_tokens.weight",
    "model.language_model.decoder.embed_tokens.weight",
}
"""The same tensor as _SHARED under other names."""


def main(folder: str, device: str) -> None:
    """Loads the model, then answers until there are no more questions."""
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != _HERE]
    questions: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(questions,), daemon=True).start()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)  # whatever a library prints goes to the error output

    def say(answer: dict[str, Any]) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    try:
        model, processor = _load(Path(folder), device)
    except ImportError as problem:
        say({"failed": "package", "message": str(problem)})
        return
    except MemoryError as problem:
        say({"failed": "memory", "message": str(problem)})
        return
    except Exception as problem:  # noqa: BLE001 (a damaged folder fails in a hundred ways; all are told)
        kind = "memory" if _out_of_memory(problem) else "model"
        say({"failed": kind, "message": f"{type(problem).__name__}: {problem}"})
        return
    say({"ready": True, "device": str(model.device)})
    while True:
        say(_answer(model, processor, json.loads(questions.get())))


def _listen(questions: queue.Queue[str]) -> None:
    """Ends the process when nobody can ask any more, even in the middle of an answer."""
    for line in sys.stdin:
        questions.put(line)
    os._exit(0)


def _load(folder: Path, device: str) -> tuple[Any, Any]:
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model, processor = (_load_first_published if "auto_map" in config else _load_native)(folder)
    return model.eval().to(device, torch.float16 if device.startswith("cuda") else torch.float32), processor


def _load_native(folder: Path) -> tuple[Any, Any]:
    """A folder as transformers itself saves Florence-2."""
    from transformers import Florence2ForConditionalGeneration, Florence2Processor

    processor = Florence2Processor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model, found = Florence2ForConditionalGeneration.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, output_loading_info=True
    )
    _check([*found["missing_keys"], *(str(key) for key in found["mismatched_keys"])])
    return model, processor


def _load_first_published(folder: Path) -> tuple[Any, Any]:
    """A folder as Microsoft published it: the same weights under other names, read without the code beside them."""
    from safetensors.torch import load_file
    from transformers import (
        AutoImageProcessor,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
        PreTrainedTokenizerFast,
    )

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )
    pictures = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vision, text = values["vision_config"], values["text_config"]
    config = Florence2Config(
        vision_config={name: vision[name] for name in _VISION if name in vision}
        | {
            "embed_dim": vision["dim_embed"],
            "max_temporal_embeddings": vision["visual_temporal_embedding"]["max_temporal_embeddings"],
            "max_position_embeddings": vision["image_pos_embed"]["max_pos_embeddings"],
        },
        text_config={name: text[name] for name in _TEXT if name in text} | {"model_type": "bart"},
        image_token_id=tokenizer.image_token_id,
    )
    model = Florence2ForConditionalGeneration(config)
    weights: dict[str, Any] = {}
    for file in sorted(folder.glob("*.safetensors")):
        weights |= {_new_name(name): value.float() for name, value in load_file(file).items()}
    projection = "model.multi_modal_projector.image_projection.weight"
    if projection in weights:  # there it multiplies from the other side
        weights[projection] = weights[projection].T
    lacking = set(model.load_state_dict(weights, strict=False).missing_keys)
    model.tie_weights()
    _check([*(lacking - _TIED), *({_SHARED} - weights.keys())])
    model.generation_config.update(forced_bos_token_id=0)
    return model, Florence2Processor(image_processor=pictures, tokenizer=tokenizer)


def _new_name(name: str) -> str:
    for pattern, new in _NEW_NAMES:
        name = re.sub(pattern, new, name)
    return name


def _check(lacking: Sequence[str]) -> None:
    if lacking:  # they would be random numbers
        raise ValueError(f"{len(lacking)} tensors are missing or have another shape, first {sorted(lacking)[0]}")


def _answer(model: Any, processor: Any, question: dict[str, Any]) -> dict[str, Any]:
    from PIL import Image, ImageOps

    try:
        with Image.open(question["file"], formats=_FORMATS) as opened:
            opened.draft("RGB", (1536, 1536))
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        return {"problem": "photo", "message": f"{type(problem).__name__}: {problem}"}
    try:
        return _describe(model, processor, picture, question["task"], int(question["tokens"]))
    except MemoryError as problem:
        return {"problem": "memory", "message": str(problem)}
    except Exception as problem:  # noqa: BLE001 (one photo that fails must not end the others)
        kind = "memory" if _out_of_memory(problem) else "model"
        return {"problem": kind, "message": f"{type(problem).__name__}: {problem}"}


def _describe(model: Any, processor: Any, picture: Any, task: str, tokens: int) -> dict[str, Any]:
    import torch

    inputs = processor(images=picture, text=task, return_tensors="pt").to(model.device, model.dtype)
    with torch.inference_mode():
        settings = {"num_beams": 3, "no_repeat_ngram_size": 3, "do_sample": False}  # those that it was published with
        ids = model.generate(**inputs, max_new_tokens=tokens, **settings)[0]
    text = processor.tokenizer.decode(ids, skip_special_tokens=True)
    return {"text": text, "cut": len(ids) > tokens}


def _out_of_memory(problem: Exception) -> bool:
    import torch

    return isinstance(problem, getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError))


if __name__ == "__main__":
    main(*sys.argv[1:])
