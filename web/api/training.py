"""Trainings: planned, started, paused, cancelled, resumed, put in order. progress.py follows them."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from ...errors import IsengardError
from ...library.job_files import describe
from ...library.plans import Wish, make_plan
from ...library.trash import Entry
from ..call import Call
from ..jobs_out import OF_JOB, JobList, JobOut, KeptLora, job_out
from ..models import Body, Family, Out, Problem, SaidOut, TrashOut
from ..routing import Routes

routes = Routes("training")

Slug = Annotated[str, Field(min_length=1, max_length=150, examples=["ada"])]
Settings = Annotated[
    dict[str, JsonValue], Field(max_length=60, description="Any settings of the job; GET /presets lists them.")
]
BaseFiles = Annotated[
    dict[Literal["transformer", "vae", "clip", "t5"], Annotated[str, Field(max_length=200)]],
    Field(description="File names of the base model's parts, out of those that GET /system lists."),
]
_PLANNING = ("CHARACTER_MISSING", "CHARACTER_CORRUPT", "NAME_INVALID")
_MAKING = (*_PLANNING, "CONFIG_INVALID", "PHOTOS_NONE", "PHOTOS_TOO_FEW", "PHOTO_UNREADABLE", "PHOTO_TOO_LARGE",
           "PHOTO_TOO_SMALL", "PHOTO_CHANGED", "CAPTION_TOO_LONG", "CAPTION_UNREADABLE", "MODEL_MISSING",
           "MODEL_UNREADABLE", "MODEL_WRONG_KIND", "MODEL_UNSUPPORTED", "TOKENIZER_MISSING", "JOB_EXISTS",
           "LIBRARY_BUSY")  # fmt: skip
_IN_COMFYUI = ("COMFYUI_UNREACHABLE", "COMFYUI_REFUSED")
"""Where jobs are prompts in ComfyUI's queue."""


class TrainingWish(Body):
    """What is to be trained."""

    character: Slug
    preset: Literal["quick", "balanced", "high-quality"] = "balanced"
    family: Family | None = Field(default=None, description="The mode's default if left out.")
    settings: Settings = Field(default_factory=dict)
    base: BaseFiles = Field(default_factory=dict)

    def wish(self) -> Wish:
        """For the library."""
        return Wish(
            character=self.character, preset=self.preset, family=self.family or "", settings=self.settings,
            base={str(part): name for part, name in self.base.items()},
        )  # fmt: skip


class NewTraining(TrainingWish):
    """A training to be started."""

    again: bool = Field(default=False, description="Train anew even if the very same training is there already.")


class Repair(Problem):
    """Something that stands in the way, or speaks against it."""


class PlanOut(Out):
    """What a training would take. null: not known."""

    character: str
    photos: int
    steps: int
    seconds: float | None
    seconds_per_step: float | None
    pace: Literal["measured", "scaled", "guess"] | None = Field(
        description="Where the time comes from: such a training ran here, one of another size did, none did."
    )
    memory_needed: int | None = Field(description="Bytes, estimated; on the GPU if there is one.")
    memory_free: int
    on_gpu: bool
    disk_needed: int
    disk_free: int
    warnings: list[SaidOut]
    obstacles: list[Repair] = Field(description="Must be mended before the training can start.")
    cautions: list[Repair] = Field(description="Speak against it and do not forbid it.")
    settings: dict[str, Any] | None = Field(description="The complete settings.")


class JobChanges(Body):
    """Settings of a job that waits or has stopped."""

    settings: Settings


class AgainBody(Body):
    """Settings of a new job, made of an old one."""

    settings: Settings = Field(default_factory=dict)


class Order(Body):
    """Which jobs come next."""

    order: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=1000)]


class OrderOut(Out):
    """The waiting jobs, the next one first."""

    running: str
    order: list[str]


class Keep(Body):
    """Which checkpoint."""

    step: Annotated[int, Field(ge=0, le=1_000_000)]


@routes.post("/training/plan", errors=_PLANNING)
async def plan(call: Call, body: TrainingWish) -> PlanOut:
    """What a training would take and what stands in its way; nothing is written."""
    found = await call.run(make_plan, call.library, body.wish())
    values = call.services.redaction.values(describe(found))
    config = found.outlook.config
    shown = call.services.redaction.values(config.as_dict()) if config else None
    return PlanOut(character=found.character.id, settings=shown, **values)


@routes.get("/training")
async def index(call: Call) -> JobList:
    """Jobs that run, wait or can be resumed: the running one, the queue in order, then the others."""
    return await call.run(_unfinished, call)


@routes.post("/training", status=201, also=(200,), errors=(*_MAKING, *_IN_COMFYUI))
async def create(call: Call, body: NewTraining) -> JobOut:
    """Makes a job and queues it. The very same training is not begun twice: 200 and that one, which goes on."""
    made = await call.run(call.services.jobs.create, body.wish(), again=body.again, correlation_id=call.correlation_id)
    return await _begin(call, made.job.id, known=made.known)


@routes.post("/training/order", errors=("JOB_STATE", "NAME_INVALID", *_IN_COMFYUI))
async def reorder(call: Call, body: Order) -> OrderOut:
    """Puts waiting jobs in front, in this order."""
    order = await call.run(call.services.queue.reorder, body.order)
    return OrderOut(running=call.services.queue.running, order=order)


