"""The lock of a job folder, between real processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.process import birth_time, is_same_process, own_identity
from isengard.tests.trainer.jobs import SCRIPTS, most_bytes, until
from isengard.trainer import lock as lock_module
from isengard.trainer.lock import SILENT_SECONDS, Lock, read_owner


def holder(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS), "hold_lock", str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def put_owner(path: Path, *, age: float = 0.0, **changes: Any) -> None:
    """A lock file as a process that is gone left it."""
    pid, birth = own_identity()
    owner = {"pid": pid, "birth": birth, "host": socket.gethostname(), "since": time.time() - age}
    path.write_text(json.dumps({**owner, **changes}), encoding="utf-8")
    os.utime(path, (time.time() - age, time.time() - age))


def is_free(path: Path) -> bool:
    """Whether the lock can be taken; it is given back at once."""
    try:
        Lock(path).take().release()
    except IsengardError as error:
        if error.code != "JOB_LOCKED":
            raise
        return False
    return True


def test_two_processes_cannot_hold_it_and_a_killed_one_holds_it_no_more(tmp_path: Path) -> None:
    """While it is held, everybody can see by whom."""
    path = tmp_path / "lock"
    process = holder(path)
    try:
        owner = read_owner(path)
        assert owner is not None
        assert (owner.pid, owner.host) == (process.pid, socket.gethostname())
        with pytest.raises(IsengardError, match=f"process {process.pid} on {socket.gethostname()}") as caught:
            Lock(path).take()
        assert caught.value.code == "JOB_LOCKED"
    finally:
        process.kill()
        process.wait()
    assert path.exists(), "a killed holder leaves its file"
    assert read_owner(path) is None
    with Lock(path):
        assert read_owner(path) is not None
    assert not path.exists()


def test_the_same_process_cannot_take_it_twice(tmp_path: Path) -> None:
    """A host that runs two jobs by mistake in one folder is one process."""
    with Lock(tmp_path / "lock"), pytest.raises(IsengardError):
        Lock(tmp_path / "lock").take()
    assert is_free(tmp_path / "lock")


def test_a_stale_lock_whose_number_was_given_to_another_process_is_known_by_the_birth_time(tmp_path: Path) -> None:
    """Process 1 runs on every Linux, and was not born when the file says."""
    path = tmp_path / "lock"
    put_owner(path, pid=1, birth="another boot:12345")
    assert birth_time(1) != ""
    assert read_owner(path) is None
    assert is_free(path)


def test_birth_times_tell_processes_apart() -> None:
    """One that is gone, or that only waits to be collected, has none."""
    pid, birth = own_identity()
    assert is_same_process(pid, birth)
    assert not is_same_process(pid, birth + "0")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    theirs = birth_time(child.pid)
    assert theirs not in ("", birth)
    child.kill()
    until(lambda: birth_time(child.pid) == "")  # it waits to be collected: a zombie does not count as running
    child.wait()
    assert not is_same_process(child.pid, theirs)


@pytest.mark.parametrize(("age", "held"), [(0.0, True), (SILENT_SECONDS / 2, True), (SILENT_SECONDS + 5, False)])
def test_a_holder_on_another_machine_lives_while_it_is_heard_of(tmp_path: Path, age: float, held: bool) -> None:
    path = tmp_path / "lock"
    put_owner(path, pid=77, birth="another boot:12345", host="another-machine", age=age)
    assert (read_owner(path) is not None) is held
    assert is_free(path) is not held


def test_a_holder_is_heard_of_for_as_long_as_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a machine that shares the disk would take the lock of a training that runs for hours."""
    monkeypatch.setattr(lock_module, "BEAT_SECONDS", 0.05)
    path = tmp_path / "lock"
    with Lock(path):
        began = time.time() - 5  # a disk's clock is coarser
        os.utime(path, (1, 1))
        until(lambda: path.stat().st_mtime > began)
        os.utime(path, (1, 1))
        until(lambda: path.stat().st_mtime > began)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "\x00" * 20])
def test_a_lock_file_that_says_nothing_is_free(tmp_path: Path, text: str) -> None:
    """A process may die between making the file and writing its name."""
    path = tmp_path / "lock"
    path.write_text(text, encoding="utf-8")
    assert read_owner(path) is None
    assert is_free(path)


@pytest.mark.slow
def test_of_many_that_want_a_stale_lock_exactly_one_gets_it(tmp_path: Path) -> None:
    """Eight processes try at the same moment, twice."""
    for turn in range(2):
        path = tmp_path / f"lock{turn}"
        put_owner(path, pid=1, birth="another boot:12345")
        racers = [
            subprocess.Popen(
                [sys.executable, str(SCRIPTS), "race_for_lock", str(path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(8)
        ]  # fmt: skip
        assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * 8
        moment = time.time() + 0.3
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(f"{moment}\n")
            racer.stdin.flush()
        said = [racer.stdout.readline().strip() for racer in racers if racer.stdout]
        for racer in racers:
            racer.communicate()
        assert sorted(said) == ["JOB_LOCKED"] * 7 + ["won"]


def test_a_full_disk_is_told_plainly_and_leaves_the_lock_free(tmp_path: Path) -> None:
    """The file is made, but nothing fits into it."""
    path = tmp_path / "lock"
    with most_bytes(10), pytest.raises(IsengardError) as caught:
        Lock(path).take()
    assert caught.value.code == "DISK_FULL"
    assert is_free(path)


def test_a_folder_that_cannot_be_written_to_is_told_plainly(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere: run the tests as another than root")
        with pytest.raises(IsengardError) as caught:
            Lock(tmp_path / "lock").take()
        assert caught.value.code == "FOLDER_NOT_WRITABLE"
    finally:
        tmp_path.chmod(0o755)
