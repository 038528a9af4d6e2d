"""Characters: made, changed, listed. Deleting and restoring stand in trash.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any

from .. import settings
from ..errors import IsengardError
from ..files import read_bytes
from ..trainer.presets import FAMILIES, largest_size
from . import names, triggers
from .folders import CharacterFolder
from .store import Library
from .triggers import Problem

FORMAT = 1
"""Version of character.json; a reader refuses a newer one."""
EDITABLE = ("name", "trigger_word", "class_word", "notes", "cover", "cover_picture", "lora", "strength", "family")


@dataclass(frozen=True, kw_only=True)
class Character:
    """Somebody, or something, that pictures are to be made of."""

    id: str
    """Slug: the folder's name and the address. Stays when the name changes."""
    name: str
    """1–300 characters."""
    trigger_word: str
    """The word that stands for this character in captions and prompts. 1–40 characters without spaces and commas."""
    class_word: str = "person"
    """What the character is: person, woman, man, child, dog, …; at most 40 characters."""
    notes: str = ""
    """At most 10,000 characters."""
    cover: str = ""
    """The photo (file name) that stands for the character; empty: the first one."""
    cover_picture: str = ""
    """A picture of the gallery that stands for it instead; there is one of the two at most."""
    lora: str = ""
    """Id of the LoRA that somebody has chosen for it; empty: the latest."""
    strength: float = 1.0
    """Default strength of its LoRAs, 0–2."""
    family: str = ""
    """The base model that it is meant for, whose picture size its photos are judged by; empty: the usual one."""
    sample: bool = False
    """It is the one that comes with the pack, see sample.py."""
    created: str = ""
    updated: str = ""
    format: int = FORMAT

    etag: str = field(default="", compare=False)
    """Names this version of the file, for `update`."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what stands in the file."""
        return {name: value for name, value in asdict(self).items() if name != "etag"}

    @property
    def training_size(self) -> int:
        """Pixels of the largest pictures that its base model is trained with."""
        return largest_size(self.family or settings.default_family())


def create(
    library: Library, *, name: str, trigger_word: str = "", class_word: str = "person", notes: str = ""
) -> Character:
    """Makes a character; without a trigger word one is proposed. Raises CHARACTER_INVALID."""
    moment = now()
    with library.changing() as change:
        slug = names.unique(names.slug(name[:300], "character"), library.taken())
        trigger = trigger_word.strip() or _proposed(library, name)
        character = Character(
            id=slug,
            name=_tidy("name", name),
            trigger_word=trigger,
            class_word=_tidy("class_word", class_word),
            notes=notes,
            created=moment,
            updated=moment,
        )
        _check(character)
        _check_unique(library, character)
        folder = CharacterFolder(library.characters / slug)
        change.write_json(folder.file, character.as_dict())
    library.tell((slug,))
    return get(library, slug)


def get(library: Library, slug: str) -> Character:
    """One character. Raises NAME_INVALID, CHARACTER_MISSING or CHARACTER_CORRUPT."""
    return _read(library.folder(slug))


def list_all(library: Library) -> tuple[list[Character], list[IsengardError]]:
    """All characters by name, and the errors of those whose file is damaged (each with `details["character"]`)."""
    found, broken = [], []
    for slug in library.slugs():
        try:
            found.append(get(library, slug))
        except IsengardError as problem:
            # A folder that is no character is passed over.
            if problem.code not in ("CHARACTER_MISSING", "NAME_INVALID"):
                problem.details["character"] = slug
                broken.append(problem)
    return sorted(found, key=lambda character: (character.name.casefold(), character.id)), broken


def update(library: Library, slug: str, changes: Mapping[str, Any], *, etag: str = "") -> Character:
    """Changes what `changes` names (see EDITABLE). With `etag`, only the version that it names.

    A cover is a photo or a picture: naming one takes the other away.
    Raises CHARACTER_CONFLICT if somebody else changed it meanwhile, CHARACTER_INVALID, PHOTO_MISSING, LORA_MISSING.
    """
    unknown = sorted(set(changes) - set(EDITABLE))
    if unknown:
        raise IsengardError("CHARACTER_INVALID", f"{', '.join(unknown)} can't be changed.")
    with library.changing(slug) as change:
        folder = library.folder(slug)
        old = _read(folder)
        if etag and etag != old.etag:
            raise IsengardError("CHARACTER_CONFLICT", f"{old.name} was changed elsewhere since you opened it.")
        given = {key: _tidy(key, value) for key, value in changes.items()}
        if given.get("cover_picture"):
            given["cover"] = ""
        elif "cover" in given:
            given["cover_picture"] = ""
        new = replace(old, **given, updated=now())
        _check(new)
        if names.folded(new.trigger_word) != names.folded(old.trigger_word):
            _check_unique(library, new)
        if new.cover and new.cover != old.cover and folder.find_image(new.cover) is None:
            raise IsengardError("PHOTO_MISSING", f"{old.name} has no photo {names.shown(new.cover)}.")
        if new.lora and new.lora != old.lora and not names.inside(folder.loras, f"{new.lora}.json").is_file():
            raise IsengardError("LORA_MISSING", f"{old.name} has no LoRA {names.shown(new.lora)}.")
        change.write_json(folder.file, new.as_dict())
    return get(library, slug)


