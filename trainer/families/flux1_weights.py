"""Loads a FLUX transformer tensor by tensor: each goes to its place, in its number format, before the next is read.

So neither the main memory nor the GPU ever holds the whole model in a wider format than the one it is kept in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...errors import IsengardError
from ..headers import read_header
from ..memory_need import spread
from ..modelfiles import Part
from ..quantised import QuantisedLinear, make_layer
from ..weights import stream_weights
from .flux1_files import CONFIGS
from .interface import LoadingStopped, Placement

if TYPE_CHECKING:
    from diffusers import FluxTransformer2DModel

_WIDTH = 3072
_BLOCK_LAYER = re.compile(r"(single_)?transformer_blocks\.\d+\.")
_MODULATION = re.compile(r"\.(norm|norm1|norm1_context)\.linear$")

_STEMS = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}
_DOUBLE = {
    "img_mod.lin": ("norm1.linear",),
    "txt_mod.lin": ("norm1_context.linear",),
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "img_attn.proj": ("attn.to_out.0",),
    "txt_attn.proj": ("attn.to_add_out",),
    "img_attn.norm.query_norm": ("attn.norm_q",),
    "img_attn.norm.key_norm": ("attn.norm_k",),
    "txt_attn.norm.query_norm": ("attn.norm_added_q",),
    "txt_attn.norm.key_norm": ("attn.norm_added_k",),
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
}
_SINGLE = {
    "modulation.lin": ("norm.linear",),
    "linear1": ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"),
    "linear2": ("proj_out",),
    "norm.query_norm": ("attn.norm_q",),
    "norm.key_norm": ("attn.norm_k",),
}
_BLOCKS = {"double_blocks": ("transformer_blocks", _DOUBLE), "single_blocks": ("single_transformer_blocks", _SINGLE)}


def load(part: Part, dtype: torch.dtype, placement: Placement) -> FluxTransformer2DModel:
    """The frozen transformer. Raises MODEL_UNREADABLE, MODEL_UNSUPPORTED or LoadingStopped."""
    from diffusers import FluxTransformer2DModel

    shape = _folder_shape(part) if part.layout == "folder" else _file_shape(part)
    with torch.device("meta"):
        model = FluxTransformer2DModel(**shape)
    _quantise(model, placement)
    modules, away = dict(model.named_modules()), _away(model, placement.swapped)
    for name, value in _tensors(part, dtype):
        if placement.stopped():
            raise LoadingStopped
        for inner, piece in _renamed(name, value) if part.layout == "original" else [(name, value)]:
            home = torch.device("cpu") if ".".join(inner.split(".")[:2]) in away else placement.device
            _put(part, modules, inner, piece, placement.device, home)
    _check_whole(part, model)
    return model.requires_grad_(False).eval()


def _quantise(model: nn.Module, placement: Placement) -> None:
    """Puts layers that wait for their weights in the place of the blocks' linear layers."""
    if placement.form == "full":
        return
    for name, module in list(model.named_modules()):
        if not (isinstance(module, nn.Linear) and _BLOCK_LAYER.match(name)):
            continue
        turned = placement.both_ways and not _MODULATION.search(name)  # no gradient goes through a modulation
        layer = make_layer(
            placement.form, module.in_features, module.out_features, bias=module.bias is not None, both_ways=turned
        )
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, layer)


