"""The drawn world: seeds decide everything, any shape can be drawn, captions say what they should and nothing more."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest

from isengard.trainer.mini.canvas import Canvas, head_pose, picture_rng
from isengard.trainer.mini.captions import caption, identity_phrases, made_up_word, vocabulary
from isengard.trainer.mini.drawing import render
from isengard.trainer.mini.world import (
    FRAMINGS,
    HAIR_STYLES,
    IDENTITY_NUMBERS,
    near_identity,
    sample_identity,
    sample_nuisance,
)


def test_the_same_seed_draws_the_same_pixels() -> None:
    """Pictures are the ground truth of every score, so they may not depend on anything but their seed."""
    first = np.asarray(render(sample_identity(3), sample_nuisance(4), 128, 128))
    assert np.array_equal(first, np.asarray(render(sample_identity(3), sample_nuisance(4), 128, 128)))
    assert not np.array_equal(first, np.asarray(render(sample_identity(5), sample_nuisance(4), 128, 128)))
    assert not np.array_equal(first, np.asarray(render(sample_identity(3), sample_nuisance(5), 128, 128)))


@pytest.mark.parametrize("size", [(128, 128), (96, 176), (288, 224), (512, 384)])
def test_any_canvas_is_filled_to_its_size(size: tuple[int, int]) -> None:
    """A picture has exactly the asked size and is not flat."""
    picture = render(sample_identity(1), sample_nuisance(2), *size)
    assert picture.size == size
    assert np.asarray(picture).std() > 10


@pytest.mark.parametrize("hair_style", HAIR_STYLES)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_hair_style_can_be_drawn_in_every_framing(hair_style: str, framing: str) -> None:
    """No combination of attributes breaks the drawing, and hair changes the picture."""
    who = dataclasses.replace(sample_identity(8), hair_style=hair_style)
    how = dataclasses.replace(sample_nuisance(9), framing=framing)
    other = dataclasses.replace(who, hair_style="bald" if hair_style != "bald" else "long")
    assert not np.array_equal(np.asarray(render(who, how, 96, 96)), np.asarray(render(other, how, 96, 96)))


def test_unknown_words_and_numbers_out_of_range_are_refused() -> None:
    """An identity says which value it does not know."""
    with pytest.raises(ValueError, match="hair_style must be one of bald, short"):
        dataclasses.replace(sample_identity(1), hair_style="mullet")
    with pytest.raises(ValueError, match="skin must be 0–1, got 2"):
        dataclasses.replace(sample_identity(1), skin=2.0)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_where_the_head_is_can_be_told_without_drawing(framing: str) -> None:
    """The reader's truth about a head's place is where the renderer puts it, and it is in the middle of the picture."""
    how = dataclasses.replace(sample_nuisance(3), framing=framing, turn="left")
    pose, rng = head_pose(128, 128, how, picture_rng(how)), picture_rng(how)
    canvas = Canvas(128, 128, how, rng)
    drawn = [value / canvas.image.width * 128 for value in (canvas.x, canvas.y, canvas.scale)]
    assert drawn == pytest.approx([pose.x, pose.y, pose.scale])
    assert canvas.turn == pose.turn == pytest.approx(-1, abs=0.06)
    assert 60 < pose.x < 68
    assert 50 < pose.y < 72
    assert 30 < pose.scale < 56


def test_nobody_differs_in_hair_they_do_not_have() -> None:
    """What can't be seen of bald people is the same for all of them: no score asks for what no picture shows."""
    people = [person for person in map(sample_identity, range(300)) if person.hair_style == "bald"]
    people += [near for near in (near_identity(people[0], seed) for seed in range(50)) if near.hair_style == "bald"]
    assert {(person.hair_volume, person.fringe) for person in people} == {(0.5, "none")}


def test_look_alikes_are_near_but_not_the_same() -> None:
    """A neighbour differs less from a person than a stranger does."""
    person = sample_identity(20)

    def distance(seed: int, near: bool) -> float:
        other = near_identity(person, seed) if near else sample_identity(1000 + seed)
        return float(sum(abs(getattr(person, name) - getattr(other, name)) for name in IDENTITY_NUMBERS))

    near = [distance(seed, near=True) for seed in range(50)]
    far = [distance(seed, near=False) for seed in range(50)]
    assert 0 < np.mean(near) < 0.8 * np.mean(far)


def test_a_caption_with_a_trigger_word_names_the_nuisance_and_nothing_of_the_face() -> None:
    """What the trigger word stands for is left out of the caption, or the word would not come to mean it."""
    for seed in range(40):
        who, how = sample_identity(seed), sample_nuisance(seed)
        text = caption(how, trigger="ohwx", class_word=who.class_word)
        assert text.startswith(f"ohwx {who.class_word}, ")
        assert f"{how.clothes_colour} {how.clothes}" in text
        assert f"{how.background_colour} background" in text
        assert not any(phrase in text for phrase in identity_phrases(who))


def test_training_captions_vary_and_reference_captions_do_not() -> None:
    """With a random generator wordings change; without one the caption is always the same."""
    how = sample_nuisance(11)
    assert caption(how) == caption(how)
    assert len({caption(how, rng=random.Random(seed)) for seed in range(30)}) > 20


def test_made_up_words_are_not_words_of_the_world() -> None:
    """A name that stands for a random person must not be a word that means something."""
    rng = random.Random(0)
    assert not set(vocabulary()) & {made_up_word(rng) for _ in range(3000)}
