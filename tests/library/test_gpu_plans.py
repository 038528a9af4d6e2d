"""What a plan knows of the GPU, and what it advises where its memory is short."""

from __future__ import annotations

from pathlib import Path

import pynvml
import pytest

from isengard.library import machine, plans
from isengard.sentences import Said
from isengard.tests.trainer.jobs import write_photos
from isengard.trainer.job import TrainingConfig
from isengard.trainer.plan import look_ahead


def test_the_chips_generation_is_nvidias_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nvmlInit", "nvmlShutdown"):
        monkeypatch.setattr(pynvml, name, lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", {0: "first"}.__getitem__)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCudaComputeCapability", {"first": [8, 6]}.__getitem__)
    assert machine.chip() == (8, 6)

    def refuse(_handle: str) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetCudaComputeCapability", refuse)
    assert machine.chip() is None
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: refuse(""))
    assert machine.chip() is None


@pytest.mark.parametrize(
    ("on_gpu", "sizes", "advised"),
    [(True, (512,), "plan.close_programs"), (True, (512, 768), "plan.smaller_pictures"),
     (False, (512, 768), "plan.recompute")],
)  # fmt: skip
def test_what_a_plan_gives_up_already_is_not_advised(
    on_gpu: bool, sizes: tuple[int, ...], advised: str, tmp_path: Path
) -> None:
    """On a GPU it recomputes all before it is found too small; on a processor only if it is told to."""
    config = TrainingConfig(name="Ada", trigger_word="ohwx", sample_every=0, resolutions=sizes)
    free = 2 * plans.GIB
    outlook = look_ahead(write_photos(tmp_path / "photos"), lambda _: config, tmp_path, device_free=free, on_gpu=on_gpu)
    caution = next(one for one in plans._cautions(outlook, config, on_gpu, free) if one.code == "MEMORY_SHORT")
    assert isinstance(caution.hint, Said)
    assert caution.hint.code == advised
