"""What stands for a character in lists: a picture of the gallery, a photo that was chosen, else the first one.

For any number of characters it takes two questions to the index.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import characters, gallery, index
from .characters import Character
from .damaged import asked_again
from .store import Library


@dataclass(frozen=True, kw_only=True)
class Cover:
    """How a character is shown."""

    picture: str = ""
    """Id in the gallery; empty: it is a photo."""
    photo: str = ""
    """A photo's address behind the characters' (see `listed.Listed`); empty if there is none."""
    photos: int = 0
    """How many photos are trained on."""


def update(library: Library, slug: str, changes: Mapping[str, Any], *, etag: str = "") -> Character:
    """`characters.update`, for which the gallery must have the picture. Raises PICTURE_MISSING."""
    if wanted := changes.get("cover_picture"):
        gallery.path_of(library, wanted)
    return characters.update(library, slug, changes, etag=etag)


@asked_again
def covers(library: Library, found: Sequence[Character]) -> dict[str, Cover]:
    """The covers of these characters, by slug."""
    index.refresh_changed(library)
    first = _first(library, index.stamp(library))
    chosen = _chosen(library, [(character.id, character.cover) for character in found if character.cover])
    made = {}
    for character in found:
        photos, address = first.get(character.id, (0, ""))
        picture = character.cover_picture
        made[character.id] = Cover(
            picture=picture if picture and gallery.is_there(library, picture) else "",
            photo=chosen.get(character.id, address),
            photos=photos,
        )
    return made


@functools.lru_cache(maxsize=8)
def _first(library: Library, _stamp: tuple[int, ...]) -> dict[str, tuple[int, str]]:
    """Of each character the number of photos and the address of the first; asked again when the index has changed."""
    with index.connected(library) as connection:
        rows = connection.execute(
            "SELECT slug, count(*) AS photos, address, min(added || file) FROM photos WHERE NOT rejected GROUP BY slug"
        ).fetchall()
    return {row["slug"]: (row["photos"], row["address"]) for row in rows}


def _chosen(library: Library, keys: list[tuple[str, str]]) -> dict[str, str]:
    """The addresses of those of these photos that are there."""
    if not keys:
        return {}
    marks = ", ".join("(?, ?)" for _ in keys)
    with index.connected(library) as connection:
        rows = connection.execute(
            f"SELECT slug, address FROM photos WHERE (slug, file) IN (VALUES {marks})",
            [part for key in keys for part in key],
        ).fetchall()
    return {row["slug"]: row["address"] for row in rows}
