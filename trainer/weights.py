"""Reads weights out of safetensors files, tensor by tensor, and turns fp8 numbers back into plain ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..errors import IsengardError
from .headers import unread
from .modelfiles import SCALES

_FP8 = (torch.float8_e4m3fn, torch.float8_e5m2)
_WINDOWS_FULL = ("os error 1455", "error code: <1455>")
"""Files are mapped, for which Windows sets room aside in its paging file: how two libraries say that there is none."""
_NOTES = (".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8", *SCALES)
"""Ends of keys that say how other tensors are stored and are no weights themselves."""


def read_weights(path: Path, prefix: str, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """All that `stream_weights` gives, by name."""
    return dict(stream_weights(path, prefix, dtype))


def stream_weights(path: Path, prefix: str, dtype: torch.dtype | None) -> Iterator[tuple[str, Tensor]]:
    """The tensors of `path` whose names begin with `prefix`, with their names without it, in `dtype`, one by one.

    With `dtype` None a tensor stays as it is stored, and fp8 becomes fp16. What needs no conversion is mapped from the
    file; the rest is converted one by one. Scaled fp8 weights are multiplied by their scale, one for the tensor or one
    a row: `layer.scale_weight` (with a `scaled_fp8` marker in the file) or `layer.weight_scale` (with
    `layer.comfy_quant`), as ComfyUI stores them. Raises MODEL_MISSING, MODEL_UNREADABLE, or OUT_OF_MEMORY where
    Windows can't map the file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            for name in sorted(names):
                if name.startswith(prefix) and not name.endswith(_NOTES):
                    yield name[len(prefix) :], _plain(file, name, names, dtype)
    except (OSError, RuntimeError) as problem:
        if any(sign in str(problem) for sign in _WINDOWS_FULL):
            raise _no_room(path, problem) from problem
        if isinstance(problem, OSError):
            raise unread(path, problem) from problem
        raise
    except SafetensorError as problem:
        raise IsengardError("MODEL_UNREADABLE", f"{path} is not a complete safetensors file: {problem}.") from problem


def _no_room(path: Path, problem: Exception) -> IsengardError:
    return IsengardError(
        "OUT_OF_MEMORY",
        f"Windows has no room to open {path}: {problem}.",
        hint="Close other programs, or enlarge the paging file (virtual memory) to 32 GB or what the system chooses.",
    )


def _plain(file: Any, name: str, names: set[str], dtype: torch.dtype | None) -> Tensor:
    value: Tensor = file.get_tensor(name)
    layer = name.removesuffix(".weight")
    scale_name = next((layer + end for end in SCALES if layer != name and layer + end in names), None)
    if dtype is None and (scale_name or value.dtype in _FP8):
        dtype = torch.float16  # holds every fp8 number exactly, and a scaled one better than bf16 does
    if scale_name:
        scale = file.get_tensor(scale_name).float()
        rows = scale.reshape(-1, *[1] * (value.dim() - 1)) if scale.numel() > 1 else scale.reshape(())
        value = value.float() * rows
    return value if dtype is None or not value.is_floating_point() else value.to(dtype)


def load_folder(model_class: Any, folder: Path, dtype: torch.dtype) -> Any:
    """A diffusers model from its own folder, without a network. Raises MODEL_UNREADABLE, also for a missing tensor.

    diffusers itself would leave a missing tensor at random, with no more than a warning.
    """
    try:
        model, report = model_class.from_pretrained(
            folder, torch_dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as problem:
        raise IsengardError("MODEL_UNREADABLE", f"{folder} can't be loaded: {problem}.") from problem
    if missing := sorted(report["missing_keys"]):
        raise IsengardError("MODEL_UNREADABLE", f"{folder} lacks {len(missing)} tensors, first {missing[0]}.")
    return model


def check_whole(model: nn.Module, where: str) -> None:
    """Raises MODEL_UNREADABLE for a model that was made without numbers and was not given all of them."""
    missing = [name for name, weight in model.named_parameters() if weight.is_meta]
    if missing:
        raise IsengardError("MODEL_UNREADABLE", f"{where} lacks {len(missing)} tensors, first {missing[0]}.")


@contextmanager
def quiet_diffusers() -> Iterator[None]:
    """Keeps diffusers from warning about an empty list of modules whenever it loads a single file in a given format."""
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
