"""Pictures: asked for, followed, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from ...generator.generation import Generation
from ...generator.request import LAST_SEED, MOST, GenerationRequest
from ...library import guides
from ...library.store import Library
from ..call import Call
from ..framing import BEAT_SECONDS
from ..generating import Wish, finished_request, request_values
from ..models import Body, Family, Out, Query, SaidOut
from ..routing import Routes
from ..sse import Stream, last_event_id

routes = Routes("generate")

Guide = Annotated[str, Field(min_length=1, max_length=60, description="The id that POST /guides has given.")]
Share = Annotated[float, Field(ge=0, le=1)]
Strength = Annotated[float, Field(ge=0, le=2)]
Aspect = Literal["1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16"]


class ControlNetIn(Body):
    """Takes edges, depth or pose from a picture."""

    guide: Guide
    kind: Literal["canny", "depth", "pose"] = "canny"
    strength: Strength = 0.6
    start: Share = 0.0
    end: Share = 0.8


class ImagePromptIn(Body):
    """Makes pictures like another one."""

    guide: Guide
    method: Literal["redux", "ip-adapter"] | None = Field(default=None, description="null: the one that is there.")
    strength: Strength = 0.7


class FaceDetailerIn(Body):
    """Finds faces and paints them again, larger."""

    denoise: float = Field(default=0.4, ge=0.05, le=1)


class UpscaleIn(Body):
    """Makes the finished picture larger."""

    factor: float = Field(default=2.0, ge=1, le=4)
    method: Literal["model", "tiled"] | None = Field(default=None, description="null: the one that is there.")


class AlsoIn(Body):
    """Another character in the same picture, of the same base model."""

    character: str = Field(default="", max_length=150, description="Id; empty: the LoRA's.")
    lora: str = Field(default="", max_length=150, description="Id; empty: the character's latest.")
    strength: Strength | None = Field(default=None, description="Of the LoRA; null: the character's.")


class NewGeneration(Body):
    """Pictures to be made: of a character with one of its LoRAs, or with the base model alone."""

    prompt: str = Field(
        default="",
        max_length=4000,
        description="{trigger} stands for the trigger word; where the word is missing it is put in front.",
    )
    character: str = Field(default="", max_length=150, description="Id; empty: nobody, or the LoRA's.")
    lora: str = Field(default="", max_length=150, description="Id; empty: the character's latest.")
    strength: Strength | None = Field(default=None, description="Of the LoRA; null: the character's.")
    also: list[AlsoIn] = Field(default=[], max_length=7, description="Further characters.")
    family: Family | None = Field(default=None, description="Base model; null: the LoRA's.")
    base_file: str = Field(
        default="", max_length=400, description="One of the generator's `bases`; empty: the one that suits best."
    )
    generator: Literal["diffusers", "comfyui", "video"] | None = Field(
        default=None, description="null: the best that is ready for the base model."
    )
    aspect: Aspect = "1:1"
    width: int = Field(default=0, ge=0, le=4096, description="Pixels; 0: the aspect's.")
    height: int = Field(default=0, ge=0, le=4096, description="Pixels; 0: the aspect's.")
    count: int = Field(default=1, ge=1, le=MOST)
    seed: int | None = Field(
        default=None, ge=0, le=LAST_SEED - MOST, description="Picture i has seed + i; null: drawn, and told."
    )
    steps: int | None = Field(default=None, ge=1, le=100, description="null: what suits the base model.")
    guidance: float | None = Field(default=None, ge=0, le=20, description="null: what suits the base model.")
    beside_training: bool = Field(default=False, description="Don't wait for a training to end.")
    controlnet: ControlNetIn | None = None
    image_prompt: ImagePromptIn | None = None
    face_detailer: FaceDetailerIn | None = None
    upscale: UpscaleIn | None = None


class ProgressOut(Out):
    """Where a generation stands."""

    picture: int = Field(description="Which one is being made, from 0.")
    count: int
    step: int
    steps: int


class GenerationOut(Out):
    """A request for pictures, on its way or over."""

    id: str
    state: Literal["queued", "running", "done", "cancelled", "failed"]
    reason: str = Field(description="Why it waits, if it is not only the order.")
    said: SaidOut = Field(description="The reason, with its code.")
    created: str
    settings: dict[str, Any] = Field(description="Of the first picture; the n-th has this seed plus n.")
    count: int
    pictures: list[str] = Field(description="Those that are done, as ids of the gallery.")
    progress: ProgressOut | None
    error: dict[str, Any] | None = Field(description="Code, message and hint of what made it fail.")
    correlation_id: str = Field(description="Of who asked; it stands in the generator's log lines.")

    @classmethod
    def of(cls, call: Call, generation: Generation) -> GenerationOut:
        """From the queue's."""
        progress, error = generation.progress, generation.error
        shown = {name: error[name] for name in ("code", "message", "hint")} if error else None
        return cls(
            id=generation.id,
            state=generation.state,  # type: ignore[arg-type]
            reason=generation.reason,
            said=SaidOut.of(generation.reason),
            created=generation.created,
            settings=generation.request.settings(0),
            count=generation.request.count,
            pictures=list(generation.pictures),
            progress=ProgressOut(**{name: progress[name] for name in ProgressOut.model_fields}) if progress else None,
            error=call.services.redaction.values(shown),
            correlation_id=generation.correlation_id,
        )


