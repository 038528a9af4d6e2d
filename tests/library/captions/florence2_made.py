"""Folders that look like Florence-2's, and the processes that run a captioner."""

from __future__ import annotations

import json
from pathlib import Path

import psutil

PATIENCE = 240
"""Seconds to wait for what a child does; only a hanging one needs them."""


def children() -> list[psutil.Process]:
    """Processes below this one that run a captioner."""
    found = psutil.Process().children(recursive=True)
    return [
        process for process in found if any("florence2" in part or "child.py" in part for part in process.cmdline())
    ]


def a_folder(folder: Path, **changes: object) -> Path:
    """A folder with the files that Florence-2 needs, by their names."""
    folder.mkdir(parents=True)
    config = {"model_type": "florence2", "vision_config": {"model_type": "florence_vision"}} | changes
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    return folder