def _tensors(part: Part, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    for path in _files(part):
        yield from stream_weights(path, part.prefix, dtype)


def _files(part: Part) -> list[Path]:
    """The file, or a folder's files: those that its index lists, else the one of the usual name, else all."""
    if part.layout != "folder":
        return [part.path]
    usual = part.path / "diffusion_pytorch_model.safetensors"
    index = usual.with_name(f"{usual.name}.index.json")
    try:
        if index.is_file():
            names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            return [part.path / name for name in sorted(set(names))]
    except (OSError, ValueError, KeyError, AttributeError) as problem:
        raise IsengardError("MODEL_UNREADABLE", f"{index} can't be read: {problem}.") from problem
    return [usual] if usual.is_file() else sorted(part.path.glob("*.safetensors"))


def _renamed(name: str, value: Tensor) -> Iterator[tuple[str, Tensor]]:
    """A tensor in its authors' naming as the tensors it is in diffusers': fused layers are cut, scale and shift of the
    last modulation change places."""
    stem, _, kind = name.rpartition(".")
    kind = "weight" if kind == "scale" else kind
    if stem in _STEMS:
        if stem == "final_layer.adaLN_modulation.1":
            value = torch.cat(value.chunk(2)[::-1])
        yield f"{_STEMS[stem]}.{kind}", value
        return
    blocks, number, layer = [*stem.split(".", 2), "", ""][:3]
    kind_of_block, layers = _BLOCKS.get(blocks, ("", {}))
    targets = layers.get(layer, ())
    if not targets:
        return  # what other programs add
    sizes = [len(value)] if len(targets) == 1 else _cut(value, len(targets))
    for target, piece in zip(targets, value.split(sizes), strict=True):
        yield f"{kind_of_block}.{number}.{target}.{kind}", piece


def _cut(value: Tensor, pieces: int) -> list[int]:
    """Three equal ones, or three of the model's width and the rest."""
    return [len(value) // 3] * 3 if pieces == 3 else [_WIDTH] * 3 + [len(value) - 3 * _WIDTH]


def blocks_of(model: Any) -> dict[str, nn.Module]:
    """The blocks by their names, in the order in which they run."""
    rows = {name: getattr(model, name) for name in ("transformer_blocks", "single_transformer_blocks")}
    return {f"{name}.{index}": block for name, row in rows.items() for index, block in enumerate(row)}


def _away(model: nn.Module, count: int) -> set[str]:
    """Names of the blocks that stay in the main memory."""
    names = list(blocks_of(model))
    return {names[place] for place in spread(count, len(names))}


def _put(
    part: Part, modules: dict[str, nn.Module], name: str, value: Tensor, worker: torch.device, home: torch.device
) -> None:
    """Gives a tensor to its module, quantised by `worker` if it is that module's way, and kept at `home`."""
    parent, _, last = name.rpartition(".")
    module = modules.get(parent)
    if isinstance(module, QuantisedLinear) and last in ("weight", "bias"):
        try:
            if last == "weight":
                module.take_weight(value.to(worker), home)
            else:
                module.take_bias(value.to(home))
        except ValueError as problem:
            raise IsengardError("MODEL_UNREADABLE", f"{part.path}: {name} is {problem}.") from problem
        return
    expected = getattr(module, last, None)
    if not isinstance(expected, Tensor):
        return  # what other programs add; that nothing is lacking is looked at in the end
    if expected.shape != value.shape:
        shapes = f"{tuple(value.shape)} instead of {tuple(expected.shape)}"
        raise IsengardError("MODEL_UNREADABLE", f"{part.path}: {name} is {shapes}.")
    setattr(module, last, nn.Parameter(value.to(home), requires_grad=False))


def _check_whole(part: Part, model: nn.Module) -> None:
    missing = [name for name, weight in model.named_parameters() if weight.is_meta]
    layers = ((name, module) for name, module in model.named_modules() if isinstance(module, QuantisedLinear))
    missing += [name for name, layer in layers if not layer.complete]
    if missing:
        raise IsengardError("MODEL_UNREADABLE", f"{part.path} lacks {len(missing)} tensors, first {missing[0]}.")


def _folder_shape(part: Part) -> dict[str, Any]:
    try:
        values = json.loads((part.path / "config.json").read_text(encoding="utf-8"))
        return {name: value for name, value in values.items() if not name.startswith("_")}
    except (OSError, ValueError, AttributeError) as problem:
        raise IsengardError("MODEL_UNREADABLE", f"{part.path / 'config.json'} can't be read: {problem}.") from problem


def _file_shape(part: Part) -> dict[str, Any]:
    """The carried numbers with the file's own number of blocks. Raises MODEL_UNSUPPORTED for another width."""
    length = len(part.prefix)
    shapes = {
        name[length:]: info.shape
        for name, info in read_header(part.path).tensors.items()
        if name.startswith(part.prefix)
    }
    embedder = shapes.get("img_in.weight" if part.layout == "original" else "x_embedder.weight")
    if embedder is None or embedder[0] != _WIDTH:
        raise IsengardError(
            "MODEL_UNSUPPORTED",
            f"{part.path} is not a FLUX.1 of width {_WIDTH}; another width needs a diffusers folder.",
        )
    values = _folder_shape(Part(CONFIGS / "transformer", layout="folder"))
    doubles, singles = (pair[part.layout == "diffusers"] for pair in _BLOCK_NAMES)
    values["num_layers"] = _count(shapes, doubles)
    values["num_single_layers"] = _count(shapes, singles)
    values["guidance_embeds"] = any(
        name.startswith(("guidance_in.", "time_text_embed.guidance_embedder.")) for name in shapes
    )
    return values


_BLOCK_NAMES = (("double_blocks", "transformer_blocks"), ("single_blocks", "single_transformer_blocks"))


def _count(shapes: dict[str, tuple[int, ...]], blocks: str) -> int:
    return 1 + max((int(name.split(".")[1]) for name in shapes if name.startswith(f"{blocks}.")), default=-1)
