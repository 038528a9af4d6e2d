"""Imports or exports in a process that is killed, limited or watched.

`python exchanging.py PACK FOLDER ACTION COUNT LIMIT LORAS` works on FOLDER/library with FOLDER/ada.zip, FOLDER/photos
and FOLDER/out, and kills itself just before it touches a file under FOLDER for the COUNT-th time. No file can grow
beyond LIMIT bytes; LORAS is the folder for LoRAs. It prints how often files were touched, or the code of the error.
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
    pack, folder, action, count, limit, loras = sys.argv[1:]
    runpy.run_path(f"{pack}/loader.py")["load_package"](Path(pack))
    from isengard.errors import IsengardError
    from isengard.library import datasets, exchange, importing
    from isengard.library.store import Library

    home = Path(folder)
    library = Library.open(home / "library", loras=Path(loras))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    actions = {
        "import": lambda: importing.import_character(library, home / "ada.zip"),
        "import photos": lambda: datasets.import_folder(library, home / "photos"),
        "export": lambda: exchange.export(library, "ada-lov", home / "out" / "ada.zip"),
        "dataset": lambda: datasets.write(library, "ada-lov", home / "out" / "set", layout="kohya"),
    }
    touched = _die_at(int(count), folder)
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
