"""From the library's characters and LoRAs to a request for pictures, for the HTTP API and the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import settings
from ..errors import IsengardError
from ..generator.queue import GenerationQueue
from ..generator.request import GenerationRequest, LoraUse, request_from_dict
from ..library import basemodels, characters, loras
from ..library.gallery import Picture
from ..library.loras import Lora
from ..library.store import Library
from ..sentences import Said
from ..trainer.job import BaseFiles, JobFolder
from ..trainer.plan import identify


@dataclass(frozen=True)
class Wish:
    """A character in a picture, by ids: character, LoRA, or both."""

    character: str = ""
    lora: str = ""
    strength: float | None = None
    """None: the character's."""


def request_values(library: Library, wishes: list[Wish], family: str | None) -> dict[str, Any]:
    """Family, base files and LoRAs of a request for pictures of some characters, or of nobody.

    Raises CHARACTER_MISSING, LORA_MISSING, NAME_INVALID; LORA_WRONG_FAMILY if they don't go together.
    """
    chosen: list[Lora] = []
    for wish in wishes:
        chosen.append(choose_lora(library, wish.character, wish.lora, family or (chosen[0].family if chosen else "")))
    if not chosen:
        family = family or settings.default_family()
        return {"family": family, "base": vars(base_files(family))}
    family = family or chosen[0].family
    for lora in chosen:
        if lora.family != family:
            raise IsengardError(
                "LORA_WRONG_FAMILY", f"{lora.name} was trained on {lora.family} and can't be used with {family}."
            )
    uses = [use_of(library, lora, wish.strength) for lora, wish in zip(chosen, wishes, strict=True)]
    return {"family": family, "base": vars(base_of(library, chosen[0])), "loras": [vars(use) for use in uses]}


async def finished_request(queue: GenerationQueue, values: dict[str, Any], base_file: str = "") -> GenerationRequest:
    """A request from JSON values, with what was left open chosen by the generator: the one that is named, or the best.

    Raises GENERATION_INVALID, GENERATOR_NOT_READY, FEATURE_NOT_READY, MODEL_MISSING, COMFYUI_UNREACHABLE.
    """
    request_from_dict(values)  # what is wrong with it whoever makes it, before anybody is asked
    family = str(values["family"])
    name = values.get("generator") or await queue.best(family)
    if base_file:
        known = [base.name for base in await queue.bases(name, family)]
        if base_file not in known:
            raise IsengardError("MODEL_MISSING", f"The generator {name} has no base model {base_file[:100]!r}.")
        values = {**values, "base": {**values["base"], "transformer": base_file}}
    return request_from_dict(await queue.complete(name, {**values, "generator": name}))


def choose_lora(library: Library, character: str, lora_id: str = "", family: str = "") -> Lora:
    """The LoRA `lora_id`, or the one that was chosen for the character, else its latest whose weights are there.

    One for the base model `family` comes first, if the character has one. Raises CHARACTER_MISSING, NAME_INVALID;
    LORA_MISSING if the character has none.
    """
    if lora_id:
        found = loras.find(library, lora_id)
        if character and found.character != character:
            raise IsengardError("LORA_MISSING", f"{lora_id} is no LoRA of {character}.")
        return found
    somebody = characters.get(library, character)
    there = [lora for lora in loras.list_all(library, character) if loras.path_of(library, lora).is_file()]
    fitting = [lora for lora in there if lora.family == family] or there
    if fitting:
        return next((lora for lora in fitting if lora.id == somebody.lora), fitting[0])
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
    wanted, model = basemodels.PARTS[family][0], basemodels.TITLES[family]
    file, source, folder = wanted.names[0], wanted.source, f"models/{wanted.folders[0]}"
    text = f"{model} is not on this machine: {file} from {source} belongs into {folder}."
    return Said("model.not_here", text, model=model, file=file, source=source, folder=folder)


def _there(base: BaseFiles) -> bool:
    """Whether it names a transformer, and all that it names is there."""
    return base.transformer != "" and all(Path(path).exists() for path in vars(base).values() if path)


def _files(noted: Mapping[str, Any]) -> BaseFiles:
    return BaseFiles(**{name: path for name in vars(BaseFiles()) if isinstance(path := noted.get(name), str)})


def request_of_picture(picture: Picture) -> GenerationRequest:
    """The request that makes a picture of the gallery again in ComfyUI; files are known by their names.

    Raises PICTURE_CORRUPT if nobody knows what it was made with, GENERATION_INVALID for settings that are not ours.
    """
    values = {name: value for name, value in picture.settings.items() if name not in ("format", "sent")}
    if not values:
        raise IsengardError("PICTURE_CORRUPT", f"Nobody knows what {picture.id} was made with.")
    return request_from_dict({**values, "generator": "comfyui"})
