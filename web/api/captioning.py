"""Captions by a captioner: begun, followed, stopped, looked at before they are written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ...errors import IsengardError
from ...library import describing
from ...library.caption_runs import CaptionRun
from ...library.captions.captioners import NAMES, load_captioner
from ...library.photo_files import Key as PhotoKey
from ...library.store import Library
from ..call import Call
from ..jobs_out import Failure, failure
from ..models import Body, Out, Problem, SaidOut, problem_values
from ..routing import Routes
from .bulk import LIMIT, CaptionChangeOut, Keys
from .images import Key, Slug

routes = Routes("captioning")


class CaptionerOut(Out):
    """Something that describes photos."""

    name: str
    ready: bool
    reason: str = Field(description="What is missing; empty if nothing is.")
    hint: str = Field(description="Where to get it and where to put it.")
    said: SaidOut = Field(description="The reason, with its code.")
    said_hint: SaidOut = Field(description="The hint, with its code.")
    needs_model: bool = Field(description="It looks at the pictures with a model; else it says what was measured.")


class CaptionerList(Out):
    """All captioners."""

    captioners: list[CaptionerOut]


class NewCaptioning(Body):
    """Photos that are to be described: a character's, or those that are named."""

    captioner: Annotated[str, Field(min_length=1, max_length=40, examples=["plain"])]
    character: Slug | None = Field(default=None, description="All of its photos that aren't put aside.")
    photos: Keys | None = None
    overwrite: bool = Field(default=False, description="Also those that have a caption.")
    preview: bool = Field(default=False, description="Only propose: POST /captioning/{run}/write writes them.")


class FailedPhoto(Problem):
    """A photo that could not be described."""

    character: str
    file: str


class CaptioningOut(Out):
    """A run of a captioner."""

    id: str
    captioner: str
    state: Literal["waiting", "running", "done", "cancelled", "failed", "interrupted"]
    reason: str = Field(description="Why it waits, or why it ended.")
    preview: bool
    done: int = Field(description="Photos that were looked at.")
    total: int
    changes: list[CaptionChangeOut] = Field(description="What was said. Written, if `undo` says so.")
    failed: list[FailedPhoto]
    undo: str = Field(description="For POST /images/captions/undo; empty: nothing is written.")
    conflicts: list[Key] = Field(description="Changed or gone since they were described: left as they are.")
    error: Failure | None
    created: str
    correlation_id: str


class CaptioningBrief(Out):
    """A run of a captioner in a list."""

    id: str
    captioner: str
    state: Literal["waiting", "running", "done", "cancelled", "failed", "interrupted"]
    reason: str
    said: SaidOut = Field(description="The reason, with its code.")
    preview: bool
    done: int
    total: int
    changes: int
    failed: int
    undo: str
    created: str


class CaptioningList(Out):
    """The latest runs, the newest first."""

    runs: list[CaptioningBrief]


class WriteBody(Body):
    """Which of the captions."""

    photos: Keys | None = Field(default=None, description="null: all.")


@routes.get("/captioners")
async def captioners(call: Call) -> CaptionerList:
    """What can describe photos, ready or with what is missing."""
    return CaptionerList(captioners=[await call.run(_captioner, call, name) for name in NAMES])


@routes.get("/captioning")
async def index(call: Call) -> CaptioningList:
    """What waits, runs, and was over lately."""
    found = await call.run(call.services.captioning.all)
    return CaptioningList(runs=[_brief(call, run) for run in found])


@routes.post(
    "/captioning", status=201, limit=LIMIT,
    errors=("CHARACTER_MISSING", "PHOTO_MISSING", "NAME_INVALID", "CAPTIONER_UNKNOWN", "CAPTIONER_NOT_READY"),
)  # fmt: skip
async def create(call: Call, body: NewCaptioning) -> CaptioningOut:
    """Describes photos in the background; /events tells how far it is. Photos that have a caption are left alone."""
    if (body.character is None) == (body.photos is None):
        raise IsengardError("REQUEST_INVALID", "Name either a character or photos.")
    keys = await call.services.look(_wanted, call.library, body)
    run = await call.run(
        call.services.captioning.begin, body.captioner, keys, preview=body.preview, correlation_id=call.correlation_id
    )
    call.created(f"/captioning/{run.id}")
    return _out(call, run)


