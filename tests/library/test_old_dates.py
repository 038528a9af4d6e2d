"""Files whose time lies before 1980, as some disks and copies give them: a zip can't name such a moment."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from isengard.library import upgrades
from isengard.library.characters import Character
from isengard.library.debug_bundle import write_bundle
from isengard.library.redaction import Redaction
from isengard.library.store import Library
from isengard.tests.media.made import save
from isengard.tests.trainer.jobs import empty_job


def test_a_debug_bundle_takes_photos_of_any_age(tmp_path: Path) -> None:
    job = empty_job(tmp_path / "library" / "jobs" / "one")
    photo = save(job.photos / "old.png")
    os.utime(photo, (1, 1))
    write_bundle(job, tmp_path / "x.zip", Redaction(tmp_path / "library"), root=tmp_path / "library", photos=True)
    with zipfile.ZipFile(tmp_path / "x.zip") as bundle:
        assert bundle.read("photos/old.png") == photo.read_bytes()


def test_a_backup_takes_records_of_any_age(library: Library, ada: Character) -> None:
    record = library.folder(ada.id).file
    os.utime(record, (1, 1))
    with zipfile.ZipFile(upgrades.back_up(library.root, 1)) as backup:
        assert backup.read("characters/ada/character.json") == record.read_bytes()
