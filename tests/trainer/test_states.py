"""States of a job, moved through the real job folder, and the wishes in control.json."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.tests.trainer.jobs import empty_job
from isengard.trainer.job import RESUMABLE, STATES, JobFolder, ask, read_control, read_events
from isengard.trainer.wishes import Wishes

# From the row's state to the column's: the contract of every host, written out and not read from the sources.
TABLE = """
             queued preparing training done failed paused interrupted cancelled
queued       -      yes       yes      -    -      yes    -           yes
preparing    yes    -         yes      yes  yes    yes    yes         yes
training     -      -         -        yes  yes    yes    yes         yes
done         -      -         -        -    -      -      -           -
failed       yes    -         -        -    -      -      -           yes
paused       yes    -         -        -    -      -      -           yes
interrupted  yes    -         -        -    -      -      -           yes
cancelled    yes    -         -        -    -      -      -           -
"""
HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
MOVES = [(row[0], new, word == "yes") for row in ROWS for new, word in zip(HEADER, row[1:], strict=True)]


def put(job: JobFolder, state: str, **changes: object) -> None:
    """Writes a state as an earlier process may have left it."""
    values = json.loads(job.state_file.read_text(encoding="utf-8"))
    job.state_file.write_text(json.dumps({**values, "state": state, **changes}), encoding="utf-8")


def test_the_table_names_every_state() -> None:
    assert sorted(HEADER) == sorted(row[0] for row in ROWS) == sorted(STATES)


@pytest.mark.parametrize(("old", "new", "allowed"), MOVES)
def test_a_job_moves_only_as_the_table_says(tmp_path: Path, old: str, new: str, allowed: bool) -> None:
    """An allowed move stands in state.json and in the events; a forbidden one changes neither and says what may be."""
    job = empty_job(tmp_path / "job")
    put(job, old)
    with job.writer() as writer:
        if allowed:
            writer.set_state(new, reason="because", step=3)
        else:
            with pytest.raises(IsengardError, match=f"A job that is {old} can't become {new}") as caught:
                writer.set_state(new, reason="because", step=3)
            assert caught.value.code == "JOB_STATE"
    state, events = job.state(), read_events(job.events_file)
    if allowed:
        assert (state.state, state.reason, state.step) == (new, "because", 3)
        assert [(event["type"], event["state"], event["reason"]) for event in events] == [("state", new, "because")]
    else:
        assert (state.state, events) == (old, [])


@pytest.mark.parametrize("state", RESUMABLE)
def test_a_stopped_job_is_queued_again_without_its_wish_to_stop(tmp_path: Path, state: str) -> None:
    """The pause that stopped it must not stop it again; its step is kept, its error goes."""
    job = empty_job(tmp_path / "job")
    put(job, state, step=7, error={"code": "DISK_FULL"})
    ask(job.control_file, stop="pause", sample=True)
    job.requeue(correlation_id="c-2")
    found = job.state()
    assert (found.state, found.step, found.error, found.correlation_id) == ("queued", 7, None, "c-2")
    assert read_control(job.control_file).stop == ""
    assert read_control(job.control_file).samples == 1


@pytest.mark.parametrize("state", ["preparing", "training"])
def test_a_job_whose_process_is_gone_is_queued_by_way_of_interrupted(tmp_path: Path, state: str) -> None:
    job = empty_job(tmp_path / "job")
    put(job, state)
    job.requeue()
    assert [event["state"] for event in read_events(job.events_file)] == ["interrupted", "queued"]


def test_a_finished_job_is_not_queued_again(tmp_path: Path) -> None:
    job = empty_job(tmp_path / "job")
    put(job, "done")
    with pytest.raises(IsengardError) as caught:
        job.requeue()
    assert (caught.value.code, job.state().state) == ("JOB_FINISHED", "done")


def test_only_a_job_that_was_worked_on_is_marked_as_interrupted(tmp_path: Path) -> None:
    """A queued one is left alone, and so is one that somebody works on."""
    job = empty_job(tmp_path / "job")
    assert not job.mark_interrupted("gone")
    put(job, "training")
    with job.writer():
        assert not JobFolder(job.path).mark_interrupted("gone")
    assert job.state().state == "training"
    assert job.mark_interrupted("gone")
    assert (job.state().state, job.state().reason) == ("interrupted", "gone")


def test_a_waiting_job_can_be_cancelled(tmp_path: Path) -> None:
    job = empty_job(tmp_path / "job")
    job.cancel()
    assert job.state().state == "cancelled"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"state": "flying"}', '{"state": "queued", "format": null}', '{"colour": 1}', '{"format": "1"}'],
)
def test_a_damaged_state_is_an_error_with_its_path(tmp_path: Path, text: str) -> None:
    """Never an empty value, and never a crash."""
    job = empty_job(tmp_path / "job")
    job.state_file.write_text(text, encoding="utf-8")
    with pytest.raises(IsengardError, match=r"state\.json") as caught:
        job.state()
    assert caught.value.code == "JOB_CORRUPT"


def test_a_state_of_a_newer_version_says_so(tmp_path: Path) -> None:
    """Nothing is to be restored: the program is to be updated."""
    job = empty_job(tmp_path / "job")
    job.state_file.write_text('{"state": "queued", "format": 99, "mood": "new"}', encoding="utf-8")
    with pytest.raises(IsengardError, match=r"state\.json has format 99") as caught:
        job.state()
    assert caught.value.code == "LIBRARY_NEWER"


def test_a_missing_state_is_an_error_with_its_path(tmp_path: Path) -> None:
    job = empty_job(tmp_path / "job")
    job.state_file.unlink()
    with pytest.raises(IsengardError, match=r"state\.json is missing") as caught, job.writer():
        pass
    assert caught.value.code == "JOB_CORRUPT"


def test_each_wish_is_granted_once(tmp_path: Path) -> None:
    """Two samples asked for are one sample now; a wish from before the run is not granted in it."""
    control = tmp_path / "control.json"
    ask(control, sample=True, save=True)
    wishes = Wishes(control)
    assert (wishes.take_sample(), wishes.take_save(), wishes.stop) == (False, False, "")
    ask(control, sample=True)
    ask(control, sample=True)
    assert [wishes.take_sample(), wishes.take_sample(), wishes.take_save()] == [True, False, False]
    ask(control, save=True)
    assert [wishes.take_save(), wishes.take_save(), wishes.take_sample()] == [True, False, False]
    ask(control, stop="pause")
    assert (wishes.stop, wishes.stop, wishes.reason) == ("pause", "pause", "paused by request")
    ask(control, stop="")
    assert wishes.stop == ""


@pytest.mark.parametrize(("asked", "reason"), [("pause", "paused by request"), ("cancel", "cancelled by request")])
def test_who_asks_and_then_sends_a_signal_gets_what_was_asked(tmp_path: Path, asked: str, reason: str) -> None:
    """A base model takes minutes to load: whoever cancels meanwhile grows impatient and says it more firmly."""
    wishes = Wishes(tmp_path / "control.json")
    wishes.interrupt("ended by SIGTERM")
    assert (wishes.stop, wishes.reason) == ("interrupt", "ended by SIGTERM")
    ask(tmp_path / "control.json", stop=asked)
    assert (wishes.stop, wishes.reason) == (asked, reason)
    ask(tmp_path / "control.json", stop="")
    assert wishes.stop == "interrupt"


def test_a_wish_is_seen_even_within_one_tick_of_the_disk_s_clock(tmp_path: Path) -> None:
    """Two changes may carry the same time."""
    control = tmp_path / "control.json"
    moment = time.time_ns()
    ask(control, sample=True)
    os.utime(control, ns=(moment, moment))
    wishes = Wishes(control)
    ask(control, stop="cancel")
    os.utime(control, ns=(moment, moment))
    assert wishes.stop == "cancel"


@pytest.mark.parametrize("text", ["{", "[1]", '{"stop": "fly"}', '{"samples": "2"}', '{"colour": 1}'])
def test_a_damaged_wish_is_refused_by_who_asks_and_passed_over_by_who_trains(tmp_path: Path, text: str) -> None:
    """A file that was edited by hand must not end a training of hours."""
    control = tmp_path / "control.json"
    control.write_text(text, encoding="utf-8")
    with pytest.raises(IsengardError, match=r"control\.json") as caught:
        ask(control, stop="pause")
    assert caught.value.code == "JOB_CORRUPT"
    wishes = Wishes(control)
    assert (wishes.stop, wishes.take_sample()) == ("", False)
