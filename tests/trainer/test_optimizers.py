"""The learning rate of every step, and optimizers by name."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from isengard.errors import IsengardError
from isengard.trainer.backends.native.optimizers import (
    FINAL_SHARE,
    check_optimizer,
    learning_rate,
    make_optimizer,
    set_learning_rate,
    take_up,
)
from isengard.trainer.config import OPTIMIZERS, TrainingConfig


def config(**changes: object) -> TrainingConfig:
    values = {
        "name": "Ada",
        "trigger_word": "ohwx",
        "family": "mini",
        "steps": 100,
        "warmup_steps": 9,
        "sample_every": 0,
    }
    return TrainingConfig(**{**values, "learning_rate": 1e-3, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_the_rate_rises_to_its_peak_and_ends_as_the_schedule_says(schedule: str) -> None:
    rates = [learning_rate(config(schedule=schedule), step) for step in range(1, 101)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[:9] == sorted(rates[:9])
    assert max(rates) == pytest.approx(1e-3, rel=2e-2)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] == pytest.approx(1e-3 if schedule == "constant" else 1e-3 * FINAL_SHARE)


def test_a_single_step_has_a_rate() -> None:
    assert learning_rate(config(steps=1, warmup_steps=0), 1) > 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_learns_or_names_its_missing_package(name: str) -> None:
    weight = torch.nn.Parameter(torch.ones(4, 4))
    package = {"adamw8bit": "bitsandbytes", "prodigy": "prodigyopt"}.get(name)
    if package and importlib.util.find_spec(package) is None:
        with pytest.raises(IsengardError) as caught:
            check_optimizer(name)
        assert caught.value.code == "PACKAGE_MISSING"
        assert package in caught.value.message
        return
    optimizer = make_optimizer(config(optimizer=name, learning_rate=1e-2), {"layer.lora_A.weight": weight})
    for _ in range(20):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert weight.abs().max() < 1


def test_with_a_lora_plus_ratio_b_learns_faster_than_a() -> None:
    parameters = {f"layer.lora_{part}.weight": torch.nn.Parameter(torch.zeros(2, 2)) for part in "AB"}
    settings = config(lora_plus_ratio=4.0)
    optimizer = make_optimizer(settings, parameters)
    set_learning_rate(optimizer, settings, 50)
    rates = {id(group["params"][0]): group["lr"] for group in optimizer.param_groups}
    assert rates[id(parameters["layer.lora_A.weight"])] == learning_rate(settings, 50)
    assert rates[id(parameters["layer.lora_B.weight"])] == 4 * learning_rate(settings, 50)
    again = make_optimizer(settings, parameters)
    take_up(again, optimizer.state_dict(), settings)
    set_learning_rate(again, settings, 51)
    assert again.param_groups[1]["lr"] == 4 * learning_rate(settings, 51), "a resumed training keeps the ratio"


@pytest.mark.parametrize("name", ["adamw", "adafactor"])
def test_a_resumed_training_takes_its_settings_from_the_config(name: str) -> None:
    """A weight decay that was changed in between is no longer the checkpoint's."""
    weight = torch.nn.Parameter(torch.ones(2, 2))
    before, now = config(optimizer=name, weight_decay=0.01), config(optimizer=name, weight_decay=0.5)
    old = make_optimizer(before, {"layer.lora_A.weight": weight})
    weight.square().sum().backward()
    old.step()
    new = make_optimizer(now, {"layer.lora_A.weight": weight})
    take_up(new, old.state_dict(), now)
    assert [group["weight_decay"] for group in new.param_groups] == [0.5]
    assert new.state[weight]["step"] == 1
