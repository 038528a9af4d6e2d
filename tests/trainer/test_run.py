"""One attempt at a job: every way that it can end, and what is left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.tests.trainer.jobs import (
    RunHere,
    assert_gapless,
    assert_nothing_half_written,
    events_of,
    losses_of,
    make_small_job,
    most_bytes,
    states_of,
    train,
)
from isengard.trainer.job import ExitCode, JobFolder, ask
from isengard.trainer.plan import change_config

pytestmark = pytest.mark.slow


@pytest.fixture
def short(job: JobFolder) -> JobFolder:
    """A prepared job of six steps without samples, and with a checkpoint at the end only."""
    change_config(job, {"steps": 6, "sample_every": 0, "save_every": 100})
    return job


def at_step(step: int, action: Callable[[], object]) -> Callable[[dict[str, Any]], None]:
    """A listener that acts once, when the loss of that step is told."""
    left = [action]

    def listen(event: dict[str, Any]) -> None:
        if event["type"] == "loss" and event["step"] == step and left:
            left.pop()()

    return listen


@pytest.mark.parametrize(
    ("wish", "state", "code"), [("pause", "paused", ExitCode.PAUSED), ("cancel", "cancelled", ExitCode.CANCELLED)]
)
def test_a_stop_that_is_asked_for_saves_the_step_and_can_be_resumed(
    short: JobFolder, run_here: RunHere, wish: str, state: str, code: ExitCode
) -> None:
    """The wish is followed after the step at hand, and forgotten when the job goes on."""
    listener = at_step(3, lambda: ask(short.control_file, stop=wish))
    assert run_here(short, listener, correlation_id="c-1") == code
    found = short.state()
    assert (found.state, found.step, found.correlation_id, found.attempt) == (state, 3, "c-1", 1)
    assert (short.checkpoints / "step_000003" / "state.pt").is_file()
    assert not short.lock_file.exists()

    assert run_here(short, correlation_id="c-2") == ExitCode.DONE
    assert (short.state().correlation_id, short.state().attempt) == ("c-2", 2)
    assert [event["step"] for event in events_of(short, "loss")] == [1, 2, 3, 4, 5, 6]
    assert states_of(short) == ["preparing", "training", state, "queued", "preparing", "training", "done"]
    assert_gapless(short)
    lines = [json.loads(line) for line in short.log_file.read_text(encoding="utf-8").splitlines()]
    assert {line["correlation_id"] for line in lines} == {"c-1", "c-2"}


@pytest.mark.parametrize(
    ("wish", "state", "code"), [("pause", "paused", ExitCode.PAUSED), ("cancel", "cancelled", ExitCode.CANCELLED)]
)
def test_a_stop_that_is_asked_for_in_the_queue_ends_the_job_before_it_begins(
    short: JobFolder, run_here: RunHere, wish: str, state: str, code: ExitCode
) -> None:
    ask(short.control_file, stop=wish)
    assert run_here(short) == code
    found = short.state()
    assert (found.state, found.attempt, found.reason) == (state, 0, f"{state} before it began")
    assert states_of(short) == [state]


def test_an_end_that_comes_before_the_beginning_is_an_interruption(short: JobFolder) -> None:
    """The program that starts the trainer may be gone at once: standard input is closed from the start."""
    code, output = train(short.path, "--lifeline")
    assert (code, short.state().state) == (ExitCode.INTERRUPTED, "interrupted"), output
    assert "gone" in short.state().reason


def test_a_sample_and_a_checkpoint_asked_for_out_of_turn_come_once(short: JobFolder, run_here: RunHere) -> None:
    """Soon after they were asked for, and not again."""
    listener = at_step(2, lambda: ask(short.control_file, sample=True, save=True))
    assert run_here(short, listener) == ExitCode.DONE
    samples, saves = events_of(short, "sample"), events_of(short, "checkpoint")
    assert [event["index"] for event in samples] == [0, 1]
    assert samples[0]["step"] in (2, 3)
    assert [event["step"] for event in saves] in ([2, 6], [3, 6])
    assert all((short.path / event["file"]).is_file() for event in samples)


def test_a_job_goes_on_with_changed_settings(short: JobFolder, run_here: RunHere) -> None:
    """What a checkpoint can take up may change; what would not fit it is refused, and nothing is changed."""
    assert run_here(short, at_step(3, lambda: ask(short.control_file, stop="pause"))) == ExitCode.PAUSED
    with pytest.raises(IsengardError, match="rank can't be changed") as caught:
        change_config(short, {"rank": 8, "steps": 5})
    assert caught.value.code == "CONFIG_INVALID"
    assert (short.config().rank, short.config().steps) == (4, 6)
    change_config(short, {"steps": 5, "learning_rate": 1e-4, "schedule": "constant"})
    assert run_here(short) == ExitCode.DONE
    rates = {event["step"]: event["learning_rate"] for event in events_of(short, "loss")}
    assert (sorted(rates), rates[5]) == ([1, 2, 3, 4, 5], 1e-4)
    assert (short.state().step, short.state().steps) == (5, 5)


def latents_of(job: JobFolder) -> list[Path]:
    return sorted(job.cache.glob("latents/*.safetensors"))


def test_a_loss_that_is_no_number_stops_with_step_and_photo(short: JobFolder, run_here: RunHere) -> None:
    """One photo's latents are poisoned: that photo is named, at the first step that shows it, and nothing is saved."""
    import torch
    from safetensors.torch import load_file, save_file

    from isengard.trainer.cache import Cache

    photo = short.dataset()[2]
    cache = Cache.of(short)
    assert cache is not None
    file = cache.latents_file(photo, photo.buckets[0], False)
    save_file({"latents": torch.full_like(load_file(file)["latents"], torch.nan)}, file)
    assert run_here(short) == ExitCode.FAILED
    error = short.state().error
    assert error is not None
    assert (short.state().state, error["code"]) == ("failed", "LOSS_NOT_FINITE")
    assert error["details"]["photos"] == [photo.id]
    step = error["details"]["step"]
    assert f"step {step}" in error["message"]
    assert photo.id in error["message"]
    assert sorted(losses_of(short)) == list(range(1, step))
    assert not list(short.checkpoints.glob("*"))


