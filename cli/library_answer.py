"""What a library command has to say: for people on lines, for machines as one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

SOME_FAILED = 1
"""Exit code where some photos failed and others not."""


@dataclass
class Answer:
    """The result of a command."""

    json: Any
    """With --json; None: standard output holds something else. Keys stay."""
    lines: list[str] = field(default_factory=list)
    code: int = 0

    def show(self, *, as_json: bool) -> None:
        """Prints it to standard output."""
        if as_json and self.json is not None:
            print(json.dumps(self.json, ensure_ascii=False, indent=1))
            return
        for line in self.lines:
            print(shown(line))


class Bar:
    """A progress bar on the terminal; lines for what goes wrong stand above it."""

    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar = bar

    def advance(self, done: int, total: int) -> None:
        """So many are done, of so many."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def say(self, text: str) -> None:
        """One line."""
        tqdm.write(shown(text), file=sys.stderr)


@contextmanager
def bar(what: str, *, quiet: bool = False, total: int | None = None) -> Iterator[Bar]:
    """A bar while the block runs; none where nobody looks at a terminal."""
    with tqdm(desc=what, total=total, unit="photo", file=sys.stderr, disable=True if quiet else None) as shown_bar:
        yield Bar(shown_bar)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns under each other."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def counted(number: int, one: str, many: str = "") -> str:
    """`1 photo`, `2 photos`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shown(text: str) -> str:
    """Text from files and names: what steers a terminal, or can't be written, is a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    plain = "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)
    return plain.encode(encoding, "replace").decode(encoding)
