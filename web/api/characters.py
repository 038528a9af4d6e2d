"""Characters: made, listed, changed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...errors import IsengardError
from ...library import characters, names, trash
from ...library.characters import Character
from ..call import Call
from ..models import Body, Out, TrashOut
from ..routing import Routes

routes = Routes("characters")

Name = Annotated[str, Field(min_length=1, max_length=300, examples=["Ada"])]
Trigger = Annotated[str, Field(max_length=40, description="One word without spaces and commas.", examples=["ohwx"])]
ClassWord = Annotated[str, Field(max_length=40, description="person, woman, man, child, dog, …")]
Notes = Annotated[str, Field(max_length=10_000)]


class NewCharacter(Body):
    """A character to be made."""

    name: Name
    trigger_word: Trigger = Field(default="", description="Empty: one is proposed.")
    class_word: ClassWord = "person"
    notes: Notes = ""


class CharacterChanges(Body):
    """What is to be changed; the rest stays."""

    name: Name | None = None
    trigger_word: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    class_word: ClassWord | None = None
    notes: Notes | None = None
    cover: Annotated[str, Field(max_length=300)] | None = None
    strength: Annotated[float, Field(ge=0, le=2)] | None = None
    family: Annotated[str, Field(max_length=40)] | None = Field(
        default=None, description="The base model that its photos are judged for; empty: the usual one."
    )


class CharacterOut(Out):
    """A character."""

    id: str = Field(description="Stays when the name changes.")
    name: str
    trigger_word: str
    class_word: str
    notes: str
    cover: str = Field(description="The photo that stands for the character; empty: the first one.")
    strength: float
    family: str
    created: str
    updated: str

    @classmethod
    def of(cls, character: Character) -> CharacterOut:
        """From the library's."""
        return cls(**{name: getattr(character, name) for name in cls.model_fields})


class BrokenCharacter(Out):
    """A folder whose character.json can't be used."""

    id: str
    code: str
    message: str
    hint: str


class CharacterList(Out):
    """All characters by name."""

    characters: list[CharacterOut]
    broken: list[BrokenCharacter]


@routes.get("/characters")
async def index(call: Call) -> CharacterList:
    """All characters."""
    found, broken = await call.run(characters.list_all, call.library)
    return CharacterList(
        characters=[CharacterOut.of(character) for character in found],
        broken=[_broken(call, problem) for problem in broken],
    )


@routes.post("/characters", status=201, errors=("CHARACTER_INVALID", "LIBRARY_BUSY"), etag=True)
async def create(call: Call, body: NewCharacter) -> CharacterOut:
    """Makes a character."""
    made = await call.run(characters.create, call.library, **body.model_dump())
    call.created(f"/characters/{made.id}")
    return _answer(call, made)


@routes.get("/characters/{character}", errors=("CHARACTER_MISSING", "CHARACTER_CORRUPT", "NAME_INVALID"), etag=True)
async def show(call: Call, character: str) -> CharacterOut:
    """One character."""
    return _answer(call, await call.run(characters.get, call.library, character))


@routes.patch(
    "/characters/{character}",
    errors=("CHARACTER_MISSING", "CHARACTER_CORRUPT", "CHARACTER_INVALID", "CHARACTER_CONFLICT", "NAME_INVALID",
            "PHOTO_MISSING", "LIBRARY_BUSY"),
    etag=True,
)  # fmt: skip
async def change(call: Call, character: str, body: CharacterChanges) -> CharacterOut:
    """Changes what is named; with If-Match, only the version that was loaded."""
    changed = await call.run(characters.update, call.library, character, body.given(), etag=call.if_match())
    return _answer(call, changed)


@routes.delete(
    "/characters/{character}",
    errors=("CHARACTER_MISSING", "CHARACTER_CONFLICT", "NAME_INVALID", "LIBRARY_CONFLICT"),
    etag=True,
)
async def delete(call: Call, character: str) -> TrashOut:
    """Puts a character with its photos into the trash; its LoRAs' files stay usable in ComfyUI."""
    if call.if_match():
        known = await call.run(characters.get, call.library, character)
        if known.etag != call.if_match():
            raise IsengardError("CHARACTER_CONFLICT", f"{known.name} was changed elsewhere since you opened it.")
    entry = await call.run(trash.delete_character, call.library, character)
    call.headers.pop("ETag", None)
    return TrashOut(trash=entry.id, label=entry.label)


@routes.post(
    "/characters/{character}/restore",
    errors=(
        "TRASH_MISSING",
        "NAME_INVALID",
        "LIBRARY_CONFLICT",
        "LIBRARY_CORRUPT",
        "LIBRARY_NEWER",
        "CHARACTER_CORRUPT",
    ),
    etag=True,
)
async def restore(call: Call, character: str) -> CharacterOut:
    """Takes the character that was deleted last under this id out of the trash; it gets another id if this is taken."""
    return _answer(call, await call.run(_restore, call, character))


def _restore(call: Call, slug: str) -> Character:
    found = next(
        (item for item in trash.entries(call.library) if item.kind == "character" and item.character == slug), None
    )
    if found is None:
        raise IsengardError("TRASH_MISSING", f"No character {names.shown(slug)} is in the trash.")
    return characters.get(call.library, trash.restore(call.library, found.id).character)


def _answer(call: Call, character: Character) -> CharacterOut:
    call.etag(character.etag)
    return CharacterOut.of(character)


def _broken(call: Call, problem: IsengardError) -> BrokenCharacter:
    shown = call.services.redaction.text
    return BrokenCharacter(
        id=str(problem.details["character"]), code=problem.code, message=shown(problem.message), hint=problem.hint
    )