@routes.get("/captioning/{run}", errors=("CAPTIONING_MISSING",))
async def show(call: Call, run: str) -> CaptioningOut:
    """One run, with what was said."""
    return _out(call, await call.run(call.services.captioning.get, run))


@routes.post("/captioning/{run}/cancel", errors=("CAPTIONING_MISSING",))
async def cancel(call: Call, run: str) -> CaptioningOut:
    """Breaks it off. What was said so far is written, unless it is a preview; it can be undone."""
    return _out(call, await call.run(call.services.captioning.cancel, run))


@routes.post(
    "/captioning/{run}/write", limit=LIMIT,
    errors=("CAPTIONING_MISSING", "CAPTIONING_STATE", "CAPTION_TOO_LONG", "CAPTION_UNREADABLE", "LIBRARY_CONFLICT"),
)  # fmt: skip
async def write(call: Call, run: str, body: WriteBody) -> CaptioningOut:
    """Writes what a preview, or a run that was interrupted, has proposed; captions that changed meanwhile stay."""
    keys = None if body.photos is None else [(key.character, key.file) for key in body.photos]
    return _out(call, await call.run(call.services.captioning.write, run, keys))


def _captioner(call: Call, name: str) -> CaptionerOut:
    captioner, redaction = load_captioner(name, models=call.library.models), call.services.redaction
    readiness = captioner.ready()
    return CaptionerOut(
        name=name, ready=readiness.ready, reason=redaction.text(readiness.reason),
        hint=redaction.text(readiness.what_to_do), said=SaidOut.of(readiness.reason, redaction),
        said_hint=SaidOut.of(readiness.what_to_do, redaction), needs_model=captioner.uses_device,
    )  # fmt: skip


def _wanted(library: Library, body: NewCaptioning) -> list[PhotoKey]:
    if body.character is not None:
        keys = describing.of_character(library, body.character)
    else:
        keys = [(key.character, key.file) for key in body.photos or []]
        describing.check_there(library, keys)
    return keys if body.overwrite else describing.without_caption(library, keys)


def _out(call: Call, run: CaptionRun) -> CaptioningOut:
    return CaptioningOut(
        id=run.id,
        captioner=run.captioner,
        state=run.state,  # type: ignore[arg-type]
        reason=call.services.redaction.text(run.reason),
        preview=run.preview,
        done=run.done,
        total=len(run.photos),
        changes=[CaptionChangeOut(**vars(item)) for item in run.changes],
        failed=[_failed(call, name, problem) for name, problem in run.failed.items()],
        undo=run.undo,
        conflicts=[Key(character=slug, file=file) for slug, file in run.conflicts],
        error=failure(run.error, call.services.redaction) if run.error else None,
        created=run.created,
        correlation_id=run.correlation_id,
    )


def _failed(call: Call, name: str, problem: dict[str, Any]) -> FailedPhoto:
    slug, _, file = name.partition("/")
    return FailedPhoto(character=slug, file=file, **problem_values(problem, call.services.redaction))


def _brief(call: Call, run: CaptionRun) -> CaptioningBrief:
    return CaptioningBrief(
        id=run.id,
        captioner=run.captioner,
        state=run.state,  # type: ignore[arg-type]
        reason=call.services.redaction.text(run.reason),
        said=SaidOut.of(run.reason, call.services.redaction),
        preview=run.preview,
        done=run.done,
        total=len(run.photos),
        changes=len(run.changes),
        failed=len(run.failed),
        undo=run.undo,
        created=run.created,
    )
