"""Base models: which of their files are on this machine, and where the others are to be had and to be put."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from .. import settings
from ..errors import IsengardError
from ..trainer.plan import identify

_MOST_FILES, _MOST_FOLDERS = 2000, 5000
"""Files of a folder that are looked at, and folders inside it."""


@dataclass(frozen=True)
class Wanted:
    """One part of a base model."""

    part: str
    """`transformer`, `vae`, `clip` or `t5`: its name in `TrainingConfig.base`."""
    title: str
    folders: tuple[str, ...]
    """Kinds of model folders, the best first."""
    names: tuple[str, ...]
    """Names under which people have it, the best first."""
    source: str
    """Where it is to be had."""
    gigabytes: float
    license: str


FLUX1_DEV = (
    Wanted("transformer", "FLUX.1-dev transformer", ("diffusion_models", "unet", "checkpoints"),
           ("flux1-dev.safetensors", "flux1-dev-fp8.safetensors"), "huggingface.co/Comfy-Org/flux1-dev", 23.8,
           "FLUX.1 [dev] Non-Commercial License"),
    Wanted("vae", "FLUX VAE", ("vae",), ("ae.safetensors",),
           "huggingface.co/Comfy-Org/Lumina_Image_2.0_Repackaged", 0.3, "Apache 2.0"),
    Wanted("clip", "CLIP-L text encoder", ("text_encoders", "clip"), ("clip_l.safetensors",),
           "huggingface.co/comfyanonymous/flux_text_encoders", 0.25, "MIT"),
    Wanted("t5", "T5-XXL text encoder", ("text_encoders", "clip"),
           ("t5xxl_fp16.safetensors", "t5xxl_fp8_e4m3fn.safetensors", "t5xxl_fp8_e4m3fn_scaled.safetensors"),
           "huggingface.co/comfyanonymous/flux_text_encoders", 9.8, "Apache 2.0"),
)  # fmt: skip
"""FLUX.1-dev's files as ComfyUI users have them."""
PARTS: dict[str, tuple[Wanted, ...]] = {"flux1-dev": FLUX1_DEV, "mini": ()}
TITLES = {"flux1-dev": "FLUX.1-dev", "mini": "Isengard mini"}


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found of a part."""

    wanted: Wanted
    path: Path | None
    """None: nothing that could be it."""
    title: str = ""
    """What the file is."""
    within: str = ""
    """The file that holds this part too, if there is none of its own."""
    problem: IsengardError | None = None
    """Why the file can't be used."""
    others: tuple[Path, ...] = ()
    """Further files that can be it."""

    @property
    def usable(self) -> bool:
        """Whether it can be trained with."""
        return (self.path is not None or bool(self.within)) and self.problem is None


def survey(family: str) -> list[Found]:
    """Every part of a family's base model, found or not; looks into the files' headers."""
    found: list[Found] = []
    held: frozenset[str] = frozenset()
    holder = ""
    for wanted in PARTS[family]:
        candidates = [_look(path, wanted.part, family) for path in _candidates(wanted)]
        good = [item for item in candidates if item[1] is None]
        path, problem, title = next(iter(good or candidates), (None, None, ""))
        others = tuple(item[0] for item in good[1:])
        if wanted.part == "transformer" and good and path is not None:
            held, holder = _parts_in(path), path.name
        within = holder if not good and wanted.part in held else ""
        found.append(
            Found(
                wanted=wanted, path=path, title=title, problem=None if within else problem, within=within, others=others
            )
        )
    return found


def files_for(family: str, chosen: dict[str, str]) -> dict[str, str]:
    """The base files of a new training: those named in `chosen` (part → file name), else the best ones.

    Only files in the model folders can be named. Raises MODEL_MISSING for a name that is not there.
    """
    files: dict[str, str] = {}
    for found in survey(family):
        part = found.wanted.part
        known = {path.name: path for path in (*found.others, *([found.path] if found.path else []))}
        if part in chosen:
            if chosen[part] not in known:
                folder = found.wanted.folders[0]
                raise IsengardError("MODEL_MISSING", f"{chosen[part]!r} is no {found.wanted.title} in models/{folder}.")
            files[part] = str(known[chosen[part]])
        elif found.path is not None and found.problem is None:
            files[part] = str(found.path)
    return files


def _candidates(wanted: Wanted) -> Iterator[Path]:
    """Files with a usual name first, then, for the transformer, every file that might be a renamed one."""
    files = [path for kind in wanted.folders for folder in settings.model_folders(kind) for path in files_in(folder)]
    usual = [path for name in wanted.names for path in files if path.name == name]
    renamed = [path for path in files if wanted.part == "transformer" and "flux" in path.name.lower()]
    yield from dict.fromkeys((*usual, *renamed))


def files_in(folder: Path) -> list[Path]:
    """Weights in a folder and in those inside it, the outer ones first. Links are followed, as ComfyUI follows them:
    people keep their models on another disk."""
    found = islice(_weights(folder), _MOST_FILES)
    return sorted((path for path in found if path.is_file()), key=lambda path: (len(path.parts), path))


def _weights(folder: Path) -> Iterator[Path]:
    seen = {os.path.realpath(folder)}
    for place, folders, files in islice(os.walk(folder, followlinks=True), _MOST_FOLDERS):
        real = {name: os.path.realpath(Path(place, name)) for name in folders}
        folders[:] = [name for name in folders if real[name] not in seen]  # a link may lead back to where it lies
        seen.update(real.values())
        yield from (Path(place, name) for name in files if name.endswith(".safetensors"))


def _look(path: Path, part: str, family: str) -> tuple[Path, IsengardError | None, str]:
    try:
        kind, title, parts, refused = _identified(path, _stamp(path))
    except IsengardError as problem:
        return path, problem, ""
    except OSError as problem:
        return path, IsengardError("MODEL_UNREADABLE", f"{path} can't be read: {problem.strerror}."), ""
    if part not in parts or (part == "transformer" and kind != family):
        return path, IsengardError("MODEL_WRONG_KIND", f"{path.name} is {title}."), title
    if refused:
        return path, IsengardError("MODEL_UNSUPPORTED", f"{path.name} is {title} in {refused}."), title
    return path, None, title


def _parts_in(path: Path) -> frozenset[str]:
    return _identified(path, _stamp(path))[2]


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=512)
def _identified(path: Path, _stamp: tuple[int, int]) -> tuple[str, str, frozenset[str], str]:
    found = identify(path)
    return found.kind, found.title, frozenset(found.parts), found.refused
