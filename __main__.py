"""The command line: `python <pack folder> demo | serve | train | … | doctor`, each with --help."""

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
    "package": ("cli.package", "make the archive that the Comfy Registry publishes"),
}
"""What people may ask for. The last two work in a checkout: the published package leaves their modules out."""
CHILDREN = {
    "_photos": "library.worker",
    "_face_vectors": "library.likeness.looking",
    "_drawn_vectors": "trainer.mini.vectors",
}
"""Processes that the pack starts itself: `python <pack folder> _photos`. Not shown to people."""
_STOPPED = 130
"""The exit code that shells give to what Ctrl+C has ended."""


def main(argv: list[str]) -> int:
    """Runs one command and returns the process's exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that can't show a sign must not end a training
            stream.reconfigure(errors="replace")
    sys.path.insert(0, str(PACK))
    package = import_module("loader").load_package(PACK).__name__
    if argv and argv[0] in CHILDREN:
        return int(import_module(f"{package}.{CHILDREN[argv[0]]}").main(argv[1:]))
    commands = {name: what for name, what in COMMANDS.items() if _is_there(what[0])}
    if not argv or argv[0] not in commands:
        lines = [f"  {name:9}{what}" for name, (_, what) in commands.items()]
        print("usage: python <pack folder> COMMAND …\n\n" + "\n".join(lines))
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    errors = import_module(f"{package}.errors")
    try:
        return int(import_module(f"{package}.{commands[argv[0]][0]}").main(argv[1:]))
    except errors.IsengardError as error:  # of the settings, before the command has begun
        print(f"{error.code}: {error.message}\n  {error.hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # where a command has nothing of its own to say to Ctrl+C
        print("Stopped.", file=sys.stderr)
        return _STOPPED


def _is_there(module: str) -> bool:
    path = PACK.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:  # whoever read our output, `head` for one, has read enough
        sys.stdout = None
        sys.exit(0)
