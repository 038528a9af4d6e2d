"""Characters: made, listed, changed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...errors import IsengardError
from ...library import characters, covers, names, sample, trash
from ...library.characters import Character
from ..call import Call
from ..characters_out import CharacterOut, character_out, characters_out
from ..models import NEXT, Body, Out, PageQuery, Problem, TrashOut, problem_values
from ..paging import page
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
    cover: Annotated[str, Field(max_length=300)] | None = Field(
        default=None, description="A photo that is to stand for the character; empty: the first one."
    )
    cover_picture: Annotated[str, Field(max_length=150)] | None = Field(
        default=None, description="A picture of the gallery that is to stand for it instead; empty: no picture."
    )
    lora: Annotated[str, Field(max_length=150)] | None = Field(
        default=None, description="The LoRA that its pictures are made with; empty: always the latest."
    )
    strength: Annotated[float, Field(ge=0, le=2)] | None = None
    family: Annotated[str, Field(max_length=40)] | None = Field(
        default=None, description="The base model that its photos are judged for; empty: the usual one."
    )


class BrokenCharacter(Problem):
    """A folder whose character.json can't be used."""

    id: str


class CharacterList(Out):
    """All characters by name."""

    characters: list[CharacterOut]
    broken: list[BrokenCharacter] = Field(description="On the first page.")
    next: str = NEXT


@routes.get("/characters")
async def index(call: Call, query: PageQuery) -> CharacterList:
    """All characters, by name."""
    found, broken = await call.run(characters.list_all, call.library)
    shown, cursor = page(
        found, lambda character: (character.name.casefold(), character.id), query.cursor, query.limit, upwards=True
    )
    return CharacterList(
        characters=await characters_out(call, shown),
        broken=[_broken(call, problem) for problem in broken] if not query.cursor else [],
        next=cursor,
    )


@routes.post("/characters", status=201, errors=("CHARACTER_INVALID", "LIBRARY_BUSY"), etag=True)
async def create(call: Call, body: NewCharacter) -> CharacterOut:
    """Makes a character."""
    made = await call.run(characters.create, call.library, **body.model_dump())
    call.created(f"/characters/{made.id}")
    return await character_out(call, made)


@routes.post(
    "/characters/sample", status=201, also=(200,), etag=True,
    errors=("PHOTOS_NONE", "CHARACTER_CORRUPT", "LIBRARY_CONFLICT", "LIBRARY_CORRUPT"),
)  # fmt: skip
async def add_sample(call: Call) -> CharacterOut:
    """Puts the character that comes with the pack into the library, with her photos, to try things out with: 200 if she
    is there already."""
    found, made = await call.run(sample.the_sample, call.library)
    call.status = 201 if made else 200
    call.created(f"/characters/{found.id}")
    return await character_out(call, found)


@routes.get("/characters/{character}", errors=("CHARACTER_MISSING", "CHARACTER_CORRUPT", "NAME_INVALID"), etag=True)
async def show(call: Call, character: str) -> CharacterOut:
    """One character."""
    return await character_out(call, await call.run(characters.get, call.library, character))


@routes.patch(
    "/characters/{character}",
    errors=("CHARACTER_MISSING", "CHARACTER_CORRUPT", "CHARACTER_INVALID", "CHARACTER_CONFLICT", "NAME_INVALID",
            "PHOTO_MISSING", "PICTURE_MISSING", "LORA_MISSING", "LIBRARY_BUSY"),
    etag=True,
)  # fmt: skip
async def change(call: Call, character: str, body: CharacterChanges) -> CharacterOut:
    """Changes what is named; with If-Match, only the version that was loaded."""
    changed = await call.run(covers.update, call.library, character, body.given(), etag=call.if_match())
    return await character_out(call, changed)


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
    return await character_out(call, await call.run(_restore, call, character))


def _restore(call: Call, slug: str) -> Character:
    found = next(
        (item for item in trash.entries(call.library) if item.kind == "character" and item.character == slug), None
    )
    if found is None:
        raise IsengardError("TRASH_MISSING", f"No character {names.shown(slug)} is in the trash.")
    return characters.get(call.library, trash.restore(call.library, found.id).character)


def _broken(call: Call, problem: IsengardError) -> BrokenCharacter:
    return BrokenCharacter(id=str(problem.details["character"]), **problem_values(problem, call.services.redaction))
