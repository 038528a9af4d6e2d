"""What computes in the background goes behind whoever waits, with all that it starts, and nothing else does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from isengard import settings
from isengard.generator.diffusers.process import Process
from isengard.library.child import Child
from isengard.library.workers import PhotoWorkers
from isengard.priority import step_back
from isengard.tests.trainer.jobs import write_photos

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has classes, no niceness")

WAITING = (
    "input(); import os, subprocess, sys; print(os.nice(0), subprocess.check_output([sys.executable, *sys.argv[1:]]))"
)
TELLING = "import os, threading; t = threading.Thread(target=lambda: print(os.nice(0))); t.start(); t.join()"


def further_back() -> int:
    """The niceness of what has stepped back, on a machine whose tests may be nice themselves."""
    return min(19, os.nice(0) + 10)


@contextmanager
def started(*, own_session: bool) -> Iterator[subprocess.Popen[str]]:
    """A process that waits for a line, then says how nice it is and how nice a thread of a process of its own is."""
    command = [sys.executable, "-c", WAITING, "-c", TELLING]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=own_session
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def group_of(pid: int | str) -> str:
    """What Linux says of the group that a process's session is; empty where there are none."""
    try:
        return Path(f"/proc/{pid}/autogroup").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def test_a_process_steps_back_with_all_that_it_starts() -> None:
    with started(own_session=False) as process:
        step_back(process.pid)
        told, _ = process.communicate("\n")
    assert told.split() == [str(further_back()), f"b'{further_back()}\\n'"]


@pytest.mark.skipif(not group_of("self"), reason="this system has no groups of sessions")
def test_a_session_of_its_own_steps_back_as_a_whole() -> None:
    """Niceness counts among the processes of a session alone. Ours stays where it is, whoever steps back in it."""
    ours = group_of("self")
    for _ in range(20):  # the system lets nobody but the administrator do this more than ten times a second
        with started(own_session=True) as process:
            step_back(process.pid)
            theirs = group_of(process.pid)
        if theirs.endswith("nice 10"):
            break
    assert theirs.endswith("nice 10")
    with started(own_session=False) as process:
        step_back(process.pid)
        assert group_of(process.pid) == ours
    assert group_of("self") == ours


def test_who_is_gone_is_passed_over() -> None:
    with started(own_session=True) as process:
        process.kill()
        process.wait()
        step_back(process.pid)


def test_nobody_overtakes_a_parent_that_is_nice_itself() -> None:
    """A child of the nicest is as nice; none is ever moved to the front."""
    lines = [
        "import os, runpy, subprocess, sys, pathlib",
        f"pack = pathlib.Path({str(settings.PACK)!r})",
        "runpy.run_path(str(pack / 'loader.py'))['load_package'](pack)",
        "from isengard.priority import step_back",
        "os.nice(15 - os.nice(0))",
        "program = 'input(); import os; print(os.nice(0))'",
        "child = subprocess.Popen([sys.executable, '-c', program], stdin=-1, stdout=-1)",
        "step_back(child.pid)",
        "print(child.communicate(b'\\n')[0].decode())",
    ]
    told = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert int(told.stdout) == 19


def test_what_the_library_starts_steps_back(tmp_path: Path) -> None:
    """Those that look at photos, and those with a model."""
    photo = write_photos(tmp_path / "photos", 1) / "photo0.png"
    workers = PhotoWorkers(tmp_path / "models", tmp_path / "scratch", 1)
    before = set(psutil.Process().children())
    try:
        with workers.take(photo, keep_original=False):
            (looking,) = set(psutil.Process().children()) - before
            assert looking.nice() == further_back()
    finally:
        workers.close()
    child = Child(settings.PACK, ["_photos"])
    try:
        assert psutil.Process(child.pid).nice() == further_back()
    finally:
        child.end()


async def test_the_process_that_makes_pictures_steps_back(tmp_path: Path) -> None:
    process = await Process.start(tmp_path / "log.txt")
    try:
        assert psutil.Process(process.pid).nice() == further_back()
    finally:
        await process.end()
