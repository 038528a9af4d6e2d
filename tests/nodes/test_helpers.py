"""What nodes do apart from ComfyUI: choices, wishes, charts, grids, checkpoints, the door's list of packages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from isengard import settings
from isengard.errors import IsengardError
from isengard.generator.request import LAST_SEED, MOST
from isengard.library.characters import Character, create
from isengard.library.jobs import Jobs
from isengard.library.plans import Wish
from isengard.library.sample import SLUG, add_sample
from isengard.library.store import Library
from isengard.nodes import applying, choices, comparing, door, drawing, given, training
from isengard.nodes.kinds import JobRef, TrainingSet
from isengard.tests.trainer.jobs import empty_job
from isengard.trainer.presets import FAMILIES, PRESETS

ADA = Character(id="ada", name="Ada", trigger_word="ohwx")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """A library that the settings name."""
    monkeypatch.setenv("VOLUME_ROOT", str(tmp_path / "library"))
    return Library.open(settings.volume_root())


def test_lists_are_read_from_the_disk_and_make_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a library there is the bundled character; a list's reading leaves no folder behind."""
    monkeypatch.setenv("VOLUME_ROOT", str(tmp_path / "none"))
    assert choices.characters() == [SLUG]
    assert choices.jobs() == []
    assert choices.versions() == [choices.LATEST]
    assert not (tmp_path / "none").exists()


def test_characters_are_listed_and_their_mark_follows_their_photos(library: Library) -> None:
    """A new photo, another caption, another trigger word: each changes the mark; looking does not."""
    bea = create(library, name="Bea")
    assert choices.characters() == sorted([SLUG, bea.id])
    marks = [choices.photos_mark(bea.id)]
    images = library.folder(bea.id).images
    images.mkdir(exist_ok=True)
    for name, text in (("a.jpg", "x"), ("a.txt", "smiling"), ("a.txt", "smiling, outside")):
        (images / name).write_text(text, encoding="utf-8")
        marks.append(choices.photos_mark(bea.id))
    assert len(set(marks)) == len(marks)
    assert choices.photos_mark(bea.id) == marks[-1]
    assert choices.photos_mark("../..") == choices.photos_mark("../..")


@pytest.mark.slow
def test_the_sample_character_is_added_once(library: Library) -> None:
    """Ada with her photos, her trigger word and what she is."""
    ada = add_sample(library)
    assert (ada.id, ada.trigger_word, ada.class_word) == ("ada", "ohwx", "woman")
    assert len(list(library.folder("ada").images.glob("*.jpg"))) == 14
    assert add_sample(library) == ada


def test_prepares_inputs_become_a_wish() -> None:
    """Zeros follow the preset; a training set brings its picture size; settings given win."""
    common = {
        "preset": "quick",
        "base_model": choices.MODE_DEFAULT,
        "steps": 0,
        "rank": 0,
        "more": "",
        "encoders": True,
    }
    assert training.wish_for(ADA, None, **common) == Wish(character="ada", preset="quick")  # type: ignore[arg-type]
    given = {**common, "steps": 7, "more": '{"learning_rate": 0.1}', "base_model": "mini", "encoders": False}
    wish = training.wish_for(None, TrainingSet(ADA, 128), **given)  # type: ignore[arg-type]
    assert wish.settings == {"steps": 7, "learning_rate": 0.1, "resolutions": [128]}
    assert (wish.family, wish.encoders) == ("mini", False)


@pytest.mark.parametrize("more", ["{", "[1]", '"text"', "nonsense"])
def test_settings_that_are_no_object_are_refused(more: str) -> None:
    """With an example of what is meant."""
    with pytest.raises(IsengardError, match="CONFIG_INVALID") as told:
        training.wish_for(ADA, None, preset="quick", base_model="mini", steps=0, rank=0, more=more, encoders=True)
    assert "learning_rate" in told.value.hint


def test_half_of_the_encoders_and_nobody_to_train_are_refused() -> None:
    """The message names what to connect."""
    with pytest.raises(IsengardError, match="the CLIP is missing"):
        training.check_encoders(object(), None)
    with pytest.raises(IsengardError, match="the VAE is missing"):
        training.check_encoders(None, object())
    assert (training.check_encoders(None, None), training.check_encoders(1, 1)) == (False, True)
    with pytest.raises(IsengardError, match="GRAPH_INCOMPLETE"):
        training.wish_for(None, None, preset="quick", base_model="mini", steps=0, rank=0, more="", encoders=True)


