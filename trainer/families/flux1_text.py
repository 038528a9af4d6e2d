"""FLUX.1's text encoders, CLIP-L and T5, and their tokenizers, from the single files and folders that people have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import IsengardError
from ..modelfiles import Part
from ..weights import check_whole, stream_weights
from .flux1_files import CONFIGS
from .interface import LoadingStopped


def load_clip(part: Part) -> Any:
    """CLIP's text model in fp32 on the CPU."""
    from transformers import CLIPTextConfig, CLIPTextModel

    weights = {name.removeprefix("text_model."): value for name, value in _read(part, torch.float32).items()}
    return _filled(CLIPTextModel, CLIPTextConfig(**_clip_config(part, weights)), weights, part)


def load_t5(part: Part, device: torch.device, stopped: Callable[[], object] = bool) -> Any:
    """T5's encoder with its weights as they are stored (fp8 as fp16), computing in fp32 block by block.

    ComfyUI computes T5 in fp32 whatever the file's format, so this does too; only one block at a time is widened. The
    weights stay on the device where they fit easily, and are brought there block by block where they don't: then they
    come from the disk when the first text is encoded. `stopped` is asked before each tensor that is read or brought,
    and before each block that computes; once it says something true, LoadingStopped is raised.
    """
    from transformers import T5Config, T5EncoderModel

    weights = _read(part, None, stopped)
    shared = weights.pop("shared.weight", None)
    shared = weights.pop("encoder.embed_tokens.weight", None) if shared is None else shared
    if shared is None:
        raise IsengardError("MODEL_UNREADABLE", f"{part.path} lacks T5's token embeddings.")
    weights |= {"shared.weight": shared, "encoder.embed_tokens.weight": shared}
    size = sum(value.nbytes for value in weights.values())
    model = _filled(T5EncoderModel, T5Config(**_t5_config(part, weights)), weights, part)
    if device.type == "cuda" and torch.cuda.mem_get_info(device)[0] > 2 * size:
        bring(model, device, stopped)
    for block in model.encoder.block:
        _Widened(block, device, stopped)
    model.encoder.final_layer_norm.to(device, torch.float32)
    return model


def load_tokenizer(name: str, folder: Path) -> Any:
    """The tokenizer of `clip` or `t5` in a folder. Raises TOKENIZER_MISSING if it can't be loaded."""
    from transformers import CLIPTokenizer, PreTrainedTokenizerFast, T5TokenizerFast

    chosen: Any = {"clip": CLIPTokenizer, "t5": T5TokenizerFast}[name]
    notes = folder / "tokenizer_config.json"
    if (
        notes.is_file()
        and json.loads(notes.read_text(encoding="utf-8")).get("tokenizer_class") == "PreTrainedTokenizerFast"
    ):
        chosen = PreTrainedTokenizerFast
    try:
        return chosen.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, ImportError) as problem:
        raise IsengardError("TOKENIZER_MISSING", f"The tokenizer in {folder} can't be loaded: {problem}") from problem


def bring(model: nn.Module, device: torch.device, stopped: Callable[[], object]) -> None:
    """Moves a model layer by layer. Raises LoadingStopped once `stopped` says something true."""
    for module in model.modules():
        _heed(stopped)
        if not any(True for _ in module.children()):
            module.to(device)
    model.to(device)  # what belongs to no layer


def _heed(stopped: Callable[[], object]) -> None:
    if stopped():
        raise LoadingStopped


class _Widened:
    """Keeps a block's weights where and as they are, and puts fp32 copies in their place while it runs."""

    def __init__(self, block: nn.Module, device: torch.device, stopped: Callable[[], object]) -> None:
        self._stored: list[Tensor] = []
        self._device = device
        self._stopped = stopped
        block.register_forward_pre_hook(self._widen)
        block.register_forward_hook(self._put_back, always_call=True)

    def _widen(self, block: nn.Module, _inputs: Any) -> None:
        _heed(self._stopped)
        self._stored = [parameter.data for parameter in block.parameters()]
        for parameter in block.parameters():
            parameter.data = parameter.data.to(self._device, torch.float32)

    def _put_back(self, block: nn.Module, _inputs: Any, _output: Any) -> None:
        for parameter, stored in zip(block.parameters(), self._stored, strict=False):
            parameter.data = stored
        self._stored = []


