"""How like the person a training's samples are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from pydantic import Field

from ...library.likeness import measuring
from ..call import Call
from ..jobs_out import OF_JOB
from ..models import Out, SaidOut
from ..routing import Routes

routes = Routes("likeness")


class StepOut(Out):
    """The samples of one step; 0 is the base model, before any training."""

    step: int
    likeness: float | None = Field(
        description="Mean cosine with the photos that are most alike: 1 is the same, about 0 a stranger. null: no face."
    )
    seen: int = Field(description="Pictures with a face.")
    pictures: int
    leak: float | None = Field(
        description="The same for pictures asked for without the trigger word: high is bad. null: there are none."
    )


class LikenessOut(Out):
    """What was measured until now."""

    method: Literal["drawn", "sface"]
    missing: str = Field(description="Why nothing can be measured here, and what to do; empty where it can.")
    said: SaidOut = Field(description="The same, with its code.")
    measuring: bool = Field(description="Samples are being looked at; the event `likeness` tells when it is done.")
    photos: int = Field(description="Training photos with a face.")
    among_photos: float | None = Field(description="How like each other the photos are: what can be reached.")
    steps: list[StepOut]
    recommended: int | None = Field(description="The kept step after which nothing is gained. null: can't be told.")


@routes.get("/training/{job}/likeness", errors=OF_JOB)
async def show(call: Call, job: str) -> LikenessOut:
    """What was measured of a training's samples. Those that are new are looked at soon after."""
    folder = await call.run(call.services.jobs.folder, job)
    found = await call.run(measuring.measured, folder)
    if await call.run(measuring.waiting, call.library.models, folder):
        call.services.rating.look(job)
    return LikenessOut(
        method=found.method, missing=found.missing, said=SaidOut.of(found.missing),
        measuring=call.services.rating.waits(job), photos=found.photos,
        among_photos=found.among_photos, steps=[StepOut(**asdict(step)) for step in found.steps],
        recommended=found.recommended,
    )  # fmt: skip
