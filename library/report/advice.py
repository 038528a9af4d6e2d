"""What to add to a set of photos, told from what was measured in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ...media.pictures import listed
from ...sentences import Said
from .framing import CLOSE_UP, FRONT, FULL_BODY, HEAD_AND_SHOULDERS
from .measures import Measures
from .thresholds import limit
from .variety import Variety

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def advice(photos: Mapping[str, Measures], kinds: Mapping[str, Variety]) -> Iterator[Said]:
    """Sentences for these usable photos and their variety; what would help most comes first."""
    count = len(photos)
    missing, few = int(limit("photos_good")) - count, int(limit("photos_few"))
    more = f"{_sentence(_number(missing))} more good {_photos(missing)} would help"
    if count < few:
        text = f"{more} most: with fewer than {few}, single photos are learned by heart."
        yield Said("advice.far_too_few", text, n=missing, few=few)
    elif missing > 0:
        yield Said("advice.too_few", f"{more}; 15 to 30 different ones are best.", n=missing)
    if count >= 4:
        yield from _framing(photos, kinds["framing"])
        yield from _pose(kinds["pose"])
        yield from _one_background(kinds["background"])
        yield from _same_clothes(kinds["clothes"])
        yield from _light(kinds["light"])


def _framing(photos: Mapping[str, Measures], framing: Variety) -> Iterator[Said]:
    if not framing.measured:
        return
    counts = {group.label: group.count for group in framing.groups}
    near = counts.get(CLOSE_UP, 0) + counts.get(HEAD_AND_SHOULDERS, 0)
    faceless = len(photos) - framing.count
    rough = any(one.face_method == "haar" for one in photos.values())
    unseen = faceless if rough else 0
    missing = math.ceil(limit("full_body_wanted") * len(photos)) - counts.get(FULL_BODY, 0) - unseen
    if missing > 0:
        text = f"{_sentence(_number(missing))} full-body {_photos(missing)} would help to learn build and posture."
        yield Said("advice.full_body", text, n=missing)
    missing = math.ceil(limit("close_wanted") * len(photos)) - near - unseen
    if missing > 0:
        close = f"{_sentence(_number(missing))} close {_photos(missing)} of the face"
        yield Said("advice.close", f"{close} would help: the likeness is in the face.", n=missing)
    if near == framing.count and near == len(photos):
        text = "All photos are close ones. Some that show more of the body let the character stand and sit."
        yield Said("advice.all_close", text)


def _pose(pose: Variety) -> Iterator[Said]:
    if not pose.measured or pose.count < 4:
        return
    counts = {group.label: group.count for group in pose.groups}
    turned = pose.count - counts.get(FRONT, 0)
    if turned < limit("turned_wanted") * pose.count:
        missing = max(1, math.ceil(limit("turned_wanted") * pose.count) - turned)
        text = f"{_sentence(_number(missing))} {_photos(missing)} with the head turned to a side would help."
        yield Said("advice.turned", text, n=missing)
    elif counts.get(FRONT, 0) < limit("turned_wanted") * pose.count:
        missing = max(1, math.ceil(limit("turned_wanted") * pose.count) - counts.get(FRONT, 0))
        text = f"{_sentence(_number(missing))} {_photos(missing)} looking into the camera would help."
        yield Said("advice.front", text, n=missing)


def _one_background(places: Variety) -> Iterator[Said]:
    if places.measured and places.one_sided:
        part, whole, names = places.groups[0].count, places.count, listed(places.groups[0].photos)
        text = (
            f"{_share(part, whole)} photos share one background, which binds to the likeness: {names}. "
            "Add photos taken elsewhere, or name the place in captions."
        )
        yield Said("advice.one_background", text, part=part, n=whole, photos=names)


def _same_clothes(worn: Variety) -> Iterator[Said]:
    if worn.measured and worn.one_sided:
        part, whole, names = worn.groups[0].count, worn.count, listed(worn.groups[0].photos)
        text = (
            f"{_share(part, whole)} photos share the same clothes, which binds to the likeness: {names}. "
            "Add photos in other clothes, or name the clothes in captions."
        )
        yield Said("advice.same_clothes", text, part=part, n=whole, photos=names)


def _light(light: Variety) -> Iterator[Said]:
    if light.measured and light.count >= 6 and light.groups[0].count >= limit("one_light") * light.count:
        label = light.groups[0].label
        text = f"Nearly all photos have the same light ({label}). Some in other light would help."
        yield Said("advice.one_light", text, label=label)


def _share(part: int, whole: int) -> str:
    if part == whole:
        return "All"
    return "Half of the" if part * 2 == whole else f"{part} of {whole}"


def _number(count: int) -> str:
    return _WORDS[count] if count < len(_WORDS) else str(count)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _photos(count: int) -> str:
    return "photo" if count == 1 else "photos"
