"""A character with everything, its export, and an empty library to bring it into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from isengard.library.exchange import export
from isengard.library.store import Library
from isengard.library.workers import PhotoWorkers
from isengard.tests.library.exchanged import contents, make_character


@pytest.fixture(scope="session")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhotoWorkers]:
    """One set of processes for all libraries of these tests: starting them takes longer than what they do."""
    found = PhotoWorkers(Path("none"), tmp_path_factory.mktemp("scratch"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def ada(tmp_path_factory: pytest.TempPathFactory, workers: PhotoWorkers) -> tuple[Library, Path]:
    """A library with a character, which tests don't change, and its export."""
    root = tmp_path_factory.mktemp("ada")
    library = Library.open(root / "library")
    library.workers = workers
    make_character(library, root / "given")
    export(library, "ada-lov", root / "ada.zip")
    return library, root / "ada.zip"


@pytest.fixture
def library(tmp_path: Path, workers: PhotoWorkers) -> Library:
    """An empty library."""
    found = Library.open(tmp_path / "library")
    found.workers = workers
    return found


@pytest.fixture
def files(ada: tuple[Library, Path]) -> dict[str, bytes]:
    """What is in the export."""
    return contents(ada[1])
