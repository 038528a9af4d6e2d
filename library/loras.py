"""The LoRAs of a character: weights in the folder where ComfyUI finds them, and a record beside the character.

Whoever asks here gets those of trainings that were done a moment ago, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import remove, told_plainly
from . import finished, lora_records, names, trash
from .characters import get, now
from .lora_records import FORMAT, Lora, free_id, lora_from_dict, path_of, stored
from .store import Library

__all__ = [
    "FORMAT", "Lora", "delete", "find", "free_id", "list_all", "lora_from_dict", "path_of", "register", "stored",
]  # fmt: skip


def list_all(library: Library, slug: str | None = None) -> list[Lora]:
    """The LoRAs of a character, or of all, the latest first. A damaged record is passed over; its weights stay."""
    finished.take_in(library)
    return stored(library, slug)


def find(library: Library, lora_id: str) -> Lora:
    """One LoRA. Raises LORA_MISSING, NAME_INVALID."""
    names.inside(library.loras, lora_id)
    for lora in list_all(library):
        if lora.id == lora_id:
            return lora
    raise IsengardError("LORA_MISSING", f"There is no LoRA {names.shown(lora_id)}.")


def register(
    library: Library,
    slug: str,
    lora_file: Path,
    *,
    job: str,
    step: int,
    family: str,
    trigger_word: str = "",
    base: Mapping[str, Any] | None = None,
    scores: Mapping[str, float] | None = None,
) -> Lora:
    """Copies a LoRA into the LoRA folder and notes it with its character. The same file again changes only its scores.

    Raises CHARACTER_MISSING, LORA_MISSING, DISK_FULL, FOLDER_NOT_WRITABLE.
    """
    library.folder(slug)
    with library.changing(slug) as change:
        return lora_records.add(
            library, change, slug, lora_file, job=job, step=step, family=family, trigger_word=trigger_word, base=base,
            scores=scores,
        )  # fmt: skip


def delete(library: Library, lora_id: str) -> trash.Entry:
    """Puts a LoRA into the trash; a character that had chosen it has its latest one again.

    Raises LORA_MISSING; FOLDER_NOT_WRITABLE if its weights can't be taken away, which then lie there without a record.
    """
    lora = find(library, lora_id)
    entry = trash.new_entry("lora", lora.name, lora.character)
    weights = path_of(library, lora)
    with library.changing(lora.character) as change:
        folder = library.folder(lora.character)
        within = weights.is_relative_to(library.root)
        moved = [folder.loras / f"{lora.id}.json", *([weights] if within and weights.is_file() else [])]
        trash.throw_away(library, change, entry, moved)
        with suppress(IsengardError):  # a damaged file must not keep somebody from deleting
            character = get(library, lora.character)
            if character.lora == lora.id:
                change.write_json(folder.file, replace(character, lora="", updated=now()).as_dict())
        if not within and weights.is_file():  # on another disk perhaps: copied, and removed when the change is made
            change.copy(weights, library.trash / entry.id / trash.ELSEWHERE / weights.name)
    if not within:
        with told_plainly(weights):
            remove(weights)
    return entry
