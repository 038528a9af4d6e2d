"""What is noted of LoRAs beside their characters, and where their weights are; loras.py is what others ask."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import read_json, told_plainly, written_aside
from . import names
from .characters import get, now
from .folders import CharacterFolder
from .journal import Transaction
from .store import Library

FORMAT = 1
"""Version of a record; a reader refuses a newer one."""
_LARGEST = 1e9
"""Of a score: what is no number or has no end is not below it."""


@dataclass(frozen=True, kw_only=True)
class Lora:
    """One version of a character's LoRA."""

    id: str
    """Unique in the library: the file's name without its ending."""
    character: str
    """Slug."""
    name: str
    """For people."""
    family: str
    """The base model's family; it works with no other."""
    trigger_word: str
    """The word it was trained with, which the character's may have ceased to be."""
    job: str = ""
    step: int = 0
    base: Mapping[str, Any] | None = None
    """What is known of the base model's file."""
    scores: Mapping[str, float] | None = None
    """What was measured of it; None: nothing was."""
    sha256: str = ""
    bytes: int = 0
    created: str = ""
    format: int = FORMAT

    @property
    def file(self) -> str:
        """Name in the LoRA folder."""
        return f"{self.id}.safetensors"


def add(
    library: Library,
    change: Transaction,
    slug: str,
    file: Path,
    *,
    job: str,
    step: int,
    family: str,
    trigger_word: str = "",
    base: Mapping[str, Any] | None = None,
    scores: Mapping[str, float] | None = None,
) -> Lora:
    """Adds to a change that a LoRA is copied into the LoRA folder and noted with its character.

    The same file again changes only its scores. Raises CHARACTER_MISSING, LORA_MISSING, DISK_FULL, FOLDER_NOT_WRITABLE.
    """
    character = get(library, slug)
    if not file.is_file():
        raise IsengardError("LORA_MISSING", f"There is no file {file}.")
    digest = _hash(file)
    known = next((lora for lora in stored(library, slug) if lora.sha256 == digest), None)
    lora = Lora(
        id=known.id if known else _left_behind(library, file.stem, digest) or free_id(library, file.stem),
        character=slug,
        name=f"{character.name}, step {step}",
        family=family,
        trigger_word=trigger_word or character.trigger_word,
        job=job,
        step=step,
        base=base,
        scores=scores if scores is not None else known.scores if known else None,
        sha256=digest,
        bytes=file.stat().st_size,
        created=known.created if known else now(),
    )
    if not path_of(library, lora).is_file():
        _copy(library, change, file, path_of(library, lora))
    change.write_json(library.folder(slug).loras / f"{lora.id}.json", asdict(lora))
    return lora


def stored(library: Library, slug: str | None = None) -> list[Lora]:
    """The LoRAs that are noted with a character, or with all, the latest first. A damaged record is passed over; its
    weights stay. So is what is deleted while we look."""
    found = []
    for name in [slug] if slug is not None else library.slugs():
        folder = CharacterFolder(names.inside(library.characters, name))
        with suppress(FileNotFoundError):
            for path in sorted(folder.loras.glob("*.json")) if folder.loras.is_dir() else []:
                with suppress(IsengardError, FileNotFoundError):
                    found.append(_read(path, name))
    return sorted(found, key=lambda lora: (lora.created, lora.step, lora.id), reverse=True)


def path_of(library: Library, lora: Lora) -> Path:
    """Where its weights are; they may have been taken away by hand."""
    return library.loras / lora.file


def free_id(library: Library, stem: str, taken: Collection[str] = ()) -> str:
    """An id made of a file's name that no LoRA and no file has, and that is not in `taken` (folded)."""
    used = {*taken, *(names.folded(lora.id) for lora in stored(library))}
    if library.loras.is_dir():
        used |= {names.folded(path.stem) for path in library.loras.iterdir()}
    return names.unique(_tidy(stem), used)


def lora_from_dict(found: Any, where: str, *, lora_id: str, character: str) -> Lora:
    """Checks what stands in a LoRA's record. Raises RECORD_CORRUPT, LIBRARY_NEWER."""
    try:
        known = {item.name for item in fields(Lora)}
        lora = Lora(**{**{k: v for k, v in found.items() if k in known}, "id": lora_id, "character": character})
        if lora.format > FORMAT:
            raise IsengardError("LIBRARY_NEWER", f"{where} was written by a newer version of Isengard.")
        texts = (lora.name, lora.family, lora.trigger_word, lora.job, lora.created, lora.sha256)
        if not all(isinstance(text, str) for text in texts) or not all(
            isinstance(n, int) for n in (lora.step, lora.bytes)
        ):
            raise ValueError("a value has the wrong type")
        if not all(isinstance(group, dict | None) for group in (lora.base, lora.scores)):
            raise ValueError("base or scores is no object")
        return replace(lora, scores=sound_scores(lora.scores))
    except (AttributeError, TypeError, ValueError) as problem:
        raise IsengardError("RECORD_CORRUPT", f"{where} can't be used: {problem}.") from problem


def sound_scores(given: Any) -> dict[str, float] | None:
    """Names with finite numbers, which is all that scores are; None if `given` is no object of anything."""
    if not isinstance(given, Mapping):
        return None
    return {str(name)[:60]: float(value) for name, value in given.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _read(path: Path, slug: str) -> Lora:
    found = read_json(path, "RECORD_CORRUPT")
    return lora_from_dict(found, str(path), lora_id=path.stem, character=slug)


def _tidy(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:100] or "lora"


def _left_behind(library: Library, stem: str, digest: str) -> str:
    """The id of these very weights in the LoRA folder that nobody owns: a process was killed before it noted them."""
    path = library.loras / f"{_tidy(stem)}.safetensors"
    mine = path.is_file() and not library.has_lora(path) and _hash(path) == digest
    return path.stem if mine else ""


def _copy(library: Library, change: Transaction, source: Path, target: Path) -> None:
    if target.is_relative_to(library.root):
        change.copy(source, target)
        return
    with told_plainly(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(target) as aside:  # on another disk perhaps: there before its record, harmless alone
        shutil.copyfile(source, aside)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
