"""A job that is done has its LoRA, whoever trained it and whoever asks first; once, and cheaply."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from isengard import settings
from isengard.errors import IsengardError
from isengard.library import finished, loras, trash
from isengard.library.characters import Character
from isengard.library.jobs import Jobs
from isengard.library.store import Library
from isengard.tests.library.test_jobs import trained, wish
from isengard.tests.trainer.jobs import write_photos
from isengard.trainer.job import JobFolder

ASK = (
    "import sys; sys.path.insert(0, sys.argv[1]); from loader import load_package; load_package(sys.argv[1]);"
    "from pathlib import Path; from isengard.library import loras; from isengard.library.store import Library;"
    "print(*(lora.id for lora in loras.list_all(Library.open(Path(sys.argv[2])), 'ada')))"
)


@pytest.fixture
def jobs(library: Library, ada: Character) -> Jobs:
    """The jobs of a library in which Ada has four photos."""
    library.folder(ada.id).images.parent.mkdir(parents=True, exist_ok=True)
    write_photos(library.folder(ada.id).images)
    return Jobs(library)


def test_whoever_asks_first_gets_it(jobs: Jobs, library: Library) -> None:
    """The list, one by its id, the job itself: the trainer has only said that it is done."""
    asks = (
        lambda _: loras.list_all(library, "ada")[0].job,
        lambda _: loras.find(library, "ada-2").job,
        lambda job: loras.find(library, Jobs(library).get(job).lora).job,
    )
    for seed, ask in enumerate(asks):
        job = jobs.create(wish(seed=seed)).job
        trained(job.folder)
        assert ask(job.id) == job.id


def test_many_who_ask_at_once_get_one(jobs: Jobs, library: Library) -> None:
    """Threads of this process and other processes."""
    job = jobs.create(wish()).job
    trained(job.folder)
    command = [sys.executable, "-c", ASK, str(settings.PACK), str(library.root)]
    others = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Jobs(library).get(job.id).lora or loras.list_all(library)[0].id, range(16)))
    told = {other.communicate(timeout=120)[0].strip() for other in others}
    assert {*answers, *told} == {"ada"}
    assert [path.name for path in library.loras.iterdir()] == ["ada.safetensors"]


def test_where_nothing_is_new_only_times_are_looked_at(
    jobs: Jobs, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No state is read again, and a change is seen at once."""
    done, waiting = jobs.create(wish()).job, jobs.create(wish(seed=2)).job
    trained(done.folder)
    assert len(loras.list_all(library)) == 1
    read: list[str] = []
    state = JobFolder.state
    monkeypatch.setattr(JobFolder, "state", lambda folder: read.append(folder.path.name) or state(folder))
    assert len(loras.list_all(library)) == 1
    assert read == []
    trained(waiting.folder)
    read.clear()
    assert len(loras.list_all(library)) == 2
    assert read == [waiting.id]


def test_a_lora_that_was_deleted_stays_away(jobs: Jobs, library: Library) -> None:
    job = jobs.create(wish()).job
    trained(job.folder)
    loras.delete(library, loras.list_all(library)[0].id)
    library.jobs_seen.clear()
    assert loras.list_all(library) == []
    assert Jobs(library).get(job.id).lora == "ada"


def test_a_character_that_comes_back_gets_what_was_done_meanwhile(jobs: Jobs, library: Library) -> None:
    job = jobs.create(wish()).job
    entry = trash.delete_character(library, "ada")
    trained(job.folder)
    assert loras.list_all(library) == []
    assert jobs.get(job.id).lora == ""
    with pytest.raises(IsengardError, match="CHARACTER_MISSING"):
        jobs.finish(job.id)
    trash.restore(library, entry.id)
    assert [lora.job for lora in loras.list_all(library, "ada")] == [job.id]
    assert jobs.get(job.id).lora == "ada"


def test_a_result_that_can_not_be_used_keeps_nobody_from_the_others(jobs: Jobs, library: Library) -> None:
    bad, good = jobs.create(wish()).job, jobs.create(wish(seed=2)).job
    for job in (bad, good):
        trained(job.folder)
    (bad.folder.path / "result.json").write_text("{", encoding="utf-8")
    assert [lora.job for lora in loras.list_all(library)] == [good.id]
    assert [(job.id, job.lora) for job in jobs.all()[0] if job.id == bad.id] == [(bad.id, "")]


def test_weights_of_a_killed_process_are_taken_up_under_their_name(jobs: Jobs, library: Library) -> None:
    """The copy stood in the LoRA folder already and its record did not; others' files are never taken."""
    job = jobs.create(wish()).job
    trained(job.folder)
    library.loras.mkdir(exist_ok=True)
    copied = library.loras / "ada.safetensors"
    copied.write_bytes((job.folder.lora / "ada.safetensors").read_bytes())
    assert [lora.id for lora in loras.list_all(library)] == ["ada"]
    other = jobs.create(wish(seed=2)).job
    trained(other.folder)
    (library.loras / "ada-2.safetensors").write_bytes(b"somebody's")
    assert Jobs(library).get(other.id).lora == "ada-3"


@pytest.mark.parametrize(
    ("told", "scores"),
    [
        ({"likeness": 0.71, "prompt_match": 1}, {"likeness": 0.71, "prompt_match": 1.0}),
        ({"likeness": "good", "odd": float("nan"), "yes": True}, None),
        ({}, None),
        ([0.7], None),
        (None, None),
    ],
)
def test_only_what_was_measured_is_a_score(
    jobs: Jobs, library: Library, told: object, scores: dict[str, float] | None
) -> None:
    """None where nothing was: no number is made up."""
    job = jobs.create(wish()).job
    trained(job.folder)
    result = {"lora": "lora/ada.safetensors", **({} if told is None else {"scores": told})}
    (job.folder.path / "result.json").write_text(json.dumps(result), encoding="utf-8")
    assert loras.list_all(library)[0].scores == scores


def test_a_disk_that_is_full_keeps_nobody_from_the_list(
    jobs: Jobs, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again after a while."""
    monkeypatch.setattr(finished, "_AGAIN_SECONDS", 3600.0)
    job = jobs.create(wish()).job
    trained(job.folder)

    tried: list[int] = []

    def refuse(*_: object, **__: object) -> None:
        tried.append(1)
        raise IsengardError("DISK_FULL", "There is no room.")

    with monkeypatch.context() as full:
        full.setattr(library, "changing", refuse)
        assert loras.list_all(library) == []
        assert jobs.get(job.id).state.state == "done"
        assert finished.settle(library, job.folder) == ""
        assert len(tried) == 1, "it is not tried with every question"
    assert jobs.get(job.id).lora == ""
    monkeypatch.setattr(finished, "_AGAIN_SECONDS", 0)
    assert jobs.get(job.id).lora == "ada"
