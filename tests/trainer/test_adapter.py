"""The LoRA on a small network: what is trained, averaged, saved and taken up again."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isengard.trainer.backends.native.adapter import Adapter
from isengard.trainer.config import TrainingConfig


def make(ema: float = 0.0, seed: int = 1, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, Adapter]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)).to(dtype)
    config = TrainingConfig(
        name="Ada", trigger_word="ohwx", family="mini", rank=4, alpha=8.0, ema_decay=ema, seed=seed, sample_every=0
    )
    return network, Adapter(network, config, ["1"])


def test_only_the_lora_is_trained_and_it_is_fp32_on_a_bf16_model() -> None:
    network, adapter = make(dtype=torch.bfloat16)
    assert sorted(adapter.parameters) == ["1.lora_A.weight", "1.lora_B.weight"]
    assert {parameter.dtype for parameter in adapter.parameters.values()} == {torch.float32}
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert {id(parameter) for parameter in trained} == {id(parameter) for parameter in adapter.parameters.values()}
    assert adapter.scale == 2.0


def test_the_start_hangs_on_the_seed_alone() -> None:
    first, same, other = make()[1].state(), make()[1].state(), make(seed=2)[1].state()
    key = "1.lora_A.weight"
    assert torch.equal(first["trained"][key], same["trained"][key])
    assert not torch.equal(first["trained"][key], other["trained"][key])
    assert not first["trained"]["1.lora_B.weight"].any(), "an untrained LoRA changes nothing"


def test_the_average_follows_slowly_and_is_what_is_saved_and_sampled() -> None:
    _, adapter = make(ema=0.9)
    adapter.start_average()
    weight = adapter.parameters["1.lora_B.weight"]
    with torch.no_grad():
        weight.fill_(1.0)
    adapter.update_average()
    adapter.update_average()
    assert adapter.best()["1.lora_B.weight"].mean().item() == pytest.approx(0.19)
    with adapter.best_in_place():
        assert weight.mean().item() == pytest.approx(0.19)
    assert weight.mean().item() == 1.0


def test_a_state_is_taken_up_whole_and_one_of_another_lora_is_refused() -> None:
    _, first = make(ema=0.9)
    first.start_average()
    with torch.no_grad():
        first.parameters["1.lora_B.weight"].normal_()
    first.update_average()
    _, second = make(ema=0.9)
    second.start_average()
    second.load_state(first.state())
    for part in ("trained", "average"):
        for name, tensor in first.state()[part].items():
            assert torch.equal(tensor, second.state()[part][name])
    with pytest.raises(KeyError):
        second.load_state({"trained": {}, "average": {}})


def test_averaging_that_is_switched_on_later_begins_at_what_was_trained() -> None:
    _, first = make()
    with torch.no_grad():
        first.parameters["1.lora_B.weight"].fill_(1.0)
    _, second = make(ema=0.9)
    second.start_average()
    second.load_state(first.state())
    assert torch.equal(second.best()["1.lora_B.weight"], first.best()["1.lora_B.weight"])


def test_taken_off_the_network_is_what_it_was() -> None:
    network, adapter = make()
    seen = torch.randn(3, 8)
    before = network(seen)
    with torch.no_grad():
        adapter.parameters["1.lora_B.weight"].normal_()
    assert not torch.allclose(network(seen), before)
    with adapter.taken_off():
        assert torch.equal(network(seen), before)
    assert not torch.allclose(network(seen), before), "and put on again"
