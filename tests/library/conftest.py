"""A library in the test's folder. The processes that look at photos are kept from one test to the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from isengard.library import characters
from isengard.library.characters import Character
from isengard.library.store import Library
from isengard.library.workers import PhotoWorkers


@pytest.fixture(scope="session")
def shared_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhotoWorkers]:
    """Keeps the processes from one test to the next."""
    workers = PhotoWorkers(Path(), tmp_path_factory.mktemp("scratch"))
    yield workers
    workers.close()


@pytest.fixture
def library(tmp_path: Path, shared_workers: PhotoWorkers) -> Library:
    """An empty library."""
    opened = Library.open(tmp_path / "library")
    opened.workers = shared_workers
    shared_workers._scratch = opened.scratch  # what they leave behind is left where the test looks
    return opened


@pytest.fixture
def ada(library: Library) -> Character:
    """A character without photos."""
    return characters.create(library, name="Ada", trigger_word="ohwx", class_word="woman")