@routes.get("/training/{job}", errors=OF_JOB)
async def show(call: Call, job: str) -> JobOut:
    """One job."""
    return await call.run(_one, call, job)


@routes.patch("/training/{job}", errors=(*OF_JOB, "CONFIG_INVALID", "JOB_LOCKED", "JOB_FINISHED"))
async def change(call: Call, job: str, body: JobChanges) -> JobOut:
    """Changes settings of a job that no process works on, e.g. to less memory before it is resumed."""
    await call.run(call.services.jobs.change, job, body.settings)
    return await _changed(call, job)


@routes.delete("/training/{job}", errors=(*OF_JOB, "JOB_LOCKED", "LIBRARY_BUSY", "LIBRARY_CONFLICT"))
async def delete(call: Call, job: str) -> TrashOut:
    """Puts a job into the trash; the LoRA that came of it stays. One that waits is paused first."""
    entry = await call.run(_delete, call, job)
    call.services.hub.publish("jobs", {"changed": [job]})
    return TrashOut(trash=entry.id, label=entry.label)


@routes.post("/training/{job}/again", status=201, errors=(*OF_JOB, *_MAKING, *_IN_COMFYUI))
async def again(call: Call, job: str, body: AgainBody) -> JobOut:
    """A new job with the photos of this one, as they were, and other settings, e.g. ones that need less memory."""
    made = await call.run(call.services.jobs.train_again, job, body.settings, correlation_id=call.correlation_id)
    return await _begin(call, made.id, known=False)


@routes.post("/training/{job}/pause", errors=(*OF_JOB, "JOB_STATE"))
async def pause(call: Call, job: str) -> JobOut:
    """Saves and stops; pictures can be made meanwhile. A waiting job is passed over until it is resumed."""
    await call.run(call.services.queue.pause, job)
    return await _changed(call, job)


@routes.post("/training/{job}/cancel", errors=(*OF_JOB, "JOB_STATE"))
async def cancel(call: Call, job: str) -> JobOut:
    """Ends a job; what was saved stays."""
    await call.run(call.services.queue.cancel, job)
    return await _changed(call, job)


@routes.post("/training/{job}/resume", errors=(*OF_JOB, "JOB_FINISHED", "JOB_LOCKED", "JOB_STATE", *_IN_COMFYUI))
async def resume(call: Call, job: str) -> JobOut:
    """Queues a stopped job; it goes on from its last checkpoint."""
    await call.run(call.services.queue.resume, job, call.correlation_id)
    return await _changed(call, job)


@routes.post("/training/{job}/sample", errors=(*OF_JOB, "JOB_STATE"))
async def sample(call: Call, job: str) -> JobOut:
    """Has sample pictures made now, out of turn: after the next step of a job that trains."""
    await call.run(call.services.queue.ask, job, sample=True)
    return await _changed(call, job)


@routes.post("/training/{job}/save", errors=(*OF_JOB, "JOB_STATE"))
async def save(call: Call, job: str) -> JobOut:
    """Has a checkpoint saved now, out of turn; its LoRA is then among the artifacts and can be kept."""
    await call.run(call.services.queue.ask, job, save=True)
    return await _changed(call, job)


@routes.post(
    "/training/{job}/loras", status=201, errors=(*OF_JOB, "CHECKPOINT_MISSING", "CHARACTER_MISSING", "LORA_MISSING")
)
async def keep(call: Call, job: str, body: Keep) -> KeptLora:
    """Makes a checkpoint's LoRA one of the character's LoRAs."""
    found = await call.run(call.services.jobs.keep_checkpoint, job, body.step)
    call.created(f"/loras/{found.id}")
    return KeptLora(id=found.id, character=found.character, step=found.step, file=found.file)


async def _begin(call: Call, job_id: str, *, known: bool) -> JobOut:
    queue = call.services.queue
    call.status = 200 if known else 201
    call.created(f"/training/{job_id}")
    job = await call.run(call.services.jobs.get, job_id)
    if job.state.state == "queued":
        await call.run(queue.enqueue, job_id)
    elif job.state.state != "done":
        await call.run(queue.resume, job_id, call.correlation_id)
    return await _changed(call, job_id)


async def _changed(call: Call, job_id: str) -> JobOut:
    """Tells who listens, and answers the job as it is now."""
    call.services.tails.poke()
    call.services.hub.publish("jobs", {"changed": [job_id]})
    return await call.run(_one, call, job_id)


def _delete(call: Call, job_id: str) -> Entry:
    """A job that waits leaves the queue first: nobody could begin it, and restored it waits for a person."""
    with suppress(IsengardError):  # of one that can't be read there is nothing to take out
        if call.services.jobs.get(job_id).state.state == "queued":
            call.services.queue.pause(job_id)
    return call.services.jobs.delete(job_id)


def _one(call: Call, job_id: str) -> JobOut:
    services = call.services
    return job_out(services.jobs.get(job_id), services.queue.order(), services.redaction)


def _unfinished(call: Call) -> JobList:
    services = call.services
    order, running = services.queue.order(), services.queue.running
    jobs, broken = services.jobs.all()
    place = {job_id: number for number, job_id in enumerate([running, *order])}
    found = [job for job in jobs if job.state.state != "done"]
    found.sort(key=lambda job: place.get(job.id, len(place)))
    return JobList.of(found, broken, order, running, services.redaction)
