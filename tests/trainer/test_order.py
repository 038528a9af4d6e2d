"""The data order: fair, deterministic, the same when jumped to, the same for any number of processes."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest

from isengard.errors import IsengardError
from isengard.trainer.config import TrainingConfig
from isengard.trainer.job import PhotoEntry
from isengard.trainer.order import Place, global_batch, item_seed, share_of

SQUARE, TALL, WIDE = (512, 512), (448, 576), (576, 448)


def entry(number: int, *buckets: tuple[int, int], repeats: int = 1) -> PhotoEntry:
    return PhotoEntry(id=f"{number}", file="", sha256="", caption="", buckets=buckets or (SQUARE,), repeats=repeats)


def config(batch_size: int = 1, gradient_accumulation: int = 1, seed: int = 42) -> TrainingConfig:
    return TrainingConfig(
        name="Ada", trigger_word="ohwx", batch_size=batch_size, gradient_accumulation=gradient_accumulation, seed=seed,
        sample_every=0,
    )  # fmt: skip


def seen(entries: list[PhotoEntry], settings: TrainingConfig, steps: range) -> Counter[tuple[int, int]]:
    return Counter(
        (place.entry, place.bucket)
        for step in steps
        for micro in global_batch(entries, settings, step)
        for place in micro
    )


def made_up(rng: random.Random) -> list[PhotoEntry]:
    """A dataset with one to three resolutions, few or many shapes, equal or unequal repeats."""
    shapes = [(64 * rng.randint(4, 9), 64 * rng.randint(4, 9)) for _ in range(rng.randint(1, 6))]
    resolutions = rng.randint(1, 3)
    return [
        entry(number, *(rng.choice(shapes) for _ in range(resolutions)), repeats=rng.choice((1, 1, 2, 5)))
        for number in range(rng.randint(2, 30))
    ]


@pytest.mark.parametrize("seed", range(20))
def test_in_a_cycle_every_item_is_seen_exactly_by_its_repeats(seed: int) -> None:
    rng = random.Random(seed)
    entries, settings = made_up(rng), config(rng.randint(1, 5), rng.randint(1, 3), seed)
    divisor = min(item.repeats for item in entries)
    divisor = divisor if all(item.repeats % divisor == 0 for item in entries) else 1
    cycle = sum(len(item.buckets) * item.repeats // divisor for item in entries)  # micro-batches
    counts = seen(entries, settings, range(cycle))  # as many cycles as there are micro-batches in a step
    for number, item in enumerate(entries):
        for bucket in range(len(item.buckets)):
            expected = settings.batch_size * settings.gradient_accumulation * item.repeats // divisor
            assert counts[number, bucket] == expected


@pytest.mark.parametrize("seed", range(10))
def test_a_micro_batch_has_one_shape_and_its_places_are_numbered_through(seed: int) -> None:
    rng = random.Random(seed)
    entries, settings = made_up(rng), config(rng.randint(1, 5), rng.randint(1, 3), seed)
    for step in range(40):
        batch = global_batch(entries, settings, step)
        assert [len(micro) for micro in batch] == [settings.batch_size] * settings.gradient_accumulation
        assert [place.index for micro in batch for place in micro] == list(range(sum(map(len, batch))))
        for micro in batch:
            assert len({entries[place.entry].buckets[place.bucket] for place in micro}) == 1


def test_nobody_is_favoured_within_a_cycle_either() -> None:
    """After any number of steps each photo's count is near its share, with a small bucket and a large batch too."""
    entries = [*(entry(n) for n in range(9)), entry(9, TALL), entry(10, WIDE), entry(11, WIDE)]
    settings = config(batch_size=4)
    for steps in (12, 30, 60, 120, 300):
        counts = seen(entries, settings, range(steps))
        share = steps * 4 / len(entries)
        assert all(abs(counts[number, 0] - share) <= 8 for number in range(12)), (steps, counts)


def test_a_bucket_smaller_than_the_batch_is_not_dropped_and_not_shown_more_often() -> None:
    entries = [*(entry(n) for n in range(8)), entry(8, TALL)]
    counts = seen(entries, config(batch_size=4), range(9 * 5))
    assert set(counts.values()) == {20}


