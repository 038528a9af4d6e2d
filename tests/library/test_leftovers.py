"""What killed processes left half-written goes; what a living one writes at this moment stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from isengard.files import writer_of, written_aside
from isengard.library import leftovers
from isengard.library.store import Library

PLACES = ("", "jobs", "jobs/a-job", "gallery/2026-11", "captioning", "loras")


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_file_written_aside_names_its_writer(tmp_path: Path) -> None:
    """And nothing else is taken for one."""
    with written_aside(tmp_path / "state.json") as aside:
        aside.write_bytes(b"")
        assert writer_of(aside.name) == os.getpid()
    for name in ("state.json", ".hidden.tmp", ".state.json.12.tmp", ".state.json.0-0a1b2c3d.tmp", "a.1-0a1b2c3d.tmp"):
        assert writer_of(name) == 0, name


@pytest.mark.parametrize("place", PLACES)
def test_what_a_dead_process_left_goes_and_nothing_else(library: Library, gone: int, place: str) -> None:
    folder = library.root / place
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    (folder / f".queue.json.{gone}-0a1b2c3d.tmp").write_bytes(b"half")
    kept = {folder / f".queue.json.{os.getpid()}-0a1b2c3d.tmp", folder / "notes.tmp", folder / ".mine.tmp"}
    for path in kept:
        path.write_bytes(b"")
    assert leftovers.clear(library) == 1
    assert set(folder.iterdir()) == before | kept


def test_a_link_leads_nowhere(library: Library, gone: int, tmp_path: Path) -> None:
    """Neither of a folder nor of a file: a library may come from a stranger."""
    name = f".a.{gone}-0a1b2c3d.tmp"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / name).write_bytes(b"theirs")
    (library.root / "gallery").symlink_to(elsewhere, target_is_directory=True)
    (library.root / name).symlink_to(elsewhere / name)
    assert leftovers.clear(library) == 0
    assert (elsewhere / name).read_bytes() == b"theirs"
