"""Class preservation on the embedded model: what captions without the trigger word make stays nearer to what it was.

What it does to a real character, and to the likeness, takes hundreds of steps: bench/identity.py measures it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from isengard.tests.trainer.jobs import copy_job, events_of, small_config, train
from isengard.trainer.backends.native.adapter import Adapter
from isengard.trainer.backends.native.batches import Batches
from isengard.trainer.cache import Cache, class_caption
from isengard.trainer.config import TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.job import ExitCode, JobFolder
from isengard.trainer.order import is_preserving

CHANGES = {"steps": 24, "save_every": 24, "sample_every": 0, "learning_rate": 4e-3, "caption_dropout": 0.0}


def test_the_share_is_spread_evenly() -> None:
    def held(share: float) -> list[int]:
        settings = small_config(class_preservation=share)
        return [step for step in range(1, 13) if is_preserving(settings, step)]

    assert held(0.0) == []
    assert held(0.25) == [4, 8, 12]
    assert held(1.0) == list(range(1, 13))
    assert len([step for step in range(1, 1001) if is_preserving(small_config(class_preservation=0.1), step)]) == 100


def test_a_fingerprint_is_what_it_was_before_there_was_a_choice() -> None:
    plain = small_config()
    assert plain.fingerprint() != small_config(class_preservation=0.5).fingerprint()
    assert plain.fingerprint() != small_config(lora_plus_ratio=4).fingerprint()
    without = {
        name: value for name, value in plain.as_dict().items() if name not in ("class_preservation", "lora_plus_ratio")
    }
    from isengard.trainer.config import config_from_dict

    assert config_from_dict(without).fingerprint() == plain.fingerprint()


@pytest.mark.slow
def test_the_class_moves_less(prepared: JobFolder, tmp_path: Path) -> None:
    moved = {}
    for name, share in (("free", 0.0), ("held", 1.0)):
        job = copy_job(prepared, tmp_path / name)
        code, output = train(
            job.path, *(f"--set={key}={value}" for key, value in {**CHANGES, "class_preservation": share}.items())
        )
        assert code == ExitCode.DONE, output
        moved[name] = how_far(job)
    assert moved["held"]["class"] < 0.5 * moved["free"]["class"]
    assert moved["held"]["character"] > 0
    losses = [event["class_loss"] for event in events_of(JobFolder(tmp_path / "held"), "loss")]
    assert len(losses) == CHANGES["steps"]
    assert losses[0] == 0.0, "an untrained LoRA has moved nothing"
    assert max(losses) > 0
    assert not any("class_loss" in event for event in events_of(JobFolder(tmp_path / "free"), "loss"))


def how_far(job: JobFolder) -> dict[str, float]:
    """Mean square by which the LoRA moves predictions, for the captions and for those without the trigger word."""
    config: TrainingConfig = job.config().replace(class_preservation=1.0)
    family, cache = load_family(config.family), Cache.of(job)
    assert cache is not None
    _encode_class(job, config, cache)
    transformer = family.load_transformer(config, torch.float32)
    adapter = Adapter(transformer, config, family.lora_targets(transformer, config.targets))
    (checkpoint,) = job.checkpoints.glob("*/state.pt")
    adapter.load_state(torch.load(checkpoint, weights_only=True)["adapter"])
    batches = Batches(config, family, job.dataset(), cache, torch.device("cpu"), torch.float32)
    found = {"class": 0.0, "character": 0.0}
    for step in range(101, 109):
        (batch,) = batches.of_step(step, 0, 1)
        for name, words in (("class", batch.others), ("character", batch.conditioning)):
            assert words is not None
            given = (transformer, batch.latents, batch.noise, batch.times, words, 1.0)
            with torch.no_grad():
                now = family.prediction(*given)
                with adapter.taken_off():
                    before = family.prediction(*given)
            found[name] += (now - before).square().mean().item() / 8
    return found


def _encode_class(job: JobFolder, config: TrainingConfig, cache: Cache) -> None:
    """Encodes the captions without the trigger word for a job that was trained without them."""
    from isengard.trainer.cache import write_tensors

    codec = load_family(config.family).load_codec(config, torch.device("cpu"))
    for photo in job.dataset():
        file = cache.text_file(class_caption(config, photo))
        if not file.is_file():
            write_tensors(file, codec.encode_text(class_caption(config, photo)))
    codec.release()
