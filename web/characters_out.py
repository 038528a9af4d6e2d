"""How characters look in answers."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from pydantic import Field

from ..library.characters import Character
from ..library.covers import Cover, covers
from .call import Call
from .models import Out


class CharacterOut(Out):
    """A character."""

    id: str = Field(description="Stays when the name changes.")
    name: str
    trigger_word: str
    class_word: str
    notes: str
    cover: str = Field(description="The photo that was chosen to stand for the character; empty: none was.")
    cover_picture: str = Field(description="The picture of the gallery that was; empty: none was.")
    thumb: str = Field(
        description="Address of a small picture of what stands for it: what was chosen, else its first photo; empty if "
        "it has none."
    )
    photos: int = Field(description="How many are trained on.")
    lora: str = Field(description="Id of the LoRA that was chosen for it; empty: its latest is used.")
    strength: float
    family: str
    sample: bool = Field(description="It is the character that comes with the pack.")
    created: str
    updated: str


async def character_out(call: Call, character: Character) -> CharacterOut:
    """One character for an answer, with its version in the header."""
    call.etag(character.etag)
    return (await characters_out(call, [character]))[0]


async def characters_out(call: Call, found: Sequence[Character]) -> list[CharacterOut]:
    """Characters for an answer."""
    shown = await call.services.look(covers, call.library, found)
    return [_out(call, character, shown[character.id]) for character in found]


def _out(call: Call, character: Character, cover: Cover) -> CharacterOut:
    own = {"thumb", "photos"}
    values = {name: getattr(character, name) for name in CharacterOut.model_fields if name not in own}
    return CharacterOut(**values, thumb=_address(call, cover), photos=cover.photos)


def _address(call: Call, cover: Cover) -> str:
    if cover.picture:
        return f"{call.prefix}/gallery/{quote(cover.picture)}?size=thumb"
    return f"{call.prefix}/characters/{cover.photo}&size=thumb" if cover.photo else ""
