"""Where the parts of one character lie."""

from __future__ import annotations

from pathlib import Path

from . import names

WATCHED = ("character.json", "images", "rejected", "records", ".cache/measured")
"""What of a character's folder tells by its time that a photo came, went or was changed."""


class CharacterFolder:
    """A character's folder. Cheap to make; reads nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.slug = path.name
        self.file = path / "character.json"
        self.images = path / "images"
        self.rejected = path / "rejected"
        self.originals = path / "originals"
        self.records = path / "records"
        self.loras = path / "loras"
        self.measured = path / ".cache" / "measured"
        self.thumbnails = path / ".cache" / "thumbnails"

    def image(self, file: str, *, rejected: bool = False) -> Path:
        """The working image `file`. Raises NAME_INVALID."""
        return names.inside(self.rejected if rejected else self.images, file)

    def find_image(self, file: str) -> Path | None:
        """The working image wherever it is, or None. Raises NAME_INVALID."""
        return next((path for r in (False, True) if (path := self.image(file, rejected=r)).is_file()), None)

    def record(self, file: str) -> Path:
        """The record of the photo `file`. Raises NAME_INVALID."""
        return names.inside(self.records, f"{file}.json")
