"""What a model file is, told from its header alone: no weights are loaded, nothing unpickled. Standard library only."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from .modelkinds import KINDS, Keys, parts_of_keys, recognise

HEADER_LIMIT = 100_000_000
"""Longest header in bytes that is read; the safetensors library has the same limit."""

_BITS = {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32,
    "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I8": 8, "U8": 8, "BOOL": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
_READABLE = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}
_PICKLES = {".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle"}
_FP8_FORMATS = {"float8_e4m3fn", "float8_e5m2"}
SCALES = (".scale_weight", ".weight_scale")
"""What follows a layer's name in the key of its weight's scale: the older and the newer way of scaled fp8 files."""
_SAMPLES, _SAMPLE_BYTES = 16, 1 << 18


@dataclass(frozen=True)
class TensorInfo:
    """One tensor as the header describes it."""

    dtype: str
    """Number format, in the words of safetensors: BF16, F8_E4M3, …"""
    shape: tuple[int, ...]
    start: int
    """First byte in the file."""
    end: int
    """Byte after the last one."""


@dataclass(frozen=True)
class Header:
    """The header of a safetensors file, checked against the file's size."""

    path: Path
    tensors: dict[str, TensorInfo]
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """Where one part of a base model lies."""

    path: Path
    """A safetensors file, or a folder in the layout of diffusers or transformers."""
    prefix: str = ""
    """What its keys begin with in that file."""
    layout: str = "original"
    """`original`: the authors' key names; `diffusers`: that library's; `folder`: a folder with a config.json."""


@dataclass(frozen=True)
class ModelFile:
    """What a file or folder turned out to be."""

    path: Path
    kind: str
    """A name out of `modelkinds.KINDS`."""
    parts: dict[str, Part]
    """The parts it holds: `transformer`, `vae`, `clip`, `t5`."""
    refused: str = ""
    """The number format that can't be read, by name; empty if all can."""

    @property
    def title(self) -> str:
        """What it is, for people: `a LoRA`, `an all-in-one checkpoint with a FLUX.1-dev transformer`."""
        whole = {"transformer", "vae"} <= set(self.parts)
        return ("an all-in-one checkpoint with " if whole else "") + KINDS[self.kind]


def identify(path: Path) -> ModelFile:
    """Tells what a safetensors file, or a folder of a diffusers model or pipeline, is.

    Raises MODEL_MISSING, MODEL_UNREADABLE (damaged, cut short, no safetensors) or MODEL_UNSUPPORTED (GGUF, pickle).
    """
    if path.is_dir():
        return _identify_folder(path)
    header = read_header(path)
    keys: Keys = {name: tensor.shape for name, tensor in header.tensors.items()}
    kind = recognise(keys)
    parts = {name: Part(path, prefix, layout) for name, (prefix, layout) in parts_of_keys(keys).items()}
    return ModelFile(path, kind, parts, _refused_format(header))


def find_part(path: Path, part: str, kinds: tuple[str, ...], setting: str, wanted: str) -> Part:
    """Where `part` lies in a file or pipeline folder; a transformer must be one of `kinds`.

    `setting` and `wanted` name the setting and what it takes in the error's text. Raises what `identify` raises,
    MODEL_WRONG_KIND saying what the file is, or MODEL_UNSUPPORTED naming a number format that can't be read.
    """
    found = identify(path)
    if part not in found.parts or (part == "transformer" and found.kind not in kinds):
        raise IsengardError(
            "MODEL_WRONG_KIND", f"{setting} wants {wanted}, but {path} is {found.title}.", kind=found.kind
        )
    if found.refused:
        raise IsengardError(
            "MODEL_UNSUPPORTED", f"{path} is {found.title} in {found.refused}, which can't be trained on."
        )
    return found.parts[part]


def fingerprint(path: Path) -> str:
    """A cheap identity of a file or folder: SHA-256 over sizes, headers and 4 MiB sampled across each content."""
    digest = hashlib.sha256()
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    for item in files:
        if path.is_dir():
            digest.update(item.relative_to(path).as_posix().encode())
        for piece in _sampled(item):
            digest.update(piece)
    return digest.hexdigest()


