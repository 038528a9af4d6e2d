"""Reads the pack's sources: which module is where, and what it imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "media", "library", "trainer", "generator", "nodes", "web", "bench")


@dataclass(frozen=True)
class Import:
    """One imported module."""

    target: str
    """Dotted name: from the pack's root if `ours` (`trainer.job`; the root is empty), else absolute (`torch.nn`)."""
    line: int
    ours: bool
    lazy: bool
    """Inside a function: runs when that is called."""
    typing_only: bool
    """Under `if TYPE_CHECKING`: never runs."""


@dataclass(frozen=True)
class Source:
    """One module of the pack."""

    path: str
    name: str
    """Dotted name from the pack's root; a package's `__init__.py` has the package's name, the root's is empty."""
    tree: ast.Module
    imports: list[Import] = field(default_factory=list)

    @property
    def room(self) -> str:
        """The room it stands in, or its own name for a module at the root."""
        return self.name.partition(".")[0]


def read_pack(root: Path) -> dict[str, str]:
    """The pack's own Python files without its tests: path from the root → text."""
    files = [*root.glob("*.py"), *(file for room in ROOMS for file in (root / room).rglob("*.py"))]
    names = (file.relative_to(root).as_posix() for file in files if "node_modules" not in file.parts)
    return {name: (root / name).read_text(encoding="utf-8") for name in sorted(names)}


def parse(texts: Mapping[str, str]) -> dict[str, Source]:
    """The modules by name, each with what it imports."""
    sources = {name_of(path): Source(path, name_of(path), ast.parse(text, path)) for path, text in texts.items()}
    for source in sources.values():
        source.imports.extend(_imports(source, set(sources)))
    return sources


def name_of(path: str) -> str:
    """`trainer/job.py` → `trainer.job`, `trainer/__init__.py` → `trainer`, `__init__.py` → the empty name."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(source: Source, known: set[str]) -> Iterator[Import]:
    for node, lazy, typing_only in _walk(source.tree, lazy=False, typing_only=False):
        for target, ours in _targets(node, source, known):
            yield Import(target, node.lineno, ours, lazy, typing_only)


def _walk(node: ast.AST, *, lazy: bool, typing_only: bool) -> Iterator[tuple[ast.stmt | ast.Call, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom | ast.Call):
            yield child, lazy, typing_only
        inner = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for statement in child.body:
                yield from _walk(ast.Module([statement], []), lazy=lazy, typing_only=True)
            for statement in child.orelse:
                yield from _walk(ast.Module([statement], []), lazy=lazy, typing_only=typing_only)
        else:
            yield from _walk(child, lazy=inner, typing_only=typing_only)


def _targets(node: ast.AST, source: Source, known: set[str]) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, False) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _resolve(source, node.level, node.module or "")
        for alias in node.names:
            full = f"{base}.{alias.name}" if base else alias.name
            yield (full if not node.level or full in known else base), node.level > 0
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")) and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            name = first.value.lstrip(".")
            level = len(first.value) - len(name)
            yield _resolve(source, level, name), level > 0


def _resolve(source: Source, level: int, name: str) -> str:
    """The dotted name that `level` dots and a name mean in this module; without dots it is the name itself."""
    if not level:
        return name
    parts = source.name.split(".") if source.name else []
    up = level - 1 if source.path.endswith("__init__.py") else level
    return ".".join([*parts[: len(parts) - up], *([name] if name else [])])


def reached(start: Source, sources: Mapping[str, Source], *, lazily: bool) -> dict[str, list[str]]:
    """The pack's modules that importing `start` runs, with the way to each; `lazily`: also those in functions."""
    ways: dict[str, list[str]] = {start.name: [start.path]}
    waiting = [start.name]
    while waiting:
        name = waiting.pop()
        for found in sources[name].imports:
            if not found.ours or found.typing_only or (found.lazy and not lazily):
                continue
            for step in _with_packages(found.target):
                if step in sources and step not in ways:
                    ways[step] = [*ways[name], sources[step].path]
                    waiting.append(step)
    return ways


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))
