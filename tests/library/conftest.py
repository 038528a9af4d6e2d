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
def library(tmp_path: Path, shared_workers: PhotoWorkers) -> Iterator[Library]:
    """An empty library."""
    opened = Library.open(tmp_path / "library")
    opened.workers.borrow_from(shared_workers)
    yield opened
    opened.workers.give_back_to(shared_workers)
    opened.close()


@pytest.fixture
def ada(library: Library) -> Character:
    """A character without photos."""
    return characters.create(library, name="Ada", trigger_word="ohwx", class_word="woman")
