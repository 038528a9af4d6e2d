"""`python . package`: the archive that the Comfy Registry publishes, made from what git tracks and the built panel.

The same choice of files as the registry's own tool: tracked files, without those that .comfyignore names, with the
folders that `includes` in pyproject.toml names.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from .. import settings
from ..errors import IsengardError
from ..files import told_plainly, written_aside

PACK = settings.PACK
_PANEL = ("extension.js", "panel.mjs", "index.html")
_GIT = ["git", "ls-files", "-z"]


def main(argv: list[str]) -> int:
    """Writes the archive and says what is in it; 2 if something is missing that it needs."""
    parser = argparse.ArgumentParser(prog="python . package", description=__doc__)
    default = PACK / "build" / "package" / f"isengard-{settings.version()}.zip"
    parser.add_argument("--out", type=Path, default=default, help="the archive (default: %(default)s)")
    parser.add_argument("--untracked", action="store_true", help="take in what is not added to git yet")
    options = parser.parse_args(argv)
    try:
        files = contents(untracked=options.untracked)
        pack(files, options.out)
    except IsengardError as error:
        print(f"{error.code}: {error.message}\n  {error.hint}", file=sys.stderr)
        return 2
    size = options.out.stat().st_size / 2**20
    print(f"{options.out}: version {settings.version()}, {len(files)} files, {size:.1f} MiB")
    return 0


def contents(*, untracked: bool = False) -> list[str]:
    """Names of the files in the archive, with forward slashes, sorted. Raises USAGE if the panel is not built.

    With `untracked` they are those that git would track after `git add`, to try out what is being worked on.
    """
    missing = [name for name in _PANEL if not (PACK / "web" / "dist" / name).is_file()]
    if missing:
        raise IsengardError(
            "USAGE", f"The panel is not built: web/dist has no {missing[0]}.", hint="Run `make panel` first."
        )
    more = ["--others"] if untracked else []
    tracked = set(_listed(*_GIT, "--cached", *more, "--exclude-standard"))
    ignored = set(_listed(*_GIT, "--cached", *more, "--ignored", "--exclude-from=.comfyignore"))
    included = {
        path.relative_to(PACK).as_posix()
        for folder in _includes()
        for path in (PACK / folder).rglob("*")
        if path.is_file()
    }
    return sorted(name for name in (tracked - ignored) | included if (PACK / name).is_file())


def pack(files: list[str], target: Path) -> None:
    """Writes the archive; it appears when it is whole."""
    with told_plainly(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(target) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files:
            archive.write(PACK / name, name)


def _listed(*command: str) -> list[str]:
    try:
        done = subprocess.run([*command], cwd=PACK, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        raise IsengardError(
            "USAGE", f"git does not say which files belong to the project: {problem}.", hint="Run it in a git checkout."
        ) from problem
    return [name for name in done.stdout.decode("utf-8").split("\0") if name]


def _includes() -> list[str]:
    """`includes` of pyproject.toml; Python 3.10 has no reader of TOML."""
    text = (PACK / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^includes = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    return re.findall(r'"([^"]+)"', found[1]) if found else []
