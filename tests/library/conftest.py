"""A library in the test's folder. The processes that look at photos are kept from one test to the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from isengard.library import characters, photos
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.store import Library
from isengard.library.workers import PhotoWorkers
from isengard.tests.media.made import noise, save

CAPTIONS = ["ohwx, in a park", "50% off_sale", "Straße in Zürich", "", "OHWX at home", "beach, 100 people"]


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


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Two characters with six photos each, of growing size; one rejected, one overexposed."""
    folder = tmp_path_factory.mktemp("query")
    library = Library.open(folder / "library")
    for name, word in (("Ada", "ohwx"), ("Bob", "zqx")):
        slug = characters.create(library, name=name, trigger_word=word).id
        sources = [
            Source(
                path=save(folder / slug / f"p{n}.png", noise((100 + 60 * n, 120 + 60 * n), n + ord(name[0]))),
                caption=text,
            )
            for n, text in enumerate(CAPTIONS)
        ]
        list(photos.add(library, slug, sources))
    photos.set_rejected(library, [("bob", "p0.png")], True)
    yield library
    library.close()
