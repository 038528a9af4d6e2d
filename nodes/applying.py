"""Finds a character's LoRA for a model on the graph and puts it on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import settings
from ..errors import IsengardError
from ..library import loras
from ..library.characters import Character
from ..library.store import Library
from ..trainer.pipelines import check_lora
from . import choices

_ENDING = ".safetensors"


@dataclass(frozen=True)
class Chosen:
    """A LoRA file."""

    path: Path
    family: str
    """Empty: it does not say."""
    trigger_word: str


def family_of(model: Any) -> str:
    """Our name for the base model of a MODEL on the graph; empty for one that we don't train."""
    import comfy.model_base

    return "flux1-dev" if isinstance(getattr(model, "model", None), comfy.model_base.Flux) else ""


def choose(library: Library, character: Character | None, version: str, name: str, family: str) -> Chosen:
    """The LoRA that a node's inputs name. Raises GRAPH_INCOMPLETE, LORA_MISSING, LORA_WRONG_FAMILY and NAME_INVALID."""
    if name.strip():
        found = by_name(library, name.strip())
    elif version != choices.LATEST:
        found = _known(library, loras.find(library, version))
    elif character is None:
        raise IsengardError("GRAPH_INCOMPLETE", "Connect a character, choose a version, or give a LoRA's name.")
    else:
        found = latest(library, character, family)
    if family and found.family and found.family != family:
        raise IsengardError(
            "LORA_WRONG_FAMILY", f"{found.path.name} was trained on {found.family} and the model is {family}."
        )
    return found


def latest(library: Library, character: Character, family: str) -> Chosen:
    """The LoRA that was chosen for a character, else the one it got last, for one base model if `family` names it.

    Raises LORA_MISSING.
    """
    found = [
        lora
        for lora in loras.list_all(library, character.id)
        if (not family or lora.family == family) and loras.path_of(library, lora).is_file()
    ]
    if not found:
        on = f" for {family}" if family else ""
        raise IsengardError("LORA_MISSING", f"{character.name} has no LoRA{on} yet.", hint="Train one first.")
    return _known(library, next((lora for lora in found if lora.id == character.lora), found[0]))


def by_name(library: Library, name: str) -> Chosen:
    """A LoRA by its id or by its name in ComfyUI's lists; only files in the LoRA folders. Raises LORA_MISSING."""
    stem = Path(name.replace("\\", "/")).name.removesuffix(_ENDING)
    for lora in loras.list_all(library):
        if lora.id == stem:
            return _known(library, lora)
    inside = name.endswith(_ENDING) and ".." not in Path(name).parts and not Path(name).is_absolute()
    for folder in settings.model_folders("loras") if inside else []:
        path = folder / name  # links that a person has put there are followed, as by ComfyUI itself
        if _is_file(path) and path.is_relative_to(folder):
            return Chosen(path, family_noted(path), "")
    raise IsengardError("LORA_MISSING", f"There is no LoRA {name[:100]!r}.")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds what no name may
        return False


def family_noted(path: Path) -> str:
    """The family that a LoRA file's own notes name; empty if they name none. Raises LORA_INCOMPATIBLE for no LoRA."""
    try:
        return check_lora(path, "flux1-dev").get("isengard.family", "")
    except IsengardError as problem:
        if problem.code != "LORA_WRONG_FAMILY":
            raise
        return "another base model"


def put_on(model: Any, path: Path, strength: float) -> Any:
    """The model with a LoRA on it. Raises LORA_INCOMPATIBLE if the file has nothing for this model."""
    import comfy.sd
    import comfy.utils

    if strength == 0:
        return model
    weights = comfy.utils.load_torch_file(str(path), safe_load=True)
    patched, _ = comfy.sd.load_lora_for_models(model, None, weights, strength, 0)
    if _changes(patched) == _changes(model):
        raise IsengardError("LORA_INCOMPATIBLE", f"{path.name} holds nothing that fits this model.")
    return patched


def _changes(model: Any) -> int:
    """Of all weights; a weight that another LoRA has changed already is changed twice."""
    return sum(len(changes) for changes in model.patches.values())


def _known(library: Library, lora: loras.Lora) -> Chosen:
    path = loras.path_of(library, lora)
    if not path.is_file():
        raise IsengardError("LORA_MISSING", f"The file {lora.file} was taken away from the LoRA folder.")
    return Chosen(path, lora.family, lora.trigger_word)
