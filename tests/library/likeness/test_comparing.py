"""Scores out of vectors: what counts, and which step is recommended."""

from __future__ import annotations

import pytest

from isengard.library.likeness.comparing import among, by_step, compared, recommended

EAST, NORTH, BETWEEN = [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]


def test_a_picture_is_compared_with_the_photos_most_like_it() -> None:
    assert compared(EAST, [EAST, NORTH]) == pytest.approx(0.5)
    assert compared(EAST, [*[EAST] * 5, *[NORTH] * 9]) == pytest.approx(1.0)
    assert compared(BETWEEN, [EAST, None]) == pytest.approx(0.6)


@pytest.mark.parametrize(("picture", "photos"), [(None, [EAST]), (EAST, [None, None]), (EAST, [])])
def test_without_a_face_there_is_no_score(picture: list[float] | None, photos: list[list[float] | None]) -> None:
    assert compared(picture, photos) is None


def test_what_can_be_reached_is_how_like_each_other_the_photos_are() -> None:
    assert among([EAST, EAST, BETWEEN]) == pytest.approx((0.8 + 0.8 + 0.6) / 3)
    assert among([EAST, None]) is None


def test_a_step_is_the_mean_of_its_faces_and_says_how_many_there_were() -> None:
    first, second = by_step({(0, 0): None, (50, 0): 0.5, (50, 1): 0.7, (50, 2): None}, {(50, 3): 0.4})
    assert (first.likeness, first.seen, first.pictures, first.leak) == (None, 0, 1, None)
    assert (second.likeness, second.seen, second.pictures, second.leak) == (0.6, 2, 3, 0.4)


def table(*rows: tuple[float | None, ...]) -> dict[tuple[int, int], float | None]:
    """Scores of steps 100, 200, …, a row each."""
    return {(100 * (place + 1), prompt): score for place, row in enumerate(rows) for prompt, score in enumerate(row)}


@pytest.mark.parametrize(
    ("scores", "step"),
    [
        (table((0.2, 0.3), (0.8, 0.7), (0.9, 0.8)), 300),
        (table((0.2, 0.3), (0.9, 0.8), (0.905, 0.8)), 200),
        (table((0.2, 0.3), (0.9, 0.8), (0.8, 0.7)), 200),
        (table((0.2, 0.3), (0.9, 0.6), (0.7, 0.85)), 200),
        (table((0.2, 0.3), (0.9, 0.5), (0.88, 0.75)), 300),
        (table((0.2, 0.3), (0.9, 0.8), (0.99, None)), 300),
        (table((0.2, 0.3, 0.2), (0.9, 0.8, 0.8), (0.99, None, None)), 200),
        (table((0.2, 0.3)), None),
        (table((None,), (None,)), None),
    ],
    ids=["the best", "as good earlier", "worse later", "within the noise", "much, though noisy", "one face missing",
         "few faces", "one step", "no face"],
)  # fmt: skip
def test_the_earliest_step_that_nothing_beats_is_recommended(
    scores: dict[tuple[int, int], float | None], step: int | None
) -> None:
    assert recommended(scores, [100, 200, 300]) == step


def test_only_steps_that_were_kept_are_recommended() -> None:
    scores = table((0.2, 0.3), (0.9, 0.8), (0.8, 0.7))
    assert recommended(scores, [100, 300]) == 300
    assert recommended(scores, []) is None
