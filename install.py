"""What ComfyUI Manager runs after it has installed requirements.txt: checks, and builds the panel where it is missing.

Standard library only, and nothing of the pack is imported: portable Pythons don't look into a script's own folder, and
the packages may be what is missing. Nothing is downloaded but the panel's build tools, and only if the panel must be
built. By hand: `python install.py`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACK = Path(__file__).resolve().parent
DIST = PACK / "web" / "dist"
SOURCES = PACK / "web" / "panel"
ENTRIES = ("extension.js", "panel.mjs", "page.mjs", "panel.css", "index.html")
"""What a complete build has."""
OLDEST_PYTHON = (3, 10)
NEWEST_TESTED = (3, 13)
OLDEST_NODE = (20, 19)
OLDEST_COMFYUI = (0, 3, 64)
_PATIENCE = 900.0
"""Seconds for one of npm's steps; only a line that hangs needs them."""
_REGISTRY = "The package in the Comfy Registry has it built in: install “Isengard” from ComfyUI Manager's list."


def main() -> int:
    """Returns 0 if the pack works here, with or without its panel, and 1 if it can't."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that can't show a character must not end an installation
    problems = [*_python(), *_packages()]
    for problem in problems:
        _say(problem)
    if sys.version_info < OLDEST_PYTHON:
        return 1
    for note in _comfyui():
        _say(note)
    try:
        built = _panel()
    except OSError as problem:
        _say(f"The panel could not be built: {problem}.")
        _say(f"The nodes work without it. {_REGISTRY}")
        built = False
    if problems:
        return 1
    what = "ready" if built else "ready, but for the panel"
    _say(f"{what}. Start ComfyUI again, or reload its page if it has started since.")
    return 0


def _python() -> Iterator[str]:
    running = sys.version_info[:2]
    if running < OLDEST_PYTHON:
        yield f"Isengard needs Python {_dotted(OLDEST_PYTHON)} or newer; {sys.executable} is {_dotted(running)}."
    elif running > NEWEST_TESTED:
        _say(f"Python {_dotted(running)} is newer than what was tested, {_dotted(NEWEST_TESTED)}; it may well work.")


def _packages() -> Iterator[str]:
    """What is missing or too old of requirements.txt."""
    file = PACK / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    lacking = []
    for line in lines:
        wanted = re.fullmatch(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:>=\s*([\d.]+))?\s*(?:#.*)?", line)
        if wanted is None:
            continue
        try:
            found = version(wanted[1]) or ""  # a half-removed package has none
        except PackageNotFoundError:
            found = ""
        if not found:
            lacking.append(wanted[1])
            continue
        if wanted[2] and _numbers(found) < _numbers(wanted[2]):
            lacking.append(f"{wanted[1]} (there is {found}, needed is {wanted[2]} or newer)")
    if lacking:
        yield f"Packages are missing: {', '.join(lacking)}."
        yield f'Install them with: {_command()} -m pip install -r "{file}"'
    try:
        version("torch")
    except PackageNotFoundError:
        _say("torch is not installed in this Python. ComfyUI brings the build that fits your GPU; or see pytorch.org.")


def _comfyui() -> Iterator[str]:
    """Whether the ComfyUI around the pack is too old."""
    try:
        text = (PACK.parent.parent / "comfyui_version.py").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return
    if (found := re.search(r"__version__\s*=\s*[\"']([\d.]+)", text)) and _numbers(found[1]) < OLDEST_COMFYUI:
        yield f"This ComfyUI is {found[1]}; Isengard needs {_dotted(OLDEST_COMFYUI)} or newer. Update ComfyUI first."


def _panel() -> bool:
    """Builds the panel if it is not there, or older than its sources. Returns whether there is one."""
    complete = all((DIST / name).is_file() for name in ENTRIES)
    if not (SOURCES / "package.json").is_file():
        if not complete:
            _say(f"The panel's files are missing from {DIST}, and so are its sources. {_REGISTRY}")
        return complete
    if complete and _newest(SOURCES) <= (DIST / "index.html").stat().st_mtime:
        return True
    what = "is older than its sources" if complete else "is not built yet"
    npm = shutil.which("npm")
    node = _node_version()
    if npm is None or node < OLDEST_NODE:
        there = f"Node.js {_dotted(node)} is too old" if npm and node else "npm is not installed"
        _say(f"The panel {what}, and {there}. The nodes work without it.")
        _say(_REGISTRY)
        _say(f'Or install Node.js {_dotted(OLDEST_NODE)} or newer and run: {_command()} "{PACK / "install.py"}"')
        return complete
    _say(f"The panel {what}: building it, which takes a minute or two.")
    if _install_tools(npm) and _npm(npm, "run", "build:quick"):
        _say("The panel is built.")
        return True
    _say("The panel could not be built; the lines above say why. The nodes work without it.")
    _say(f'{_REGISTRY} Or run this again later: {_command()} "{PACK / "install.py"}"')
    return complete


def _install_tools(npm: str) -> bool:
    done = SOURCES / "node_modules" / ".package-lock.json"
    if done.is_file() and done.stat().st_mtime >= (SOURCES / "package-lock.json").stat().st_mtime:
        return True
    # Without a network npm would try for minutes; one more attempt is enough.
    return _npm(npm, "ci", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1", "--loglevel=error")


def _npm(npm: str, *arguments: str) -> bool:
    """Runs npm in the panel's folder, and shows what it says only if it fails."""
    start = time.monotonic()
    try:
        done = subprocess.run(
            [npm, *arguments], cwd=SOURCES, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        _say(f"npm {arguments[0]} did not end within {_PATIENCE / 60:.0f} minutes.")
        return False
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip() and not re.search(r"error\s+at ", line)]
        for line in [*lines[:8], *(["…"] if len(lines) > 8 else [])]:
            _say(f"  {line}")
        _say(f"npm {arguments[0]} failed after {time.monotonic() - start:.0f} s.")
    return done.returncode == 0


def _node_version() -> tuple[int, ...]:
    """Of the Node.js that npm would use; empty if there is none."""
    node = shutil.which("node")
    if node is None:
        return ()
    try:
        told = subprocess.run(
            [node, "--version"], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
            timeout=60, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ()
    return _numbers(told.stdout.strip().removeprefix("v"))


def _newest(folder: Path) -> float:
    """When the latest of the panel's sources was written."""
    files = [folder / name for name in ("package.json", "package-lock.json", "vite.config.ts", "tsconfig.json")]
    files += [path for part in ("src", "public") for path in (folder / part).rglob("*") if ".test." not in path.name]
    return max(path.stat().st_mtime for path in files if path.is_file())


def _numbers(text: str) -> tuple[int, ...]:
    """`4.48.0.dev0` → (4, 48, 0): enough for the lower bounds in requirements.txt."""
    start = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, start[0].split("."))) if start else ()


def _command() -> str:
    """This Python, as a person would call it; `-s` keeps packages of the user's own account out of a portable one."""
    portable = (Path(sys.executable).parent / f"python{sys.version_info[0]}{sys.version_info[1]}._pth").is_file()
    return f'"{sys.executable}" -s' if portable else f'"{sys.executable}"'


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _say(text: str) -> None:
    print(f"Isengard: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
