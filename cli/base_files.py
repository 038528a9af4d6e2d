"""The options that name a base model's files, for every command that loads one: `--transformer FILE`, …"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from ..trainer.job import BaseFiles

_NAMES = tuple(item.name for item in fields(BaseFiles))


def add_options(parser: argparse.ArgumentParser) -> None:
    """One for each part."""
    for name in _NAMES:
        parser.add_argument(f"--{name}", default="", metavar="DIR" if name == "tokenizers" else "FILE")


def given(options: argparse.Namespace) -> dict[str, str]:
    """Those that were given, as absolute paths: what is made with them may be resumed from another folder."""
    named = {name: getattr(options, name) for name in _NAMES}
    return {name: str(Path(path).expanduser().resolve()) for name, path in named.items() if path}
