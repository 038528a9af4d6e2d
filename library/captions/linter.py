"""The caption linter: what stands in the way of a good likeness, in plain words, each with an edit that repairs it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...media.captions import MAX_LENGTH, PLACEHOLDER
from ..levels import INFO, LEVELS, REJECT, WARN
from .edits import AddClassWord, KeepFirstTrigger, Operation, PlaceTrigger, RemoveTag, Replace
from .text import clean, key, mentions, pieces
from .tokens import CLIP_LENGTH, T5_LENGTH, estimate
from .traits import Trait, common_traits

_READ = 0.5
"""Share of letters that the text encoder must know for a caption to count as readable to it."""


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing about some captions."""

    code: str
    level: str
    """One of LEVELS."""
    message: str
    photos: tuple[str, ...]
    repair: Operation | None = None
    """To be applied to these photos; None where a person has to write."""
    subject: str = ""
    """The trait or text that it is about."""

    def as_dict(self) -> dict[str, object]:
        """The finding as JSON carries it."""
        repair = self.repair.as_dict() if self.repair else None
        return {
            "code": self.code,
            "level": self.level,
            "message": self.message,
            "photos": list(self.photos),
            "repair": repair,
            "subject": self.subject,
        }


@dataclass(frozen=True)
class CaptionReport:
    """What the linter has to say about a character's captions."""

    findings: tuple[Finding, ...]
    """The gravest first."""
    photos: int
    """Captions looked at, empty ones included."""
    written: int
    """Those that are not empty."""

    def of(self, photo: str) -> list[Finding]:
        """The findings that name this photo."""
        return [finding for finding in self.findings if photo in finding.photos]

    def as_dict(self) -> dict[str, object]:
        """The report as JSON carries it."""
        return {
            "photos": self.photos,
            "written": self.written,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def lint(captions: Mapping[str, str], *, trigger: str, class_word: str) -> CaptionReport:
    """Looks at each caption and at all of them together; `captions` by photo, empty for a photo that has none."""
    trigger, class_word = trigger.strip(), class_word.strip()
    cleaned = {photo: clean(text) for photo, text in captions.items()}
    written = {photo: text for photo, text in cleaned.items() if text}
    found = [
        *_empty(cleaned),
        *(_trigger(written, trigger) if trigger else ()),
        *_class_word(written, trigger, class_word),
        *_length(written),
        *_duplicates(written, trigger, class_word),
        *(_trait(trait, len(written)) for trait in common_traits(written, trigger, class_word)),
    ]
    return CaptionReport(
        tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level))), len(cleaned), len(written)
    )


def _empty(captions: Mapping[str, str]) -> Iterator[Finding]:
    if photos := tuple(photo for photo, text in captions.items() if not text):
        yield Finding(
            "empty",
            WARN,
            f"{_photos(photos)} no caption: clothes, place and light of such a photo are learned as part of the "
            "character. Say in a few words what can change.",
            photos,
            PlaceTrigger(),
        )


def _trigger(captions: Mapping[str, str], trigger: str) -> Iterator[Finding]:
    exact, any_case = mentions(trigger), mentions(trigger, any_case=True)
    missing: list[str] = []
    spelled: list[str] = []
    twice: list[str] = []
    for photo, text in captions.items():
        if PLACEHOLDER.search(text):
            continue
        count = len(exact.findall(text))
        if not count:
            (spelled if any_case.search(text) else missing).append(photo)
        elif count > 1:
            twice.append(photo)
    if missing:
        yield Finding(
            "trigger_missing",
            INFO,
            f"{_photos(missing)} no “{trigger}” in the caption. Training here puts it in front by itself; other "
            "programs that read these files don't.",
            tuple(missing),
            PlaceTrigger(),
        )
    if spelled:
        yield Finding(
            "trigger_spelling",
            WARN,
            f"{_photos(spelled)} the trigger word in another spelling than “{trigger}”, which the text encoder may "
            "read as another word.",
            tuple(spelled),
            Replace(trigger, trigger, case_sensitive=False, whole_word=True),
        )
    if twice:
        alone = any(_repeated(captions[photo], trigger) for photo in twice)
        yield Finding(
            "trigger_twice",
            INFO,
            f"{_photos(twice)} “{trigger}” more than once. Once is enough.",
            tuple(twice),
            KeepFirstTrigger() if alone else None,
        )


def _repeated(text: str, trigger: str) -> bool:
    parts = [part for part in pieces(text)[::2] if mentions(trigger).search(part)]
    return any(key(part).startswith(key(trigger)) and len(part.split()) <= 2 for part in parts[1:])


