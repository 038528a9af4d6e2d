"""The memory plan: its formula is what was counted, and it finds the fastest way that fits."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.tests.trainer.counting import flux, peak_of_training
from isengard.trainer import memory_need
from isengard.trainer.config import OPTIMIZERS, TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.memory_need import ARCHITECTURES, GIB, estimate, lora_parameters, waiting
from isengard.trainer.memory_plan import Features, choose_plan, step_time

ALL = Features(fp8=True, int8=True, nf4=True)
FLUX = ARCHITECTURES["flux1-dev"]


def config(**changes: Any) -> TrainingConfig:
    return TrainingConfig(**{"name": "Ada", "trigger_word": "ohwx", "sample_every": 0, **changes})


# --- what was counted

COUNTED = {
    "nothing recomputed": {"doubles": 2, "singles": 3},
    "large pictures": {"doubles": 2, "singles": 3, "resolutions": (1024,)},
    "several pictures": {"doubles": 2, "singles": 3, "batch_size": 4},
    "a high rank": {"doubles": 2, "singles": 3, "rank": 64},
    "attention alone": {"doubles": 2, "singles": 3, "targets": "attention"},
    "likeness blocks": {"doubles": 2, "singles": 3, "targets": "likeness-blocks"},
    "all recomputed": {"doubles": 2, "singles": 3, "recomputed": 5},
    "half of them recomputed": {"doubles": 2, "singles": 4, "recomputed": 3, "resolutions": (1024,)},
    "the highest rank": {"doubles": 2, "singles": 3, "rank": 256},
    "several passes a step": {"doubles": 2, "singles": 3, "rank": 128, "gradient_accumulation": 2},
    "fp8": {"doubles": 2, "singles": 3, "form": "fp8"},
    "int8": {"doubles": 2, "singles": 3, "form": "int8"},
    "int8, all recomputed": {"doubles": 2, "singles": 3, "form": "int8", "recomputed": 5, "resolutions": (1024,)},
    "fp8 that is widened, all recomputed": {
        "doubles": 2,
        "singles": 3,
        "form": "fp8",
        "recomputed": 5,
        "native": False,
    },
    "fp8, half of them swapped": {"doubles": 4, "singles": 6, "form": "fp8", "recomputed": 10, "swapped": 5},
    "half of them swapped": {"doubles": 4, "singles": 6, "recomputed": 10, "swapped": 5, "resolutions": (1024,)},
}
WHOLE = {
    "FLUX.1-dev in fp8, 30 swapped": {
        "doubles": 19, "singles": 38, "form": "fp8", "recomputed": 57, "swapped": 30, "resolutions": (768,),
    },
}  # fmt: skip


def _compare(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> float:
    """Estimated by counted, without the allowances for the allocator and the libraries, which nothing here has."""
    shape = {"doubles": case["doubles"], "singles": case["singles"]}
    way = {"form": case.get("form", "full"), "recomputed": case.get("recomputed", 0), "swapped": case.get("swapped", 0)}
    native = case.get("native", True)
    settings = {key: value for key, value in case.items() if key not in {**shape, **way, "native": native}}
    chosen = config(**{"resolutions": (512,), "max_text_tokens": 512, **settings})
    monkeypatch.setitem(ARCHITECTURES, "flux1-dev", dataclasses.replace(FLUX, **shape, runtime=0))
    monkeypatch.setattr(memory_need, "_FRAGMENTED", 1.0)
    estimated = estimate(chosen, way["form"], way["recomputed"], way["swapped"], native=native)
    return estimated.total / peak_of_training(chosen, **shape, **way, native=native)


@pytest.mark.parametrize("case", COUNTED)
def test_the_estimate_is_what_was_counted(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two whole steps of blocks of true width, every storage followed: within two in a hundred."""
    assert _compare(COUNTED[case], monkeypatch) == pytest.approx(1.0, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("case", WHOLE)
def test_the_estimate_of_the_whole_model_is_what_was_counted(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _compare(WHOLE[case], monkeypatch) == pytest.approx(1.0, abs=0.02)


def test_parameters_are_those_of_the_model() -> None:
    """Of the blocks to a thousandth (biases and norms are left out), of the rest, and of the LoRA exactly."""
    import torch

    with torch.device("meta"):
        model = flux(1, 1)
    for place, name in enumerate(load_family("flux1-dev").blocks(model)):
        real = sum(weight.numel() for weight in model.get_submodule(name).parameters())
        assert (FLUX.double_parameters, FLUX.single_parameters)[place] == pytest.approx(real, rel=1e-3)
    whole = FLUX.doubles * FLUX.double_parameters + FLUX.singles * FLUX.single_parameters + FLUX.others
    assert whole == pytest.approx(11_901_408_320, rel=1e-3)
    assert lora_parameters(config(rank=1, alpha=1)) == 4_085_760
    assert lora_parameters(config(rank=2, targets="likeness-blocks")) == 2 * 4 * (15_360 + 3_072)


# --- what is chosen


@pytest.mark.parametrize("features", [ALL, Features(), Features(nf4=True), Features(fp8=True)], ids=str)
@pytest.mark.parametrize("card", [80, 48, 32, 24, 16, 12, 8])
def test_it_fits_on_every_card_at_512(card: int, features: Features) -> None:
    """With what a desktop leaves free of it, rank 16 on all layers; down to 8 GB even without bitsandbytes."""
    free = round(card * 1e9 * 0.94)
    plan = choose_plan(config(resolutions=(512,)), free, features)
    assert plan.fits
    assert plan.need.total <= free
    assert plan.base_weights != "nf4" or features.nf4


def test_plans_by_card() -> None:
    """The table for people: what is given up, card by card."""
    found = {
        card: choose_plan(config(resolutions=(512,)), round(card * 1e9 * 0.94), ALL) for card in (140, 24, 16, 12, 8)
    }
    assert [plan.base_weights for plan in found.values()][:2] == ["full", "fp8"]
    assert (found[140].recompute_blocks, found[140].swap_blocks) == (0, 0)
    assert (found[24].swap_blocks, found[16].swap_blocks) == (0, 0)
    assert found[24].recompute_blocks < found[16].recompute_blocks
    times = [step_time(config(resolutions=(512,)), plan.way, ALL) for plan in found.values()]
    assert times[1:] == sorted(times[1:]), "a smaller card is never thought faster"


def test_where_nothing_fits_the_leanest_way_is_told_as_not_fitting() -> None:
    plan = choose_plan(config(resolutions=(1024,), batch_size=8), 3 * GIB, ALL)
    assert not plan.fits
    assert plan.need.total > 3 * GIB
    assert plan.swap_blocks == FLUX.blocks


def test_every_part_can_be_fixed_by_a_person() -> None:
    """What is set stays, and the rest is fitted around it."""
    free = 24 * GIB
    assert choose_plan(config(base_weights="int8"), free, ALL).base_weights == "int8"
    assert choose_plan(config(base_weights="nf4"), free, Features()).base_weights == "nf4"
    assert choose_plan(config(recompute_blocks=5), free, ALL).recompute_blocks == 5
    fixed = choose_plan(config(swap_blocks=12, base_weights="fp8"), free, ALL)
    assert (fixed.swap_blocks, fixed.base_weights) == (12, "fp8")
    assert choose_plan(config(gradient_checkpointing=True), 140 * GIB, ALL).recompute_blocks == FLUX.blocks
    none = choose_plan(config(swap_blocks=0, recompute_blocks=0, base_weights="full"), free, ALL)
    assert (none.recompute_blocks, none.swap_blocks, none.fits) == (0, 0, False)


def test_optimizers_keep_more_or_less_for_each_number_of_the_lora() -> None:
    """Prodigy keeps four numbers for one, which at rank 32 is a gigabyte more than AdamW's two."""
    needs = {name: estimate(config(rank=32, optimizer=name), "fp8", 0, 0).lora for name in OPTIMIZERS}
    assert needs["adafactor"] < needs["adamw8bit"] < needs["adamw"] < needs["prodigy"]
    assert needs["prodigy"] - needs["adamw"] == 8 * lora_parameters(config(rank=32))
    held = estimate(config(rank=32, class_preservation=0.2), "fp8", 0, 0).lora
    assert held - needs["adamw"] == 4 * lora_parameters(config(rank=32)), "a gradient waits for the second pass"


# --- what waits in the main memory


def test_what_waits_in_the_main_memory_must_have_room_there() -> None:
    """With much of it the quickest way wins; with little one that lets less wait; with too little that is told."""
    wished, free = config(resolutions=(768,)), 7 * GIB
    plenty = choose_plan(wished, free, ALL, main_free=64 * GIB)
    assert plenty == choose_plan(wished, free, ALL)
    alone = {form: choose_plan(wished.replace(base_weights=form), free, ALL).swap_blocks for form in ("fp8", "nf4")}
    sizes = {form: waiting(wished, form, count) for form, count in alone.items()}
    assert 0 < sizes["nf4"] < sizes["fp8"], "else nothing is shown"
    between = round((sizes["nf4"] + sizes["fp8"]) / 2 / 0.8)
    little = choose_plan(wished, free, ALL, main_free=between)
    assert (little.base_weights, little.fits, little.main_fits) == ("nf4", True, True)
    tiny = choose_plan(wished, free, ALL, main_free=GIB // 4)
    assert (tiny.base_weights, tiny.fits, tiny.main_fits) == ("nf4", True, False)
    assert tiny.as_dict()["main_fits"] is False


def test_in_fp32_twice_as_much_waits() -> None:
    """It is asked for by who wants every bit; weights in eight bits stay as they are."""
    wide = config(precision="fp32")
    assert waiting(wide, "full", 10) == 2 * waiting(config(), "full", 10)
    assert waiting(wide, "fp8", 10) == waiting(config(), "fp8", 10)
    assert estimate(wide, "full", 57, 57).weights == 2 * estimate(config(), "full", 57, 57).weights


def test_without_another_format_the_same_way_is_taken_and_its_shortage_told() -> None:
    plan = choose_plan(config(), 7 * GIB, Features(fp8=True), main_free=GIB)
    assert plan.swap_blocks > 0
    assert (plan.base_weights, plan.fits, plan.main_fits) == ("fp8", True, False)


def test_where_nothing_waits_the_main_memory_does_not_matter() -> None:
    plan = choose_plan(config(), 140 * GIB, ALL, main_free=1)
    assert (plan.base_weights, plan.swap_blocks, plan.main_fits) == ("full", 0, True)


def test_on_a_processor_nothing_is_given_up_unless_it_is_asked_for() -> None:
    plan = choose_plan(config(), None, on_gpu=False)
    assert (plan.base_weights, plan.recompute_blocks, plan.swap_blocks) == ("full", 0, 0)
    asked = choose_plan(config(base_weights="fp8", recompute_blocks=3, swap_blocks=2), None, on_gpu=False)
    assert (asked.base_weights, asked.recompute_blocks, asked.swap_blocks) == ("fp8", 3, 2)


def test_the_plan_is_told_in_a_sentence() -> None:
    text = choose_plan(config(), 12 * GIB, Features(fp8=True)).sentence(FLUX.blocks)
    assert text.startswith("base model in fp8, 57 of 57 blocks recomputed, ")
    assert "of 57 blocks waiting in the main memory: about " in text


@pytest.mark.parametrize("name", ["base_weights", "recompute_blocks", "swap_blocks", "compile_blocks", "attention"])
def test_the_settings_are_checked(name: str) -> None:
    with pytest.raises(IsengardError, match=name):
        config(**{name: -2 if name.endswith("blocks") and name != "compile_blocks" else "much"})


def test_settings_of_speed_do_not_make_another_training() -> None:
    """Asking again with other memory settings finds the LoRA that is there."""
    same = {"recompute_blocks": 7, "swap_blocks": 3, "compile_blocks": "off", "attention": "flash"}
    assert config(**same).fingerprint() == config().fingerprint()
    assert config(base_weights="fp8").fingerprint() != config().fingerprint()
