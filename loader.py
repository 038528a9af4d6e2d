"""Loads the pack's folder as the package `isengard`, whatever the folder is called, without its `__init__.py`.

For the command line, the tests and the benchmarks. ComfyUI loads the folder itself, under a name of its own.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

NAME = "isengard"


def load_package(root: Path) -> ModuleType:
    """Makes `import isengard.…` find the modules in the folder `root`, and no import find them by their bare names.

    `python <folder>` puts the folder first on `sys.path`, where our `nodes` would shadow ComfyUI's: it is taken off.
    """
    folder = _real(root)
    sys.path[:] = [entry for entry in sys.path if _real(entry) != folder]
    if loaded := sys.modules.get(NAME):
        if [_real(entry) for entry in loaded.__path__] != [folder]:
            raise ImportError(f"{NAME} is loaded already, from {list(loaded.__path__)}: use a new process for {root}.")
        return loaded
    spec = importlib.machinery.ModuleSpec(NAME, None, is_package=True)
    spec.submodule_search_locations = [str(Path(root).resolve())]
    sys.modules[NAME] = module = importlib.util.module_from_spec(spec)
    return module


def _real(entry: str | Path) -> str:
    return os.path.normcase(os.path.realpath(entry or os.curdir))
