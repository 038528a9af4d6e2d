"""What many captions of one character say alike: tags and short phrases, counted by photo."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from .text import is_prose, key, tags
from .words import words_of

NEARLY_ALL = 0.8
"""Share of the captions from which a trait counts as being in nearly all of them."""
MOST = 0.5
"""Share from which a trait of the person's looks is reported."""
FEWEST = 5
"""Captions below which nothing is said: what three have in common may be chance."""
_LONGEST = 3
"""Words in a phrase."""
_EVERY_PHOTO_HAS = frozenset({"background", "light", "lighting"})
"""Words that are no trait by themselves: “cool light” may be one, that there is light is none."""
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_BORDER = re.compile(r"[.!?;:,，、،…()\[\]\"“”]+")


@dataclass(frozen=True)
class Trait:
    """Words that stand in many captions."""

    words: str
    photos: tuple[str, ...]
    identity: bool
    """Describes who somebody is (hair, eyes, skin), not what can change."""
    is_tag: bool
    """Stands between commas in most of these captions, so that it can be taken out without harm."""


def common_traits(captions: Mapping[str, str], trigger: str, class_word: str) -> list[Trait]:
    """Traits in nearly all captions, and those of looks in most, the most frequent first.

    Of phrases inside each other (“red”, “red hat”) the longest that is about as frequent is kept. Trigger word, class
    word and words such as “a”, “photo” and “woman” are none. Phrases inside sentences are looked for where words are
    known to end at spaces and their small words are known: in Latin script; elsewhere whole tags are compared.
    """
    captions = {photo: text for photo, text in captions.items() if text.strip()}
    if len(captions) < FEWEST:
        return []
    ignored = {key(trigger), key(class_word), f"{key(class_word)}s"} - {""}
    sentences = {photo: _sentences(text) for photo, text in captions.items()}
    often = _in_most(sentences) - ignored
    where: dict[str, list[str]] = defaultdict(list)
    as_tag: dict[str, int] = defaultdict(int)
    for photo, text in captions.items():
        whole = _whole_tags(text, ignored)
        for phrase in whole.union(*(_phrases(words, often) for words in sentences[photo])):
            where[phrase].append(photo)
        for phrase in whole:
            as_tag[phrase] += 1
    looks, says_nothing = words_of("looks"), words_of("body_parts") | words_of("stop_words") | _EVERY_PHOTO_HAS
    traits = []
    for phrase, photos in where.items():
        words = set(re.split(r"[ -]", phrase))
        identity = not looks.isdisjoint(words)
        if words <= says_nothing:
            continue
        if len(photos) >= (MOST if identity else NEARLY_ALL) * len(captions):
            traits.append(Trait(phrase, tuple(photos), identity, as_tag[phrase] * 2 > len(photos)))
    return sorted(_largest(traits), key=lambda trait: (-len(trait.photos), trait.words))


def _sentences(text: str) -> list[list[str]]:
    """The words of each stretch without punctuation, in small letters."""
    return [_WORD.findall(stretch) for stretch in _BORDER.split(text.casefold())]


def _in_most(sentences: Mapping[str, list[list[str]]]) -> set[str]:
    """Words in so many captions that a phrase with them may be a trait: stop words among them."""
    counted = Counter(
        word for stretches in sentences.values() for word in set(itertools.chain.from_iterable(stretches))
    )
    return {word for word, count in counted.items() if count >= MOST * len(sentences)}


def _whole_tags(text: str, ignored: set[str]) -> set[str]:
    found = set()
    stop_words = words_of("stop_words")
    for part in tags(text):
        tag = key(part)
        words = _WORD.findall(tag)
        short = 0 < len(words) <= _LONGEST + 1 and not is_prose(part)
        if short and tag not in ignored and ignored.isdisjoint(words) and not stop_words.issuperset(words):
            found.add(tag)
    return found


def _phrases(words: list[str], often: set[str]) -> set[str]:
    found = set()
    stop_words = words_of("stop_words")
    for start, first in enumerate(words):
        if first not in often or first in stop_words:
            continue
        for end in range(start + 1, min(start + _LONGEST, len(words)) + 1):
            last = words[end - 1]
            if last not in often:
                break
            chosen = words[start:end]
            if last not in stop_words and all(map(_latin, chosen)) and len("".join(chosen)) > 2:
                found.add(" ".join(chosen))
    return found


def _latin(word: str) -> bool:
    return word.isascii() or "LATIN" in unicodedata.name(word[0], "")


def _largest(traits: list[Trait]) -> list[Trait]:
    """Without those that stand in a longer one that is about as frequent."""
    by_words = {trait.words: trait for trait in traits}
    kept = []
    for trait in traits:
        inside = re.compile(rf"(?<!\w){re.escape(trait.words)}(?!\w)")
        longer = (other for words, other in by_words.items() if words != trait.words and inside.search(words))
        if not any(len(other.photos) >= 0.9 * len(trait.photos) for other in longer):
            kept.append(trait)
    return kept
