"""The LoRAs of all characters, and what each can be used with."""

from __future__ import annotations

from pydantic import Field

from ...errors import IsengardError
from ...generator import NAMES
from ...generator.aspects import SIZES
from ...generator.interface import Readiness
from ...library import loras, trash
from ...library.loras import Lora
from ...library.store import Library
from ..call import Call
from ..generating import base_of, missing_base
from ..models import Out, Query
from ..routing import Routes

routes = Routes("loras")

_NO_FILE = "Its file is not in the LoRA folder any more."


class UsableOut(Out):
    """Whether a generator can use a LoRA, and if not, why."""

    generator: str
    ready: bool
    reason: str


class LoraOut(Out):
    """A version of a character's LoRA."""

    id: str
    character: str = Field(description="Id.")
    name: str
    family: str = Field(description="The base model's family; it works with no other.")
    trigger_word: str
    job: str = Field(description="Id of the training; empty if it came from elsewhere.")
    step: int
    bytes: int
    created: str
    scores: dict[str, float] | None = Field(description="What was measured of it.")
    present: bool = Field(description="Whether its weights are where they belong.")
    usable: list[UsableOut]


class LoraList(Out):
    """LoRAs, the latest first."""

    loras: list[LoraOut]


class LorasQuery(Query):
    """Which."""

    character: str = Field(default="", max_length=150, description="Id; empty: all.")


@routes.get("/loras", errors=("NAME_INVALID", "CHARACTER_MISSING"))
async def index(call: Call, query: LorasQuery) -> LoraList:
    """All LoRAs, or those of a character."""
    found = await call.run(_list, call.library, query.character)
    readiness = {family: await _ready(call, family) for family in {lora.family for lora, _ in found}}
    return LoraList(loras=[_out(lora, missing, readiness[lora.family]) for lora, missing in found])


@routes.delete("/loras/{lora}", errors=("LORA_MISSING", "CHARACTER_MISSING", "LIBRARY_CONFLICT"))
async def delete(call: Call, lora: str) -> None:
    """Puts a LoRA into the trash."""
    await call.run(loras.delete, call.library, lora)


@routes.post("/loras/{lora}/restore", errors=("LORA_MISSING", "LIBRARY_CONFLICT", "LIBRARY_CORRUPT", "TRASH_MISSING"))
async def restore(call: Call, lora: str) -> LoraOut:
    """Takes a LoRA back out of the trash."""
    found = await call.run(_restore, call.library, lora)
    missing = await call.run(_missing, call.library, found)
    return _out(found, missing, await _ready(call, found.family))


def _list(library: Library, character: str) -> list[tuple[Lora, str]]:
    """The LoRAs, each with what is missing for using it."""
    if character:
        library.folder(character)
    return [(lora, _missing(library, lora)) for lora in loras.list_all(library, character or None)]


def _missing(library: Library, lora: Lora) -> str:
    if not loras.path_of(library, lora).is_file():
        return _NO_FILE
    if lora.family not in SIZES:
        return f"The base model {lora.family!r} is not known here."
    return missing_base(lora.family, base_of(library, lora))


def _restore(library: Library, lora_id: str) -> Lora:
    for entry in trash.entries(library):
        if entry.kind == "lora" and any(file.endswith(f"/loras/{lora_id}.json") for file in entry.files):
            loras.restore(library, entry.id)
            return loras.find(library, lora_id)
    raise IsengardError("LORA_MISSING", "There is no such LoRA in the trash.")


async def _ready(call: Call, family: str) -> dict[str, Readiness]:
    """For each generator whether it makes pictures with that family."""
    found = {}
    for name in NAMES:
        try:
            found[name] = (await call.services.pictures.queue.readiness(name, family))["pictures"]
        except IsengardError as error:
            found[name] = Readiness(ready=False, reason=error.message)
    return found


def _out(lora: Lora, missing: str, readiness: dict[str, Readiness]) -> LoraOut:
    return LoraOut(
        id=lora.id,
        character=lora.character,
        name=lora.name,
        family=lora.family,
        trigger_word=lora.trigger_word,
        job=lora.job,
        step=lora.step,
        bytes=lora.bytes,
        created=lora.created,
        scores=dict(lora.scores) if lora.scores is not None else None,
        present=missing != _NO_FILE,
        usable=[
            UsableOut(generator=name, ready=found.ready and not missing, reason=found.reason or missing)
            for name, found in readiness.items()
        ],
    )
