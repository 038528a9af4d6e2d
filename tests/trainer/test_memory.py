"""What a full memory is told as, whoever noticed it."""

from __future__ import annotations

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
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes."),
    ],
    ids=["torch", "Python", "cuBLAS", "torch on a CPU"],
)
def test_a_full_memory_is_told_with_what_to_lower(problem: Exception) -> None:
    with pytest.raises(IsengardError) as caught, explain_out_of_memory(small_config()):
        raise problem
    assert caught.value.code == "OUT_OF_MEMORY"
    assert "gradient_checkpointing" in caught.value.hint


def test_any_other_trouble_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes"), explain_out_of_memory(small_config()):
        raise RuntimeError("shapes cannot be multiplied")
    with pytest.raises(IsengardError, match="base model") as caught, explain_out_of_memory(small_config()):
        raise IsengardError("MODEL_MISSING", "The base model is not there.")
    assert caught.value.code == "MODEL_MISSING"
