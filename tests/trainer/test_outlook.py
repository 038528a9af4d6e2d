"""What lies ahead, told without torch: the plan is the one that the trainer will choose on that GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from isengard.tests.trainer.jobs import write_photos
from isengard.trainer.config import TrainingConfig
from isengard.trainer.memory_need import GIB
from isengard.trainer.memory_plan import Features, Way, choose_plan
from isengard.trainer.outlook import features_of, longer_by, look_ahead, recomputes_all

CONFIG = TrainingConfig(name="Ada", trigger_word="ohwx", sample_every=0)


@pytest.mark.parametrize(
    ("chip", "fp8", "int8"),
    [(None, False, False), ((7, 5), False, False), ((8, 6), False, True), ((8, 9), True, True), ((12, 0), True, True)],
    ids=["none", "Turing", "Ampere", "Ada", "Blackwell"],
)
def test_a_chips_generation_says_what_it_multiplies(chip: tuple[int, int] | None, fp8: bool, int8: bool) -> None:
    found = features_of(chip)
    assert (found.fp8, found.int8) == (fp8, int8)


@pytest.mark.parametrize("features", [Features(nf4=True), Features(fp8=True, int8=True, nf4=True)], ids=str)
def test_the_plan_is_that_of_the_gpu(features: Features, tmp_path: Path) -> None:
    """Another GPU of the same size has another one."""
    photos, free = write_photos(tmp_path / "photos"), 15 * GIB
    told = look_ahead(photos, lambda _: CONFIG, tmp_path, device_free=free, features=features).memory_plan
    assert told == choose_plan(CONFIG, free, features)
    assert told != choose_plan(CONFIG, free, Features())


def test_fp8_is_quick_where_the_chip_multiplies_it_and_slow_where_not() -> None:
    lean, full = Way("fp8"), Way()
    assert longer_by(CONFIG, lean, full, features_of((8, 9))) < 1 < longer_by(CONFIG, lean, full, features_of((8, 6)))


def test_a_plan_that_recomputes_all_can_save_no_more_so() -> None:
    lean, roomy = (choose_plan(CONFIG, size * GIB, Features()) for size in (8, 140))
    assert recomputes_all(CONFIG, lean)
    assert not recomputes_all(CONFIG, roomy)