class GenerationList(Out):
    """Generations, the oldest first."""

    generations: list[GenerationOut]


class StreamQuery(Query):
    """Where to go on."""

    after: str = Field(default="", max_length=20, description="An event's id, for clients that can't send headers.")


REQUEST_ERRORS = (
    "GENERATION_INVALID", "GENERATOR_NOT_READY", "FEATURE_NOT_READY", "CHARACTER_MISSING", "CHARACTER_CORRUPT",
    "LORA_MISSING", "LORA_WRONG_FAMILY", "LORA_INCOMPATIBLE", "LORA_NOT_SHARED", "GUIDE_MISSING", "MODEL_MISSING",
    "MODEL_UNREADABLE", "MODEL_UNSUPPORTED", "LIBRARY_NEWER", "NAME_INVALID", "COMFYUI_UNREACHABLE", "COMFYUI_REFUSED",
)  # fmt: skip
"""What can be wrong with a wish for pictures."""


@routes.post("/generate", status=201, errors=REQUEST_ERRORS)
async def create(call: Call, body: NewGeneration) -> GenerationOut:
    """Puts a request for pictures into the queue; nothing that is asked for is left out silently."""
    request = await request_of(call, body)
    generation = await call.services.pictures.queue.submit(
        request, beside_training=body.beside_training, correlation_id=call.correlation_id
    )
    call.created(f"/generate/{generation.id}")
    return GenerationOut.of(call, generation)


@routes.get("/generate")
async def index(call: Call) -> GenerationList:
    """What waits, runs, and was over lately."""
    found = call.services.pictures.queue.list_all()
    return GenerationList(generations=[GenerationOut.of(call, generation) for generation in found])


@routes.get("/generate/{generation}", errors=("GENERATION_MISSING",))
async def show(call: Call, generation: str) -> GenerationOut:
    """One generation."""
    return GenerationOut.of(call, call.services.pictures.queue.get(generation))


@routes.post("/generate/{generation}/cancel", errors=("GENERATION_MISSING",))
async def cancel(call: Call, generation: str) -> GenerationOut:
    """Stops a generation, whether it waits or runs; pictures that are done stay in the gallery."""
    return GenerationOut.of(call, await call.services.pictures.queue.cancel(generation))


@routes.get("/generate/{generation}/stream", media="text/event-stream", errors=("GENERATION_MISSING",))
async def stream(call: Call, generation: str, query: StreamQuery) -> web.StreamResponse:
    """Server-sent events: `queued`, `loading`, `progress`, `preview` (a JPEG in base64), `picture`, `warning`, then
    one of `done`, `cancelled` and `failed`, and `end`. With Last-Event-ID nothing but outdated progress is missed."""
    queue, hub = call.services.pictures.queue, call.services.hub
    queue.get(generation)
    given = last_event_id(call, query.after)
    events = queue.stream(generation, after=int(given) if given.isdecimal() else 0)
    answer = Stream(call)
    await answer.open()
    pending: asyncio.Future[Any] | None = None
    try:
        while not hub.closed:
            pending = pending or asyncio.ensure_future(anext(events, None))
            await asyncio.wait({pending}, timeout=min(BEAT_SECONDS, 1.0))
            if not pending.done():
                await answer.beat()
                continue
            found, pending = pending.result(), None
            if found is None:
                break
            number, event = found
            await answer.send(event["type"], _told(call, event), number)
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)
        await events.aclose()
    await answer.close("the server stops" if hub.closed else "it is over")
    return answer.response


def _told(call: Call, event: Mapping[str, Any]) -> dict[str, Any]:
    """What a client is told of an event. A preview's base64 is let through as it is: it holds slashes, but no paths."""
    words = {name: value for name, value in event.items() if name not in ("type", "image")}
    image = {"image": event["image"]} if "image" in event else {}
    return {**call.services.redaction.values(words), **image}


async def request_of(call: Call, body: NewGeneration) -> GenerationRequest:
    """What was asked for with all that was left open chosen. Raises REQUEST_ERRORS."""
    values = await call.run(_values, call.library, body)
    return await finished_request(call.services.pictures.queue, values, body.base_file)


def _values(library: Library, body: NewGeneration) -> dict[str, Any]:
    wishes = [Wish(body.character, body.lora, body.strength)] if body.character or body.lora else []
    wishes += [Wish(one.character, one.lora, one.strength) for one in body.also]
    values = request_values(library, wishes, body.family)
    values |= body.model_dump(
        include={
            "prompt", "generator", "aspect", "width", "height", "count", "seed", "steps", "guidance", "face_detailer",
            "upscale",
        },
        exclude_none=True,
    )  # fmt: skip
    for name in ("controlnet", "image_prompt"):
        if given := getattr(body, name):
            guide = guides.path_of(library, given.guide)
            values[name] = {**given.model_dump(exclude={"guide"}, exclude_none=True), "image": str(guide)}
    return values
