"""Generators: what each can make, and what it lacks."""

from __future__ import annotations

from pydantic import Field

from ... import settings
from ...generator import NAMES, NOT_READY
from ...generator.interface import Readiness
from ...generator.request import TOGGLES
from ...sentences import Said
from ..call import Call
from ..generating import base_files, missing_base
from ..models import Family, Out, Query, SaidOut
from ..routing import Routes

routes = Routes("generators")


class GetOut(Out):
    """Something to be got: a file, or another ComfyUI pack."""

    what: str
    source: str = Field(description="Its address.")
    folder: str = Field(description="Where it belongs, counted from ComfyUI's folder.")


class ChoiceOut(Out):
    """One way of doing something."""

    name: str
    ready: bool
    reason: str
    said: SaidOut = Field(description="The reason, with its code.")


class AbilityOut(Out):
    """Whether something can be done, and if not, what is missing and where to get it."""

    name: str
    ready: bool = Field(description="In one way at least.")
    reason: str
    said: SaidOut = Field(description="The reason, with its code.")
    get: list[GetOut]
    choices: list[ChoiceOut] = Field(description="Its ways, e.g. canny, depth and pose; empty if there is only one.")


class BaseOut(Out):
    """A base model's file that can be chosen, as `base_file`, and what suits it."""

    name: str
    title: str
    steps: int
    guidance: float


class GeneratorOut(Out):
    """A generator and what it can do with a family."""

    name: str
    family: str
    ready: bool
    reason: str
    said: SaidOut = Field(description="The reason, with its code.")
    toggles: list[AbilityOut]
    bases: list[BaseOut] = Field(description="The best first; empty: there is nothing to choose.")


class GeneratorList(Out):
    """All generators, also those that are planned; the best for the family first."""

    generators: list[GeneratorOut]


class GeneratorsQuery(Query):
    """For which base model."""

    family: Family | None = Field(default=None, description="Default: that of this host's mode.")


@routes.get("/generators")
async def index(call: Call, query: GeneratorsQuery) -> GeneratorList:
    """What each generator can do with a base model, and what it lacks."""
    family = query.family or settings.default_family()
    first = "comfyui" if family != "mini" and _has_comfyui(call) else "diffusers"
    names = sorted(NAMES, key=lambda name: name != first)
    return GeneratorList(generators=[await _generator(call, name, family) for name in names])


def _has_comfyui(call: Call) -> bool:
    return call.services.host == "comfyui" or bool(settings.comfyui_url())


async def _generator(call: Call, name: str, family: str) -> GeneratorOut:
    if name in NOT_READY:
        text = f"The generator {name} is not ready: {NOT_READY[name]}."
        planned = Said("generator.planned", text)
        toggles = [_ability(toggle, Readiness(ready=False, reason=planned)) for toggle in TOGGLES]
        return GeneratorOut(
            name=name, family=family, ready=False, reason=planned, said=SaidOut.of(planned), toggles=toggles, bases=[]
        )
    queue = call.services.pictures.queue
    found = await queue.readiness(name, family)
    reason = found["pictures"].reason
    if name == "diffusers":
        reason = reason or missing_base(family, await call.run(base_files, family))
    return GeneratorOut(
        name=name,
        family=family,
        ready=not reason,
        reason=reason,
        said=SaidOut.of(reason),
        toggles=[_ability(toggle, found[toggle]) for toggle in TOGGLES],
        bases=[BaseOut(**vars(base)) for base in await queue.bases(name, family)],
    )


def _ability(name: str, found: Readiness) -> AbilityOut:
    return AbilityOut(
        name=name,
        ready=found.ready,
        reason=found.reason,
        said=SaidOut.of(found.reason),
        get=[GetOut(**vars(get)) for get in found.get],
        choices=[
            ChoiceOut(name=way, ready=one.ready, reason=one.reason, said=SaidOut.of(one.reason))
            for way, one in found.choices.items()
        ],
    )
