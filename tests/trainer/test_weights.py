"""Weights come out of safetensors files as plain numbers, however they are stored; what can't be read has a code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from isengard.errors import IsengardError
from isengard.trainer import weights
from isengard.trainer.weights import read_weights


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("style", ["plain", "older", "newer", "newer, by row"])
def test_fp8_weights_come_back_as_plain_numbers(dtype: torch.dtype, style: str, tmp_path: Path) -> None:
    """Each way of storing fp8 gives the numbers it stands for."""
    stored = torch.linspace(-3, 3, 32).view(8, 4).to(dtype)
    scale = {"plain": None, "older": torch.tensor([0.5]), "newer": torch.tensor(0.25)}.get(style, torch.rand(8) + 0.5)
    tensors = {"p.a.weight": stored, "p.a.bias": torch.ones(8, dtype=torch.float16), "q.b": torch.ones(1)}
    if style == "older":
        tensors |= {
            "p.scaled_fp8": torch.zeros(2, dtype=dtype),
            "p.a.scale_weight": scale,
            "p.a.scale_input": torch.ones(()),
        }
    elif style != "plain":
        tensors |= {"p.a.weight_scale": scale, "p.a.input_scale": torch.ones(()), "p.a.comfy_quant": torch.zeros(3)}
    save_file(tensors, tmp_path / "a.safetensors")
    read = read_weights(tmp_path / "a.safetensors", "p.", torch.float32)
    assert set(read) == {"a.weight", "a.bias"}
    expected = stored.float() * (1.0 if scale is None else scale.view(-1, 1))
    assert torch.equal(read["a.weight"], expected)
    kept = read_weights(tmp_path / "a.safetensors", "p.", None)
    assert (kept["a.weight"].dtype, kept["a.bias"].dtype) == (torch.float16, torch.float16)


def test_reading_a_damaged_file_is_our_error(tmp_path: Path) -> None:
    """What the library refuses has a code too."""
    (tmp_path / "a.safetensors").write_bytes(b"\x10" + bytes(40))
    with pytest.raises(IsengardError) as caught:
        read_weights(tmp_path / "a.safetensors", "", None)
    assert caught.value.code == "MODEL_UNREADABLE"


@pytest.mark.parametrize(
    "problem",
    [
        OSError("The paging file is too small for this operation to complete. (os error 1455)"),
        RuntimeError("Couldn't open shared file mapping: <torch_1_2_0>, error code: <1455>"),
    ],
    ids=["safetensors", "torch"],
)
def test_a_windows_without_room_to_map_a_file_is_told_as_that(
    problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its paging file is too small for the largest files, which is the usual trouble with them there."""

    def refuse(*_args: Any, **_options: Any) -> Any:
        raise problem

    monkeypatch.setattr(weights, "safe_open", refuse)
    with pytest.raises(IsengardError, match="no room to open") as caught:
        read_weights(tmp_path / "t5.safetensors", "", None)
    assert caught.value.code == "OUT_OF_MEMORY"
    assert "paging file" in caught.value.hint


def test_a_file_that_the_system_does_not_give_is_our_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_options: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(weights, "safe_open", refuse)
    with pytest.raises(IsengardError, match="Permission denied") as caught:
        read_weights(tmp_path / "t5.safetensors", "", None)
    assert caught.value.code == "MODEL_UNREADABLE"
