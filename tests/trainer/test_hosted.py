"""Preparing inside a host's process, here with the embedded model's own codec in the host's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from isengard.errors import IsengardError
from isengard.tests.trainer.jobs import make_small_job
from isengard.trainer.cache import Cache
from isengard.trainer.families import load_family
from isengard.trainer.families.interface import Codec
from isengard.trainer.hosted import prepare_here, text_tokens, write_decoder
from isengard.trainer.job import JobFolder, ask
from isengard.trainer.prepare import is_prepared


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    return make_small_job(tmp_path / "job")


def codec_for(job: JobFolder) -> Codec:
    return load_family("mini").load_codec(job.config(), torch.device("cpu"))


def never() -> bool:
    return False


def test_the_cache_is_filled_and_the_job_waits_for_its_training(job: JobFolder) -> None:
    """Events are told to the host and to the job; doing it again does nothing."""
    events: list[dict[str, Any]] = []
    assert prepare_here(job, codec_for(job), listener=events.append, interrupted=never)
    assert is_prepared(job, job.config())
    assert [event["state"] for event in events if event["type"] == "state"] == ["preparing", "queued"]
    assert (job.state().state, job.state().attempt, job.owner()) == ("queued", 0, None)
    count = len(events)
    assert prepare_here(job, codec_for(job), listener=events.append, interrupted=never)
    assert len(events) == count


def test_a_stop_on_the_way_keeps_what_is_done(job: JobFolder) -> None:
    """The host's interrupt, and a wish in control.json, which comes first; then it goes on."""
    asked: list[int] = []

    def third() -> bool:
        asked.append(1)
        return len(asked) > 2

    assert not prepare_here(job, codec_for(job), listener=lambda _: None, interrupted=third)
    assert job.state().state == "interrupted"
    assert (job.state().said or {})["code"] == "ended.stopped_preparing"
    done = len(list((job.cache / "latents").glob("*.safetensors")))
    assert done >= 1
    job.requeue()
    ask(job.control_file, stop="pause")
    assert not prepare_here(job, codec_for(job), listener=lambda _: None, interrupted=lambda: True)
    assert job.state().state == "paused"
    assert prepare_here(job, codec_for(job), listener=lambda _: None, interrupted=never)
    assert job.state().state == "queued"


def test_another_codecs_cache_is_made_anew_until_training_has_begun(job: JobFolder) -> None:
    """What inference will use counts, unless checkpoints stand on the other."""
    assert prepare_here(job, codec_for(job), listener=lambda _: None, interrupted=never)
    other = codec_for(job)
    other.fingerprint = "another"
    (job.checkpoints / "step_000004").mkdir(parents=True)
    assert prepare_here(job, other, listener=lambda _: None, interrupted=never)
    assert _codec_of(job) != "another"
    (job.checkpoints / "step_000004").rmdir()
    assert prepare_here(job, other, listener=lambda _: None, interrupted=never)
    assert _codec_of(job) == "another"
    assert is_prepared(job, job.config())


@pytest.mark.parametrize("problem", [IsengardError("OUT_OF_MEMORY", "It is full."), ZeroDivisionError("never")])
def test_a_codec_that_fails_makes_the_job_fail(job: JobFolder, problem: Exception) -> None:
    """With the error in its state, and the job free for the next attempt."""
    codec = codec_for(job)

    def fails(_pixels: torch.Tensor) -> torch.Tensor:
        raise problem

    codec.encode_image = fails  # type: ignore[method-assign]
    with pytest.raises(type(problem)):
        prepare_here(job, codec, listener=lambda _: None, interrupted=never)
    state = job.state()
    assert state.state == "failed"
    assert state.error is not None
    assert state.error["code"] == ("OUT_OF_MEMORY" if isinstance(problem, IsengardError) else "INTERNAL")
    assert job.owner() is None


def test_a_host_that_is_torn_out_leaves_the_job_interrupted(job: JobFolder) -> None:
    """As by Ctrl+C in the host."""

    def tears(_event: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_here(job, codec_for(job), listener=tears, interrupted=never)
    assert job.state().state == "interrupted"


def test_a_cache_whose_note_is_damaged_is_named(job: JobFolder) -> None:
    """JSON of something else is no codec."""
    assert prepare_here(job, codec_for(job), listener=lambda _: None, interrupted=never)
    for text in ("{}", "[]", "7"):
        (job.cache / "codec.json").write_text(text, encoding="utf-8")
        with pytest.raises(IsengardError, match=r"codec\.json") as caught:
            Cache.of(job)
        assert caught.value.code == "JOB_CORRUPT"


def test_a_decoder_is_written_from_a_vaes_tensors(job: JobFolder, tmp_path: Path) -> None:
    """What is no VAE of the family is refused."""
    with pytest.raises(IsengardError, match="MODEL_UNREADABLE"):
        write_decoder(job, {"decoder.nothing": torch.zeros(1)}, tmp_path / "decoder")
    assert text_tokens(job) == load_family("mini").text_tokens


def _codec_of(job: JobFolder) -> str:
    found = Cache.of(job)
    assert found is not None
    return found.codec
