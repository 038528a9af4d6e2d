"""What a model file is, told from its header alone: no weights are loaded, nothing unpickled. Standard library only."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from .headers import LIMIT, Header, TensorInfo, damaged, read_header, unread
from .modelkinds import KINDS, Keys, parts_of_keys, recognise

_READABLE = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}
_FP8_FORMATS = {"float8_e4m3fn", "float8_e5m2"}
SCALES = (".scale_weight", ".weight_scale")
"""What follows a layer's name in the key of its weight's scale: the older and the newer way of scaled fp8 files."""
_NOTES = ("Thumbs.db", "desktop.ini")
_SAMPLES, _SAMPLE_BYTES = 16, 1 << 18


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
    """A cheap identity of a file or folder: SHA-256 over sizes, headers and 4 MiB sampled across each content.

    What systems and downloaders leave beside a folder's files does not count.
    """
    digest = hashlib.sha256()
    for item in _model_files(path) if path.is_dir() else [path]:
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


def _model_files(folder: Path) -> list[Path]:
    """All files of a folder, at any depth, but hidden ones and the notes that a file manager leaves."""

    def counts(item: Path) -> bool:
        hidden = any(part.startswith(".") for part in item.relative_to(folder).parts)
        return item.is_file() and not hidden and item.name not in _NOTES

    return sorted(filter(counts, folder.rglob("*")))


def _sampled(path: Path) -> Iterator[bytes]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            yield struct.pack("<Q", size) + start + file.read(min(length, LIMIT))
            for index in range(_SAMPLES):
                file.seek(max(0, size - _SAMPLE_BYTES) * index // (_SAMPLES - 1))
                yield file.read(_SAMPLE_BYTES)
    except OSError as problem:
        raise unread(path, problem) from problem


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
        raise damaged(header.path, "its notes on quantisation can't be read") from problem
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
