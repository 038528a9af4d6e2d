"""Bad input on the command line: a code, a hint, the right exit code, and nothing half-written."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.trainer.jobs import (
    PATIENCE,
    SCRIPTS,
    RunHere,
    copy_job,
    make_small_job,
    small_config,
    start,
    train,
    write_photos,
)
from isengard.trainer.job import ExitCode, JobFolder

pytestmark = pytest.mark.slow


def refused(code: str, *arguments: object, exit_code: ExitCode = ExitCode.REFUSED, **options: Any) -> str:
    """Runs `python . train …`, which must end with this code and a hint under it. Returns what it said."""
    status, output = train(*arguments, bars=True, **options)
    lines = output.splitlines()
    assert status == exit_code, output
    assert "Traceback" not in output
    place = next((number for number, line in enumerate(lines) if line.startswith(f"{code}: ")), None)
    assert place is not None, output
    assert len(lines) > place + 1, "no hint"
    assert lines[place + 1].startswith("  "), output
    return output


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def new_job(tmp_path: Path, *arguments: object) -> tuple[object, ...]:
    """Arguments for a new job from `photos` in the test's folder."""
    return ("--photos", tmp_path / "photos", "--base", "mini", "--out", tmp_path / "out" / "job", *arguments)


def nothing(folder: Path) -> None:
    """An empty folder."""
    folder.mkdir()


def one_photo(folder: Path) -> None:
    write_photos(folder, 1)


def text_files(folder: Path) -> None:
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text("a caption", encoding="utf-8")


def unreadable_photo(folder: Path) -> None:
    write_photos(folder)
    (folder / "holiday.jpg").write_text("this is no picture", encoding="utf-8")


def truncated_photo(folder: Path) -> None:
    write_photos(folder)
    photo = folder / "photo1.png"
    photo.write_bytes(photo.read_bytes()[:2000])


def huge_photo(folder: Path) -> None:
    """108 megapixels of one colour, in some kilobytes: decoding it would take 300 MB."""
    write_photos(folder)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" * (12000 // 8 + 1) * 9000)
    head = struct.pack(">IIBBBBB", 12000, 9000, 1, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (folder / "huge.png").write_bytes(data)


def long_caption(folder: Path) -> None:
    write_photos(folder)
    (folder / "photo2.txt").write_text("word " * 2000, encoding="utf-8")


def strange_caption(folder: Path) -> None:
    write_photos(folder)
    (folder / "photo2.txt").write_bytes(b"\xff\xfe\x00\xd8")


@pytest.mark.parametrize(
    ("made", "code", "named"),
    [
        (nothing, "PHOTOS_NONE", "is empty"),
        (one_photo, "PHOTOS_TOO_FEW", "one photo"),
        (text_files, "PHOTOS_NONE", "3 .txt"),
        (unreadable_photo, "PHOTO_UNREADABLE", "holiday.jpg"),
        (truncated_photo, "PHOTO_UNREADABLE", "photo1.png"),
        (huge_photo, "PHOTO_TOO_LARGE", "huge.png"),
        (long_caption, "CAPTION_TOO_LONG", "photo2"),
        (strange_caption, "CAPTION_UNREADABLE", "photo2"),
        (lambda folder: None, "PHOTOS_NONE", "photos"),
        (lambda folder: folder.write_text(""), "PHOTOS_NONE", "not a folder"),
    ],
    ids=["empty folder", "one photo", "text files", "unreadable", "truncated", "108 megapixels", "long caption",
         "caption in no encoding", "no such folder", "a file"],
)  # fmt: skip
def test_photos_that_cannot_be_trained_on(
    tmp_path: Path, made: Callable[[Path], object], code: str, named: str
) -> None:
    """What is wrong is named, and no folder is made."""
    made(tmp_path / "photos")
    assert named in refused(code, *new_job(tmp_path))
    assert not (tmp_path / "out").exists()


def test_photos_of_mixed_sizes_are_fine(tmp_path: Path) -> None:
    """Each gets a bucket near its own shape; the words and pictures are encoded."""
    from PIL import Image

    photos = write_photos(tmp_path / "photos", 2)
    for size in ((300, 120), (120, 300), (1000, 800)):
        Image.effect_noise(size, 80).convert("RGB").save(photos / f"{size[0]}x{size[1]}.jpg")
    code, output = train(*new_job(tmp_path, "--set", "resolutions=64", "--set", "device=cpu", "--prepare"))
    assert code == ExitCode.DONE, output
    job = JobFolder.open(tmp_path / "out" / "job")
    shapes = {entry.buckets[0] for entry in job.dataset()}
    assert len(shapes) >= 3
    assert len(list(job.cache.glob("latents/*.safetensors"))) == 5


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ("lerning_rate=1e-4", "CONFIG_INVALID", "did you mean learning_rate"),
        ("rank=0", "CONFIG_INVALID", "rank must be 1–256, got 0"),
        ("steps=many", "CONFIG_INVALID", "steps must be a whole number"),
        ("learning_rate=NaN", "CONFIG_INVALID", "learning_rate must be"),
        ("resolutions=100", "CONFIG_INVALID", "multiples of 16"),
        ("rank", "USAGE", "SETTING=VALUE"),
        ("base=flux.safetensors", "USAGE", "--transformer"),
        ("family=flux1-dev", "CONFIG_INVALID", "it is chosen first"),
        ("photos=3", "CONFIG_INVALID", "photos is not a setting"),
    ],
)
def test_settings_that_do_not_exist_or_fit(tmp_path: Path, setting: str, code: str, said: str) -> None:
    write_photos(tmp_path / "photos")
    assert said in refused(code, *new_job(tmp_path, "--set", setting))
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Its parent is a file, which stops the system's administrator as well."""
    write_photos(tmp_path / "photos")
    (tmp_path / "out").write_text("", encoding="utf-8")
    refused("FOLDER_NOT_WRITABLE", *new_job(tmp_path))
    assert (tmp_path / "out").is_file()