def trigger_words(library: Library) -> dict[str, str]:
    """The trigger words that are taken, each with the name of its character."""
    return {character.trigger_word: character.name for character in list_all(library)[0]}


def check_trigger(library: Library, trigger_word: str, *, slug: str = "", class_word: str = "") -> list[Problem]:
    """What speaks against a trigger word for the character `slug`, or for a new one; the gravest first."""
    others = {c.trigger_word: c.name for c in list_all(library)[0] if c.id != slug}
    return triggers.check(trigger_word, taken=others, class_word=class_word)


def now() -> str:
    """The present moment in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _proposed(library: Library, name: str) -> str:
    return triggers.propose(trigger_words(library), name)


def character_from_dict(found: Any, where: str, *, slug: str, etag: str = "") -> Character:
    """Checks what stands in a character's file. Raises CHARACTER_CORRUPT, LIBRARY_NEWER."""
    try:
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
        if isinstance(found.get("format"), int) and found["format"] > FORMAT:
            raise IsengardError("LIBRARY_NEWER", f"{where} was written by a newer version of Isengard.")
        known = {item.name for item in fields(Character)} - {"etag"}
        values = {key: value for key, value in found.items() if key in known}
        character = Character(**{**values, "id": slug}, etag=etag)
        _check(character)
    except IsengardError as problem:
        if problem.code != "CHARACTER_INVALID":
            raise
        raise _corrupt(where, problem.message) from problem
    except (ValueError, TypeError) as problem:
        raise _corrupt(where, str(problem)) from problem
    return character


def _read(folder: CharacterFolder) -> Character:
    try:
        data = read_bytes(folder.file)
        found = json.loads(data)
    except FileNotFoundError as problem:  # deleted since somebody saw that it is there
        raise IsengardError("CHARACTER_MISSING", f"There is no character {names.shown(folder.slug)}.") from problem
    except (OSError, ValueError, RecursionError) as problem:
        raise _corrupt(str(folder.file), str(problem)) from problem
    return character_from_dict(found, str(folder.file), slug=folder.slug, etag=hashlib.sha256(data).hexdigest()[:20])


def _corrupt(where: str, why: str) -> IsengardError:
    return IsengardError("CHARACTER_CORRUPT", f"{where} can't be used: {why}")


def _check(character: Character) -> None:
    problems = list(_problems(character))
    if problems:
        raise IsengardError("CHARACTER_INVALID", " ".join(problems), problems=problems)


def _problems(character: Character) -> list[str]:
    found = []
    for name, least, most in (("name", 1, 300), ("trigger_word", 1, 40), ("class_word", 0, 40), ("notes", 0, 10_000),
                              ("cover", 0, 300), ("cover_picture", 0, 150), ("lora", 0, 150), ("created", 0, 40),
                              ("updated", 0, 40)):  # fmt: skip
        value = getattr(character, name)
        if not isinstance(value, str) or not least <= len(value) <= most:
            shown = f"{len(value)}" if isinstance(value, str) else repr(value)
            found.append(f"{name} must have {least}–{most} characters, got {shown}.")
        elif not names.is_text(value) or any(
            ord(sign) < 32 and not (name == "notes" and sign in "\n\t\r") for sign in value
        ):
            found.append(f"{name} holds control characters.")
    if character.family not in ("", *FAMILIES):
        found.append(f"family must be one of {', '.join(FAMILIES)}, or empty, got {character.family!r}.")
    if not found and (len(character.trigger_word.split()) != 1 or "," in character.trigger_word):
        found.append(f"trigger_word must be one word without commas, got {character.trigger_word!r}.")
    sample: Any = character.sample  # may come from JSON, as the next one, whatever its type says
    if not isinstance(sample, bool):
        found.append(f"sample must be true or false, got {sample!r}.")
    strength: Any = character.strength
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength <= 2:
        found.append(f"strength must be 0–2, got {strength!r}.")
    return found


def _tidy(key: str, value: Any) -> Any:
    """One line and single spaces, but for the notes."""
    return " ".join(value.split()) if isinstance(value, str) and key != "notes" else value


def _check_unique(library: Library, character: Character) -> None:
    for word, name in trigger_words(library).items():
        if names.folded(word) == names.folded(character.trigger_word):
            raise IsengardError(
                "CHARACTER_INVALID",
                f"The trigger word {word!r} belongs to {name} already.",
                hint="Choose another word: two characters with one word would become one person.",
            )
