"""Files are written whole or not at all, and a moment in which another process holds one is waited for."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from isengard import files
from isengard.errors import IsengardError


def test_a_reader_sees_the_old_or_the_new_one(tmp_path: Path) -> None:
    """Never half of one, however often it looks."""
    path = tmp_path / "a.json"
    files.write_json(path, ["x" * 100_000, 0])
    over = threading.Event()

    def write() -> None:
        for number in range(200):
            files.write_json(path, ["x" * 100_000, number])
        over.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = []
    while not over.is_set():
        seen.append(files.read_json(path)[1])
    thread.join()
    assert seen == sorted(seen)
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (ZeroDivisionError(), "ZeroDivisionError"),
        (OSError(errno.ENOSPC, "No space left on device"), "DISK_FULL"),
        (OSError(errno.EROFS, "Read-only file system"), "FOLDER_NOT_WRITABLE"),
    ],
)
def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, problem: Exception, told: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write() -> None:
        with files.written_aside(path) as aside:
            aside.write_text("half")
            raise problem

    with pytest.raises((IsengardError, ZeroDivisionError)) as caught:
        write()
    assert getattr(caught.value, "code", type(caught.value).__name__) == told
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("text", ["", "{", "\ud83d", "[" * 100_000])
def test_a_damaged_file_is_an_error_with_its_path(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(IsengardError) as caught:
        files.read_json(path, "RECORD_CORRUPT")
    assert caught.value.code == "RECORD_CORRUPT"
    assert str(path) in caught.value.message


class Held(type(Path())):  # type: ignore[misc]
    """A path that can't be read at once, as it is on Windows while another process replaces the file."""

    times = 3

    def read_bytes(self) -> bytes:
        Held.times -= 1
        if Held.times >= 0:
            raise PermissionError(errno.EACCES, "held", str(self))
        return bytes(super().read_bytes())

    def unlink(self, missing_ok: bool = False) -> None:
        Held.times -= 1
        if Held.times >= 0:
            raise PermissionError(errno.EACCES, "held", str(self))
        super().unlink(missing_ok=missing_ok)


@pytest.mark.parametrize("waits", [True, False])
def test_where_files_can_be_held_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    """Elsewhere what is forbidden is so at once."""
    path = Held(os.fspath(tmp_path / "a.json"))
    (tmp_path / "a.json").write_text("5")
    monkeypatch.setattr(files, "_HELD_FILES_CLOSE", waits)
    monkeypatch.setattr(Held, "times", 3)
    if waits:
        assert files.read_json(path) == 5
        monkeypatch.setattr(Held, "times", 3)
        files.remove(path)
        files.remove(path)
        assert not (tmp_path / "a.json").exists()
        return
    with pytest.raises(IsengardError):
        files.read_json(path)
    assert Held.times == 2
    with pytest.raises(PermissionError):
        files.remove(path)
    assert Held.times == 1