def test_a_job_that_was_stopped_is_not_begun_by_its_own_prompt(library: Library) -> None:
    """The prompts of the API say so: a cancelled job stays cancelled; a graph's own Run goes on with it."""
    from isengard.tests.trainer.jobs import write_photos

    bea = create(library, name="Bea")
    write_photos(library.folder(bea.id).images)
    jobs = Jobs(library)
    job = jobs.create(Wish(character=bea.id, family="mini", preset="quick")).job
    found = training.job_for(jobs, JobRef(job.id, go_on=False), choices.AS_IN_JOB, again=False)
    assert found is not None
    job.folder.cancel()
    assert training.job_for(jobs, JobRef(job.id, go_on=False), choices.AS_IN_JOB, again=False) is None
    resumed = training.job_for(jobs, JobRef(job.id), choices.AS_IN_JOB, again=True)
    assert resumed is not None
    assert resumed.id == job.id


def test_training_again_goes_on_with_what_was_begun_again(library: Library) -> None:
    """Of a job that is done a new one is made; stopped, the new one goes on; given up, there is a third."""
    from isengard.tests.trainer.jobs import write_photos

    bea = create(library, name="Bea")
    write_photos(library.folder(bea.id).images)
    jobs = Jobs(library)
    first = jobs.create(Wish(character=bea.id, family="mini", preset="quick")).job

    def again() -> str:
        found = training.job_for(jobs, JobRef(first.id), choices.AS_IN_JOB, again=True)
        assert found is not None
        return found.id

    assert again() == first.id
    move(jobs, first.id, "training", "done")
    second = again()
    assert second != first.id
    move(jobs, second, "training", "interrupted")
    assert again() == second
    jobs.get(second).folder.cancel()
    assert again() not in (first.id, second)


def move(jobs: Jobs, job: str, *states: str) -> None:
    with jobs.get(job).folder.writer() as writer:
        for state in states:
            writer.set_state(state)


def test_marks_change_with_what_they_stand_for(library: Library) -> None:
    """Of a job, of all LoRAs, of what nodes have given: ComfyUI runs again what hangs on them, and only then."""
    from isengard.tests.trainer.jobs import write_photos

    bea = create(library, name="Bea")
    write_photos(library.folder(bea.id).images)
    jobs = Jobs(library)
    job = jobs.create(Wish(character=bea.id, family="mini", preset="quick")).job
    marks = [choices.job_mark(job.id)]
    assert choices.job_mark(job.id) == marks[0]
    move(jobs, job.id, "training")
    marks.append(choices.job_mark(job.id))
    assert len({*marks, choices.job_mark("../.."), choices.job_mark("nobody")}) == 3
    before = choices.loras_mark()
    records = library.folder(bea.id).path / "loras"
    records.mkdir(exist_ok=True)
    (records / "one.json").write_text("{}", encoding="utf-8")
    assert choices.loras_mark() != before
    kept = given.mark()
    given.remember(job.folder.path)
    assert given.mark() == kept
    shutil.move(job.folder.path, job.folder.path.with_name("elsewhere"))
    assert given.mark() != kept


def test_strengths_are_numbers() -> None:
    """Commas or spaces between them; anything else is refused with an example."""
    assert comparing.parse_strengths("0.6, 0.8 1") == [0.6, 0.8, 1.0]
    for text in ("", "much", "3", "-1", "nan"):
        with pytest.raises(IsengardError, match="such as"):
            comparing.parse_strengths(text)


def test_a_grid_is_labelled_and_stops_when_asked() -> None:
    """A cell each; too many are refused before the first; an interrupt ends it."""
    still = Still()
    found = {10: Path("a"), 20: Path("b")}
    sheet = comparing.draw_grid(found, [0.5, 1.0], lambda _file, _strength: Image.new("RGB", (40, 30)), still)
    assert sheet is not None
    assert sheet.width > 2 * 40
    assert still.shown == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with pytest.raises(IsengardError, match="at most"):
        comparing.draw_grid(found, [1.0] * 40, lambda _file, _strength: None, still)
    still.stop = True
    assert comparing.draw_grid(found, [1.0], lambda _file, _strength: Image.new("RGB", (40, 30)), still) is None


class Still:
    """A canvas that only notes."""

    def __init__(self) -> None:
        self.shown: list[tuple[float, float]] = []
        self.stop = False

    def show(self, done: float, total: float, preview: Image.Image | None = None) -> None:
        self.shown.append((done, total))

    def say(self, text: str) -> None:
        pass

    def interrupted(self) -> bool:
        return self.stop


