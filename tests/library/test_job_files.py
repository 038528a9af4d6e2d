"""What is read out of a job's files: losses for a chart, pages of a log, and what is taken out of texts."""

from __future__ import annotations

import io
import json
import math
import random
import time
import zipfile
from pathlib import Path, PureWindowsPath

import pytest

from isengard.errors import IsengardError
from isengard.library import artifacts, joblogs
from isengard.library.debug_bundle import write_bundle
from isengard.library.joblogs import LogQuery
from isengard.library.losses import Point, read_losses, thinned
from isengard.library.redaction import HIDDEN, Redaction
from isengard.tests.trainer.jobs import empty_job
from isengard.trainer.job import JobFolder


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    """A job without photos in a library's folder."""
    return empty_job(tmp_path / "library" / "jobs" / "one")


def losses(count: int) -> list[Point]:
    draw = random.Random(1)
    return [(step, math.exp(-step / 500) + draw.random() / 10, math.exp(-step / 500), 1e-4) for step in range(1, count)]


def test_thinning_keeps_ends_and_peaks() -> None:
    points = losses(3001)
    points[1234] = (1235, 9.0, 1.0, 1e-4)
    kept = thinned(points, 300)
    assert len(kept) == 300
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert points[1234] in kept
    assert kept == sorted(kept)
    assert thinned(points[:10], 300) == points[:10]


def test_losses_are_the_last_of_each_step_and_go_on_from_an_event(job: JobFolder) -> None:
    """After a resume steps come twice; a chart of 3,000 steps is small and goes on where it ended."""
    with job.writer() as writer:
        for step in [*range(1, 2001), *range(1500, 3001)]:
            fields = {"loss": step / 7, "smoothed": step / 9, "learning_rate": 1e-4, "grad_norm": 1.0}
            writer.emit("loss", step=step, **fields)
        last = writer.events.seq
        found = read_losses(job.events_file, most=500)
        assert (found.steps_seen, len(found.points), found.last_event) == (3000, 500, last)
        assert len(json.dumps(found.points)) < 50_000
        writer.emit("loss", step=3001, **fields)
    assert [point[0] for point in read_losses(job.events_file, most=500, after=last).points] == [3001]
    assert read_losses(job.path / "none.jsonl", most=9).points == []


def logged(path: Path, first: int, count: int, level: str = "info") -> None:
    with path.open("a", encoding="utf-8") as stream:
        for number in range(first, first + count):
            moment = f"2026-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}.000000Z"
            stream.write(json.dumps({"timestamp": moment, "level": level, "message": f"line {number}"}) + "\n")


def messages(page: joblogs.LogPage) -> list[str]:
    return [str(line["message"]) for line in page.lines]


def test_a_log_is_read_from_its_end_and_onwards_across_rotated_files(job: JobFolder) -> None:
    logged(job.log_file.with_name("log.jsonl.1"), 0, 50)
    logged(job.log_file, 50, 50)
    assert messages(joblogs.tail(job, LogQuery(limit=3))) == ["line 97", "line 98", "line 99"]
    assert len(joblogs.tail(job, LogQuery(limit=80)).lines) == 80
    found, cursor = [], ""
    while True:
        page = joblogs.read_on(job, LogQuery(limit=30), cursor)
        found += messages(page)
        cursor = page.cursor
        if not page.more:
            break
    assert found == [f"line {number}" for number in range(100)]
    logged(job.log_file, 100, 2)
    assert messages(joblogs.read_on(job, LogQuery(), cursor)) == ["line 100", "line 101"]
    end = joblogs.tail(job, LogQuery(limit=1)).cursor
    logged(job.log_file, 102, 1, "error")
    assert messages(joblogs.read_on(job, LogQuery(), end)) == ["line 102"]
    assert messages(joblogs.read_on(job, LogQuery(level="warning"))) == ["line 102"]
    assert messages(joblogs.read_on(job, LogQuery(text="LINE 7"))) == ["line 7", *(f"line 7{n}" for n in range(10))]
    timed = LogQuery(since="2026-01-01T00:00:10.000000Z", until="2026-01-01T00:00:12.000000Z")
    assert messages(joblogs.read_on(job, timed)) == ["line 10", "line 11"]
    with pytest.raises(IsengardError, match="REQUEST_INVALID"):
        joblogs.read_on(job, LogQuery(), "../../etc/passwd")


