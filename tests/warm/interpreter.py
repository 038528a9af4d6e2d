"""Pythons whose imports are done: the trainers that tested servers start begin at once instead of after seconds.

Most of what a small training costs is importing torch, diffusers, transformers and peft: four of its six seconds. So
each worker of a test run keeps one process a Python (`mother.py`) that has imported them and does nothing else. A
server or ComfyUI under test is a usual process that takes `taken_for(python)` for its own Python (`sys.executable`).
What it starts with that (`stand_in.py`) has the mother fork, and stands for the fork: it has its input, output,
environment and folder, passes signals on, ends as it ends, and takes it along when it is killed.

The code that runs is the pack's, imported anew. Where a start of its own, or a process's number, is what a test is
about (killed trainers, a newcomer's first hour), the real Python is used.
"""

from __future__ import annotations

import atexit
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
POSSIBLE = sys.platform == "linux"
"""It needs `fork` with those libraries loaded, which only Linux has reliably."""


@cache
def taken_for(python: str) -> str:
    """What a process that runs on `python` is to take for its Python: `Popen([taken_for(p), …], executable=p)`."""
    if not POSSIBLE:
        return python
    folder = Path(tempfile.mkdtemp(prefix="isengard-warm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    stand_in = _environment_like(Path(python), folder)
    code = (HERE / "stand_in.py").read_text(encoding="utf-8")
    stand_in.write_text(f"#!{python} -SE\nREAL, SOCKET = {python!r}, {str(folder / 'socket')!r}\n{code}", "utf-8")
    stand_in.chmod(0o755)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket"))
    listener.listen(64)
    threading.Thread(target=_start_when_wanted, args=(python, listener, stand_in), daemon=True).start()
    return str(stand_in)


def _start_when_wanted(python: str, listener: socket.socket, stand_in: Path) -> None:
    """The mother takes the first call itself, when it has imported everything. She ends, and all her forks with her,
    when her standard input closes."""
    select.select([listener], [], [])
    with (stand_in.parent.parent / "mother.log").open("wb") as words:
        mother = subprocess.Popen(
            [python, "-X", "utf8", "-u", str(HERE / "mother.py"), str(listener.fileno()), str(stand_in)],
            stdin=subprocess.PIPE, stderr=words, start_new_session=True, pass_fds=[listener.fileno()],
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
        )  # fmt: skip
    listener.close()
    mother.wait()  # it goes on as nobody's child
    assert mother.stdin is not None
    atexit.register(mother.stdin.close)


def _environment_like(python: Path, folder: Path) -> Path:
    """A virtual environment with the same packages, in which the Python's place is free for another file."""
    prefix, binaries = python.parent.parent, folder / "bin"
    binaries.mkdir()
    settings = prefix / "pyvenv.cfg"
    if settings.is_file():
        shutil.copy(settings, folder)
    else:
        home = f"home = {python.resolve().parent}\ninclude-system-site-packages = true\n"
        (folder / "pyvenv.cfg").write_text(home, encoding="utf-8")
    for name in ("lib", "lib64"):
        if (prefix / name).is_dir():
            (folder / name).symlink_to(prefix / name, target_is_directory=True)
    return binaries / "python"
