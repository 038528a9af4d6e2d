"""Trigger words that are proposed mean nothing yet, and those that a person chooses are judged in plain words."""

from __future__ import annotations

import json
import pydoc_data.topics
import re
from pathlib import Path

import pytest

from isengard.library.triggers import check, propose
from isengard.trainer.job import TrainingConfig

NAMES = ["", "Anna Müller", "Éva", "Łukasz", "王芳", "анна", "🙂", "X Æ A-12", "o'Brien", "sexton", "a", "qu", "  Al "]


def proposals(count: int = 2000) -> list[str]:
    """Words proposed for many seeds and names."""
    return [propose([], NAMES[seed % len(NAMES)], seed) for seed in range(count)]


def test_proposals_are_short_plain_and_accepted() -> None:
    """4 to 6 small letters, nothing to complain of, and the trainer takes them."""
    for word in proposals():
        assert re.fullmatch("[a-z]{4,6}", word), word
        assert check(word, taken={}, class_word="woman") == []
    TrainingConfig(name="Anna", trigger_word=propose([], "Anna"), sample_every=0)


def test_proposals_are_no_english_words() -> None:
    """None is among the words of a large body of English prose, nor in the machine's word list where it has one."""
    texts = list(pydoc_data.topics.topics.values())
    texts += [path.read_text(errors="ignore") for path in (Path("/usr/share/dict/words"),) if path.is_file()]
    texts += [
        path.read_text(encoding="utf-8") for path in Path(__file__).parents[2].glob("library/captions/vocabulary/*.txt")
    ]
    words = {word for text in texts for word in re.findall("[a-z]+", text.lower())}
    assert len(words) > 5000
    assert words.isdisjoint(proposals())


def test_proposals_are_no_tokens_of_the_text_encoders(request: pytest.FixtureRequest) -> None:
    """FLUX.1's encoders have a token for every common word, name and abbreviation: no proposal is one."""
    comfyui = request.getfixturevalue("comfyui").path / "comfy"
    clip = json.loads((comfyui / "sd1_tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    t5 = json.loads((comfyui / "text_encoders" / "t5_tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))
    known = {word.removesuffix("</w>") for word in clip} | {
        word.lstrip("▁").lower() for word, _ in t5["model"]["vocab"]
    }
    assert len(known) > 40_000
    assert known.isdisjoint(proposals())


def test_proposals_are_never_taken_in_any_case() -> None:
    """One proposal after the other in a growing library: all differ irrespective of case."""
    taken: list[str] = []
    for seed in range(500):
        word = propose([other.upper() for other in taken], "Anna", seed % 5)
        assert word not in taken
        taken.append(word)
    assert len(taken) == 500


def test_a_proposal_begins_like_the_name() -> None:
    """A person recognises whose word it is, where the name has Latin letters."""
    assert propose([], "Éva", 1).startswith("ev")
    assert propose([], "王芳", 1).isascii()


def test_a_seed_gives_the_same_word() -> None:
    """Repeatable where it is asked for, different otherwise."""
    assert propose([], "Anna", 7) == propose([], "Anna", 7)
    assert len({propose([], "") for _ in range(20)}) > 1


CHOSEN = {
    "": ["reject empty"],
    "   ": ["reject empty"],
    "ohw x": ["reject space"],
    "a,b": ["reject punctuation"],
    "{trigger}": ["reject punctuation"],
    "!!": ["reject punctuation"],
    "🙂": ["reject punctuation"],
    "a，b": ["reject punctuation"],
    "ohwx:1.2": ["warn prompt_sign"],
    "a\x00b": ["reject unprintable"],
    "x" * 41: ["reject too_long"],
    "zqvxkzqvxkzqv": ["warn long"],
    "Woman": ["reject class_word"],
    "mira": ["reject taken"],
    "MIRA": ["reject taken"],
    "x1": ["warn short"],
    "2024": ["warn number"],
    "Emma": ["warn name"],
    "Rose": ["warn word"],
    "running": ["warn word"],
    "cities": ["warn word"],
    "liked": ["warn word"],
    "sks": ["warn word"],
    "аннав": ["warn not_latin"],
    "mavxo": [],
    " mavxo ": [],
    "zqx_7": [],
    "qz-vo": [],
}


@pytest.mark.parametrize("trigger", CHOSEN)
def test_a_chosen_word(trigger: str) -> None:
    """What is wrong with it is found, and nothing else."""
    found = check(trigger, taken={"mira": "Mira Lind"}, class_word="woman")
    assert [f"{problem.level} {problem.code}" for problem in found] == CHOSEN[trigger]
    assert all(problem.message.endswith(".") for problem in found)


def test_who_has_a_word_is_named() -> None:
    """A person can go to the other character."""
    for trigger in ("mira", "MIRA", " mira"):
        (problem,) = check(trigger, taken={"mira": "Mira Lind"})
        assert "Mira Lind" in problem.message


def test_several_problems_come_at_once() -> None:
    """Errors first."""
    found = check("a, b: c " * 6, taken={}, class_word="")
    assert {problem.code for problem in found} >= {"space", "punctuation", "too_long"}
    assert [problem.level for problem in found] == sorted(problem.level for problem in found)


def test_what_the_trainer_refuses_is_an_error() -> None:
    """No word passes here that a training would stop at."""
    for trigger in [*CHOSEN, "a{b", "a}b", "a\tb", "a\u2028b", "a\u00a0b"]:
        try:
            TrainingConfig(name="x", trigger_word=trigger, sample_every=0)
        except Exception:  # noqa: BLE001 (whatever it is, it must be an error here)
            assert any(problem.level == "reject" for problem in check(trigger, taken={})), trigger
