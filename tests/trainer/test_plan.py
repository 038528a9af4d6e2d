"""Making a job from a folder of photos: whole, or not at all."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from isengard.errors import IsengardError
from isengard.trainer import plan
from isengard.trainer.config import FAMILIES, TrainingConfig
from isengard.trainer.job import JobFolder
from isengard.trainer.plan import change_config, estimate_disk, make_job
from isengard.trainer.presets import preset_config


def config(photos: int = 6, **overrides: Any) -> TrainingConfig:
    return preset_config("quick", "mini", photos, name="Ada", trigger_word="ohwx", class_word="woman", **overrides)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos of different shapes and names, five with captions."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    shapes = [(200, 300), (300, 200), (256, 256), (400, 300), (205, 300), (260, 256)]
    names = ["beach.jpg", "BEACH.png", "Émilie à Paris.webp", "日本.jpg", "con.png", "last"]
    for shape, name in zip(shapes, names, strict=True):
        image = Image.fromarray(rng.integers(0, 256, (shape[1], shape[0], 3), dtype=np.uint8))
        image.save(folder / name, format=None if "." in name else "JPEG")
        if name != "last":
            (folder / name).with_suffix(".txt").write_text(f"picture, {name}", encoding="utf-8")
    return folder


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"photos"}


def refused(code: str, folder: Path, photos: Path, settings: TrainingConfig | None = None) -> IsengardError:
    with pytest.raises(IsengardError) as caught:
        make_job(folder, settings or config(), photos)
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    return caught.value


def test_a_job_is_complete_and_describes_its_photos(tmp_path: Path, photos: Path) -> None:
    made = make_job(tmp_path / "jobs" / "one", config, photos, correlation_id="abc")
    job = JobFolder.open(tmp_path / "jobs" / "one")
    assert made.job.path == job.path
    assert job.config() == config(6)
    assert (job.state().state, job.state().correlation_id) == ("queued", "abc")
    entries = job.dataset()
    assert [entry.file for entry in entries] == [
        "photos/001-beach.jpg",
        "photos/002-beach.png",
        "photos/003-con.png",
        "photos/004-last.jpg",
        "photos/005-emilie-a-paris.webp",
        "photos/006-photo.jpg",
    ]
    originals = {hashlib.sha256(path.read_bytes()).hexdigest() for path in photos.iterdir() if path.suffix != ".txt"}
    for entry in entries:
        assert hashlib.sha256((job.path / entry.file).read_bytes()).hexdigest() == entry.sha256
        assert entry.buckets
        assert entry.repeats == 1
    assert {entry.sha256 for entry in entries} == originals
    assert entries[0].caption == "ohwx, picture, beach.jpg"
    assert entries[3].caption == "ohwx woman"
    assert entries[0].buckets[0][0] < entries[0].buckets[0][1]
    assert any("1 of 6 photos" in text for text in made.warnings)
    assert left(tmp_path) == {"jobs"}
    assert left(tmp_path / "jobs") == {"one"}


def test_an_empty_folder_may_exist_already_and_a_mounted_disk_too(tmp_path: Path, photos: Path) -> None:
    """What is mounted holds a lost+found and can't be renamed onto; the inode staying the same shows that it wasn't."""
    folder = tmp_path / "disk"
    (folder / "lost+found").mkdir(parents=True)
    inode = folder.stat().st_ino
    make_job(folder, config(), photos)
    assert JobFolder.open(folder).config() == config()
    assert folder.stat().st_ino == inode
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_repeats_of_kohyas_folders_reach_the_dataset(tmp_path: Path, photos: Path) -> None:
    inside = photos / "3_ohwx woman"
    inside.mkdir()
    for name in ("beach.jpg", "BEACH.png"):
        (photos / name).rename(inside / name)
    entries = make_job(tmp_path / "job", config(), photos).job.dataset()
    assert sorted(entry.repeats for entry in entries) == [1, 1, 1, 1, 3, 3]


@pytest.mark.parametrize("name", ["file/job", "file", "/proc/nowhere/job", "x" * 300])
def test_a_folder_that_can_not_be_made_is_not_writable(tmp_path: Path, photos: Path, name: str) -> None:
    if name.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("needs a /proc, where nothing can be made")
    (tmp_path / "file").write_text("a regular file")
    error = refused("FOLDER_NOT_WRITABLE", tmp_path / name, photos)
    assert name[-10:] in error.message
    assert left(tmp_path) == {"file"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_not_writable(tmp_path: Path, photos: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    refused("FOLDER_NOT_WRITABLE", locked / "job", photos)


def test_what_exists_is_left_alone(tmp_path: Path, photos: Path) -> None:
    make_job(tmp_path / "job", config(), photos)
    before = sorted(path.name for path in (tmp_path / "job").iterdir())
    assert "resume" in refused("JOB_EXISTS", tmp_path / "job", photos).hint
    assert sorted(path.name for path in (tmp_path / "job").iterdir()) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("chapter one")
    assert "novel.txt" in refused("JOB_EXISTS", tmp_path / "mine", photos).message
    assert left(tmp_path / "mine") == {"novel.txt"}


def test_a_full_disk_is_told_before_anything_is_copied(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 10**6, 10**6))
    error = refused("DISK_FULL", tmp_path / "deep" / "job", photos)
    assert error.details["needed"] > error.details["free"] == 10**6
    assert "1 MB are free" in error.message
    assert left(tmp_path) == set()


@pytest.mark.parametrize("existing", [True, False])
def test_a_disk_that_fills_up_on_the_way_leaves_nothing_behind(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
) -> None:
    copy, copied = shutil.copyfile, []

    def full_after_three(source: Path, target: Path) -> object:
        copied.append(target)
        if len(copied) > 3:
            target.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", full_after_three)
    if existing:
        (tmp_path / "job").mkdir()
    assert "try again" in refused("DISK_FULL", tmp_path / "job", photos).hint
    assert left(tmp_path) == ({"job"} if existing else set())
    assert not existing or left(tmp_path / "job") == set()


@pytest.mark.parametrize("existing", [True, False])
def test_of_two_that_make_the_same_job_one_wins(tmp_path: Path, photos: Path, existing: bool) -> None:
    if existing:
        (tmp_path / "job").mkdir()
    inner: list[Path] = []

    def slow(number: int) -> TrainingConfig:
        if not inner:
            inner.append(make_job(tmp_path / "job", config(number, seed=7), photos).job.path)
        return config(number)

    with pytest.raises(IsengardError) as caught:
        make_job(tmp_path / "job", slow, photos)
    assert caught.value.code == "JOB_EXISTS"
    assert JobFolder.open(tmp_path / "job").config().seed == 7
    assert left(tmp_path) == {"job"}


@pytest.mark.parametrize("kind", ["none", "one", "bad"])
def test_bad_photos_leave_nothing_behind(tmp_path: Path, photos: Path, kind: str) -> None:
    if kind == "bad":
        (photos / "beach.jpg").write_bytes((photos / "beach.jpg").read_bytes()[:500])
    else:
        for path in list(photos.iterdir())[0 if kind == "none" else 1 :]:
            path.unlink()
        if kind == "one":
            Image.new("RGB", (100, 100)).save(photos / "a.png")
            for path in set(photos.iterdir()) - {photos / "a.png"}:
                path.unlink()
    refused(
        {"none": "PHOTOS_NONE", "one": "PHOTOS_TOO_FEW", "bad": "PHOTO_UNREADABLE"}[kind], tmp_path / "a" / "b", photos
    )
    assert left(tmp_path) == set()


def test_a_bad_config_leaves_nothing_behind(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(IsengardError, match="rank must be"):
        make_job(tmp_path / "job", lambda number: config(number, rank=0), photos)
    assert left(tmp_path) == set()


def test_a_photo_that_changes_meanwhile_is_noticed(tmp_path: Path, photos: Path) -> None:
    def sly(number: int) -> TrainingConfig:
        Image.new("RGB", (99, 99)).save(photos / "beach.jpg")
        return config(number)

    with pytest.raises(IsengardError) as caught:
        make_job(tmp_path / "job", sly, photos)
    assert caught.value.code == "PHOTO_CHANGED"
    assert left(tmp_path) == set()


def test_the_job_may_be_made_inside_the_photo_folder(tmp_path: Path, photos: Path) -> None:
    make_job(photos / "training", config(), photos)
    assert len(JobFolder.open(photos / "training").dataset()) == 6


def test_small_and_long_photos_are_warned_about(tmp_path: Path, photos: Path) -> None:
    Image.new("RGB", (900, 100), "blue").save(photos / "pano.png")
    Image.new("RGB", (64, 64), "red").save(photos / "tiny.png")
    texts = make_job(tmp_path / "job", config(resolutions=[128, 256]), photos).warnings
    assert any("Too small for 256 px" in text and "tiny.png" in text for text in texts)
    assert any("enlarged" in text and "tiny.png (2.0×)" in text for text in texts)
    assert any("Very long" in text and "pano.png" in text for text in texts)


def test_disk_is_estimated_from_what_a_training_writes() -> None:
    base = config(10)
    small = estimate_disk(base, [10_000] * 10)
    assert small < 100_000_000
    assert estimate_disk(base, [1_000_000] * 10) > small + 9_000_000
    for bigger in ({"rank": 64}, {"save_every": 1}, {"ema_decay": 0.9}, {"save_dtype": "fp32"}, {"flip": True}):
        assert estimate_disk(base.replace(**bigger), [10_000] * 10) > small
    for family in FAMILIES:
        assert estimate_disk(dataclasses.replace(base, family=family), []) > 0


def test_settings_of_a_job_can_be_changed_and_other_resolutions_give_other_buckets(
    tmp_path: Path, photos: Path
) -> None:
    job = make_job(tmp_path / "job", config(), photos).job
    before = job.dataset()
    change_config(job, {"resolutions": [64, 128], "batch_size": 1, "learning_rate": 5e-4})
    assert job.config() == config().replace(resolutions=[64, 128], batch_size=1, learning_rate=5e-4)
    after = job.dataset()
    assert [entry.buckets[1] for entry in after] == [entry.buckets[0] for entry in before]
    assert all(len(entry.buckets) == 2 for entry in after)
    assert [dataclasses.replace(entry, buckets=()) for entry in after] == [
        dataclasses.replace(entry, buckets=()) for entry in before
    ]


@pytest.mark.parametrize("changes", [{"trigger_word": "zwx"}, {"family": "flux1-dev"}])
def test_what_the_dataset_was_made_with_stays(tmp_path: Path, photos: Path, changes: dict[str, Any]) -> None:
    job = make_job(tmp_path / "job", config(), photos).job
    with pytest.raises(IsengardError, match="can't be changed"):
        change_config(job, changes)
    assert job.config() == config()


def test_what_a_checkpoint_was_made_with_stays_once_there_is_one(tmp_path: Path, photos: Path) -> None:
    job = make_job(tmp_path / "job", config(), photos).job
    change_config(job, {"rank": 8, "alpha": 8})
    (job.checkpoints / "step_000010").mkdir(parents=True)
    for name, value in {"rank": 4, "lora_plus_ratio": 4.0}.items():
        with pytest.raises(IsengardError, match=f"{name} can't be changed"):
            change_config(job, {name: value})
    change_config(job, {"steps": 400})
    assert (job.config().rank, job.config().steps) == (8, 400)


def test_a_running_or_finished_job_is_not_changed(tmp_path: Path, photos: Path) -> None:
    job = make_job(tmp_path / "job", config(), photos).job
    with job.writer() as writer:
        with pytest.raises(IsengardError) as caught:
            change_config(job, {"steps": 400})
        assert caught.value.code == "JOB_LOCKED"
        for state in ("preparing", "training", "done"):
            writer.set_state(state)
    with pytest.raises(IsengardError) as caught:
        change_config(job, {"steps": 400})
    assert caught.value.code == "JOB_FINISHED"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_unit_of_buckets_is_that_of_every_family(family: str) -> None:
    from isengard.trainer.families import load_family

    assert plan.UNIT % load_family(family).unit == 0


def test_the_disk_estimate_covers_the_loras_of_every_target(tmp_path: Path) -> None:
    """Counts the parameters of the mini model's real LoRA layers."""
    import torch

    from isengard.trainer.disk import _SIZES
    from isengard.trainer.families import load_family

    family = load_family("mini")
    model = family.load_transformer(config(), torch.float32)
    layers = dict(model.named_modules())
    for targets, counted in _SIZES["mini"].per_rank.items():
        real = sum(
            layer.in_features + layer.out_features
            for layer in (layers[name] for name in family.lora_targets(model, targets))
            if isinstance(layer, torch.nn.Linear)
        )
        assert real <= counted <= 3 * real, targets
