"""The header of a safetensors file, read and checked; what is none is refused by name. Standard library only."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import IsengardError

LIMIT = 100_000_000
"""Longest header in bytes that is read; the safetensors library has the same limit."""

_BITS = {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32,
    "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I8": 8, "U8": 8, "BOOL": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
_PICKLES = {".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle"}


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


def read_header(path: Path) -> Header:
    """Reads and checks the header.

    Raises MODEL_MISSING, MODEL_UNREADABLE (damaged, cut short, no safetensors) or MODEL_UNSUPPORTED (GGUF, pickle).
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64)
            _refuse_other_formats(path, start)
            length = struct.unpack("<Q", start[:8])[0] if size >= 8 else 0
            if length > LIMIT:
                raise damaged(path, f"its header claims {length:,} bytes, more than any model needs")
            if not 2 <= length <= size - 8:
                raise damaged(path, f"it ends inside its header ({size:,} bytes are there)")
            file.seek(8)
            raw = file.read(length)
    except OSError as problem:
        raise unread(path, problem) from problem
    return _parsed(path, raw, size)


def unread(path: Path, problem: OSError) -> IsengardError:
    """Why the system did not give a file: MODEL_MISSING or MODEL_UNREADABLE."""
    if isinstance(problem, FileNotFoundError):
        return IsengardError("MODEL_MISSING", f"{path} does not exist.")
    return IsengardError("MODEL_UNREADABLE", f"{path} can't be read: {problem.strerror or problem}.")


def damaged(path: Path, reason: str) -> IsengardError:
    """What is said of a file that is no whole safetensors file."""
    return IsengardError("MODEL_UNREADABLE", f"{path} is not a complete safetensors file: {reason}.")


def _parsed(path: Path, raw: bytes, size: int) -> Header:
    base = 8 + len(raw)
    try:
        values = json.loads(raw.decode("utf-8"))
        metadata = {str(key): str(value) for key, value in (values.pop("__metadata__", None) or {}).items()}
        tensors = {str(name): _tensor_info(entry, base) for name, entry in values.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise damaged(path, "its header is no list of tensors") from problem
    if not tensors:
        raise damaged(path, "it holds no tensors")
    expected = max(tensor.end for tensor in tensors.values())
    if expected > size:
        raise damaged(path, f"it is cut short: {size:,} of {expected:,} bytes are there")
    if expected < size:
        raise damaged(path, f"it has {size - expected:,} bytes after the last tensor")
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
        raise damaged(path, "it is only a Git LFS pointer to the file")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise damaged(path, "it is a web page that was saved in the model's place")
