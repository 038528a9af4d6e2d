"""Does something to libraries, each time in a process that kills itself at the n-th touch of a file.

`python killed.py PACK ACTION ROOT N [ROOT N …]` runs one of the actions below on each library ROOT, in a process of its
own that dies with SIGKILL just before its n-th change of a file under ROOT. It prints how each process ended, a line
each: 0, or -9 for one that was killed; after one that came to the end the rest are left out, unless N was ALWAYS.
The processes are forks of this one, which has loaded all code and opened nothing.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path

TOUCHING = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}
"""Audit events that change files; so does `open` for writing."""
ALWAYS = 1_000_000
"""More touches than any action has."""


def main() -> None:
    pack, action = Path(sys.argv[1]), sys.argv[2]
    runpy.run_path(str(pack / "loader.py"))["load_package"](pack)
    from isengard.library import captioning, characters, loras, photos, trash  # noqa: F401 (loaded before the forks)
    from isengard.library.store import Library  # noqa: F401

    for root, count in zip(sys.argv[3::2], map(int, sys.argv[4::2]), strict=True):
        child = os.fork()
        if child == 0:
            act(Path(root), action, count)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)
        if code == 0 and count != ALWAYS:
            break


def act(root: Path, action: str, count: int) -> None:
    """Does one of the actions, up to the n-th touch."""
    from isengard.library import captioning, characters, loras, photos, trash
    from isengard.library.captions.edits import Prepend
    from isengard.library.store import Library

    library = Library.open(root)
    keys = [("ada", "a.png"), ("ada", "b.png")]
    given = root.parent / "given"
    actions = {
        "create": lambda: characters.create(library, name="Bob", trigger_word="vbnk"),
        "update": lambda: characters.update(library, "ada", {"notes": "changed"}),
        "add": lambda: list(photos.add(library, "ada", photos.folder_sources(given))),
        "reject": lambda: photos.set_rejected(library, keys, True),
        "caption": lambda: captioning.change(library, keys, Prepend(text="smiling")),
        "move": lambda: photos.move(library, keys, "eve"),
        "copy": lambda: photos.move(library, keys, "eve", copy=True),
        "delete": lambda: trash.delete_photos(library, keys),
        "delete character": lambda: trash.delete_character(library, "ada"),
        "restore": lambda: [trash.restore(library, entry.id) for entry in trash.entries(library)],
        "register": lambda: loras.register(library, "ada", given / "lora.safetensors", job="j", step=1, family="mini"),
    }
    _die_at(count, str(root))
    actions[action]()
    library.close()


def _die_at(count: int, root: str) -> None:
    left = [count]

    def watch(event: str, values: tuple[object, ...]) -> None:
        touches = event in TOUCHING or (event == "open" and _writes(values))
        if touches and any(isinstance(value, str | os.PathLike) and str(value).startswith(root) for value in values):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _writes(values: tuple[object, ...]) -> bool:
    flags = values[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


if __name__ == "__main__":
    main()
