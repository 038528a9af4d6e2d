"""Aspect-ratio buckets: the area is kept, shapes are shared where it costs little, small photos are not blown up."""

from __future__ import annotations

import random
import time

import pytest

from isengard.trainer.buckets import MAX_ASPECT, MAX_ENLARGEMENT, assign_buckets, bucket_sizes, crop_loss, enlargement

RESOLUTIONS = (128, 256, 512, 768, 1024, 1536)


def photos(seed: int, count: int = 30) -> list[tuple[int, int]]:
    rng = random.Random(seed)
    shapes = [(4000, 3000), (3000, 4000), (3024, 4032), (1920, 1080), (1080, 1350), (2000, 2000)]
    free = [(rng.randint(1100, 6000), rng.randint(1100, 6000)) for _ in range(count // 2)]
    return [*free, *(rng.choice(shapes) for _ in range(count - len(free)))]


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("unit", [8, 16, 32, 64])
def test_buckets_keep_area_unit_and_aspect_limit(resolution: int, unit: int) -> None:
    sizes = bucket_sizes(resolution, unit)
    assert (resolution, resolution) in sizes
    assert sizes == sorted(set(sizes), key=lambda size: (size[0] / size[1], size))
    assert {(h, w) for w, h in sizes} == set(sizes)
    for width, height in sizes:
        assert width % unit == height % unit == 0
        assert max(width, height) / min(width, height) <= MAX_ASPECT
        assert abs(width * height / resolution**2 - 1) <= unit / min(width, height) / 2 + 1e-9


def test_the_mini_models_buckets_are_those_it_was_pretrained_on() -> None:
    from isengard.trainer.mini.architecture import SHAPES

    assert set(bucket_sizes(128, 16)) == set(SHAPES)


@pytest.mark.parametrize("seed", range(10))
def test_every_photo_gives_up_no_more_than_it_must_or_may(seed: int) -> None:
    tolerance = 0.03
    sizes = photos(seed)
    for size, placement in zip(sizes, assign_buckets(sizes, (512, 1024), 16, tolerance), strict=True):
        for resolution, bucket in zip((512, 1024), placement.buckets, strict=True):
            table = bucket_sizes(resolution, 16)
            assert bucket in table
            assert crop_loss(size, bucket) <= max(tolerance, min(crop_loss(size, other) for other in table))
        assert placement.cropped == max(crop_loss(size, bucket) for bucket in placement.buckets)


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_the_photos_does_not_matter(seed: int) -> None:
    sizes = photos(seed)
    order = list(range(len(sizes)))
    random.Random(seed).shuffle(order)
    plain = assign_buckets(sizes, (512, 768), 16, 0.05)
    mixed = assign_buckets([sizes[number] for number in order], (512, 768), 16, 0.05)
    assert mixed == [plain[number] for number in order]


def test_tolerance_makes_photos_share_buckets() -> None:
    sizes = [(3000, 4000), (3024, 4032), (3000, 3900), (3100, 4000), (2950, 4000)]
    strict = {placement.buckets for placement in assign_buckets(sizes, (1024,), 16, 0.0)}
    shared = {placement.buckets for placement in assign_buckets(sizes, (1024,), 16, 0.05)}
    assert len(strict) > 1
    assert len(shared) == 1


def test_a_plain_shape_gets_its_own_bucket() -> None:
    (placement,) = assign_buckets([(4000, 3000)], (512,), 16, 0.03)
    assert placement.buckets == ((592, 448),)
    assert placement.cropped < 0.02


def test_panoramas_are_cropped_to_the_limit_and_say_how_much() -> None:
    (placement,) = assign_buckets([(8000, 1600)], (512,), 16, 0.03)
    width, height = placement.buckets[0]
    assert 2.0 < width / height <= MAX_ASPECT
    assert 0.5 < placement.cropped < 0.62


def test_a_photo_too_small_for_a_resolution_takes_a_smaller_bucket_in_its_place() -> None:
    small, large = assign_buckets([(640, 640), (3000, 3000)], (512, 768, 1024), 16, 0.03)
    assert large.buckets == ((512, 512), (768, 768), (1024, 1024))
    assert small.buckets == ((512, 512), (768, 768), (768, 768))  # 1.2 times is allowed, 1.6 times is not
    assert small.too_small_for == (1024,)
    assert small.enlarged <= MAX_ENLARGEMENT
    assert large.too_small_for == ()


def test_a_photo_too_small_for_all_resolutions_is_enlarged_and_says_so() -> None:
    (placement,) = assign_buckets([(200, 200)], (1024, 512), 16, 0.03)
    assert placement.buckets == ((512, 512), (512, 512))
    assert placement.enlarged == pytest.approx(2.56)


def test_covering_never_scales_more_than_needed() -> None:
    assert enlargement((1000, 500), (500, 500)) == 1.0
    assert enlargement((1000, 1000), (512, 512)) == 0.512


def test_thousands_of_photos_are_placed_in_reasonable_time() -> None:
    rng = random.Random(0)
    sizes = [(rng.randint(600, 6000), rng.randint(600, 6000)) for _ in range(2000)]
    began = time.monotonic()
    assert len(assign_buckets(sizes, (512, 768, 1024), 16, 0.03)) == 2000
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("sizes", "resolutions", "unit"), [([(0, 5)], (512,), 16), ([(5, 5)], (), 16), ([(5, 5)], (512,), 0)]
)
def test_nonsense_is_a_mistake_of_the_caller(
    sizes: list[tuple[int, int]], resolutions: tuple[int, ...], unit: int
) -> None:
    with pytest.raises(ValueError, match="buckets need"):
        assign_buckets(sizes, resolutions, unit, 0.0)
