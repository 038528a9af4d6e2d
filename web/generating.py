"""From the library's characters and LoRAs to a request for pictures, for the HTTP API and the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import settings
from ..errors import IsengardError
from ..generator.request import LoraUse
from ..library import basemodels, characters, loras
from ..library.loras import Lora
from ..library.store import Library
from ..trainer.job import BaseFiles, JobFolder
from ..trainer.plan import identify


def choose_lora(library: Library, character: str, lora_id: str = "") -> Lora:
    """The LoRA `lora_id`, or the character's latest one whose weights are there.

    Raises CHARACTER_MISSING, NAME_INVALID; LORA_MISSING if the character has none.
    """
    if lora_id:
        found = loras.find(library, lora_id)
        if character and found.character != character:
            raise IsengardError("LORA_MISSING", f"{lora_id} is no LoRA of {character}.")
        return found
    somebody = characters.get(library, character)
    for lora in loras.list_all(library, character):
        if loras.path_of(library, lora).is_file():
            return lora
    raise IsengardError("LORA_MISSING", f"{somebody.name} has no LoRA yet.", hint="Train the character first.")


def use_of(library: Library, lora: Lora, strength: float | None = None) -> LoraUse:
    """The LoRA as a request takes it; without a strength, its character's."""
    somebody = characters.get(library, lora.character)
    return LoraUse(
        file=str(loras.path_of(library, lora)),
        strength=somebody.strength if strength is None else strength,
        trigger_word=lora.trigger_word,
        class_word=somebody.class_word,
        character=lora.character,
        lora=lora.id,
    )


def base_of(library: Library, lora: Lora) -> BaseFiles:
    """The base model's files that the LoRA was trained on, if they are still there; else those of this machine."""
    noted = _files(lora.base or {})
    if _there(noted):
        return noted
    if lora.job:
        with suppress(IsengardError, OSError):
            base = JobFolder.open(library.jobs / lora.job).config().base
            if _there(base):
                return base
    return base_files(lora.family)


def base_files(family: str) -> BaseFiles:
    """A family's base model on this machine: its files in ComfyUI's folders, or a folder in diffusers' layout that lies
    in models/diffusers; as far as there are any."""
    found = _files(basemodels.files_for(family, {}))
    if family == "mini" or found.transformer:
        return found
    return BaseFiles(transformer=next(_pipeline_folders(family), ""))


def _pipeline_folders(family: str) -> Iterator[str]:
    for place in settings.model_folders("diffusers"):
        for index in sorted(place.glob("*/model_index.json")):
            with suppress(IsengardError, OSError):
                if identify(index.parent).kind == family:
                    yield str(index.parent)


def missing_base(family: str, base: BaseFiles) -> str:
    """Why nothing can be made with a family on this machine, as a sentence; empty if its base model is there."""
    if family == "mini" or base.transformer:
        return ""
    wanted = basemodels.PARTS[family][0]
    return (
        f"{basemodels.TITLES[family]} is not on this machine: {wanted.names[0]} from {wanted.source} belongs into "
        f"models/{wanted.folders[0]}."
    )


def _there(base: BaseFiles) -> bool:
    return base.transformer != "" and Path(base.transformer).exists()


def _files(noted: Mapping[str, Any]) -> BaseFiles:
    return BaseFiles(**{name: path for name in vars(BaseFiles()) if isinstance(path := noted.get(name), str)})
