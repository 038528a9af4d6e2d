"""`python . library`: what it says to people and to programs, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from isengard.cli.library import main
from isengard.cli.library_answer import table
from isengard.library import loras
from isengard.library.store import Library
from isengard.tests.architecture.sources import ROOT
from isengard.tests.library.corpus import BAD_NAMES
from isengard.tests.library.exchanged import located, weights
from isengard.tests.library.trees import tree
from isengard.tests.media.made import noise, save
from isengard.tests.warm.interpreter import taken_for

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The user's own library is never touched: --root is heard wherever it stands."""
    monkeypatch.setenv("VOLUME_ROOT", str(tmp_path / "elsewhere"))
    yield
    assert not (tmp_path / "elsewhere").exists()


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(*words)` runs a command on the test's library and gives what it answers with --json; `code` is expected."""

    def call(*words: object, code: int = 0) -> Any:
        capsys.readouterr()
        found = main([*map(str, words), "--json", "--root", str(tmp_path / "library")])
        said = capsys.readouterr()
        assert found == code, said.err
        return json.loads(said.out)

    return call


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The same for people: exit code, output and errors."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--root", str(tmp_path / "library"), *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder with three photos, one of them with a caption, and a file that is none."""
    folder = tmp_path / "given"
    located(folder / "phone.jpg")
    save(folder / "b.png", noise((120, 90), 1))
    save(folder / "c.png", noise((120, 90), 2))
    (folder / "b.txt").write_text("ohwx, red hat, smiling")
    (folder / "broken.jpg").write_text("<html>")
    return folder


def test_from_photos_to_captions(run: Run, say: Any, given: Path) -> None:
    """Create, add, list, report, caption with preview and undo, describe."""
    assert run("create", "Ada", "--trigger", "ohwx", "--class", "woman")["character"]["id"] == "ada"
    added = run("add", "ada", given, code=1)
    assert added["failed"] == 1
    assert [item["file"] for item in added["added"]] == ["b.png", "", "c.png", "phone.jpg"]
    assert added["added"][1]["error"]["code"] == "PHOTO_UNREADABLE"
    assert run("add", "ADA", given / "b.png")["added"][0]["twin"] == "b.png"

    (character,) = run("list")["characters"]
    assert (character["name"], character["photos"], character["rejected"], character["loras"]) == ("Ada", 3, 0, 0)
    photos = run("list", "ada")["photos"]
    assert {photo["file"]: photo["caption"] for photo in photos}["b.png"] == "ohwx, red hat, smiling"
    assert [photo["file"] for photo in run("list", "--text", "red")["photos"]] == ["b.png"]

    report = run("report", "ada")
    assert set(report) == {
        "character", "taken_in", "photos", "captions", "findings", "not_measured", "waiting",
    }  # fmt: skip
    assert report["photos"]["photos"] == 3
    assert "too_small" in [item["code"] for item in report["findings"]["b.png"]]
    code, text, _ = say("report", "ada")
    assert code == 0
    assert report["photos"]["headline"] in text
    assert "b.png" in text
    assert "Captions:" in text

    preview = run("caption", "ada", "--replace", "red", "blue", "--preview")
    assert preview["changes"] == [
        {"character": "ada", "file": "b.png", "before": "ohwx, red hat, smiling", "after": "ohwx, blue hat, smiling"}
    ]
    assert caption_of(run, "b.png") == "ohwx, red hat, smiling"
    done = run("caption", "ada", "--replace", "r(.)d", r"\1", "--regex")
    assert caption_of(run, "b.png") == "ohwx, e hat, smiling"
    assert run("caption", "--undo", done["undo"]) == {"restored": [["ada", "b.png"]], "conflicts": []}
    run("caption", "ada", "--remove-tag", "smiling")
    run("caption", "ada", "--append", "outside", "--photos", "b.png")
    assert caption_of(run, "b.png") == "ohwx, red hat, outside"
    assert caption_of(run, "c.png") == ""
    run("caption", "ada", "--prepend", "a photo")
    assert caption_of(run, "c.png") == "a photo"
    run("caption", "ada", "--place-trigger")
    assert caption_of(run, "c.png") == "ohwx, a photo"
    described = run("caption", "ada", "--describe", "plain", "--overwrite")
    assert described["failed"] == {}
    assert run("caption", "ada", "--describe", "nobody", code=2)["error"]["code"] == "CAPTIONER_UNKNOWN"
    florence = run("caption", "ada", "--describe", "florence2", "--model", given, code=2)
    assert florence["error"]["code"] == "CAPTIONER_NOT_READY"


def caption_of(run: Run, file: str) -> str:
    return next(str(photo["caption"]) for photo in run("list", "ada")["photos"] if photo["file"] == file)


def test_rejecting_deleting_and_restoring(run: Run, given: Path, tmp_path: Path) -> None:
    """Nothing is lost before the trash is emptied, and that must be said twice."""
    (given / "broken.jpg").unlink()
    run("create", "Ada", "--trigger", "ohwx")
    run("add", "ada", given)
    assert run("reject", "ada", "b.png", "c.png") == {"rejected": ["b.png", "c.png"]}
    assert run("accept", "ada", "b.png") == {"accepted": ["b.png"]}
    assert run("keep", "ada", "b.png", "too_small", "blurred")["kept"] == ["blurred", "too_small"]
    assert run("keep", "ada", "b.png", "blurred", "--not")["kept"] == ["too_small"]
    before = tree(tmp_path / "library")
    (entry,) = run("delete", "ada", "b.png", "phone.jpg")["entries"]
    assert [photo["file"] for photo in run("list", "ada")["photos"]] == ["c.png"]
    assert run("restore", entry["id"])["restored"][0]["photos"] == ["b.png", "phone.jpg"]
    assert tree(tmp_path / "library") == before
    assert run("delete", "ada", code=2)["error"]["code"] == "USAGE"
    (entry,) = run("delete", "ada", "--whole")["entries"]
    assert run("list")["characters"] == []
    assert [item["id"] for item in run("trash")["entries"]] == [entry["id"]]
    run("trash", "restore", entry["id"])
    assert tree(tmp_path / "library") == before
    run("delete", "ada", "c.png")
    assert run("trash", "empty", code=2)["error"]["code"] == "USAGE"
    assert run("trash", "empty", "--yes") == {"emptied": 1}
    assert run("trash")["entries"] == []


def test_archives_and_datasets(run: Run, say: Any, given: Path, tmp_path: Path) -> None:
    """Out and in again, and as folders of other trainers."""
    (given / "broken.jpg").unlink()
    run("create", "Ada", "--trigger", "ohwx", "--class", "woman")
    run("add", "ada", given)
    done = run("export", "ada", tmp_path / "ada.zip")
    assert (done["photos"], done["loras"]) == (3, 0)
    assert "where they were taken" in done["warnings"][0]
    assert run("export", "ada", tmp_path / "ada.zip", code=2)["error"]["code"] == "TARGET_EXISTS"
    assert run("export", "ada", tmp_path / "plain.zip", "--no-originals")["warnings"] == []
    code, text, notes = say("import", tmp_path / "ada.zip")
    assert code == 0
    assert text.startswith("ada-2: Ada")
    assert "ohwx" in notes
    written = run("dataset", "ada", tmp_path / "set", "--layout", "kohya", "--repeats", "3")
    assert written == {"folder": str(tmp_path / "set" / "3_ohwx woman"), "photos": 3, "captions": 3}
    came = run("import", tmp_path / "set", "--name", "Eve")
    assert (came["character"]["id"], came["photos"]) == ("eve", 3)
    assert run("import", given / "b.png", code=2)["error"]["code"] == "ARCHIVE_UNREADABLE"


def test_errors_say_code_message_and_hint(run: Run, say: Any, tmp_path: Path) -> None:
    """On standard error for people, as JSON for programs, and with an exit code."""
    code, text, errors = say("list", "nobody")
    assert (code, text) == (2, "")
    assert errors.startswith("CHARACTER_MISSING: There is no character 'nobody'.\n  ")
    error = run("report", "nobody", code=2)["error"]
    assert set(error) == {"code", "message", "hint"}
    run("create", "Twin", "--trigger", "aaq")
    run("create", "twin", "--trigger", "bbq")
    run("create", "TWIN", "--trigger", "ccq")
    assert run("list", "Twin", code=2)["error"]["code"] == "CHARACTER_MISSING"
    assert run("report", "twin-2")["character"] == "twin-2"
    assert run("create", "x" * 301, code=2)["error"]["code"] == "CHARACTER_INVALID"
    assert run("create", "New", "--trigger", "aaq", code=2)["error"]["code"] == "CHARACTER_INVALID"
    (tmp_path / "library" / "characters" / "twin" / "character.json").write_text("{")
    listed = run("list")
    assert [item["code"] for item in listed["damaged"]] == ["CHARACTER_CORRUPT"]
    assert len(listed["characters"]) == 2


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_name_leads_out_of_the_library(name: str, run: Run, tmp_path: Path) -> None:
    """The path corpus for every argument that is a name."""
    run("create", "Ada", "--trigger", "ohwx")
    before = tree(tmp_path)
    for words in (("list", name), ("report", name), ("reject", "ada", name), ("keep", "ada", name, "blurred"),
                  ("delete", "ada", name), ("delete", name, "--whole"), ("restore", name), ("trash", "restore", name),
                  ("export", name, tmp_path / "x.zip"), ("dataset", name, tmp_path / "x"),
                  ("caption", "ada", "--append", "x", "--photos", name)):  # fmt: skip
        if words == ("list", ""):
            continue  # no character: lists all
        if "\0" in name or "\udcff" in name or not name.startswith("-"):
            run(*words, code=2)
    run("caption", "--undo", name or "..", code=2)
    assert tree(tmp_path) == before


def test_what_files_are_called_does_not_steer_the_terminal(run: Run, say: Any, tmp_path: Path) -> None:
    """Escape sequences in names are shown as question marks."""
    run("create", "Ada \u202e", "--trigger", "ohwx")
    bad = tmp_path / "\x1b[31mred\x07.jpg"
    bad.write_text("no picture")
    code, text, errors = say("add", "ada", bad, save(tmp_path / "\x1b[2Jgood.png", noise((90, 90), 1)))
    assert code == 1
    for shown in (text, errors, *say("list")[1:], *say("list", "ada")[1:]):
        assert "\x1b" not in shown
        assert "\x07" not in shown
        assert "\u202e" not in shown


def test_tables_stand_under_each_other() -> None:
    """Columns are as wide as what is in them."""
    assert table([("a", "bb", ""), ("ccc", "d", "e")]) == ["a    bb", "ccc  d   e"]
    assert table([]) == []


@pytest.mark.slow
def test_as_a_command_of_its_own(given: Path, tmp_path: Path) -> None:
    """From any folder, options before or after the command; the archive goes through a pipe, and nothing else does."""
    command = [sys.executable, str(ROOT), "library", "--root", str(tmp_path / "library")]

    def call(*words: object, code: int = 0) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run([*command, *map(str, words)], capture_output=True, check=False, cwd=tmp_path, timeout=120)
        assert done.returncode == code, done.stderr.decode()
        return done

    call("create", "Zoë 👩‍👩‍👧", "--trigger", "zzq")
    done = call("add", "zoe", "given", code=1)
    assert b"broken.jpg: PHOTO_UNREADABLE" in done.stderr
    assert b"3 photos added" in done.stdout
    (tmp_path / "piped.zip").write_bytes(call("export", "zoe", "-", "--json").stdout)
    with zipfile.ZipFile(tmp_path / "piped.zip") as archive:
        assert archive.testzip() is None
    assert json.loads(call("import", "piped.zip", "--json").stdout)["photos"] == 3
    call("list", "--nonsense", code=2)
    call(code=2)
    assert b"caption" in call("--help").stdout


@pytest.mark.slow
def test_training_a_character_of_the_library(given: Path, tmp_path: Path) -> None:
    """Its accepted photos, trigger and class word go into a job in the library's folder."""
    (given / "broken.jpg").unlink()
    root = tmp_path / "library"
    for words in (["create", "Ada", "--trigger", "zzq", "--class", "woman"], ["add", "ada", str(given)],
                  ["reject", "ada", "c.png"]):  # fmt: skip
        assert main([*words, "--root", str(root)]) == 0
    python = taken_for(sys.executable)
    command = [python, str(ROOT), "train", "--character", "Ada", "--root", str(root), "--base", "mini"]
    done = subprocess.run([*command, "--prepare", "--quiet"], capture_output=True, check=False, timeout=300, text=True)
    assert done.returncode in (0, 4), done.stderr
    (job,) = (root / "jobs").iterdir()
    config = json.loads((job / "config.json").read_text())
    assert (config["name"], config["trigger_word"], config["class_word"]) == ("Ada", "zzq", "woman")
    lines = [json.loads(line) for line in (job / "dataset.jsonl").read_text().splitlines()]
    assert [line["caption"] for line in lines] == ["zzq, ohwx, red hat, smiling", "zzq woman"]
    refused = subprocess.run([*command[:4], "nobody", *command[5:]], capture_output=True, check=False, timeout=120)
    assert refused.returncode == 2
    assert b"CHARACTER_MISSING" in refused.stderr


@pytest.mark.parametrize("by", ["environment", "settings.json"])
def test_loras_are_where_the_settings_say(
    by: str, run: Run, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the library that --root names; else an export would lack their weights, and restoring them fail."""
    run("create", "Ada", "--trigger", "ohwx")
    outside = tmp_path / "models" / "loras"
    library = Library.open(tmp_path / "library", loras=outside)
    loras.register(library, "ada", weights(tmp_path / "ada-1.safetensors"), job="j", step=1, family="mini")
    if by == "environment":
        monkeypatch.setenv("ISENGARD_LORAS", str(outside))
    else:
        (tmp_path / "library" / "settings.json").write_text(json.dumps({"loras": str(outside)}))
    done = run("export", "ada", tmp_path / "ada.zip")
    assert (done["loras"], done["warnings"]) == (1, [])
    (tmp_path / "library" / "settings.json").write_text("{")
    if by != "environment":
        assert run("list", code=2)["error"]["code"] == "SETTINGS_INVALID"
