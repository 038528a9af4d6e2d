"""Every error has a page to look it up, is raised somewhere, and is raised by a code that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from isengard.errors import KINDS
from isengard.tests.architecture.sources import ROOT, read_pack

CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
RAISED_BY_NAME = {"INTERNAL"}
"""Codes for what nobody foresaw: given where an unknown exception becomes an answer."""


def codes_raised(text: str) -> Iterator[str]:
    """The codes that a source gives to IsengardError, written out or chosen from written-out ones."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("IsengardError") and node.args:
            yield from (item.value for item in ast.walk(node.args[0]) if _is_code(item))


def codes_named(text: str) -> Iterator[str]:
    """Every text in a source that reads like a code."""
    yield from (node.value for node in ast.walk(ast.parse(text)) if _is_code(node))


def _is_code(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value) is not None


def documented(text: str) -> list[str]:
    """The codes with a heading of their own in ERROR_LIST.md."""
    return re.findall(r"^### ([A-Z0-9_]+)$", text, flags=re.MULTILINE)


def _sources() -> dict[str, str]:
    return {path: text for path, text in read_pack(ROOT).items() if path != "errors.py"}


def test_every_error_is_documented_once() -> None:
    """ERROR_LIST.md has one heading for each code of errors.py, and no other."""
    assert sorted(documented((ROOT / "ERROR_LIST.md").read_text(encoding="utf-8"))) == sorted(KINDS)


def test_every_code_that_is_raised_exists() -> None:
    """A mistyped code would raise a KeyError in place of the error that a person should see."""
    unknown = {path: sorted(set(codes_raised(text)) - KINDS.keys()) for path, text in _sources().items()}
    assert {path: codes for path, codes in unknown.items() if codes} == {}


def test_every_error_is_raised_somewhere() -> None:
    """A code that no source names is dead and leaves the table and the list."""
    named = {code for text in _sources().values() for code in codes_named(text)}
    assert sorted(KINDS.keys() - named - RAISED_BY_NAME) == []


def test_hints_and_statuses_are_usable() -> None:
    """A hint is a sentence, and a status is one of an error."""
    for code, kind in KINDS.items():
        assert CODE.fullmatch(code), code
        assert kind.hint.endswith("."), code
        assert 400 <= kind.status < 600, code


def test_the_readers_see_what_they_look_for() -> None:
    """A code is found where it is written out, where one of two is chosen, and under its heading."""
    raising = 'raise IsengardError("A_B", "C_D is gone")\nerrors.IsengardError("E" if x == "no" else "F_2", "")'
    assert sorted(codes_raised(raising)) == ["A_B", "E", "F_2"]
    assert list(codes_raised("IsengardError(code, text)\nValueError('G_H')")) == []
    assert set(codes_named('CODES = {"A_B": 1}\nz = "not one"')) == {"A_B"}
    assert documented("# Title\n### A_B\ntext ### C\n## D\n### E_F\n") == ["A_B", "E_F"]