def test_an_output_folder_that_holds_something(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    (tmp_path / "out" / "job").mkdir(parents=True)
    (tmp_path / "out" / "job" / "thesis.txt").write_text("ten years of work", encoding="utf-8")
    refused("JOB_EXISTS", *new_job(tmp_path))
    assert listing(tmp_path / "out") == ["job", "job/thesis.txt"]


def test_a_disk_that_is_full_when_the_job_is_made(tmp_path: Path) -> None:
    """The photos don't fit: nothing of the job is left."""
    photos = write_photos(tmp_path / "photos")
    smallest = min(path.stat().st_size for path in photos.glob("*.png"))
    refused("DISK_FULL", *new_job(tmp_path), limit=smallest // 2)
    assert not (tmp_path / "out").exists()


def test_folders_that_are_no_job(tmp_path: Path) -> None:
    assert str(tmp_path / "gone") in refused("JOB_MISSING", tmp_path / "gone")
    refused("JOB_MISSING", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", "CONFIG_UNREADABLE"), ("[]", "CONFIG_UNREADABLE"), ('{"format": 99}', "CONFIG_UNREADABLE"),
     ('{"name": "A", "colour": 1}', "CONFIG_INVALID")],
)  # fmt: skip
def test_a_damaged_config(job: JobFolder, text: str, code: str) -> None:
    """Nothing in the folder is changed."""
    job.config_file.write_text(text, encoding="utf-8")
    before = listing(job.path)
    refused(code, job.path)
    assert (listing(job.path), job.config_file.read_text(encoding="utf-8")) == (before, text)


@pytest.mark.parametrize("name", ["state.json", "dataset.jsonl", "events.jsonl"])
def test_damaged_job_files_are_named(job: JobFolder, name: str) -> None:
    (job.path / name).write_bytes(b"\xff\xff nonsense\n")
    assert name in refused("JOB_CORRUPT", job.path, exit_code=_code_for(name))
    assert (job.path / name).read_bytes().startswith(b"\xff\xff nonsense")


def _code_for(name: str) -> ExitCode:
    """The dataset is read when the work has begun: the job has failed then, and says so."""
    return ExitCode.FAILED if name == "dataset.jsonl" else ExitCode.REFUSED


def test_orders_that_contradict_themselves(job: JobFolder, tmp_path: Path) -> None:
    refused("USAGE")
    refused("USAGE", job.path, "--photos", tmp_path)
    refused("CONFIG_INVALID", job.path, "--set", "trigger_word=other")


def test_a_job_that_another_process_trains(job: JobFolder) -> None:
    """An exit code of its own, so that a host can tell."""
    holder = subprocess.Popen(
        [sys.executable, str(SCRIPTS), "hold_lock", str(job.lock_file)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert str(holder.pid) in refused("JOB_LOCKED", job.path, exit_code=ExitCode.LOCKED)
        refused("JOB_LOCKED", job.path, "--set", "steps=5", exit_code=ExitCode.LOCKED)
    finally:
        holder.kill()
        holder.communicate()
    assert job.state().state == "queued"


def test_a_job_that_is_done_is_shown_and_not_run_again(reference: JobFolder, tmp_path: Path) -> None:
    job = copy_job(reference, tmp_path / "job")
    before = listing(job.path)
    process = start("train", job.path)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.DONE
    (lora,) = job.lora.iterdir()
    assert str(lora) in output
    assert set(listing(job.path)) - set(before) <= {"likeness.json"}, "it may be measured, it isn't trained"
    assert set(before) <= set(listing(job.path))
    refused("JOB_FINISHED", job.path, "--set", "steps=50")


def write_safetensors(path: Path, names: dict[str, list[int]], *, cut: int = 0) -> str:
    """A file with these tensors, all zero; `cut` bytes are missing at its end."""
    header, end = {}, 0
    for name, shape in names.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    path.write_bytes((struct.pack("<Q", len(raw)) + raw + bytes(end))[: 8 + len(raw) + end - cut])
    return str(path)


LORA = {"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": [4, 8],
        "transformer.transformer_blocks.0.attn.to_q.lora_B.weight": [8, 4]}  # fmt: skip
SD15 = {"model.diffusion_model.input_blocks.0.0.weight": [320, 4, 3, 3],
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [320, 768],
        "model.diffusion_model.middle_block.1.proj_in.weight": [8, 8, 1, 1],
        "cond_stage_model.transformer.text_model.final_layer_norm.weight": [768]}  # fmt: skip
FLUX = {"double_blocks.0.img_attn.qkv.weight": [24, 8], "img_in.weight": [8, 64]}


@pytest.mark.parametrize(
    ("names", "cut", "code", "said"),
    [(None, 0, "MODEL_MISSING", "flux.safetensors"), (LORA, 0, "MODEL_WRONG_KIND", "LoRA"),
     (SD15, 0, "MODEL_WRONG_KIND", "Stable Diffusion 1"), (FLUX, 50, "MODEL_UNREADABLE", "flux.safetensors")],
    ids=["missing", "a LoRA", "SD 1.5", "truncated"],
)  # fmt: skip
def test_a_base_model_that_is_not_one(
    tmp_path: Path, run_here: RunHere, names: dict[str, list[int]] | None, cut: int, code: str, said: str
) -> None:
    """Refused from the file's header, before anything is encoded; the job says why it failed."""
    file = tmp_path / "flux.safetensors"
    if names is not None:
        write_safetensors(file, names, cut=cut)
    job = make_small_job(tmp_path, sample_every=0)
    job.write_config(small_config(family="flux1-dev", base={"transformer": str(file)}))
    assert run_here(job) == ExitCode.REFUSED
    state = job.state()
    assert state.error is not None
    assert (state.state, state.error["code"]) == ("failed", code)
    assert said in state.error["message"]
    assert not job.cache.exists()


def test_a_missing_base_model_on_the_command_line(tmp_path: Path) -> None:
    """The file that was given is named, before a job is made: the same command runs when the file is there."""
    write_photos(tmp_path / "photos")
    file = tmp_path / "models" / "flux1-dev.safetensors"
    output = refused(
        "MODEL_MISSING", "--photos", tmp_path / "photos", "--base", "flux1-dev", "--transformer", file,
        "--out", tmp_path / "job",
    )  # fmt: skip
    assert str(file) in output
    assert not (tmp_path / "job").exists()
