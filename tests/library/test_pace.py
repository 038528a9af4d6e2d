"""How long a training will take, from those that were measured: also when this one has less room than they had."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from isengard.library import pace
from isengard.library.store import Library
from isengard.trainer.job import JobFolder, TrainingConfig
from isengard.trainer.memory_need import Need
from isengard.trainer.plan import MemoryPlan, Way, longer_by

LEAN = Way("nf4", 57, 20)


def config(**changes: Any) -> TrainingConfig:
    return TrainingConfig(**{"name": "Ada", "trigger_word": "ohwx", "sample_every": 0, "steps": 100, **changes})


def plan(way: Way) -> MemoryPlan:
    """A plan as the trainer makes it, of which only the way counts here."""
    need = Need(0, 0, 0, 0)
    return MemoryPlan(way.base_weights, False, way.recompute_blocks, way.swap_blocks, need, 0, True)


def trained(
    library: Library, folder: Path, *, way: Way | None = None, paces: tuple[float, ...] = (1.0,) * 5, **changes: Any
) -> None:
    """What a finished FLUX training left behind, which is then remembered."""
    job = JobFolder.create(folder, config(**changes), [])
    if way:
        job.memory_file.write_text(json.dumps(dataclasses.asdict(way) | {"fits": True}), encoding="utf-8")
    with job.writer() as writer:
        writer.set_state("preparing")
        writer.set_state("training")
        for report, seconds in enumerate(paces):
            for step in range(10):
                writer.emit("loss", step=report * 10 + step + 1, loss=1.0)
            writer.emit("progress", phase="train", step=report * 10 + 10, seconds_per_step=seconds)
        writer.set_state("done")
    pace.remember(library, job)


def test_a_measured_step_in_full_precision_is_no_measure_for_four_bits_and_swapped_blocks(
    library: Library, tmp_path: Path
) -> None:
    """The card has less room than yesterday: the time is scaled by what is given up, and said to be."""
    trained(library, tmp_path / "full", way=Way())
    same = pace.estimate(library, config(), plan(Way()))
    lean = pace.estimate(library, config(), plan(LEAN))
    assert (same.source, same.seconds_per_step) == ("measured", 1.0)
    assert lean.source == "scaled"
    assert lean.seconds_per_step == pytest.approx(longer_by(config(), LEAN, Way()))
    assert lean.seconds_per_step > 1.5
    trained(library, tmp_path / "lean", way=LEAN, paces=(4.0,) * 5)
    assert pace.estimate(library, config(), plan(LEAN)).seconds_per_step == 4.0
    assert pace.estimate(library, config(), plan(Way())).seconds_per_step == 1.0
    near = pace.estimate(library, config(), plan(Way("nf4", 57, 22)))
    assert 4.0 <= near.seconds_per_step < 5.0


def test_without_a_note_of_the_trainers_the_settings_say_how_it_was(library: Library, tmp_path: Path) -> None:
    trained(library, tmp_path / "job", base_weights="fp8", gradient_checkpointing=True)
    (found,) = json.loads((library.root / "pace.json").read_text(encoding="utf-8"))["trainings"]
    assert (found["base_weights"], found["recompute_blocks"], found["swap_blocks"]) == ("fp8", 57, 0)
    assert pace.estimate(library, config(base_weights="fp8", gradient_checkpointing=True)).source == "measured"
    assert pace.estimate(library, config()).source == "scaled"


def test_compiling_belongs_to_the_start_and_not_to_the_pictures(library: Library, tmp_path: Path) -> None:
    """Twenty seconds in the first report are told once, however long the next training is and whatever it shows."""
    trained(library, tmp_path / "job", way=Way(), paces=(3.0, 1.0, 1.0, 1.0, 1.0))
    (found,) = json.loads((library.root / "pace.json").read_text(encoding="utf-8"))["trainings"]
    assert found["start_seconds"] == pytest.approx(20.0, abs=1.0)
    assert found["sample_seconds"] is None, "there was no picture"
    told = pace.estimate(library, config(sample_every=50, sample_prompts=("a", "b")), plan(Way()))
    guess = pace._GUESSES["flux1-dev"][2]
    assert told.seconds == pytest.approx(20.0 + 100 * 1.0 + 3 * 2 * guess, abs=1.5)


def test_a_guess_knows_what_is_given_up_for_room(library: Library) -> None:
    full, lean = (pace.estimate(library, config(), plan(way)) for way in (Way(), LEAN))
    assert (full.source, lean.source) == ("guess", "guess")
    assert lean.seconds_per_step > 1.5 * full.seconds_per_step


def test_steps_that_hold_the_class_take_longer(library: Library, tmp_path: Path) -> None:
    trained(library, tmp_path / "job", way=Way())
    held = pace.estimate(library, config(class_preservation=0.5), plan(Way()))
    assert 1.4 < held.seconds_per_step < 2.0


@pytest.mark.parametrize(
    "strange", [{"base_weights": "fp3"}, {"swap_blocks": -1}, {"recompute_blocks": "x"}, {"base_weights": None}]
)
def test_a_note_that_was_changed_by_hand_makes_a_guess(
    library: Library, tmp_path: Path, strange: dict[str, Any]
) -> None:
    trained(library, tmp_path / "job", way=Way())
    file = library.root / "pace.json"
    noted = json.loads(file.read_text(encoding="utf-8"))
    noted["trainings"][0].update(strange)
    file.write_text(json.dumps(noted), encoding="utf-8")
    assert pace.estimate(library, config(), plan(Way())).source == "guess"


def test_what_was_noted_before_the_memory_counted_is_left_out(library: Library, tmp_path: Path) -> None:
    trained(library, tmp_path / "job", way=Way())
    file = library.root / "pace.json"
    noted = json.loads(file.read_text(encoding="utf-8"))
    for name in ("base_weights", "recompute_blocks", "swap_blocks"):
        del noted["trainings"][0][name]
    file.write_text(json.dumps(noted), encoding="utf-8")
    assert pace.estimate(library, config(), plan(Way())).source == "guess"