def test_a_line_that_is_no_json_or_not_complete_is_no_trouble(job: JobFolder) -> None:
    job.log_file.write_text('no json\n{"message": "half', encoding="utf-8")
    page = joblogs.read_on(job, LogQuery())
    assert messages(page) == ["no json"]
    job.log_file.write_text('no json\n{"message": "half and whole"}\n', encoding="utf-8")
    assert messages(joblogs.read_on(job, LogQuery(), page.cursor)) == ["half and whole"]


def test_the_end_of_a_large_log_is_found_at_once(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line more than is shown is looked at; the processor's time is measured, as a busy machine's clock says
    little."""
    logged(job.log_file, 0, 150_000)
    looked, fitting = [], joblogs._fitting
    monkeypatch.setattr(joblogs, "_fitting", lambda *line: looked.append(1) or fitting(*line))
    started = time.process_time()
    assert len(joblogs.tail(job, LogQuery(limit=100)).lines) == 100
    assert time.process_time() - started < 0.5
    assert len(looked) == 100


def test_texts_lose_what_is_nobodys_business(tmp_path: Path) -> None:
    """Folders, users and secrets go; what the library holds is named from its root."""
    shown = Redaction(tmp_path / "library", {"ComfyUI": Path("/opt/ComfyUI")}, ("the-servers-own-token",)).text
    assert shown(f"{tmp_path}/library/jobs/a/state.json is gone") == "jobs/a/state.json is gone"
    assert shown(f"no room in {tmp_path}/library.") == "no room in the library."
    assert shown(f"{tmp_path}/library2/x.txt") != "2/x.txt"
    assert shown(f"{tmp_path}/library/") == ""
    assert shown("/opt/ComfyUI/models/vae/ae.safetensors") == "<ComfyUI>/models/vae/ae.safetensors"
    assert shown("at /srv/data/somebody/flux.safetensors: bad") == "at …/flux.safetensors: bad"
    assert shown(r"in C:\Users\Somebody\x.txt, or \\host\share\y") == "in …/x.txt, or …/y"
    assert shown(str(Path.home() / "pictures" / "a.png")).startswith("~/")
    assert (
        shown("steps 3/4, see https://example.org/a/b and ./c/d") == "steps 3/4, see https://example.org/a/b and ./c/d"
    )
    for secret in ("hf_abcdefghijklmnopqrst", "Bearer abcdefghijkl", 'HF_TOKEN="abcdefgh"', "the-servers-own-token",
                   "password: hunter2hunter2"):  # fmt: skip
        assert HIDDEN in shown(secret), secret
    values = Redaction(tmp_path).values({"api_key": "123456", "max_text_tokens": 256, "list": ["/a/b/c"], "n": None})
    assert values == {"api_key": HIDDEN, "max_text_tokens": 256, "list": ["…/c"], "n": None}


def test_a_bundle_is_complete_and_holds_nothing_private(job: JobFolder, tmp_path: Path) -> None:
    """Also of a job whose files are damaged; photos only if they are asked for."""
    root = tmp_path / "library"
    job.photos.mkdir()
    (job.photos / "001.png").write_bytes(b"a photo of somebody")
    (job.path / "origin.json").write_text('{"character": "ada", "plan": {"steps": 5}}', encoding="utf-8")
    job.log_file.write_text(
        json.dumps({"message": f"loading {root}/x with hf_abcdefghijklmnopqrst", "at": "/home/ada/secret/f.py"}) + "\n",
        encoding="utf-8",
    )
    (job.path / "output.txt").write_text(f"File {tmp_path}/venv/a.py, token=abcdefgh12345\n", encoding="utf-8")
    job.state_file.write_text('{"broken', encoding="utf-8")
    job.result_file.write_text("[" * 100_000)
    (root / "logs").mkdir(parents=True)
    for number in ("", ".1", ".2"):
        lines = [{"message": f"line{number or '.0'} of /home/ada/x", "job": job.path.name}, {"message": "of another"}]
        text = "\n".join(json.dumps(line) for line in lines) + "\n" + "[" * 100_000 + job.path.name + "\n"
        (root / "logs" / f"server.jsonl{number}").write_text(text)
    for photos in (False, True):
        target = tmp_path / f"{photos}.zip"
        write_bundle(job, target, Redaction(root), root=root, photos=photos)
        with zipfile.ZipFile(io.BytesIO(target.read_bytes())) as bundle:
            names, whole = bundle.namelist(), b"".join(bundle.read(name) for name in bundle.namelist())
            readme = bundle.read("README.txt").decode()
            served = bundle.read("server.jsonl")
        assert [served.find(b"line." + number) >= 0 for number in (b"2", b"1", b"0")] == [True] * 3
        assert served.find(b"line.2") < served.find(b"line.1") < served.find(b"line.0")
        assert b"of another" not in served
        assert {"README.txt", "config.json", "state.json", "origin.json", "dataset.jsonl", "log.jsonl", "output.txt",
                "versions.json", "device.json", "checkpoints.json"} <= set(names)  # fmt: skip
        assert ("photos/001.png" in names) == photos
        assert (b"a photo of somebody" in whole) == photos
        for private in (b"hf_abcdef", b"abcdefgh12345", b"/home/ada", str(tmp_path).encode()):
            assert private not in whole, private
        for name in set(names) - {"README.txt", "photos/001.png", "log.jsonl"}:
            assert name in readme, name


def test_artifacts_are_found_by_name_and_nothing_else(job: JobFolder) -> None:
    job.samples.mkdir()
    (job.samples / "step_000004_1.png").write_bytes(b"x")
    (job.samples / "other.txt").write_bytes(b"x")
    folder = job.checkpoints / "step_000004"
    folder.mkdir(parents=True)
    (folder / "ada-step000004.safetensors").write_bytes(b"xy")
    (folder / "optimizer.pt").write_bytes(b"x")
    (job.samples / "step_000008_0.png").symlink_to("/etc/passwd")
    found = {item.name: (item.kind, item.step, item.index) for item in artifacts.list_all(job)}
    assert found == {
        "step_000004_1.png": ("sample", 4, 1),
        "ada-step000004.safetensors": ("checkpoint", 4, None),
        **dict.fromkeys(("config.json", "state.json", "dataset.jsonl"), ("record", None, None)),
    }
    assert artifacts.find(job, "step_000004_1.png").bytes == 1
    for name, code in (("step_000008_0.png", "ARTIFACT_MISSING"), ("optimizer.pt", "ARTIFACT_MISSING"),
                       ("../config.json", "NAME_INVALID"), ("", "NAME_INVALID")):  # fmt: skip
        with pytest.raises(IsengardError, match=code):
            artifacts.find(job, name)


def test_a_windows_folder_with_a_space_is_known_however_it_is_written(tmp_path: Path) -> None:
    """As Python shows it in an error, with slashes, in other letters."""
    redaction = Redaction(tmp_path, {"home": PureWindowsPath(r"C:\Users\John Doe")})  # type: ignore[dict-item]
    for text in (
        r"C:\Users\John Doe\secret\a.py",
        repr(r"C:\Users\John Doe\secret\a.py"),
        json.dumps({"at": r"C:\Users\John Doe\secret\a.py"}),
        "C:/Users/John Doe/secret/a.py",
        r"c:\users\john doe\secret\a.py",
    ):
        shown = redaction.text(f"No such file: {text}")
        assert "john" not in shown.lower(), shown
        assert "doe" not in shown.lower(), shown
        assert "a.py" in shown, shown
