"""Takes in, beside the requests, what people have put into a character's folder by hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..library import adoption
from ..library.store import Library
from .beside import Beside


def adopting(library: Library, run: Callable[..., Awaitable[None]]) -> Beside:
    """A part of the services; `look` at a character's slug."""

    def take_in(slug: str, ending: Callable[[], bool]) -> None:
        done = 0
        for _ in adoption.take_in(library, slug):
            done += 1
            if ending():
                break
        if done:
            library.tell((slug,))

    return Beside("taking in photos", run, take_in)
