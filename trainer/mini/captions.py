"""The words of the world: turns a picture's truth into the caption that the mini model is trained on."""

from __future__ import annotations

import functools
import random

from .world import Identity, Nuisance

_EXPRESSION = {
    "neutral": ("neutral expression", "neutral"),
    "smiling": ("smiling", "happy smile"),
    "laughing": ("laughing", "laughing mouth open"),
    "surprised": ("surprised", "surprised expression"),
    "sad": ("sad", "sad expression"),
    "angry": ("angry", "angry expression"),
    "sleeping": ("eyes closed", "sleeping eyes closed"),
}
_FRAMING = {
    "close": ("close-up", "close up face"),
    "portrait": ("portrait", "head and shoulders"),
    "wide": ("wide shot", "from far away"),
}
_TURN = {
    "left": ("looking left", "turned left"),
    "ahead": ("looking ahead", "facing forward"),
    "right": ("looking right", "turned right"),
}
_HAIR = {
    "short": "short {c} hair",
    "spiky": "spiky {c} hair",
    "parted": "parted {c} hair",
    "bob": "{c} bob hair",
    "long": "long {c} hair",
    "curly": "curly {c} hair",
    "bun": "{c} hair in a bun",
    "ponytail": "{c} hair in a ponytail",
}
_SKIN = ("dark skin", "brown skin", "tan skin", "fair skin", "pale skin")
_OPENINGS = ("", "", "", "photo of ", "picture of ", "a portrait of ", "drawing of ")
_ARTICLES = {"woman": ("woman", "a woman", "a woman"), "man": ("man", "a man", "a man")}

# fmt: off
_EXTRA_WORDS = (
    "a", "an", "the", "of", "in", "on", "with", "and", "or", "to", "at", "by", "from", "for", "is", "wearing",
    "person", "people", "girl", "boy", "lady", "face", "head", "hair", "eyes", "skin", "old", "young", "photo",
    "picture", "image", "portrait", "drawing", "illustration", "pretty", "beautiful", "style", "hat", "outdoors",
    "indoors", "background", "standing", "very", "dark", "light", "bright", "soft", "studio", "day", "night",
    "morning", "evening",
)
# fmt: on
"""Words that people use in prompts: they get whole tokens so that they cost little room, even where the world gives
them no meaning."""


def nuisance_phrases(nuisance: Nuisance, rng: random.Random | None = None) -> list[str]:
    """The phrases that name a picture's nuisance, one attribute each (light and clothes: two), in the usual order.

    Without `rng` the first wording of each; with it, one of the wordings at random.
    """
    pick = rng.choice if rng else lambda choices: choices[0]
    light = {
        ("neutral", "front"): "",
        ("neutral", "left"): "light from the left",
        ("neutral", "right"): "light from the right",
    }.get((nuisance.light_tone, nuisance.light_side))
    if light is None:
        side = "" if nuisance.light_side == "front" else f" from the {nuisance.light_side}"
        light = f"{nuisance.light_tone} light{side}"
    kind = "" if nuisance.background == "plain" and pick((False, True)) else f"{nuisance.background} "
    phrases = [
        pick(_EXPRESSION[nuisance.expression]),
        pick(_TURN[nuisance.turn]),
        pick(
            (f"wearing a {nuisance.clothes_colour} {nuisance.clothes}", f"{nuisance.clothes_colour} {nuisance.clothes}")
        ),
        f"{kind if nuisance.background != 'plain' else pick(('plain ', ''))}{nuisance.background_colour} background",
        light,
        pick(_FRAMING[nuisance.framing]),
    ]
    return [phrase for phrase in phrases if phrase]


def identity_phrases(identity: Identity) -> list[str]:
    """The phrases that describe a face, most telling first. Only used where no trigger word stands for the person."""
    bald = identity.hair_style == "bald"
    phrases = ["bald" if bald else _HAIR[identity.hair_style].format(c=identity.hair_colour)]
    phrases.append(_SKIN[min(4, int(identity.skin * 5))])
    phrases.append(f"{identity.eye_colour} eyes")
    if identity.fringe != "none" and not bald:
        phrases.append(f"{identity.fringe} fringe")
    if identity.glasses != "none":
        phrases.append(f"{identity.glasses} glasses")
    if identity.beard != "none":
        phrases.append({"stubble": "stubble", "moustache": "moustache", "full": "full beard"}[identity.beard])
    if identity.marks != "none":
        phrases.append({"freckles": "freckles", "mole": "a mole", "scar": "a scar"}[identity.marks])
    return phrases


def caption(
    nuisance: Nuisance | None,
    identity: Identity | None = None,
    trigger: str | None = None,
    class_word: str | None = None,
    rng: random.Random | None = None,
) -> str:
    """A caption such as "ohwx woman, smiling, looking left, wearing a red sweater, plain blue background, warm light,
    close-up".

    `trigger` comes first if given, then `class_word`; `identity` adds its description in words. Without `rng` the
    wording is the usual one and complete; with it, wordings vary, phrases are now and then dropped, and the order is
    sometimes shuffled, which is how the model was trained.
    """
    opening = rng.choice(_OPENINGS) if rng else ""
    if class_word and not trigger:
        class_word = rng.choice(_ARTICLES.get(class_word, (class_word,))) if rng else class_word
    subject = " ".join(word for word in (trigger, class_word) if word)
    who = identity_phrases(identity) if identity else []
    how = nuisance_phrases(nuisance, rng) if nuisance else []
    if rng:
        who = [p for p in who if rng.random() > 0.25]
        how = [p for p in how if rng.random() > 0.12]
        if rng.random() < 0.35:
            rng.shuffle(how)
    head = (opening + subject).strip() if subject else ""
    return ", ".join(part for part in [head, *who, *how] if part)


def vocabulary() -> list[str]:
    """Every whole word that captions are made of, sorted: what the tokenizers keep in one piece."""
    from .world import IDENTITY_CATEGORIES, NUISANCE_CATEGORIES

    phrases = list(_EXTRA_WORDS) + list(_SKIN) + list(_OPENINGS) + list(_HAIR.values())
    for table in (_EXPRESSION, _FRAMING, _TURN, _ARTICLES):
        phrases += [text for texts in table.values() for text in texts]
    for values in (*IDENTITY_CATEGORIES.values(), *NUISANCE_CATEGORIES.values()):
        phrases += values
    phrases += ["tilted light from the beard stubble moustache fringe glasses freckles mole scar wearing"]
    words = {
        word for phrase in phrases for word in phrase.replace("{c}", "").replace("-", " ").replace(",", " ").split()
    }
    return sorted(words)


def made_up_word(rng: random.Random) -> str:
    """A word that means nothing: a pronounceable name, or a jumble such as "ohwx" or "k3x". The tokenizers split it
    into characters."""
    while True:
        if rng.random() < 0.5:
            syllables = [rng.choice("bcdfghjklmnprstvz") + rng.choice("aeiou") for _ in range(rng.choice((1, 2, 2, 3)))]
            word = "".join(syllables) + rng.choice(("", "", "n", "s", "r", "l"))
        else:
            word = "".join(
                rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(rng.choice((2, 3, 3, 4, 5)))
            )
        if word not in _known():
            return word


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(vocabulary())
