"""The rules of the house that can be read off the sources; each yields what breaks it, as `file:line: what and why`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping

from .sources import Import, Source, parse, reached

FLOORS = {
    "files": 1,
    "media": 1,
    "settings": 1,
    "log": 1,
    "errors": 1,
    "sentences": 1,
    "loader": 1,
    "priority": 1,
    "process": 1,
    "library": 2,
    "trainer": 2,
    "generator": 2,
    "nodes": 3,
    "web": 3,
}
DOORS = 4
"""The floor of `__init__`, `__main__`, the other modules at the root and cli/; bench/ stands above them."""
PUBLIC = {
    "trainer": {
        "trainer.hosted", "trainer.job", "trainer.mini", "trainer.pipelines", "trainer.plan", "trainer.presets",
        "trainer.supervisor",
    }
}  # fmt: skip
"""What other rooms may take from a room."""
HARMLESS = {"pickle.UnpicklingError", "pickle.PickleError"}
HEAVY = {"torch", "torchvision", "diffusers", "transformers", "peft", "accelerate"}
COMFYUI = {"folder_paths", "nodes", "execution", "server", "latent_preview", "node_helpers", "app", "api_server"}
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
REGISTRIES = ("trainer.backends", "trainer.families")
FORBIDDEN_CALLS = {"eval", "exec", "builtins.eval", "builtins.exec", "os.system", "os.popen", "os.startfile"}


def violations(texts: Mapping[str, str]) -> list[str]:
    """All that breaks a rule in these sources (path → text), sorted by file."""
    sources = parse(texts)
    found = []
    for source in sources.values():
        for rule in (_points_down, _relative, _knows_comfyui, _registry_only, _light, _apart, _environment, _safe):
            found += [f"{source.path}:{line}: {problem}" for line, problem in rule(source)]
    return sorted([*found, *_cheap(sources), *_standard_library_only(sources)])


Found = Iterator[tuple[int, str]]


def _floor(room: str) -> int:
    return 5 if room == "bench" else FLOORS.get(room, DOORS)


def _points_down(source: Source) -> Found:
    for found in source.imports:
        room = found.target.partition(".")[0]
        if not found.ours or room == source.room:
            continue
        here, there = _floor(source.room), _floor(room)
        if there > here or (room and there == here == 3):
            yield found.line, f"imports {_shown(found)}: imports point down"
        elif source.room == "sentences" or (source.room == "errors" and room != "sentences"):
            yield found.line, f"imports {_shown(found)}: errors.py stands at the bottom, on sentences.py alone"
        elif here < DOORS and room in PUBLIC and found.target not in PUBLIC[room]:
            yield (
                found.line,
                f"imports {_shown(found)}: from {room} other rooms take only {', '.join(sorted(PUBLIC[room]))}",
            )
        elif here == there == 2 and room not in PUBLIC:
            yield found.line, f"imports {_shown(found)}: rooms on one line don't import each other"


def _relative(source: Source) -> Found:
    if source.room == "bench":
        return
    for found in source.imports:
        if not found.ours and _top(found) == "isengard":
            yield found.line, "imports isengard by name: ComfyUI loads the pack under another, so imports are relative"


def _knows_comfyui(source: Source) -> Found:
    if source.room in ("nodes", "settings"):
        return
    for found in source.imports:
        if not found.ours and (_top(found) in COMFYUI or _top(found).startswith("comfy")):
            yield found.line, f"imports {found.target}: only nodes/ and settings.py know ComfyUI"


def _registry_only(source: Source) -> Found:
    for found in source.imports:
        registry = next((name for name in REGISTRIES if found.ours and found.target.startswith(f"{name}.")), None)
        if registry is None or found.target == f"{registry}.interface" or source.room == "bench":
            continue
        families = registry == "trainer.families" and source.name.startswith(f"{registry}.")
        inside = ".".join(found.target.split(".")[:3])
        if not families and source.name != inside and not source.name.startswith(f"{inside}."):
            yield (
                found.line,
                f"imports {found.target}: backends and families are loaded by name, through their registry",
            )


def _light(source: Source) -> Found:
    if source.room not in ("library", "web") or _is_child(source.name):
        return
    for found in source.imports:
        if not found.ours and _top(found) in HEAVY:
            yield found.line, f"imports {found.target}: {source.room} stays light"


def _apart(source: Source) -> Found:
    """A module in a package `children` is a program for a process of its own."""
    for found in source.imports:
        if found.ours and _is_child(source.name):
            yield found.line, f"imports {_shown(found)}: a child process's program stands alone"
        elif found.ours and _is_child(found.target):
            yield found.line, f"imports {found.target}: a child process's program is started, never imported"


def _is_child(name: str) -> bool:
    return "children" in name.split(".")


def _environment(source: Source) -> Found:
    if source.room in ("settings", "bench"):
        return
    for node in ast.walk(source.tree):
        named = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            named = next((f"os.{alias.name}" for alias in node.names if alias.name in ("environ", "getenv")), "")
        if named in ("os.environ", "os.environb", "os.getenv", "os.putenv"):
            yield node.lineno, f"{named}: only settings.py reads the environment"


def _safe(source: Source) -> Found:
    for found in source.imports:
        if not found.ours and _top(found) in PICKLES | {"pip", "ensurepip"} and found.target not in HARMLESS:
            yield found.line, f"imports {found.target}: no pickles, and no pip at run time"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield from ((node.lineno, problem) for problem in _unsafe_call(node))
        elif isinstance(node, ast.List | ast.Tuple) and any(_is(item, "pip") for item in node.elts):
            yield node.lineno, "a command with pip: packages are never installed at run time"


def _unsafe_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in FORBIDDEN_CALLS:
        yield f"calls {name}"
    if "shell" in given and not _is(given["shell"], False):
        yield "a shell: commands are lists of arguments"
    if name.endswith(("create_subprocess_shell", "getoutput", "getstatusoutput")):
        yield f"calls {name}: commands are lists of arguments"
    if "trust_remote_code" in given and not _is(given["trust_remote_code"], False):
        yield "trust_remote_code: a model's repository must not bring code"
    if name == "torch.load" and not ("weights_only" in given and _is(given["weights_only"], True)):
        yield "torch.load without weights_only=True runs what the file says"
    if "allow_pickle" in given and not _is(given["allow_pickle"], False):
        yield "allow_pickle runs what the file says"


def _cheap(sources: Mapping[str, Source]) -> Iterator[str]:
    """Importing the pack, its nodes, the library or the server brings in none of the heavy packages, by no way."""
    for start in sources.values():
        if (start.name and start.room not in ("library", "nodes", "web")) or _is_child(start.name):
            continue
        for name, way in reached(start, sources, lazily=False).items():
            for found in sources[name].imports:
                if not (found.ours or found.lazy or found.typing_only) and _top(found) in HEAVY:
                    yield f"{start.path}: importing it imports {found.target} ({' → '.join(way)})"


def _standard_library_only(sources: Mapping[str, Source]) -> Iterator[str]:
    """trainer/job.py is what every room imports: it and all it leads to need nothing installed."""
    if "trainer.job" not in sources:
        return
    for name, way in reached(sources["trainer.job"], sources, lazily=True).items():
        for found in sources[name].imports:
            if not (found.ours or found.typing_only) and _top(found) not in sys.stdlib_module_names:
                where = f"{sources[name].path}:{found.line}"
                yield f"{where}: imports {found.target}, and trainer/job.py leads here ({' → '.join(way)})"


def _top(found: Import) -> str:
    return found.target.partition(".")[0]


def _shown(found: Import) -> str:
    return found.target or "the root's __init__"


def _is(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is type(value) and node.value == value
