"""The last step of every import: a character that was put together aside comes into the library, whole."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..errors import IsengardError
from ..files import replace as put_in_place
from ..files import sync, told_plainly, write_json
from ..sentences import Said
from . import loras, names, triggers
from .characters import Character, get, trigger_words
from .folders import CharacterFolder
from .journal import Transaction
from .loras import Lora
from .scratch import Workspace
from .store import Library

Progress = Callable[[int, int], None]
"""Is told how many photos are done, and of how many."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A character that came in."""

    character: Character
    photos: int
    loras: int = 0
    warnings: tuple[str, ...] = ()
    """What was left out and why, and what to look after."""


def settle(
    library: Library,
    desk: Workspace,
    folder: CharacterFolder,
    character: Character,
    weights: Sequence[tuple[Lora, Path]],
) -> Character:
    """Moves the character's folder, which is on the library's disk, into the library, and its LoRAs to the others.

    It gets a free address, and the LoRAs free names, by which its chosen one is known. Everything is there afterwards,
    or nothing is.
    Raises LIBRARY_BUSY, DISK_FULL, FOLDER_NOT_WRITABLE.
    """
    outside: list[Path] = []
    try:
        with library.changing() as change:
            slug = names.unique(character.id, library.taken())
            chosen = ""
            taken: set[str] = set()
            for lora, path in weights:
                lora_id = loras.free_id(library, lora.id, taken)
                taken.add(names.folded(lora_id))
                chosen = lora_id if lora.id == character.lora else chosen
                new = replace(lora, id=lora_id, character=slug)
                with told_plainly(folder.loras):
                    folder.loras.mkdir(exist_ok=True)
                write_json(folder.loras / f"{lora_id}.json", asdict(new))
                _place(library, change, desk, path, loras.path_of(library, new), outside)
            write_json(folder.file, replace(character, id=slug, lora=chosen).as_dict())
            for part in (folder.path, *(part for part in folder.path.iterdir() if part.is_dir())):
                sync(part)
            change.put(folder.path, library.characters / slug)
    except BaseException:
        _take_back(library, outside)
        raise
    library.tell((slug,))
    return get(library, slug)


def _take_back(library: Library, outside: list[Path]) -> None:
    """Removes weights that were placed already, unless the change was decided before it was broken off."""
    if not outside:
        return
    with suppress(IsengardError, OSError), library.changing():
        for path in outside:
            if not library.has_lora(path):
                path.unlink(missing_ok=True)


def trigger_warning(library: Library, character: Character) -> str:
    """A sentence if the character's trigger word is another's already; empty otherwise."""
    taken = trigger_words(library)
    owner = next(
        (name for word, name in taken.items() if names.folded(word) == names.folded(character.trigger_word)), ""
    )
    if not owner:
        return ""
    word, free = character.trigger_word, triggers.propose(taken, character.name)
    text = (
        f"The trigger word {word} belongs to {owner} already. It was kept, because captions and LoRAs were made with"
        f" it; before you train {character.name} again, choose another one, {free} for example."
    )
    return Said("import.trigger_taken", text, word=word, owner=owner, name=character.name, free=free)


def _place(
    library: Library, change: Transaction, desk: Workspace, source: Path, target: Path, outside: list[Path]
) -> None:
    if target.is_relative_to(library.root):
        change.put(source, target)
        return
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")  # perhaps on another disk
    with told_plainly(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in (aside, target):
            desk.answer_for(path)
            outside.append(path)
        shutil.copyfile(source, aside)
        sync(aside)
        put_in_place(aside, target)
