"""Jobs of the library: whole or not there, found again, kept apart from their LoRA, and put right after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.library import jobs as library_jobs
from isengard.library import loras, pace, trash
from isengard.library.characters import Character
from isengard.library.job_files import checkpoints, read_origin
from isengard.library.jobs import Jobs
from isengard.library.plans import Wish, config_for, make_plan
from isengard.library.store import Library
from isengard.tests.trainer.jobs import write_photos
from isengard.trainer.job import JobFolder, TrainingConfig

SMALL = {"resolutions": [64], "steps": 12, "save_every": 4, "sample_every": 4, "log_every": 1}


@pytest.fixture
def jobs(library: Library, ada: Character) -> Jobs:
    """The jobs of a library in which Ada has four photos."""
    library.folder(ada.id).images.parent.mkdir(parents=True, exist_ok=True)
    write_photos(library.folder(ada.id).images)
    return Jobs(library)


def wish(**settings: object) -> Wish:
    return Wish(character="ada", preset="quick", family="mini", settings={**SMALL, **settings})


def trained(folder: JobFolder, *, seconds: float = 1.0) -> None:
    """What a finished training leaves, without the training."""
    folder.lora.mkdir()
    (folder.lora / "ada.safetensors").write_bytes(folder.path.name.encode())
    (folder.path / "result.json").write_text(json.dumps({"lora": "lora/ada.safetensors"}), encoding="utf-8")
    with folder.writer() as writer:
        writer.set_state("preparing")
        writer.set_state("training")
        for step in range(1, 13):
            writer.emit("loss", step=step, loss=1.0, smoothed=1.0, learning_rate=1e-3, grad_norm=1.0)
            writer.emit("progress", phase="train", step=step, steps=12, done=step, total=12, seconds_per_step=seconds)
        writer.set_state("done", step=12)


def test_a_job_is_complete_and_knows_whose_it_is(jobs: Jobs, library: Library) -> None:
    """It can be run by the trainer alone; beside it stands whose it is and what was foreseen."""
    made = jobs.create(wish(), correlation_id="from-the-request")
    job = made.job
    assert not made.known
    assert (job.state.state, job.character, job.photos, job.state.correlation_id) == (
        "queued", "ada", 4, "from-the-request",
    )  # fmt: skip
    assert JobFolder.open(job.folder.path).config().trigger_word == "ohwx"
    assert read_origin(job.folder)["plan"]["steps"] == 12
    assert [path.name for path in library.jobs.iterdir() if not path.name.startswith(".")] == [job.id]
    assert not any((library.jobs / ".making").iterdir())


def test_the_same_training_is_found_and_another_is_not(jobs: Jobs, library: Library) -> None:
    """Equal photos, captions and settings give one LoRA; any difference makes a new job, as does an explicit wish."""
    first = jobs.create(wish()).job
    assert jobs.create(wish()).job.id == first.id
    assert jobs.create(wish(seed=7)).job.id != first.id
    assert jobs.create(wish(), again=True).job.id != first.id
    (library.folder("ada").images / "photo1.txt").write_text("ohwx in a park", encoding="utf-8")
    assert not jobs.create(wish()).known


def test_what_stands_in_the_way_is_told_before_anything_is_written(jobs: Jobs, library: Library) -> None:
    """All obstacles at once; no folder is left."""
    (library.folder("ada").images / "broken.jpg").write_bytes(b"no picture")
    found = make_plan(library, wish(rank=0))
    assert [problem.code for problem in found.obstacles] == ["PHOTO_UNREADABLE", "CONFIG_INVALID"]
    with pytest.raises(IsengardError) as raised:
        jobs.create(wish(rank=0))
    assert [item["code"] for item in raised.value.details["obstacles"]] == ["PHOTO_UNREADABLE", "CONFIG_INVALID"]
    assert jobs.ids() == []


def test_the_characters_own_settings_can_not_be_overridden(library: Library, ada: Character) -> None:
    """Above all not the paths of the base model: over HTTP only files in the model folders can be named."""
    for name, value in (("base", {"transformer": "/etc/passwd"}), ("family", "flux1-dev"), ("trigger_word", "x")):
        with pytest.raises(IsengardError, match="CONFIG_INVALID"):
            config_for(ada, Wish(character="ada", family="mini", settings={name: value}), 4)
    with pytest.raises(IsengardError, match="MODEL_MISSING"):
        config_for(ada, Wish(character="ada", family="flux1-dev", base={"vae": "../../x.safetensors"}), 4)


def test_a_finished_job_gives_its_character_a_lora_once_and_a_pace(jobs: Jobs, library: Library) -> None:
    job = jobs.create(wish()).job
    assert jobs.finish(job.id) == ""
    config = job.config
    assert pace.estimate(library, config).source == "guess"
    trained(job.folder, seconds=0.5)
    lora = jobs.finish(job.id)
    assert (lora, jobs.get(job.id).lora) == (lora, lora)
    assert jobs.finish(job.id) == lora
    (found,) = loras.list_all(library, "ada")
    assert (found.id, found.job, found.step, found.trigger_word) == (lora, job.id, 12, "ohwx")
    told = pace.estimate(library, config)
    content = (library.root / "pace.json").read_text()
    for damaged in ('{"trainings": ["x"]}', '{"trainings": [{"pixels": "x"}]}', "[]", "{"):
        (library.root / "pace.json").write_text(damaged)
        assert pace.estimate(library, config).source == "guess", damaged
    (library.root / "pace.json").write_text(content)
    assert (told.source, told.seconds_per_step) == ("measured", 0.5)
    larger = pace.estimate(library, config.replace(resolutions=[128]))
    assert (larger.source, larger.seconds_per_step) == ("scaled", 2.0)
    loras.delete(library, lora)
    Jobs(library).tidy()
    assert loras.list_all(library, "ada") == [], "what was deleted comes back by itself"


def test_a_result_that_names_a_file_elsewhere_is_refused(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.create(wish()).job
    (tmp_path / "secret.safetensors").write_bytes(b"x")
    trained(job.folder)
    (job.folder.path / "result.json").write_text('{"lora": "../../../secret.safetensors"}', encoding="utf-8")
    with pytest.raises(IsengardError, match="JOB_CORRUPT"):
        jobs.finish(job.id)


def test_checkpoints_can_be_kept(jobs: Jobs, library: Library) -> None:
    job = jobs.create(wish()).job
    for step in (4, 8):
        folder = job.folder.checkpoints / f"step_{step:06d}"
        folder.mkdir(parents=True)
        (folder / f"ada-step{step:06d}.safetensors").write_bytes(b"%d" % step)
    assert list(checkpoints(job.folder)) == [4, 8]
    assert jobs.keep_checkpoint(job.id, 4).step == 4
    with pytest.raises(IsengardError, match="CHECKPOINT_MISSING"):
        jobs.keep_checkpoint(job.id, 5)


def test_a_deleted_job_can_be_restored_and_a_running_one_is_not_deleted(jobs: Jobs, library: Library) -> None:
    job = jobs.create(wish()).job
    with job.folder.writer(), pytest.raises(IsengardError, match="JOB_LOCKED"):
        jobs.delete(job.id)
    entry = jobs.delete(job.id)
    with pytest.raises(IsengardError, match="JOB_MISSING"):
        jobs.get(job.id)
    trash.restore(library, entry.id)
    assert jobs.get(job.id).photos == 4


def test_settings_of_a_waiting_job_can_be_changed(jobs: Jobs) -> None:
    job = jobs.create(wish()).job
    changed = jobs.change(job.id, {"steps": 20, "gradient_checkpointing": True})
    assert (changed.state.steps, changed.config.gradient_checkpointing) == (20, True)
    for bad in ({"base": {"vae": "/etc/passwd"}}, {"family": "flux1-dev"}, {"steps": -1}):
        with pytest.raises(IsengardError, match="CONFIG_INVALID"):
            jobs.change(job.id, bad)


def test_a_job_is_trained_again_from_its_own_photos(jobs: Jobs, library: Library) -> None:
    """What lies in the character's folder by then does not matter."""
    job = jobs.create(wish()).job
    for photo in library.folder("ada").images.iterdir():
        photo.unlink()
    new = jobs.train_again(job.id, {"resolutions": [128]})
    assert (new.character, new.photos, new.config.resolutions) == ("ada", 4, (128,))
    assert new.id != job.id


