"""A stand-in behaves as the Python that it stands for, as far as whoever starts it can tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from isengard.tests.trainer.jobs import PATIENCE, until
from isengard.tests.warm.interpreter import POSSIBLE, taken_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not POSSIBLE, reason="forks with torch loaded are for Linux alone")]
TELLS = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ["WORD"], "torch" in sys.modules, sys.stdin.read(), flush=True)
print("aside", file=sys.stderr)
sys.exit(int(os.environ["CODE"]))
"""
WAITS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print(os.getpid(), flush=True)
if "alone" in sys.argv:
    sys.stdin.read()
    sys.exit(8)
time.sleep(600)
"""


def script(folder: Path, code: str) -> str:
    path = folder / "script.py"
    path.write_text(code, encoding="utf-8")
    return str(path)


def begun(path: str, *words: str) -> tuple[subprocess.Popen[str], psutil.Process]:
    """A stand-in and its fork."""
    process = subprocess.Popen(
        [taken_for(sys.executable), "-X", "utf8", "-u", path, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    fork = psutil.Process(int(process.stdout.readline()))
    assert fork.pid != process.pid
    return process, fork


def test_words_streams_folder_environment_and_code_are_those_of_a_start(tmp_path: Path) -> None:
    """And nothing of the environment of an earlier one."""
    path = script(tmp_path, TELLS)
    for code in (0, 3):
        done = subprocess.run(
            [taken_for(sys.executable), "-s", path, "--flag", "ä"], input="given", capture_output=True, text=True,
            cwd=tmp_path, env={**os.environ, "WORD": f"word {code}", "CODE": str(code)}, check=False, timeout=PATIENCE,
        )  # fmt: skip
        told = f"['--flag', 'ä'] {tmp_path} word {code} True given\n"
        assert (done.returncode, done.stdout, done.stderr) == (code, told, "aside\n")


def test_what_is_no_script_is_run_by_the_real_python() -> None:
    """Whose own Python is the stand-in again."""
    command = [taken_for(sys.executable), "-c", "import sys; print(sys.executable, 'torch' in sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == f"{taken_for(sys.executable)} False\n"


def test_signals_are_passed_on(tmp_path: Path) -> None:
    """The program decides what becomes of them."""
    process, _ = begun(script(tmp_path, WAITS))
    process.terminate()
    assert process.wait(PATIENCE) == 7


def test_a_killed_program_ends_its_stand_in_likewise(tmp_path: Path) -> None:
    process, fork = begun(script(tmp_path, WAITS))
    fork.kill()
    assert process.wait(PATIENCE) == -signal.SIGKILL


def test_a_killed_stand_in_takes_the_program_along(tmp_path: Path) -> None:
    process, fork = begun(script(tmp_path, WAITS))
    process.kill()
    process.wait(PATIENCE)
    until(lambda: not fork.is_running())


def test_the_end_of_its_input_is_seen(tmp_path: Path) -> None:
    """What a trainer heeds when whoever started it is gone."""
    process, _ = begun(script(tmp_path, WAITS), "alone")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE) == 8
