"""What to add to a set of photos, told from what was measured in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ...media.pictures import listed
from .framing import CLOSE_UP, FRONT, FULL_BODY, HEAD_AND_SHOULDERS
from .measures import Measures
from .thresholds import limit
from .variety import Variety

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def advice(photos: Mapping[str, Measures], kinds: Mapping[str, Variety]) -> Iterator[str]:
    """Sentences for these usable photos and their variety; what would help most comes first."""
    count = len(photos)
    if count < limit("photos_few"):
        yield (
            f"{_sentence(_number(int(limit('photos_good')) - count))} more good photos would help most: "
            f"with fewer than {int(limit('photos_few'))}, single photos are learned by heart."
        )
    elif count < limit("photos_good"):
        missing = int(limit("photos_good")) - count
        more = f"{_sentence(_number(missing))} more good {_photos(missing)}"
        yield f"{more} would help; 15 to 30 different ones are best."
    if count >= 4:
        yield from _framing(photos, kinds["framing"])
        yield from _pose(kinds["pose"])
        yield from _shared(
            kinds["background"], "background", "Add photos taken elsewhere, or name the place in captions."
        )
        yield from _shared(kinds["clothes"], "clothes", "Add photos in other clothes, or name the clothes in captions.")
        yield from _light(kinds["light"])


def _framing(photos: Mapping[str, Measures], framing: Variety) -> Iterator[str]:
    if not framing.measured:
        return
    counts = {group.label: group.count for group in framing.groups}
    near = counts.get(CLOSE_UP, 0) + counts.get(HEAD_AND_SHOULDERS, 0)
    faceless = len(photos) - framing.count
    rough = any(one.face_method == "haar" for one in photos.values())
    unseen = faceless if rough else 0
    missing = math.ceil(limit("full_body_wanted") * len(photos)) - counts.get(FULL_BODY, 0) - unseen
    if missing > 0:
        yield f"{_sentence(_number(missing))} full-body {_photos(missing)} would help to learn build and posture."
    missing = math.ceil(limit("close_wanted") * len(photos)) - near - unseen
    if missing > 0:
        close = f"{_sentence(_number(missing))} close {_photos(missing)} of the face"
        yield f"{close} would help: the likeness is in the face."
    if near == framing.count and near == len(photos):
        yield "All photos are close ones. Some that show more of the body let the character stand and sit."


def _pose(pose: Variety) -> Iterator[str]:
    if not pose.measured or pose.count < 4:
        return
    counts = {group.label: group.count for group in pose.groups}
    turned = pose.count - counts.get(FRONT, 0)
    if turned < limit("turned_wanted") * pose.count:
        missing = max(1, math.ceil(limit("turned_wanted") * pose.count) - turned)
        yield f"{_sentence(_number(missing))} {_photos(missing)} with the head turned to a side would help."
    elif counts.get(FRONT, 0) < limit("turned_wanted") * pose.count:
        missing = max(1, math.ceil(limit("turned_wanted") * pose.count) - counts.get(FRONT, 0))
        yield f"{_sentence(_number(missing))} {_photos(missing)} looking into the camera would help."


def _shared(kind: Variety, what: str, remedy: str) -> Iterator[str]:
    if kind.measured and kind.one_sided:
        largest = kind.groups[0]
        share = "All" if largest.count == kind.count else _share(largest.count, kind.count)
        article = "the same clothes" if what == "clothes" else f"one {what}"
        yield f"{share} photos share {article}, which binds to the likeness: {listed(largest.photos)}. {remedy}"


def _light(light: Variety) -> Iterator[str]:
    if light.measured and light.count >= 6 and light.groups[0].count >= limit("one_light") * light.count:
        yield f"Nearly all photos have the same light ({light.groups[0].label}). Some in other light would help."


def _share(part: int, whole: int) -> str:
    return "Half of the" if part * 2 == whole else f"{part} of {whole}"


def _number(count: int) -> str:
    return _WORDS[count] if count < len(_WORDS) else str(count)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _photos(count: int) -> str:
    return "photo" if count == 1 else "photos"
