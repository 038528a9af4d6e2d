"""Trigger words: proposes rare ones, and says what is wrong with one that a person chose. Standard library only."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from ..sentences import Said
from .captions.words import words_of
from .levels import LEVELS, REJECT, WARN

LONGEST = 40
"""Characters from which a trigger word is refused."""
_LONG = 12
"""Characters from which it is a burden: it takes more tokens than a short phrase."""
_SHORT = 3
_RARE_PAIRS = tuple(
    "bx cj fq fv gq gx jq jx jz kq kx mq qg qj qk qv qz vj vq vx vz wj wq xg xz zj zq zx".split()  # noqa: SIM905
)
"""Letters that don't follow each other in English words, nor in common names: a word with one of them is no such word.
Held against the vocabularies of FLUX.1's text encoders in a test."""
_AVOID = tuple(
    "anal ass cum die dik fag fuk gay hiv isis jew kkk nazi nig rape sex tit xxx".split()  # noqa: SIM905
)
_STARTS = "bdfgklmnprtvz"
_VOWELS = "aeiou"
_CODES = frozenset(
    "sks nsfw sfw lora flux clip xbox lego nasa cgi hdr rgb png jpg gif pdf usb".split()  # noqa: SIM905
)
"""Words that look rare and are not: a rifle (sks), and what stands in many captions."""
_PROMPT_SIGNS = frozenset("()[]<>:|\\/\"'`*#@&;.!?“”‘’…")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a trigger word."""

    code: str
    level: str
    """reject: it can't be used; warn: it can, and will probably work worse."""
    message: Said


def propose(taken: Collection[str], name: str = "", seed: int | None = None) -> str:
    """A short, rare word that is no English word and no name, and not among those taken, whatever their case.

    It begins like the character's name where that has Latin letters: “Anna” → “anvxo”. With a seed always the same one.
    """
    dice = random.Random(seed)
    used = {_key(word) for word in taken}
    start = _first_letters(name)
    for attempt in range(100_000):
        head = start if start and attempt < 1000 else dice.choice(_STARTS) + dice.choice(_VOWELS)
        tail = ("", dice.choice(_VOWELS), dice.choice(_VOWELS) + dice.choice(_STARTS))
        word = head + dice.choice(_RARE_PAIRS) + dice.choices(tail, weights=(1, 4, 2))[0]
        if _key(word) not in used and not any(part in word for part in _AVOID) and not check(word, taken={}):
            return word
    raise AssertionError("thousands of characters and no word left")  # there are some 130,000


def check(trigger: str, *, taken: Mapping[str, str], class_word: str = "") -> list[Problem]:
    """What is wrong with a trigger word, the gravest first; nothing if it is good.

    `taken`: the other characters' trigger words, each with the character's name.
    """
    trigger = unicodedata.normalize("NFC", trigger.strip())
    if not trigger:
        text = "A character needs a trigger word: one that means nothing yet."
        return [Problem("empty", REJECT, Said("trigger.empty", text))]
    found = [*_unusable(trigger, class_word), *_taken(trigger, taken)]
    return sorted(found or _meaningful(trigger), key=lambda problem: LEVELS.index(problem.level))


def _unusable(trigger: str, class_word: str) -> Iterator[Problem]:
    if any(sign.isspace() for sign in trigger):
        text = f"“{trigger}” has a space in it. A trigger word is one word."
        yield Problem("space", REJECT, Said("trigger.space", text, word=trigger))
    if signs := [sign for sign in ",{}，、،" if sign in trigger]:
        text = f"“{trigger}” has {' '.join(signs)} in it, which divides captions."
        yield Problem("punctuation", REJECT, Said("trigger.punctuation", text, word=trigger, signs=" ".join(signs)))
    elif not any(sign.isalnum() for sign in trigger):
        text = f"“{trigger}” has no letter in it."
        yield Problem("punctuation", REJECT, Said("trigger.no_letter", text, word=trigger))
    elif signs := sorted(_PROMPT_SIGNS & set(trigger)):
        text = f"“{trigger}” has {' '.join(signs)} in it, which can mean something else in prompts: use letters."
        yield Problem("prompt_sign", WARN, Said("trigger.prompt_sign", text, word=trigger, signs=" ".join(signs)))
    if not trigger.isprintable():
        text = "The trigger word has signs in it that can't be seen."
        yield Problem("unprintable", REJECT, Said("trigger.unprintable", text))
    if len(trigger) > LONGEST:
        text = f"The trigger word has {len(trigger)} characters; at most {LONGEST} are taken."
        yield Problem("too_long", REJECT, Said("trigger.too_long", text, length=len(trigger), most=LONGEST))
    elif len(trigger) > _LONG:
        text = f"“{trigger}” is long: it takes many tokens of every caption. 4 to 6 letters are enough."
        yield Problem("long", WARN, Said("trigger.long", text, word=trigger))
    if _key(trigger) == _key(class_word):
        text = f"“{trigger}” is the class word: every {class_word} would turn into this character."
        yield Problem("class_word", REJECT, Said("trigger.class_word", text, word=trigger))


def _taken(trigger: str, taken: Mapping[str, str]) -> Iterator[Problem]:
    for word, name in taken.items():
        if unicodedata.normalize("NFC", word.strip()) == trigger:
            text = f"“{trigger}” is the trigger word of {name}."
            yield Problem("taken", REJECT, Said("trigger.taken", text, word=trigger, name=name))
        elif _key(word) == _key(trigger):
            text = (
                f"“{trigger}” differs from “{word}”, the trigger word of {name}, only in case: models hardly see that."
            )
            message = Said("trigger.taken_but_for_case", text, word=trigger, other=word, name=name)
            yield Problem("taken", REJECT, message)


def _meaningful(trigger: str) -> Iterator[Problem]:
    word = _key(trigger)
    if len(trigger) < _SHORT:
        text = f"“{trigger}” is so short that it turns up in other words' tokens."
        yield Problem("short", WARN, Said("trigger.short", text, word=trigger))
    if word.isdigit():
        text = f"“{trigger}” is a number, which means something to the model."
        yield Problem("number", WARN, Said("trigger.number", text, word=trigger))
    elif word in words_of("first_names"):
        text = f"“{trigger}” is a name: the model has faces for it, which mix with this one."
        yield Problem("name", WARN, Said("trigger.name", text, word=trigger))
    elif word in _CODES or any(form in words_of("common_words") for form in _base_forms(word)):
        text = f"“{trigger}” is a word that the model knows: it mixes into the likeness. Take one that means nothing."
        yield Problem("word", WARN, Said("trigger.word", text, word=trigger))
    elif not word.isascii():
        text = f"“{trigger}” has letters beyond a–z: text encoders take some of them for unknown signs."
        yield Problem("not_latin", WARN, Said("trigger.not_latin", text, word=trigger))


def _base_forms(word: str) -> Iterator[str]:
    """The word, and what it may be a form of: “running” → run, “cities” → city, “liked” → like."""
    yield word
    for ending in ("s", "es", "ed", "d", "er", "r", "est", "ing", "ly", "y", "ful", "less", "ness"):
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < 3:
            continue
        yield stem
        yield f"{stem}e"
        if stem[-1] == "i":
            yield f"{stem[:-1]}y"
        if stem[-1] == stem[-2]:
            yield stem[:-1]


def _first_letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    found = re.match(r"[^a-z]*([a-z]{2})", plain)
    return found[1] if found else ""


def _key(word: str) -> str:
    return unicodedata.normalize("NFKC", word.strip()).casefold()
