"""From a folder of phone photos to a LoRA, by way of the library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from isengard.library import captioning, characters, photos, query, reports
from isengard.library.captions.edits import PlaceTrigger
from isengard.library.store import Library
from isengard.tests.architecture.sources import ROOT
from isengard.tests.library.photographed import exif
from isengard.tests.media.made import noise, save
from isengard.tests.warm.interpreter import taken_for

DRAWN = sorted((ROOT / "trainer" / "mini" / "character").rglob("*.jpg"))
SETTINGS = ("steps=4", "sample_every=4", "save_every=4", "sample_steps=2", "warmup_steps=1", "batch_size=2")


@pytest.mark.slow
def test_phone_photos_become_a_lora(library: Library, tmp_path: Path) -> None:
    """HEIC and rotated JPEGs go in, bad ones are put aside, captions are mended, and the trainer runs on the rest."""
    folder = tmp_path / "phone"
    folder.mkdir()
    for number, path in enumerate(DRAWN[:6]):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        if number % 2:
            pillow_heif.from_pillow(picture).save(folder / f"IMG_{number}.HEIC")
        else:
            save(folder / f"IMG_{number}.JPG", picture.transpose(Image.Transpose.ROTATE_90), exif=exif(6), quality=95)
    save(folder / "tiny.png", noise((70, 70)))
    with Image.open(DRAWN[6]) as opened:
        save(folder / "dark.jpg", opened.convert("RGB").point(lambda value: value * 0.05), quality=95)
    (folder / "notes.jpg").write_text("not a photo")
    ada = characters.create(library, name="Ada", trigger_word="ohwx", class_word="woman")
    characters.update(library, ada.id, {"family": "mini"})
    outcomes = list(photos.add(library, ada.id, photos.folder_sources(folder)))
    assert [item.error.code for item in outcomes if item.error] == ["PHOTO_UNREADABLE"]
    found = reports.report(library, ada.id)
    levels = {file: {item["level"] for item in items} for file, items in found.findings.items()}
    bad = {file for file, found_levels in levels.items() if found_levels & {"warn", "reject"}}
    assert bad == {"tiny.png", "dark.jpg"}
    photos.set_rejected(library, [(ada.id, file) for file in bad], True)
    captioning.change(library, query.keys(library, query.Query(captions="without_trigger")), PlaceTrigger())
    job = tmp_path / "job"
    python = taken_for(sys.executable)
    command = [python, str(ROOT), "train", "--character", ada.id, "--root", str(library.root), "--base", "mini"]
    command += ["--preset", "quick", "--out", str(job), "--quiet"]
    for setting in SETTINGS:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in (job / "dataset.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(entries) == 6
    assert all(entry["caption"].startswith("ohwx") for entry in entries)
    assert json.loads((job / "result.json").read_text(encoding="utf-8"))["trigger_word"] == "ohwx"
    assert list((job / "lora").glob("*.safetensors"))