def test_a_chart_has_lines_where_there_are_steps() -> None:
    """Colours of both lines; without steps a sentence instead."""
    chart = drawing.loss_chart([(1, 1.0, 1.0, 0.1), (2, 0.5, 0.8, 0.1), (3, 0.7, 0.7, 0.1)], "Ada")
    colours = {colour for _, colour in chart.getcolors(1 << 20) or []}
    assert {(36, 83, 155), (185, 196, 214)} <= colours
    assert drawing.loss_chart([], "Ada").size == chart.size


def test_the_door_looks_for_every_required_package() -> None:
    """Its list of modules names each line of requirements.txt once, in order."""
    lines = (settings.PACK / "requirements.txt").read_text(encoding="utf-8").splitlines()
    packages = [re.split(r"[<>=]", line)[0] for line in lines if line and not line.startswith("#")]
    assert [door._NAMES.get(name, name) for name in door.NEEDED] == packages
    assert door.problem() is None


def test_limits_of_the_mini_node_are_the_generators() -> None:
    """Named in the node without importing the generator."""
    source = (settings.PACK / "nodes" / "mini.py").read_text(encoding="utf-8")
    assert f"_MOST = {MOST}\n" in source
    assert LAST_SEED == 2**53 - 1


@pytest.mark.parametrize(
    "name",
    ["../a.safetensors", "/etc/a.safetensors", "a.pt", "", "x/../../a.safetensors", "\0", "x" * 5000 + ".safetensors"],
)
def test_a_lora_by_name_stays_in_the_lora_folders(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Names lead nowhere else, whatever lies there."""
    (tmp_path / "models" / "loras").mkdir(parents=True)
    for place in (tmp_path / "models", tmp_path / "models" / "loras"):
        (place / "a.safetensors").write_bytes(b"")
        (place / "a.pt").write_bytes(b"")
    monkeypatch.setenv("ISENGARD_MODELS", str(tmp_path / "models"))
    with pytest.raises(IsengardError, match="LORA_MISSING"):
        applying.by_name(library, name)


def test_samples_are_the_last_steps_and_out_of_the_job_alone(tmp_path: Path) -> None:
    """By prompt; whatever the events of a job from elsewhere name."""
    job = empty_job(tmp_path / "job")
    job.samples.mkdir()
    for name, level in (("step_000004_0", 1), ("step_000010_1", 3), ("step_000010_0", 2)):
        Image.new("RGB", (8, 8), (level, 0, 0)).save(job.samples / f"{name}.png")
    Image.new("RGB", (8, 8), (99, 0, 0)).save(tmp_path / "secret.png")
    (job.samples / "step_000010_2.png").symlink_to(tmp_path / "secret.png")
    with job.writer() as writer:
        writer.emit("sample", step=99, index=0, prompt="a", file="../secret.png")
    assert [picture.getpixel((0, 0)) for picture in training.last_samples(job)] == [(2, 0, 0), (3, 0, 0)]
    assert training.last_samples(empty_job(tmp_path / "new")) == []


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ({"type": "progress", "phase": "train", "done": 12, "total": 300, "seconds_left": 3725.0},
         "Step 12 of 300, 1:02:05 left"),
        ({"type": "progress", "phase": "encode", "done": 1, "total": 9, "message": "a.jpg"}, "a.jpg (1/9)"),
        ({"type": "loss", "step": 3, "smoothed": 0.51234}, "Step 3 of 300, loss 0.5123"),
        ({"type": "state", "state": "paused", "reason": "paused by request"}, "Paused: paused by request"),
        ({"type": "state", "state": "training"}, ""),
        ({"type": "error", "message": "It is full."}, "It is full."),
        ({"type": "gpu", "load": 0.5}, ""),
    ],
)  # fmt: skip
def test_events_are_lines_on_the_node(event: dict[str, object], line: str) -> None:
    """Steps, time left, loss, states and errors; what says nothing to a person is left out."""
    assert training.sentence(event, 300) == line


def test_lists_of_the_nodes_are_those_of_the_rooms_below() -> None:
    """They are written out, so that ComfyUI starts without the trainer."""
    assert set(choices.FAMILIES) == {choices.MODE_DEFAULT, *FAMILIES}
    assert tuple(PRESETS) == choices.PRESETS
