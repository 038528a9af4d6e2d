"""Captions by a captioner, beside the requests: one run after the other, told live, stopped when somebody wants it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from copy import copy
from typing import Any

import structlog

from .. import log
from ..errors import IsengardError
from ..library import caption_runs, captioning, describing
from ..library.caption_runs import CaptionRun
from ..library.captioning import CaptionChange
from ..library.captions.captioners import load_captioner
from ..library.captions.captioners.interface import Captioner, CaptionResult
from ..library.photo_files import Key
from ..library.store import Library
from ..media.captions import read_caption
from ..sentences import Said, as_said

_LOOK_SECONDS = 1.0
"""How often a run looks whether the training is over that it waits for."""
_TELL_SECONDS = 0.3
_SAVE_SECONDS = 2.0
_CANCELLED = Said("ended.cancelled_by_request", "cancelled by request")
_LOG = log.get("web.captioning")


class Captioning:
    """A part of the services. All may be called from any thread but the loop's."""

    def __init__(self, library: Library, tell: Callable[[dict[str, Any]], None], busy: Callable[[], str]) -> None:
        self._library = library
        self._tell = tell
        """Is told where a run stands."""
        self._busy = busy
        """Says why the device is not free; empty if it is."""
        self._runs: dict[str, CaptionRun] = {}
        self._turn = threading.Condition(threading.RLock())
        self._captioner: Captioner | None = None
        self._current = ""
        """The run that is worked on."""
        self._cancelled: set[str] = set()
        self._ending = False
        self._worker: threading.Thread | None = None
        self._told = self._saved = 0.0

    async def start(self) -> None:
        """Learns of earlier runs."""
        await asyncio.to_thread(self._begin)

    async def stop(self) -> None:
        """Breaks off; what was said so far is kept with the run."""
        with self._turn:
            self._ending = True
            self._break_off()
            self._turn.notify_all()
        if self._worker is not None:
            await asyncio.to_thread(self._worker.join)

    def begin(self, name: str, photos: Sequence[Key], *, preview: bool, correlation_id: str) -> CaptionRun:
        """Puts a run behind those that wait. Raises CAPTIONER_UNKNOWN, CAPTIONER_NOT_READY."""
        captioner = load_captioner(name, models=self._library.models)
        readiness = captioner.ready()
        if not readiness.ready:
            raise IsengardError("CAPTIONER_NOT_READY", readiness.reason, hint=readiness.what_to_do)
        run = caption_runs.new(name, photos, preview=preview, correlation_id=correlation_id)
        with self._turn:
            caption_runs.save(self._library, run)
            self._runs[run.id] = run
            caption_runs.forget(self._library, self._runs)
            self._say(run)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="isengard-captions", daemon=True)
                self._worker.start()
            self._turn.notify_all()
            return _snapshot(run)

    def get(self, run_id: str) -> CaptionRun:
        """One run as it is now. Raises CAPTIONING_MISSING."""
        with self._turn:
            return _snapshot(self._find(run_id))

    def all(self) -> list[CaptionRun]:
        """All runs, the latest first."""
        with self._turn:
            return [_snapshot(run) for run in reversed(self._runs.values())]

    def cancel(self, run_id: str) -> CaptionRun:
        """Breaks a run off; unless it is a preview, what was said so far is written. Raises CAPTIONING_MISSING."""
        with self._turn:
            run = self._find(run_id)
            if not run.over:
                self._cancelled.add(run_id)
                if run_id == self._current:
                    self._break_off()
                else:
                    run.state, run.reason = "cancelled", _CANCELLED
                    self._keep(run)
                self._turn.notify_all()
                self._turn.wait_for(lambda: run.over, timeout=_LOOK_SECONDS)
            return _snapshot(run)

    def write(self, run_id: str, photos: Sequence[Key] | None) -> CaptionRun:
        """Writes what a run that is over has said, all of it or of these photos, once.

        Raises CAPTIONING_MISSING, CAPTIONING_STATE.
        """
        with self._turn:
            run = self._find(run_id)
            if not run.over or run.undo:
                why = "is not over yet" if not run.over else "was written already"
                raise IsengardError("CAPTIONING_STATE", f"This run of {run.captioner} {why}.")
            wanted = None if photos is None else set(photos)
            self._write(run, [item for item in run.changes if wanted is None or (item.character, item.file) in wanted])
            self._keep(run)
            return _snapshot(run)

    def _find(self, run_id: str) -> CaptionRun:
        if run_id not in self._runs:
            raise IsengardError("CAPTIONING_MISSING", "There is no such run of a captioner.")
        return self._runs[run_id]

    def _begin(self) -> None:
        with self._turn:
            self._runs = {run.id: run for run in caption_runs.load_all(self._library)}

    def _break_off(self) -> None:
        if self._captioner is not None:
            self._captioner.stop()

    def _work(self) -> None:
        while (run := self._next()) is not None:
            with structlog.contextvars.bound_contextvars(correlation_id=run.correlation_id, captioning=run.id):
                state, reason, error = self._outcome(run)
                if run.changes and not run.preview and state != "interrupted":
                    error = self._written(run) or error
            with self._turn:
                self._captioner, self._current = None, ""
                run.state, run.reason, run.error = ("failed" if error else state), reason, error
                self._keep(run)
                self._turn.notify_all()

    def _next(self) -> CaptionRun | None:
        """Waits for the next run; None when the server ends."""
        with self._turn:
            while not self._ending:
                if (run := next((run for run in self._runs.values() if run.state == "waiting"), None)) is not None:
                    self._current = run.id
                    return run
                self._turn.wait()
        return None

    def _outcome(self, run: CaptionRun) -> tuple[str, str, dict[str, Any] | None]:
        """Does the work; says how it ended."""
        try:
            captioner = load_captioner(run.captioner, models=self._library.models)
            self._wait_for_device(run, captioner)
            self._describe(run, captioner)
        except IsengardError as problem:
            if not self._unwanted(run):
                return "failed", problem.message, problem.as_dict()
        except Exception:  # noqa: BLE001 (one run's trouble must not end the others)
            unforeseen = _unforeseen()
            return "failed", unforeseen.message, unforeseen.as_dict()
        if run.done == len(run.photos):
            return "done", "", None
        if run.id in self._cancelled:
            return "cancelled", _CANCELLED, None
        return "interrupted", Said("ended.server_ended", "the server ended meanwhile"), None

    def _unwanted(self, run: CaptionRun) -> bool:
        return self._ending or run.id in self._cancelled

    def _wait_for_device(self, run: CaptionRun, captioner: Captioner) -> None:
        while captioner.uses_device and not self._unwanted(run) and (reason := self._busy()):
            with self._turn:
                if reason != run.reason:
                    run.reason = reason
                    self._keep(run)
                self._turn.wait(_LOOK_SECONDS)

    def _describe(self, run: CaptionRun, captioner: Captioner) -> None:
        with self._turn:
            if self._unwanted(run):  # from here on, whoever breaks it off stops the captioner
                return
            self._captioner = captioner
            run.state, run.reason = "running", ""
            self._keep(run)
        with closing(describing.describe(self._library, run.photos, captioner)) as results:
            for key, result in results:
                if self._unwanted(run):
                    return
                before = self._before(key)
                with self._turn:
                    _note(run, key, before, result)
                self._progress(run)

    def _before(self, key: Key) -> str:
        try:
            image = self._library.folder(key[0]).find_image(key[1])
            return read_caption(image) if image is not None else ""
        except IsengardError:
            return ""

    def _written(self, run: CaptionRun) -> dict[str, Any] | None:
        """Writes all that was said; what kept it from being written."""
        try:
            self._write(run, run.changes)
        except IsengardError as problem:
            return problem.as_dict()
        except Exception:  # noqa: BLE001 (as above)
            return _unforeseen().as_dict()
        return None

    def _write(self, run: CaptionRun, changes: Sequence[CaptionChange]) -> None:
        done, conflicts = captioning.write_unchanged(self._library, changes, label=f"describe: {run.captioner}")
        run.undo, run.conflicts = done.undo, list(conflicts)

    def _progress(self, run: CaptionRun) -> None:
        """Tells and saves now and then: a captioner that needs no model describes thousands of photos in a second."""
        moment = time.monotonic()
        if moment - self._saved >= _SAVE_SECONDS:
            with self._turn:
                self._keep(run)
        elif moment - self._told >= _TELL_SECONDS:
            self._say(run)

    def _keep(self, run: CaptionRun) -> None:
        """Saves and tells. A disk that is full for a moment must not end the run: it is saved again."""
        try:
            caption_runs.save(self._library, run)
        except (IsengardError, OSError) as problem:
            _LOG.warning("a run of a captioner was not saved", run=run.id, problem=str(problem))
        self._saved = time.monotonic()
        self._say(run)

    def _say(self, run: CaptionRun) -> None:
        self._told = time.monotonic()
        last = run.changes[-1] if run.changes else None
        self._tell(
            {
                "run": run.id, "state": run.state, "reason": run.reason,
                "said": as_said(run.reason), "done": run.done, "total": len(run.photos),
                "last": {"character": last.character, "file": last.file, "after": last.after} if last else None,
            }
        )  # fmt: skip


def _unforeseen() -> IsengardError:
    """To be called where an exception is handled that nobody foresaw."""
    _LOG.exception("unforeseen failure while captions were made")
    return IsengardError("INTERNAL", "Something unforeseen happened; the server's log says what.")


def _note(run: CaptionRun, key: Key, before: str, result: CaptionResult) -> None:
    run.done += 1
    if result.error is not None:
        run.failed["/".join(key)] = result.error.as_dict()
    elif result.caption and result.caption != before:
        run.changes.append(CaptionChange(character=key[0], file=key[1], before=before, after=result.caption))


def _snapshot(run: CaptionRun) -> CaptionRun:
    made = copy(run)
    made.changes, made.failed = list(run.changes), dict(run.failed)
    return made
