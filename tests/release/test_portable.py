"""What differs on other systems and can be held from here: encodings, replaces, the portable Python, console signs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from isengard import settings
from isengard.tests.architecture.sources import ROOT, read_pack

TEXT_CALLS = {"read_text", "write_text"}
NO_FILES = ("os.", "webbrowser.", "archive.", "bundle.")
"""Whose `open` opens no text file."""
DEVELOPMENT = ("bench/", "trainer/mini/autoencoder.py", "trainer/mini/data.py", "process.py")
"""Benchmarks, what builds the embedded model, and where `ps` is asked for a date in plain English on macOS."""
PROCESS_CALLS = {"run", "Popen", "check_output", "check_call", "call"}


def strays(path: str, text: str) -> Iterator[str]:
    """Places where a source leaves it to the system how text is encoded, or moves files without patience."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        whole = ast.unparse(node.func)
        given = {keyword.arg for keyword in node.keywords}
        if name in TEXT_CALLS and "encoding" not in given and len(node.args) < (1 if name == "read_text" else 2):
            yield f"{path}:{node.lineno}: {whole} without an encoding"
        if name == "open" and _is_text(node) and "encoding" not in given and not whole.startswith(NO_FILES):
            yield f"{path}:{node.lineno}: {whole} without an encoding"
        if whole.startswith("subprocess.") and name in PROCESS_CALLS and "text" in given and "encoding" not in given:
            yield f"{path}:{node.lineno}: {whole} reads text without an encoding"
        if whole in ("os.rename", "shutil.move") or (whole == "os.replace" and path != "files.py"):
            yield f"{path}:{node.lineno}: {whole}: files.replace waits for readers"


def _is_text(call: ast.Call) -> bool:
    """Whether an `open` is for text: a mode is given and has no `b`, or none is given to the built-in one."""
    modes = [item.value for item in [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
             if isinstance(item, ast.Constant) and isinstance(item.value, str) and len(item.value) <= 3]  # fmt: skip
    return bool(modes) and not any("b" in mode for mode in modes)


def test_encodings_are_said_and_replaces_are_patient() -> None:
    """Windows reads and writes text in the country's old encoding unless told; a reader there keeps a file in place."""
    found = [
        line
        for path, text in read_pack(ROOT).items()
        if not path.startswith(DEVELOPMENT)
        for line in strays(path, text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["path.read_text()", "path.write_text(x)", "open(path, 'w')", "path.open('a')", "os.rename(a, b)",
     "subprocess.run(a, text=True)", "os.replace(a, b)"],
)  # fmt: skip
def test_a_stray_is_found(text: str) -> None:
    """The check can fail."""
    assert len(list(strays("library/x.py", text))) == 1


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, timeout=120, check=False, env={**os.environ, **environment}
    )


OLD_CONSOLE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}


def test_a_console_that_can_not_show_a_sign_ends_nothing() -> None:
    """Old code pages have no “…” and no “✓”: something else is shown in their place."""
    done = run("-X", "utf8=0", str(settings.PACK), **OLD_CONSOLE)
    assert done.returncode == 2
    assert b"serve" in done.stdout
    assert b"UnicodeEncodeError" not in done.stderr
    assert "…".encode() not in done.stdout


def test_the_portable_python_finds_everything() -> None:
    """It runs isolated (-I): no environment variables, no folder of the script, none of the user's packages."""
    done = run("-I", str(settings.PACK), "train", "--help")
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"--trigger" in done.stdout


def test_processes_of_ours_are_told_by_their_command_line() -> None:
    """UTF-8 and unbuffered output are said there, because a portable Python heeds no environment; -s is passed on."""
    program = "import sys; print(sys.flags.utf8_mode, sys.flags.no_user_site)"
    plain = run("-I", *settings.python()[1:], "-c", program)
    assert plain.stdout.split() == [b"1", b"1"]
    asked = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from loader import load_package; "
        f"load_package({str(ROOT)!r}); from isengard import settings; print('-s' in settings.python())"
    )
    assert run("-s", "-c", asked).stdout.strip() == b"True"
    assert run("-c", asked).stdout.strip() == b"False"