def test_equal_repeats_change_nothing() -> None:
    once, tenfold = [entry(n) for n in range(5)], [entry(n, repeats=10) for n in range(5)]
    assert [global_batch(once, config(2), step) for step in range(30)] == [
        global_batch(tenfold, config(2), step) for step in range(30)
    ]


def test_repeats_are_spread_out() -> None:
    """A photo with five repeats among ten others comes up in every few steps, not five times in a row."""
    entries = [entry(0, repeats=5), *(entry(n) for n in range(1, 11))]
    order = [global_batch(entries, config(), step)[0][0].entry for step in range(15 * 20)]
    at = [step for step, number in enumerate(order) if number == 0]
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert len(at) == 100
    assert max(gaps) <= 9


def test_a_step_that_is_jumped_to_is_the_step_that_is_walked_to() -> None:
    entries, settings = made_up(random.Random(3)), config(3, 2)
    walked = [global_batch(entries, settings, step) for step in range(200)]
    from isengard.trainer import order

    for cached in (order._groups, order._schedule, order._pass):
        cached.cache_clear()
    for step in (199, 0, 137, 42):
        assert global_batch(entries, settings, step) == walked[step]


def test_the_order_is_what_it_was_when_it_was_written() -> None:
    """Pins the order: a job that is resumed under a newer version must go on with the same photos."""
    entries = [entry(0), entry(1), entry(2, TALL), entry(3, TALL, WIDE), entry(4, repeats=2)]
    order = [[(place.entry, place.bucket) for place in global_batch(entries, config(2), step)[0]] for step in range(5)]
    assert order == PINNED
    assert item_seed(42, 7, 3) == 11041457151095380846


def test_seed_and_epoch_decide_the_order() -> None:
    entries = [entry(n) for n in range(12)]
    epochs = [
        tuple(global_batch(entries, config(), step)[0][0].entry for step in range(e * 12, e * 12 + 12))
        for e in range(4)
    ]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len(set(epochs)) == 4
    assert global_batch(entries, config(12, seed=1), 0) != global_batch(entries, config(12, seed=2), 0)


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "processes"),
    [(4, 1, 1), (4, 1, 2), (4, 1, 4), (4, 3, 2), (4, 3, 4), (1, 4, 2), (1, 4, 4), (6, 2, 2), (9, 2, 3), (8, 4, 4)],
)
def test_the_shares_of_all_processes_are_the_whole(batch_size: int, accumulation: int, processes: int) -> None:
    batch = global_batch(made_up(random.Random(1)), config(batch_size, accumulation), 5)
    shares = [share_of(rank, processes, batch) for rank in range(processes)]
    places = [place for share in shares for micro in share for place in micro]
    assert sorted(places, key=lambda place: place.index) == [place for micro in batch for place in micro]
    assert len({(len(share), *map(len, share)) for share in shares}) == 1, "every process has the same amount of work"


def test_processes_that_do_not_divide_are_refused() -> None:
    batch = global_batch([entry(0), entry(1)], config(3, 1), 0)
    with pytest.raises(IsengardError) as caught:
        share_of(0, 2, batch)
    assert caught.value.code == "PROCESSES_DO_NOT_DIVIDE"
    assert "batch_size 3" in caught.value.message


def test_item_seeds_differ_and_fit_64_bits() -> None:
    seeds = {item_seed(seed, step, index) for seed in range(3) for step in range(200) for index in range(16)}
    assert len(seeds) == 3 * 200 * 16
    assert all(0 <= value < 2**64 for value in seeds)
    assert item_seed(1, 23, 4) != item_seed(12, 3, 4)


def test_a_dataset_without_photos_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        global_batch([], config(), 0)


def test_a_place_is_readable() -> None:
    assert Place(entry=1, bucket=0, index=2) == Place(1, 0, 2)


PINNED = [[(2, 0), (3, 0)], [(4, 0), (0, 0)], [(3, 1), (3, 1)], [(1, 0), (4, 0)], [(3, 0), (2, 0)]]
