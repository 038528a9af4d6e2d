"""requirements.txt is what the code imports, no less and no more; all else is the host's or asked for first."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from isengard.nodes import door
from isengard.tests.architecture.sources import ROOT, Import, parse, read_pack

DISTRIBUTIONS = {"pynvml": "nvidia-ml-py", "PIL": "pillow", "pillow_heif": "pillow-heif"}
"""Distributions that are not called like the module they bring."""
HOST = {"torch", "torchvision", "comfy", "comfy_api", "comfy_execution", "execution", "folder_paths", "nodes", "server"}
"""ComfyUI and the torch that comes with it."""
OPTIONAL = {"bitsandbytes", "cv2", "prodigyopt"}
"""Used where they are installed: optimizers that somebody chooses by name, and OpenCV to find faces."""
BROUGHT = {"tokenizers": "transformers"}
"""Modules that a required package can't be installed without."""
INDIRECT = {"accelerate", "peft", "regex", "sentencepiece", "tqdm"}
"""May be there for a package that we import: diffusers, transformers and peft need them at run time."""
DEVELOPMENT = ("tests", "bench", "dev.py", "cli/package.py", "build")


def imported() -> dict[str, set[str]]:
    """The outside modules that the published code imports anywhere, each with the files that do."""
    texts = {path: text for path, text in read_pack(ROOT).items() if not path.startswith(DEVELOPMENT)}
    found: dict[str, set[str]] = {}
    for source in parse(texts).values():
        for name in _outside(source.imports):
            found.setdefault(name, set()).add(source.path)
        for name in _by_name(texts[source.path]):
            found.setdefault(name, set()).add(source.path)
    return found


def _outside(imports: list[Import]) -> Iterator[str]:
    for item in imports:
        top = item.target.partition(".")[0]
        if not item.ours and not item.typing_only and top not in sys.stdlib_module_names:
            yield top


def _by_name(text: str) -> Iterator[str]:
    """`import_module("name")` of something outside."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and len(node.args) == 1:
            (given,) = node.args
            if isinstance(given, ast.Constant) and isinstance(given.value, str) and given.value[:1] not in (".", ""):
                yield given.value.partition(".")[0]


def required() -> set[str]:
    """Names in requirements.txt, without their bounds."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {line.partition(">=")[0].strip() for line in lines if line and not line.startswith("#")}


def test_all_that_is_imported_is_required() -> None:
    """An import that requirements.txt doesn't cover fails on somebody's machine, not here."""
    strange = {
        name: sorted(files)
        for name, files in imported().items()
        if DISTRIBUTIONS.get(name, name) not in required() | HOST | OPTIONAL | BROUGHT.keys() | {"loader"}
    }
    assert strange == {}


def test_nothing_is_required_for_nothing() -> None:
    """Each line installs something into an environment that other packs share."""
    used = {DISTRIBUTIONS.get(name, name) for name in imported()} | INDIRECT
    assert sorted(required() - used) == []


def test_the_door_looks_for_what_is_required() -> None:
    """What `nodes/door.py` finds missing is what requirements.txt would install."""
    assert {DISTRIBUTIONS.get(name, name) for name in door.NEEDED} == required()


def test_optional_modules_are_asked_for_first() -> None:
    """They are no part of what is installed, so importing one is behind an error of ours."""
    for name, files in imported().items():
        if name in OPTIONAL:
            for file in files:
                text = (ROOT / file).read_text(encoding="utf-8")
                assert any(sign in text for sign in ("PACKAGE_MISSING", "find_spec", "ImportError")), (name, file)


def test_the_version_stands_in_one_place() -> None:
    """pyproject.toml has it; what shows it reads it there."""
    from isengard import settings
    from isengard.library import machine

    assert settings.version().count(".") == 2
    assert machine.versions()["isengard"] == settings.version()
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{settings.version()}"' in text
    others = [
        path
        for path, code in read_pack(ROOT).items()
        if not path.startswith(DEVELOPMENT) and f'"{settings.version()}"' in code
    ]
    assert others == []


def test_the_pack_is_described_for_the_registry() -> None:
    """What the registry's form wants: name, publisher, pictures that are in the repository, a floor for ComfyUI."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for wanted in ('name = "isengard"', 'PublisherId = "', 'DisplayName = "Isengard"', 'requires-comfyui = ">=0.3.64"',
                   'includes = ["web/dist/"]', 'license = { file = "LICENSE" }', "Repository = "):  # fmt: skip
        assert wanted in text, wanted
    for key in ("Icon", "Banner"):
        address = next(line for line in text.splitlines() if line.startswith(f"{key} = ")).partition('"')[2].rstrip('"')
        assert Path(ROOT, address.partition("/main/")[2]).is_file(), address
