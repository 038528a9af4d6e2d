"""What a full memory is told as, whoever noticed it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from isengard.errors import IsengardError
from isengard.tests.trainer.jobs import small_config
from isengard.trainer.backends.native.memory import explain_out_of_memory


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB, other allocations: 1.2 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried 9 bytes."),
    ],
    ids=["torch", "Python", "cuBLAS", "the driver", "a Mac", "torch on a CPU", "torch on a CPU under Windows"],
)
def test_a_full_memory_is_told_with_what_to_lower(problem: Exception, tmp_path: Path) -> None:
    with pytest.raises(IsengardError) as caught, explain_out_of_memory(small_config(), tmp_path / "memory.json"):
        raise problem
    assert caught.value.code == "OUT_OF_MEMORY"
    assert "gradient_checkpointing" in caught.value.hint


@pytest.mark.parametrize("noted", ['{"recompute_blocks": 6, "swap_blocks": 0}', "[]", "{"])
def test_what_the_plan_gives_up_already_is_not_advised(noted: str, tmp_path: Path) -> None:
    """It would run out again. A note that can't be read is none."""
    (tmp_path / "memory.json").write_text(noted, encoding="utf-8")
    with pytest.raises(IsengardError) as caught, explain_out_of_memory(small_config(), tmp_path / "memory.json"):
        raise MemoryError
    told = noted.endswith("}") and json.loads(noted)["recompute_blocks"] == 6
    assert ("gradient_checkpointing" in caught.value.hint) is not told
    assert ("batch_size" in caught.value.hint) is told


def test_any_other_trouble_stays_what_it_is(tmp_path: Path) -> None:
    noted = tmp_path / "memory.json"
    with pytest.raises(RuntimeError, match="shapes"), explain_out_of_memory(small_config(), noted):
        raise RuntimeError("shapes cannot be multiplied")
    with pytest.raises(IsengardError, match="base model") as caught, explain_out_of_memory(small_config(), noted):
        raise IsengardError("MODEL_MISSING", "The base model is not there.")
    assert caught.value.code == "MODEL_MISSING"