def shape_of(part: Part, *names: str) -> tuple[int, ...] | None:
    """The shape of the first tensor of a part with one of these names; None if there is none. Reads headers only."""
    files = sorted(part.path.glob("*.safetensors")) if part.layout == "folder" else [part.path]
    for file in files:
        tensors = read_header(file).tensors
        for name in names:
            if part.prefix + name in tensors:
                return tensors[part.prefix + name].shape
    return None


def _sampled(path: Path) -> Iterator[bytes]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            yield struct.pack("<Q", size) + start + file.read(min(length, HEADER_LIMIT))
            for index in range(_SAMPLES):
                file.seek(max(0, size - _SAMPLE_BYTES) * index // (_SAMPLES - 1))
                yield file.read(_SAMPLE_BYTES)
    except FileNotFoundError as problem:
        raise _missing(path) from problem
    except OSError as problem:
        raise IsengardError("MODEL_UNREADABLE", f"{path} can't be read: {problem.strerror}.") from problem


def read_header(path: Path) -> Header:
    """Reads and checks the header of a safetensors file; see `identify` for the errors."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64)
            _refuse_other_formats(path, start)
            length = struct.unpack("<Q", start[:8])[0] if size >= 8 else 0
            if length > HEADER_LIMIT:
                raise _damaged(path, f"its header claims {length:,} bytes, more than any model needs")
            if not 2 <= length <= size - 8:
                raise _damaged(path, f"it ends inside its header ({size:,} bytes are there)")
            file.seek(8)
            raw = file.read(length)
    except FileNotFoundError as problem:
        raise _missing(path) from problem
    except OSError as problem:
        raise IsengardError("MODEL_UNREADABLE", f"{path} can't be read: {problem.strerror}.") from problem
    return _parse_header(path, raw, size)


def _parse_header(path: Path, raw: bytes, size: int) -> Header:
    base = 8 + len(raw)
    try:
        values = json.loads(raw.decode("utf-8"))
        metadata = {str(key): str(value) for key, value in (values.pop("__metadata__", None) or {}).items()}
        tensors = {str(name): _tensor_info(entry, base) for name, entry in values.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise _damaged(path, "its header is no list of tensors") from problem
    if not tensors:
        raise _damaged(path, "it holds no tensors")
    expected = max(tensor.end for tensor in tensors.values())
    if expected > size:
        raise _damaged(path, f"it is cut short: {size:,} of {expected:,} bytes are there")
    if expected < size:
        raise _damaged(path, f"it has {size - expected:,} bytes after the last tensor")
    return Header(path, tensors, metadata)


def _tensor_info(entry: dict[str, Any], base: int) -> TensorInfo:
    dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    if not all(type(number) is int and number >= 0 for number in (*shape, start, end)):
        raise ValueError("a shape or an offset is no whole number")
    if start > end:
        raise ValueError("a tensor ends before it begins")
    if dtype in _BITS and (end - start) * 8 != math.prod(shape) * _BITS[dtype]:
        raise ValueError("a tensor's bytes don't match its shape")
    return TensorInfo(str(dtype), shape, base + start, base + end)


def _refuse_other_formats(path: Path, start: bytes) -> None:
    if start.startswith(b"GGUF") or path.suffix.lower() == ".gguf":
        raise IsengardError(
            "MODEL_UNSUPPORTED", f"{path} is a GGUF file, which holds quantised weights for running, not for training."
        )
    pickled = start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"))
    if pickled or path.suffix.lower() in _PICKLES:
        raise IsengardError(
            "MODEL_UNSUPPORTED",
            f"{path} is a PyTorch pickle file, which can run programs when it is opened; it was not opened.",
            hint="Use the safetensors file of the same model.",
        )
    if start.startswith(b"version https://git-lfs"):
        raise _damaged(path, "it is only a Git LFS pointer to the file")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise _damaged(path, "it is a web page that was saved in the model's place")


def _missing(path: Path) -> IsengardError:
    return IsengardError("MODEL_MISSING", f"{path} does not exist.")


def _damaged(path: Path, reason: str) -> IsengardError:
    return IsengardError("MODEL_UNREADABLE", f"{path} is not a complete safetensors file: {reason}.")


def _refused_format(header: Header) -> str:
    """The name of a number format in the file that we can't turn back into plain numbers; empty if there is none."""
    for name, tensor in header.tensors.items():
        if ".quant_state." in name or name.endswith(".absmax"):
            return "bitsandbytes 4-bit numbers (NF4 or FP4)"
        if name.endswith((".qweight", ".wscales", ".smooth_factor")):
            return "a GPTQ- or Nunchaku-style quantised format"
        if name.endswith(SCALES) and (tensor.dtype not in _READABLE or not _is_row_scale(header, name, tensor)):
            return "a block-wise quantised format"
    for form in sorted(_declared_formats(header)):
        if form not in _FP8_FORMATS:
            return f"the quantised format {form}"
    for name, tensor in header.tensors.items():
        if name.endswith("weight") and len(tensor.shape) >= 2 and tensor.dtype not in _READABLE:
            return f"{tensor.dtype} numbers without a known scale"
    return ""


def _is_row_scale(header: Header, name: str, scale: TensorInfo) -> bool:
    """Whether a scale is one number, or one for each row of its weight."""
    weight = header.tensors.get(name.rsplit(".", 1)[0] + ".weight")
    return math.prod(scale.shape) == 1 or (
        weight is not None and math.prod(scale.shape) == scale.shape[0] == weight.shape[0]
    )


def _declared_formats(header: Header) -> set[str]:
    """Formats that the file's notes name: `_quantization_metadata` in the header, `*.comfy_quant` tensors of JSON."""
    try:
        layers = json.loads(header.metadata.get("_quantization_metadata", "{}")).get("layers", {})
        formats = {str(layer.get("format")) for layer in layers.values()}
        notes = [tensor for name, tensor in header.tensors.items() if name.endswith(".comfy_quant")]
        with header.path.open("rb") as file:
            for note in notes:
                file.seek(note.start)
                formats.add(str(json.loads(file.read(min(note.end - note.start, 4096))).get("format")))
    except (ValueError, AttributeError) as problem:
        raise _damaged(header.path, "its notes on quantisation can't be read") from problem
    return formats


def _identify_folder(path: Path) -> ModelFile:
    """A folder with a diffusers model or with a whole diffusers pipeline."""
    if (path / "model_index.json").is_file():
        names = {"transformer": "transformer", "vae": "vae", "clip": "text_encoder", "t5": "text_encoder_2"}
        folders = {part: path / name for part, name in names.items() if (path / name / "config.json").is_file()}
    elif (path / "config.json").is_file():
        classes = {"FluxTransformer2DModel": "transformer", "AutoencoderKL": "vae"}
        part = classes.get(_folder_config(path).get("_class_name", ""), "")
        folders = {part: path} if part else {}
    else:
        raise IsengardError(
            "MODEL_WRONG_KIND", f"{path} is a folder without a model: there is no config.json in it.", kind="other"
        )
    parts = {part: Part(folder, layout="folder") for part, folder in folders.items()}
    for folder in folders.values():
        weights = list(folder.glob("*.safetensors"))
        if not weights:
            raise IsengardError("MODEL_MISSING", f"{folder} holds a config.json but no safetensors file.")
        for file in weights:
            read_header(file)
    kind = "other"
    if "transformer" in folders:
        kind = _folder_transformer(_folder_config(folders["transformer"]))
    elif "vae" in folders:
        kind = "flux-vae"
    return ModelFile(path, kind, parts)


def _folder_transformer(config: dict[str, Any]) -> str:
    if config.get("_class_name") != "FluxTransformer2DModel":
        return "other"
    return "flux1-dev" if config.get("guidance_embeds") else "flux1-schnell"


def _folder_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise IsengardError("MODEL_UNREADABLE", f"{folder / 'config.json'} can't be read: {problem}.") from problem
    return config if isinstance(config, dict) else {}
