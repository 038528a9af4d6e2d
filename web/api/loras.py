"""The LoRAs of all characters, and what each can be used with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from ...errors import IsengardError
from ...generator import NAMES
from ...generator.aspects import SIZES
from ...generator.interface import Readiness
from ...library import loras, trash
from ...library.lora_scores import Scores, scores
from ...library.loras import Lora
from ...library.store import Library
from ..call import Call
from ..generating import base_of, missing_base
from ..models import NEXT, Out, PageQuery, TrashOut
from ..paging import page
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
    scores: dict[str, float] | None = Field(
        description="What was measured of it, e.g. `likeness`: how like the person the samples of its step were, where "
        "1 is the same and about 0 a stranger. null: nothing was measured."
    )
    present: bool = Field(description="Whether its weights are where they belong.")
    usable: list[UsableOut]


class LoraList(Out):
    """LoRAs, the latest first."""

    loras: list[LoraOut]
    next: str = NEXT


class LorasQuery(PageQuery):
    """Which."""

    character: str = Field(default="", max_length=150, description="Id; empty: all.")


@routes.get("/loras", errors=("NAME_INVALID", "CHARACTER_MISSING"))
async def index(call: Call, query: LorasQuery) -> LoraList:
    """All LoRAs, or those of a character."""
    found, cursor = await call.run(_list, call.library, query)
    readiness = {family: await _ready(call, family) for family in {known.lora.family for known in found}}
    return LoraList(loras=[_out(known, readiness[known.lora.family]) for known in found], next=cursor)


@routes.get("/loras/{lora}", errors=("LORA_MISSING", "NAME_INVALID"))
async def show(call: Call, lora: str) -> LoraOut:
    """One LoRA."""
    return await _shown(call, await call.run(loras.find, call.library, lora))


@routes.delete("/loras/{lora}", errors=("LORA_MISSING", "CHARACTER_MISSING", "LIBRARY_CONFLICT"))
async def delete(call: Call, lora: str) -> TrashOut:
    """Puts a LoRA into the trash; a character that had chosen it has its latest one again."""
    entry = await call.run(loras.delete, call.library, lora)
    return TrashOut(trash=entry.id, label=entry.label)


@routes.post(
    "/loras/{lora}/restore",
    errors=("LORA_MISSING", "CHARACTER_MISSING", "LIBRARY_CONFLICT", "LIBRARY_CORRUPT", "TRASH_MISSING"),
)
async def restore(call: Call, lora: str) -> LoraOut:
    """Takes a LoRA back out of the trash."""
    return await _shown(call, await call.run(_restore, call.library, lora))


async def _shown(call: Call, found: Lora) -> LoraOut:
    (known,) = await call.run(_known, call.library, [found])
    return _out(known, await _ready(call, found.family))


@dataclass(frozen=True)
class _Known:
    """A LoRA, and what is to be said of it."""

    lora: Lora
    missing: str
    """For using it; empty if nothing is."""
    scores: Scores | None


def _list(library: Library, query: LorasQuery) -> tuple[list[_Known], str]:
    """A page of the LoRAs, and the cursor of the next."""
    if query.character:
        library.folder(query.character)
    found = loras.list_all(library, query.character or None)
    shown, cursor = page(found, lambda lora: (lora.created, f"{lora.step:09}", lora.id), query.cursor, query.limit)
    return _known(library, shown), cursor


def _known(library: Library, found: Sequence[Lora]) -> list[_Known]:
    measured = scores(library, found)
    return [_Known(lora, _missing(library, lora), measured[lora.id]) for lora in found]


def _missing(library: Library, lora: Lora) -> str:
    if not loras.path_of(library, lora).is_file():
        return _NO_FILE
    if lora.family not in SIZES:
        return f"The base model {lora.family!r} is not known here."
    return missing_base(lora.family, base_of(library, lora))


def _restore(library: Library, lora_id: str) -> Lora:
    for entry in trash.entries(library):
        if entry.kind == "lora" and any(file.endswith(f"/loras/{lora_id}.json") for file in entry.files):
            trash.restore(library, entry.id)
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


def _out(known: _Known, readiness: dict[str, Readiness]) -> LoraOut:
    lora, missing = known.lora, known.missing
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
        scores=dict(known.scores) if known.scores is not None else None,
        present=missing != _NO_FILE,
        usable=[
            UsableOut(generator=name, ready=found.ready and not lacks, reason=found.reason or lacks)
            for name, found in readiness.items()
            for lacks in (_lacks(name, missing),)
        ],
    )


def _lacks(generator: str, missing: str) -> str:
    """What keeps a generator from using a LoRA. ComfyUI says itself which base models it has: it may be elsewhere."""
    return "" if generator == "comfyui" and missing != _NO_FILE else missing