def test_a_damaged_newest_checkpoint_is_passed_over(job: JobFolder, reference: JobFolder, run_here: RunHere) -> None:
    """The one before is gone on from, with a warning in the log, to the same losses."""
    assert run_here(job, at_step(9, lambda: ask(job.control_file, stop="pause"))) == ExitCode.PAUSED
    newest = job.checkpoints / "step_000009" / "state.pt"
    newest.write_bytes(newest.read_bytes()[:-1000])
    before = len(events_of(job, "loss"))
    assert run_here(job) == ExitCode.DONE
    assert [event["step"] for event in events_of(job, "loss")[before:]] == [9, 10, 11, 12]
    assert "a damaged checkpoint was passed over" in job.log_file.read_text(encoding="utf-8")
    assert losses_of(job) == pytest.approx(losses_of(reference), rel=1e-4)


def test_damaged_latents_are_told_and_made_again(short: JobFolder, run_here: RunHere) -> None:
    """The file is named; running the job again is all that is needed."""
    damaged = latents_of(short)[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert run_here(short) == ExitCode.FAILED
    error = short.state().error
    assert error is not None
    assert error["code"] == "JOB_CORRUPT"
    assert damaged.name in error["message"]
    assert run_here(short) == ExitCode.DONE
    assert len(latents_of(short)) == 4


def test_a_changed_photo_or_caption_is_encoded_again_and_nothing_else(job: JobFolder, run_here: RunHere) -> None:
    """One picture and one text are added to the cache; no other file is touched."""
    before = {path: path.stat().st_mtime_ns for path in job.cache.rglob("*.safetensors")}
    first, second, *others = job.dataset()
    shutil.copyfile(job.path / first.file, job.path / "photos" / "new.png")
    with (job.path / "photos" / "new.png").open("ab") as stream:
        stream.write(b"another")
    content = (job.path / "photos" / "new.png").read_bytes()
    changed = replace(first, file="photos/new.png", sha256=sha256(content).hexdigest())
    job.write_dataset([changed, replace(second, caption="ohwx person, waving"), *others])
    assert run_here(job, only_prepare=True) == ExitCode.DONE
    after = {path: path.stat().st_mtime_ns for path in job.cache.rglob("*.safetensors")}
    assert {path: after[path] for path in before} == before
    assert sorted(path.parent.name for path in after.keys() - before.keys()) == ["conditioning", "latents"]
    assert job.state().state == "queued"


def test_a_photo_that_is_not_the_one_the_job_was_made_with_is_refused(tmp_path: Path, run_here: RunHere) -> None:
    """Nothing was begun: the exit code says that the input must be mended."""
    job = make_small_job(tmp_path)
    with (job.path / job.dataset()[1].file).open("ab") as stream:
        stream.write(b"x")
    assert run_here(job) == ExitCode.REFUSED
    assert (job.state().state, (job.state().error or {})["code"]) == ("failed", "PHOTO_CHANGED")


@pytest.mark.parametrize("limit", [1500, 5000], ids=["not even for events", "in a sample picture"])
def test_a_full_disk_fails_the_job_plainly(job: JobFolder, run_here: RunHere, limit: int) -> None:
    """Where nothing fits any more, too; with room again the job goes on."""
    change_config(job, {"steps": 2, "warmup_steps": 1})
    with most_bytes(limit):
        assert run_here(job) == ExitCode.FAILED
    assert (job.state().state, (job.state().error or {})["code"]) == ("failed", "DISK_FULL")
    assert_nothing_half_written(job.path)
    assert run_here(job) == ExitCode.DONE
    assert_gapless(job)


@pytest.mark.parametrize("limit", [3000, 100_000], ids=["in the latents", "in the decoder"])
def test_a_disk_full_while_preparing_fails_the_job_plainly(tmp_path: Path, run_here: RunHere, limit: int) -> None:
    """What was encoded by then stays, what was half-written goes, and the rest follows when there is room."""
    job = make_small_job(tmp_path, sample_every=0)
    with most_bytes(limit):
        assert run_here(job, only_prepare=True) != ExitCode.DONE
    assert (job.state().state, (job.state().error or {})["code"]) == ("failed", "DISK_FULL")
    assert_nothing_half_written(job.path)
    assert run_here(job, only_prepare=True) == ExitCode.DONE
    assert_nothing_half_written(job.path)


def test_what_nobody_foresaw_is_told_with_its_trace(short: JobFolder, run_here: RunHere) -> None:
    """A file stands where a folder must be made: the job has failed, and the log says where."""
    short.checkpoints.write_text("", encoding="utf-8")
    assert run_here(short) == ExitCode.INTERNAL
    assert (short.state().state, (short.state().error or {})["code"]) == ("failed", "INTERNAL")
    assert "Traceback" in short.log_file.read_text(encoding="utf-8")