def _filled(model_class: Any, config: Any, weights: dict[str, Tensor], part: Part) -> Any:
    """A model of that class with these tensors in it, never initialised and never copied."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        model = model_class(config)
    names = model.state_dict().keys()
    inner = "text_model." if any(name.startswith("text_model.") for name in names) else ""
    state = {name: weights[name.removeprefix(inner)] for name in names if name.removeprefix(inner) in weights}
    try:
        model.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as problem:
        raise IsengardError(
            "MODEL_UNREADABLE", f"{part.path} holds tensors of unexpected shapes: {problem}."
        ) from problem
    check_whole(model, str(part.path))
    model.requires_grad_(False)
    return model.eval()


def _read(part: Part, dtype: torch.dtype | None, stopped: Callable[[], object] = bool) -> dict[str, Tensor]:
    files = sorted(part.path.glob("*.safetensors")) if part.layout == "folder" else [part.path]
    found = {}
    for file in files:
        for name, value in stream_weights(file, part.prefix, dtype):
            _heed(stopped)
            found[name] = value
    return found


def _config(part: Part, carried: str) -> dict[str, Any]:
    folder = part.path if part.layout == "folder" else CONFIGS / carried
    values: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return {
        key: value
        for key, value in values.items()
        if key not in ("model_type", "dtype", "torch_dtype", "transformers_version")
    }


def _clip_config(part: Part, weights: dict[str, Tensor]) -> dict[str, Any]:
    """The carried numbers, corrected by the file's own shapes (a Long-CLIP has 248 positions)."""
    values = _config(part, "clip")
    if part.layout != "folder":
        values["max_position_embeddings"], values["hidden_size"] = _shape(
            part, weights, "embeddings.position_embedding.weight"
        )
        values["intermediate_size"] = _shape(part, weights, "encoder.layers.0.mlp.fc1.weight")[0]
        values["num_hidden_layers"] = _blocks(weights, "encoder.layers.", 2)
        values["num_attention_heads"] = max(1, values["hidden_size"] // 64)
        values["vocab_size"] = size = _shape(part, weights, "embeddings.token_embedding.weight")[0]
        values["eos_token_id"] = values["pad_token_id"] = size - 1  # the last two words of CLIP are start and end
        values["bos_token_id"] = size - 2
    return values


def _t5_config(part: Part, weights: dict[str, Tensor]) -> dict[str, Any]:
    """The carried numbers, corrected by the file's own shapes."""
    values = _config(part, "t5")
    if part.layout != "folder":
        first = "encoder.block.0.layer."
        values["vocab_size"], values["d_model"] = weights["shared.weight"].shape
        values["d_ff"] = _shape(part, weights, f"{first}1.DenseReluDense.wi_1.weight")[0]
        values["num_layers"] = _blocks(weights, "encoder.block.", 2)
        values["num_heads"] = _shape(part, weights, f"{first}0.SelfAttention.relative_attention_bias.weight")[1]
        values["d_kv"] = _shape(part, weights, f"{first}0.SelfAttention.q.weight")[0] // values["num_heads"]
    return values


def _shape(part: Part, weights: dict[str, Tensor], name: str) -> torch.Size:
    if name not in weights:
        raise IsengardError("MODEL_UNREADABLE", f"{part.path} lacks the tensor {name}.")
    return weights[name].shape


def _blocks(weights: dict[str, Tensor], start: str, place: int) -> int:
    return 1 + max(int(name.split(".")[place]) for name in weights if name.startswith(start))
