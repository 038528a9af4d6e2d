"""What the generator's tests need: LoRAs with a visible effect, a small FLUX folder, a host for the queue."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from isengard.generator import queue
from isengard.tests.generator.files import write_random_lora
from isengard.tests.generator.hosting import Host


@pytest.fixture(scope="session")
def mini_lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA for the embedded model that changes every picture."""
    return write_random_lora(tmp_path_factory.mktemp("loras") / "ada.safetensors", "mini")


@pytest.fixture(scope="session")
def flux_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A FLUX.1 in diffusers' layout, as small as the embedded model, which is made of the same parts."""
    from isengard.trainer.mini import MODEL_DIR

    folder = tmp_path_factory.mktemp("models") / "FLUX.1-small"
    shutil.copytree(MODEL_DIR, folder, ignore=shutil.ignore_patterns("reader"))
    return folder


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """What a queue is made with; it looks often whether the device is free."""
    monkeypatch.setattr(queue, "_BUSY_POLL", 0.02)
    return Host(tmp_path / "generations")