def test_after_a_kill_all_is_put_right(jobs: Jobs, library: Library) -> None:
    """Half-made jobs go, jobs whose process is gone are interrupted, finished ones give their LoRA."""
    running, done = jobs.create(wish()).job, jobs.create(wish(seed=2)).job
    with running.folder.writer() as writer:
        writer.set_state("preparing")
        writer.set_state("training")
    trained(done.folder)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    making = library.jobs / ".making"
    for name in ("half", f"{gone.pid}-ada-20260101-000000-aaaa", f".{gone.pid}-ada.aaaaaaaa.tmp"):
        (making / name).mkdir(parents=True)
    again = Jobs(library)
    again.tidy()
    assert again.get(running.id).state.state == "interrupted"
    assert again.get(done.id).lora
    assert list(making.iterdir()) == []


def test_a_start_leaves_alone_what_is_being_made(jobs: Jobs, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server begins while another program, or a node, makes a job in the same library."""

    def meanwhile(*args: Any) -> TrainingConfig:
        Jobs(library).tidy()
        return config_for(*args)

    monkeypatch.setattr(library_jobs, "config_for", meanwhile)
    assert jobs.create(wish()).job.state.state == "queued"


def test_a_damaged_job_is_listed_as_such_beside_the_others(jobs: Jobs) -> None:
    good, bad = jobs.create(wish()).job, jobs.create(wish(seed=2)).job
    bad.folder.state_file.write_text("{", encoding="utf-8")
    found, broken = jobs.all()
    assert [job.id for job in found] == [good.id]
    assert [(job_id, problem.code) for job_id, problem in broken] == [(bad.id, "JOB_CORRUPT")]
    jobs.delete(bad.id)
