"""Imports or exports in processes that are killed, limited or watched.

`python exchanging.py PACK ACTION LIMIT INSIDE FOLDER COUNT [FOLDER COUNT …]` works on each FOLDER/library with its
FOLDER/ada.zip, FOLDER/photos and FOLDER/out, in a process that kills itself just before it touches a file under FOLDER
for the COUNT-th time: this one, or for several folders a fork of it each, made when all code is loaded. No file can
grow beyond LIMIT bytes; LoRAs are in FOLDER/comfy, or if INSIDE is `inside` in the library. It prints for each how
often files were touched, the code of the error, or `killed`.
"""

from __future__ import annotations

import os
import resource
import runpy
import signal
import sys
from pathlib import Path

TOUCHING = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}
"""Audit events that change files; so does `open` for writing."""


def main() -> None:
    pack, action, limit, inside, *tries = sys.argv[1:]
    runpy.run_path(f"{pack}/loader.py")["load_package"](Path(pack))
    from isengard.library import datasets, exchange, importing  # noqa: F401 (loaded before the forks)

    if len(tries) == 2:
        act(tries[0], action, int(tries[1]), int(limit), inside == "inside")
        return
    for folder, count in zip(tries[::2], tries[1::2], strict=True):
        child = os.fork()
        if child == 0:
            act(folder, action, int(count), int(limit), inside == "inside")
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == -signal.SIGKILL:
            print("killed", flush=True)
        elif code:
            sys.exit(code)


def act(folder: str, action: str, count: int, limit: int, inside: bool) -> None:
    """Does one of the actions, up to the COUNT-th touch."""
    from isengard.errors import IsengardError
    from isengard.library import datasets, exchange, importing
    from isengard.library.store import Library

    home = Path(folder)
    library = Library.open(home / "library", loras=home / "library" / "loras" if inside else home / "comfy")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    actions = {
        "import": lambda: importing.import_character(library, home / "ada.zip"),
        "import photos": lambda: datasets.import_folder(library, home / "photos"),
        "export": lambda: exchange.export(library, "ada-lov", home / "out" / "ada.zip"),
        "dataset": lambda: datasets.write(library, "ada-lov", home / "out" / "set", layout="kohya"),
    }
    touched = _die_at(count, folder)
    try:
        actions[action]()
        print(touched[0], flush=True)
    except IsengardError as error:
        print(error.code, flush=True)
    finally:
        library.close()


def _die_at(count: int, folder: str) -> list[int]:
    touched = [0]

    def watch(event: str, values: tuple[object, ...]) -> None:
        touches = event in TOUCHING or (event == "open" and _writes(values))
        if touches and any(isinstance(value, str | os.PathLike) and str(value).startswith(folder) for value in values):
            touched[0] += 1
            if touched[0] == count:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    return touched


def _writes(values: tuple[object, ...]) -> bool:
    flags = values[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


if __name__ == "__main__":
    main()
