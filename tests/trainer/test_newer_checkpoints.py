"""A checkpoint of a newer version stops a resume, which would otherwise begin earlier and throw work away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.trainer.backends.native.checkpoints import Checkpoints


def put(folder: Path, step: int, **manifest: object) -> None:
    place = folder / f"step_{step:06d}"
    place.mkdir(parents=True)
    (place / "state.pt").write_bytes(b"")
    (place / "checkpoint.json").write_text(json.dumps({"step": step, "lora": "", "sizes": {}, **manifest}))


def test_a_newer_one_is_told(tmp_path: Path) -> None:
    put(tmp_path, 10, format=1)
    put(tmp_path, 20, format=99)
    with pytest.raises(IsengardError, match="format 99") as caught:
        Checkpoints(tmp_path).newest()
    assert caught.value.code == "LIBRARY_NEWER"


def test_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, 10, format=1, sizes={"state.pt": 5})
    put(tmp_path, 20, format="?")
    assert Checkpoints(tmp_path).newest() is None
