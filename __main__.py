"""The command line: `python <pack folder> demo | train | doctor | mini | test`, each with --help."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

PACK = Path(__file__).resolve().parent
COMMANDS = {
    "demo": ("cli.demo", "train the bundled character on the embedded model and show the pictures"),
    "train": ("cli.train", "make a job from a folder of photos and run it, or run or resume a job folder"),
    "library": ("cli.library", "characters, photos and captions: list, add, report, caption, export, import"),
    "generate": ("cli.generate", "make pictures, with a character of the library or with a LoRA file"),
    "serve": ("cli.serve", "the API, the job queue and the panel on a server of their own"),
    "doctor": ("cli.doctor", "say what this machine can do and what is missing"),
    "mini": ("trainer.mini.build", "rebuild the embedded model from nothing"),
    "test": ("dev", "run all checks and tests"),
}
CHILDREN = {
    "_photos": "library.worker",
}
"""Processes that the pack starts itself: `python <pack folder> _photos`. Not shown to people."""


def main(argv: list[str]) -> int:
    """Runs one command and returns the process's exit code."""
    sys.path.insert(0, str(PACK))
    package = import_module("loader").load_package(PACK).__name__
    if argv and argv[0] in CHILDREN:
        return int(import_module(f"{package}.{CHILDREN[argv[0]]}").main(argv[1:]))
    if not argv or argv[0] not in COMMANDS:
        lines = [f"  {name:8}{what}" for name, (_, what) in COMMANDS.items()]
        print("usage: python <pack folder> COMMAND …\n\n" + "\n".join(lines))
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    return int(import_module(f"{package}.{COMMANDS[argv[0]][0]}").main(argv[1:]))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:  # whoever read our output, `head` for one, has read enough
        sys.stdout = None
        sys.exit(0)
