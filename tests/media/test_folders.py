"""Photos are found in folders of every layout."""

from __future__ import annotations

import os
from pathlib import Path

from isengard.media.folders import find_photos
from isengard.tests.media.made import noise, save
from isengard.trainer.photos import inspect_photo


def test_pictures_are_told_by_content_and_listed_in_natural_order(tmp_path: Path) -> None:
    save(tmp_path / "photo10.jpg")
    save(tmp_path / "Photo2.jpg")
    save(tmp_path / "photo1.png", format="WEBP")
    save(tmp_path / "no ending", format="PNG")
    save(tmp_path / ".hidden.jpg")
    save(tmp_path / "._photo1.png")
    save(tmp_path / "sub" / "a.jpg")
    (tmp_path / "notes.txt").write_text("BM is how this text begins")
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "fake.jpg").write_text("this is no picture")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    found = find_photos(tmp_path)
    assert [item.path.name for item in found.photos] == [
        "fake.jpg",
        "no ending",
        "photo1.png",
        "Photo2.jpg",
        "photo10.jpg",
    ]
    assert [path.name for path in found.others] == ["notes.txt", *(["pipe"] if hasattr(os, "mkfifo") else [])]
    assert [path.name for path in found.folders] == ["sub"]
    assert inspect_photo(tmp_path / "photo1.png").format == "WEBP"


def test_kohyas_folders_are_read_with_their_repeats(tmp_path: Path) -> None:
    for name in ("10_ohwx woman/a.jpg", "2_ohwx woman/b.jpg", "0_none/c.jpg", "other/d.jpg", "e.jpg"):
        save(tmp_path / name, noise(seed=len(name)))
    found = {item.path.name: item.repeats for item in find_photos(tmp_path).photos}
    assert found == {"e.jpg": 1, "b.jpg": 2, "a.jpg": 10}
