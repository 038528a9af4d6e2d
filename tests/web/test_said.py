"""Answers carry their sentences with codes; what is nobody's business leaves the values, too."""

from __future__ import annotations

import json
from pathlib import Path

from isengard.errors import IsengardError
from isengard.library.redaction import Redaction
from isengard.sentences import Said
from isengard.trainer.job import JobFolder, TrainingConfig
from isengard.web.models import Problem, SaidOut, problem_values


def test_a_sentence_in_an_answer() -> None:
    """With its code, or without one; sentences inside it look the same."""
    inner = Said("b", "two", n=2)
    found = SaidOut.of(Said("a", "x two", what=inner)).model_dump()
    assert found == {"code": "a", "message": "x two", "values": {"what": inner.as_dict()}}
    assert SaidOut.of("plain").model_dump() == {"code": "", "message": "plain", "values": {}}


def test_paths_leave_the_values_too(tmp_path: Path) -> None:
    """A sentence's values are cleaned like its text."""
    folder = f"{tmp_path}/library/models"
    found = SaidOut.of(Said("a", f"Put it into {folder}.", folder=folder), Redaction(tmp_path / "library"))
    assert found.message == "Put it into models."
    assert found.values == {"folder": "models"}


def test_an_error_in_an_answer(tmp_path: Path) -> None:
    """From the error itself, or from what a file kept of it; older files have no sentences."""
    error = IsengardError("DISK_FULL", Said("disk.full", f"{tmp_path}/a/b is full.", file="b"), hint="Make room.")
    kept = json.loads(json.dumps(error.as_dict()))
    for source in (error, kept):
        problem = Problem(**problem_values(source, Redaction(tmp_path)))
        assert (problem.code, problem.message, problem.hint) == ("DISK_FULL", "a/b is full.", "Make room.")
        assert problem.said is not None
        assert problem.said.message == SaidOut(code="disk.full", message="a/b is full.", values={"file": "b"})
        assert problem.said.hint is None
    assert problem_values({"code": "X", "message": "m"}) == {"code": "X", "message": "m", "hint": "", "said": None}


def test_why_a_job_stands_where_it_stands_is_kept(tmp_path: Path) -> None:
    """state.json has the reason as a sentence; a plain one has no code, and the next state forgets it."""
    job = JobFolder.create(
        tmp_path / "job", TrainingConfig(name="Ada", trigger_word="ohwx", family="mini", sample_every=0), []
    )
    with job.writer() as writer:
        writer.set_state("paused", reason=Said("ended.paused_before", "paused before its turn"))
    assert job.state().reason == "paused before its turn"
    assert job.state().said == {"code": "ended.paused_before", "message": "paused before its turn", "values": {}}
    with job.writer() as writer:
        writer.set_state("cancelled", reason="for a reason of its own")
    assert (job.state().reason, job.state().said) == ("for a reason of its own", None)
