"""The machine and the program: health, what is there and what is missing, and this document of the API."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

from aiohttp import web
from pydantic import Field

from ... import settings
from ...library import basemodels, machine
from ...library.report.faces import where_to_get
from ..call import Call
from ..models import Family, Out, Problem, problem_values
from ..routing import Routes

routes = Routes("system")


class Health(Out):
    """The server answers."""

    status: Literal["ok"]
    host: Literal["standalone", "comfyui"]


class GpuOut(Out):
    """A GPU. null: it does not tell."""

    name: str
    memory_total: int
    memory_free: int
    load: float | None
    temperature: float | None
    power: float | None
    driver: str


class Room(Out):
    """Bytes."""

    free: int
    total: int


class PartOut(Out):
    """One part of a base model."""

    part: Literal["transformer", "vae", "clip", "t5"]
    title: str
    file: str = Field(description="The file that is used; empty: none was found.")
    found: str = Field(description="What the file is.")
    files: list[str] = Field(description="All files that can be chosen.")
    usable: bool
    problem: str
    error: Problem | None = Field(description="The problem, with its code.")
    get: str = Field(description="Where it is to be had.")
    put: str = Field(description="Where it is to be put, counted from ComfyUI's folder.")
    names: list[str]
    gigabytes: float
    license: str


class BaseModelOut(Out):
    """A base model that can be trained on."""

    family: Family
    title: str
    ready: bool
    parts: list[PartOut]


class MeasurerOut(Out):
    """A small model that lets the report say more."""

    file: str
    present: bool
    purpose: str
    megabytes: float
    license: str
    get: str
    put: str


class SystemOut(Out):
    """All that a set-up page shows."""

    host: Literal["standalone", "comfyui"]
    mode: Literal["production", "fast-test"]
    default_family: Family
    comfyui: bool
    comfyui_url: str
    device: str
    gpus: list[GpuOut]
    memory: Room
    disk: Room
    library: str = Field(description="The library's folder; only its name where the server listens on the network.")
    loras: str = Field(description="Where trained LoRAs go; only the name where the server listens on the network.")
    versions: dict[str, str]
    base_models: list[BaseModelOut]
    measurers: list[MeasurerOut] = Field(description="What the report measures faces with.")
    training: str = Field(description="The job that runs now.")
    listeners: int = Field(description="Pages that follow /events.")
    loop_lag: float = Field(
        description="Seconds that the event loop was late at worst within the last minute; 0 inside ComfyUI, which is "
        "not measured."
    )


@routes.get("/health", free=True)
async def health(call: Call) -> Health:
    """Whether the server answers; needs no token."""
    return Health(status="ok", host=call.services.host)


@routes.get("/system")
async def system(call: Call) -> SystemOut:
    """GPU, memory, disk, versions; base models: there or missing, where to get them and where to put them."""
    return await call.run(_system, call)


@routes.get("/openapi.json", media="application/json")
async def openapi(call: Call) -> web.Response:
    """This API as an OpenAPI 3.1 document."""
    from ..openapi import document

    return web.json_response(await call.run(document, call.prefix))


def _system(call: Call) -> SystemOut:
    services = call.services
    free, total = machine.memory()
    disk_free, disk_total = machine.disk(call.library.root)
    return SystemOut(
        host=services.host,
        mode=settings.mode(),  # type: ignore[arg-type]
        default_family=settings.default_family(),  # type: ignore[arg-type]
        comfyui=settings.comfyui_path() is not None,
        comfyui_url=settings.without_password(settings.comfyui_url()),
        device=machine.device_name(),
        gpus=[GpuOut(**asdict(card)) for card in machine.gpus()],
        memory=Room(free=free, total=total),
        disk=Room(free=disk_free, total=disk_total),
        library=_shown(services.on_network, call.library.root),
        loras=_shown(services.on_network, call.library.loras),
        versions=machine.versions(),
        base_models=[_base_model(call, family) for family in basemodels.PARTS],
        measurers=[
            MeasurerOut(
                file=model.file,
                present=(call.library.models / model.file).is_file(),
                purpose=model.purpose,
                megabytes=model.megabytes,
                license=model.licence,
                get=model.project,
                put="the library's folder “models”",
            )
            for model in where_to_get()
        ],
        training=services.queue.running,
        listeners=services.hub.listeners,
        loop_lag=round(services.lag.worst, 4),
    )


def _shown(on_network: bool, folder: Path) -> str:
    return folder.name if on_network else str(folder)


def _base_model(call: Call, family: str) -> BaseModelOut:
    parts = basemodels.survey(family)
    return BaseModelOut(
        family=family,  # type: ignore[arg-type]
        title=basemodels.TITLES[family],
        ready=all(found.usable for found in parts),
        parts=[_part(call, found) for found in parts],
    )


def _part(call: Call, found: basemodels.Found) -> PartOut:
    wanted = found.wanted
    return PartOut(
        part=wanted.part,  # type: ignore[arg-type]
        title=wanted.title,
        file=found.within or (found.path.name if found.path else ""),
        found=f"part of {found.within}" if found.within else found.title,
        files=[path.name for path in ([found.path] if found.path and not found.problem else []) + list(found.others)],
        usable=found.usable,
        problem=call.services.redaction.text(f"{found.problem.message} {found.problem.hint}") if found.problem else "",
        error=Problem(**problem_values(found.problem, call.services.redaction)) if found.problem else None,
        get=wanted.source,
        put=f"models/{wanted.folders[0]}",
        names=list(wanted.names),
        gigabytes=wanted.gigabytes,
        license=wanted.license,
    )
