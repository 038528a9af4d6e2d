"""Workspaces go when the work is done, and when the process is gone; those of the living are left alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from isengard.library import scratch
from isengard.library.store import Library
from isengard.tests.architecture.sources import ROOT

DIES = """
import os, runpy, signal, sys
from pathlib import Path
runpy.run_path(sys.argv[1] + "/loader.py")["load_package"](Path(sys.argv[1]))
from isengard.library import scratch
root = Path(sys.argv[2])
with scratch.workspace(root / "library" / ".scratch", "test") as desk:
    (desk.path / "half").write_text("half")
    for name in ("folder.tmp", "file.tmp", "kept.safetensors", "lost.safetensors"):
        desk.answer_for(root / name)
    (root / "folder.tmp" / "deep").mkdir(parents=True)
    for name in ("file.tmp", "kept.safetensors", "lost.safetensors", "mine.txt"):
        (root / name).write_text(name)
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_workspace_goes_at_the_end(tmp_path: Path) -> None:
    """With what is in it, also when an error ends it."""
    root = tmp_path / "scratch"
    with suppress(RuntimeError), scratch.workspace(root, "test") as desk:
        (desk.path / "deep").mkdir()
        assert scratch.forgotten(root) == []
        raise RuntimeError
    assert list(root.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_what_a_dead_process_left_is_cleared_away(tmp_path: Path) -> None:
    """Its folder and what it answered for elsewhere, but for LoRAs that belong to a character by now."""
    Library.open(tmp_path / "library")
    command = [sys.executable, "-c", DIES, str(ROOT), str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    loras = tmp_path / "library" / "characters" / "ada" / "loras"
    loras.mkdir(parents=True)
    (loras / "kept.json").write_text("{}")
    Library.open(tmp_path / "library")
    assert (tmp_path / "file.tmp").exists(), "its process lives"
    process.kill()
    process.communicate()
    library = Library.open(tmp_path / "library")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.safetensors", "library", "mine.txt"]
    assert list(library.scratch.iterdir()) == []


def test_locks_without_a_folder_are_cleared_away(tmp_path: Path) -> None:
    """A process may die between the two; folders without a lock are waited for."""
    library = Library.open(tmp_path)
    library.scratch.mkdir()
    (library.scratch / "test-1.lock").touch()
    (library.scratch / "test-2").mkdir()
    (library.scratch / "test-3").mkdir()
    os.utime(library.scratch / "test-3", (1, 1))
    library.tidy_up()
    assert [path.name for path in library.scratch.iterdir()] == ["test-2"]


@pytest.mark.parametrize("name", ["Documents", "Documents.tmp"])
def test_a_library_from_a_stranger_removes_nothing_elsewhere(tmp_path: Path, name: str) -> None:
    """A workspace speaks for other folders only where it was made, and for nothing but what is called like ours."""
    library = Library.open(tmp_path / "theirs")
    mine = tmp_path / name
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    copied, guessed = library.scratch / "test-copied", library.scratch / "test-guessed"
    guessed.mkdir(parents=True)
    with scratch.workspace(library.scratch, "test") as desk:
        desk.answer_for(tmp_path / "Documents.tmp")
        shutil.copytree(desk.path, copied)
        kept = json.loads((desk.path / ".elsewhere.json").read_text())
    for folder, told in ((copied, {**kept, "paths": [str(mine)]}), (guessed, [str(mine)])):
        (folder / ".elsewhere.json").write_text(json.dumps(told))
    if name == "Documents":
        told = {"folder": guessed.stat().st_ino, "paths": [str(mine)]}
        (guessed / ".elsewhere.json").write_text(json.dumps(told))
    for folder in (copied, guessed):
        os.utime(folder, (1, 1))
    Library.open(tmp_path / "theirs")
    assert (mine / "thesis.txt").exists()
    assert list(library.scratch.iterdir()) == []