def _class_word(captions: Mapping[str, str], trigger: str, class_word: str) -> Iterator[Finding]:
    if not class_word:
        return
    word = re.compile(rf"(?<!\w){re.escape(class_word)}(?:e?s)?(?!\w)", re.IGNORECASE)
    photos = tuple(photo for photo, text in captions.items() if not word.search(text))
    if photos:
        with_trigger = bool(trigger) and any(mentions(trigger).search(captions[photo]) for photo in photos)
        yield Finding(
            "class_word_missing",
            INFO,
            f"{_photos(photos)} no “{class_word}” in the caption. “{trigger or 'The trigger word'} {class_word}” tells "
            "the model what the new word is; it trains without it too.",
            photos,
            AddClassWord() if with_trigger else None,
        )


def _length(captions: Mapping[str, str]) -> Iterator[Finding]:
    lengths = {photo: estimate(text) for photo, text in captions.items()}
    refused = tuple(photo for photo, text in captions.items() if len(text) > MAX_LENGTH)
    cut = tuple(photo for photo, length in lengths.items() if length.t5 > T5_LENGTH and photo not in set(refused))
    summed = tuple(photo for photo, length in lengths.items() if length.clip > CLIP_LENGTH and length.t5 <= T5_LENGTH)
    foreign = tuple(photo for photo, length in lengths.items() if length.read < _READ)
    if refused:
        yield Finding(
            "too_long",
            REJECT,
            f"{_photos(refused)} more than {MAX_LENGTH:,} characters, which training refuses.",
            refused,
        )
    if cut:
        most = max(lengths[photo].t5 for photo in cut)
        yield Finding(
            "cut_off",
            WARN,
            f"{_photos(cut)} a caption of up to about {most} tokens (estimated). FLUX.1 is trained with {T5_LENGTH}: "
            "the end is not seen. One or two sentences are enough.",
            cut,
        )
    if summed:
        yield Finding(
            "long_for_clip",
            INFO,
            f"{_photos(summed)} a caption longer than about {CLIP_LENGTH} tokens (estimated). FLUX.1's small text "
            "encoder (CLIP) sees only the beginning, its large one (T5) all of it. Begin with what matters.",
            summed,
        )
    if foreign:
        yield Finding(
            "script_unread",
            WARN,
            f"{_photos(foreign)} a caption in a script that FLUX.1's text encoder (T5) has hardly any tokens for: it "
            "reads English, German, French and Romanian. What it can't read counts as not named.",
            foreign,
        )


def _duplicates(captions: Mapping[str, str], trigger: str, class_word: str) -> Iterator[Finding]:
    bare = {key(text) for text in (trigger, f"{trigger} {class_word}", f"a {trigger}", f"{class_word}", "")}
    groups: dict[str, list[str]] = defaultdict(list)
    for photo, text in captions.items():
        groups[key(text)].append(photo)
    for text, photos in groups.items():
        if len(photos) > 1 and text not in bare:
            yield Finding(
                "duplicate",
                WARN,
                f"{len(photos)} photos have the same caption. Where photos differ, say how: what differs and isn't "
                "named is taken for the character.",
                tuple(photos),
                subject=captions[photos[0]],
            )
    only = tuple(photo for text, photos in groups.items() if text in bare for photo in photos)
    if only:
        yield Finding(
            "trigger_only",
            INFO,
            f"{_photos(only)} the trigger word alone as caption. That trains, but everything in the photo, clothes and "
            "place too, is learned as part of the character.",
            only,
        )


def _trait(trait: Trait, written: int) -> Finding:
    share = "all" if len(trait.photos) == written else f"{len(trait.photos)} of {written}"
    if trait.identity:
        message = (
            f"“{trait.words}” is in {share} captions. What captions name is learned as something that comes with those "
            "words and can change; what is the same in every photo and not named becomes part of the character. So the "
            "likeness may need these words in every prompt. Leave out what always belongs to the character, and the "
            "trigger word learns it."
        )
        return Finding(
            "trait_of_identity",
            WARN,
            message,
            trait.photos,
            RemoveTag(trait.words) if trait.is_tag else None,
            trait.words,
        )
    message = (
        f"“{trait.words}” is in {share} captions. Naming it is right if it is to stay changeable, but the model hardly "
        "sees the character without it and can't tell the two apart: it may turn up unasked, and the likeness may be "
        "weaker in prompts without it. Photos without it help most; if it always belongs to the character, leave it "
        "out."
    )
    return Finding("trait_in_nearly_all", WARN, message, trait.photos, subject=trait.words)


def _photos(photos: tuple[str, ...] | list[str]) -> str:
    return "1 photo has" if len(photos) == 1 else f"{len(photos)} photos have"
