"""The training loop of the native backend: load, prepare, step, save, sample, report. It names no family."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from .... import log
from ....errors import IsengardError
from ....sentences import Said
from ...cache import Cache
from ...families import load_family
from ...families.interface import Codec, Conditioning, Family
from ...job import PhotoEntry, job_identity
from ...lora_file import lora_name, write_lora
from ...prepare import prepare
from ..interface import Run
from .attention import attention
from .batches import Batches, MicroBatch, Prefetch
from .checkpoints import Checkpoints
from .fitting import fit
from .losses import Losses
from .memory import explain_out_of_memory
from .monitor import Monitor
from .optimizers import make_optimizer, set_learning_rate, take_up
from .processes import ENDS, make_accelerator, wanted
from .result import write_result
from .samples import Sampler

_LOG = log.get("trainer.loop")


def prepare_only(run: Run) -> str:
    """Fills the cache. Returns the state to go to."""
    family = load_family(run.config.family)
    _prepare(run, family, make_accelerator(run.config).device)
    return ENDS.get(run.wishes.stop, "queued")


def _prepare(run: Run, family: Family, device: torch.device) -> None:
    def load() -> Codec:
        return family.load_codec(run.config, device, lambda: run.wishes.stop)

    if not prepare(run.job, run.config, load, run.reporter, run.wishes) and not run.wishes.stop:
        # the wish was taken back after it was followed
        run.wishes.interrupt(Said("ended.while_preparing", "stopped while preparing"))


def train(run: Run) -> str:
    """See `Backend.train`."""
    accelerator = make_accelerator(run.config)
    index = accelerator.device.index or 0 if accelerator.device.type == "cuda" else None
    with Monitor(run.reporter, index), explain_out_of_memory(run.config, run.job.memory_file):
        family = load_family(run.config.family)
        if accelerator.is_main_process:
            _prepare(run, family, accelerator.device)
        if stop := wanted(run, accelerator).stop:
            return ENDS[stop]
        training = _Training(run, family, accelerator)
        run.reporter.set_state("training")
        with training.batches, attention(run.config.attention, accelerator.device):
            return training.go()


@dataclass
class _Clock:
    """Pace of the last steps, without the time for samples and checkpoints."""

    seconds: float = 0.0
    steps: int = 0
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.seconds += seconds
        self.total += seconds
        self.steps += 1

    def take_pace(self) -> float:
        pace = self.seconds / max(1, self.steps)
        self.seconds, self.steps = 0.0, 0
        return pace


class _Training:
    """All that lives while the loop runs."""

    def __init__(self, run: Run, family: Family, accelerator: Accelerator) -> None:
        self.run, self.family, self.accelerator = run, family, accelerator
        config = self.config = run.config
        self.photos: list[PhotoEntry] = run.job.dataset()
        cache = Cache.of(run.job)
        assert cache is not None, "prepare() has just filled it"
        self.base = family.base_fingerprint(config)
        self.dtype = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32
        self.checkpoints = Checkpoints(run.job.checkpoints)
        found = self.checkpoints.newest()
        before = found[1].get("base_weights", "full") if found else ""
        self.fitted = fit(run, family, accelerator, self.dtype, before)
        self.transformer, self.adapter = self.fitted.transformer, self.fitted.adapter
        self.optimizer = make_optimizer(config, self.adapter.parameters)
        self.losses = Losses(config, run.reporter, accelerator)
        batches = Batches(config, family, self.photos, cache, accelerator.device, self.dtype)
        self.batches = Prefetch(batches, accelerator.process_index, accelerator.num_processes, config.steps)
        self.sampler = Sampler(run.job, config, family, cache, run.reporter, accelerator.device)
        self.clock = _Clock()
        self.step = self.saved = self._resume(found)

    def go(self) -> str:
        """The story of a training. Returns the state it ended in."""
        config = self.config
        self._sample()
        while self.step < config.steps:
            asked = wanted(self.run, self.accelerator)
            if asked.stop:
                return self._stopped(asked.stop)
            started = time.perf_counter()
            self._one_step(self.step + 1)
            self.step += 1
            if self.step % config.log_every == 0 or self.step == config.steps:
                self.losses.report()
            self.clock.add(time.perf_counter() - started)
            self._report_pace()
            if self.step % config.save_every == 0 or self.step == config.steps or asked.save:
                self._save()
            self._sample(asked.sample)
        if self.sampler.is_due(self.step) and (stop := wanted(self.run, self.accelerator).stop):
            return self._stopped(stop)
        if self.accelerator.is_main_process:
            self._finish()
        self.accelerator.wait_for_everyone()
        return "done"

    def _one_step(self, step: int) -> None:
        """Nothing in it waits for the device."""
        config, accelerator = self.config, self.accelerator
        set_learning_rate(self.optimizer, config, step)
        if config.lora_dropout:
            torch.manual_seed(config.seed * 1_000_003 + step * 64 + accelerator.process_index)
        batches = self.batches.take(step)
        losses = torch.cat([self._backward(batch, len(batches)) for batch in batches])
        held = [self._hold_class(batch, batch.others, len(batches)) for batch in batches if batch.others]
        self.adapter.reduce(accelerator.num_processes)
        norm = (
            torch.nn.utils.clip_grad_norm_(self.adapter.parameters.values(), config.max_grad_norm)
            if config.max_grad_norm
            else None
        )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.adapter.publish()
        self.adapter.update_average()
        self.losses.add(
            step,
            [photo for batch in batches for photo in batch.photos],
            losses,
            norm,
            torch.cat(held) if held else None,
        )

    def _backward(self, batch: MicroBatch, parts: int) -> Tensor:
        losses = self.family.loss(
            self.transformer, batch.latents, batch.noise, batch.times, batch.conditioning, self.config.guidance
        )
        (losses.mean() / parts).backward()
        self.adapter.collect()
        return losses.detach()

    def _hold_class(self, batch: MicroBatch, others: Conditioning, parts: int) -> Tensor:
        """How far [B] the LoRA has moved what the captions without the trigger word make, pulled back to nothing.

        Prior preservation (Ruiz et al. 2023, DreamBooth) with the untrained model's own prediction as its aim, so that
        it needs no pictures of the class.
        """
        given = (self.transformer, batch.latents, batch.noise, batch.times, others, self.config.guidance)
        with torch.no_grad(), self.adapter.taken_off():
            before = self.family.prediction(*given)
        moved = (self.family.prediction(*given) - before).square().flatten(1).mean(1)
        (moved.mean() / parts).backward()
        self.adapter.collect()
        return moved.detach()

    def _resume(self, found: tuple[int, dict[str, Any]] | None) -> int:
        """Takes up a checkpoint, if there is one. Returns its step."""
        self.adapter.start_average()
        if found is None:
            return 0
        step, state = found
        if state["base"] != self.base:
            raise IsengardError(
                "MODEL_WRONG_KIND",
                f"The base model's file is not the one that the first {step} steps were trained on.",
                hint="Give the file that the job began with, or train again in a new job (--again --out DIR).",
            )
        try:
            self.adapter.load_state(state["adapter"])
            take_up(self.optimizer, state["optimizer"], self.config)
        except (KeyError, ValueError, RuntimeError) as problem:
            raise IsengardError(
                "JOB_CORRUPT",
                f"The checkpoint of step {step} does not fit the job's settings: {problem}.",
                hint="Set rank, targets and optimizer back to what they were, or make a new job.",
            ) from problem
        self.losses.load_state(state["losses"])
        self.clock.total = state["seconds"]
        _LOG.info("resumed", step=step)
        return step

    def _save(self) -> None:
        self.losses.report()  # a checkpoint never holds a step whose loss was not looked at
        if self.accelerator.is_main_process:
            self.run.reporter.emit("progress", phase="save", step=self.step, done=0, total=1)
            state = {
                "adapter": self.adapter.state(),
                "optimizer": self.optimizer.state_dict(),
                "losses": self.losses.state(),
                "seconds": self.clock.total,
                "base": self.base,
                "base_weights": self.fitted.plan.base_weights,
            }
            lora = self.checkpoints.save(
                self.step, state, lambda folder: self._write_lora(folder, f"-step{self.step:06d}")
            )
            self.run.reporter.note_step(self.step)
            shown = lora.relative_to(self.run.job.path).as_posix()
            self.run.reporter.emit("checkpoint", step=self.step, folder=Path(shown).parent.as_posix(), lora=shown)
        self.saved = self.step
        self.accelerator.wait_for_everyone()

    def _write_lora(self, folder: Path, suffix: str = "") -> Path:
        state = self.run.job.state()
        path = folder / f"{lora_name(self.config, state.created, state.id)}{suffix}.safetensors"
        write_lora(
            path,
            {name: tensor.cpu() for name, tensor in self.adapter.best().items()},
            family=self.family,
            config=self.config,
            scale=self.adapter.scale,
            photos=self.photos,
            step=self.step,
            started=state.created,
            thumbnail=self.sampler.thumbnail(),
        )
        return path

    def _finish(self) -> None:
        self.run.reporter.emit("progress", phase="export", done=0, total=1, step=self.step)
        self.fitted.note_peak()
        lora = self._write_lora(self.run.job.lora)
        identity = job_identity(self.config, self.photos, self.base)
        write_result(
            self.run.job, self.config, lora, loss=self.losses.last, seconds=self.clock.total, identity=identity
        )

    def _stopped(self, stop: str) -> str:
        if self.step != self.saved:
            self._save()
        return ENDS[stop]

    def _sample(self, asked: bool = False) -> None:
        if self.accelerator.is_main_process and (asked or self.sampler.is_due(self.step)):
            self.sampler.sample(self.transformer, self.adapter, self.step, self.dtype, self.run.wishes)
        self.accelerator.wait_for_everyone()

    def _report_pace(self) -> None:
        if self.step % self.config.log_every and self.step != self.config.steps:
            return
        pace = self.clock.take_pace()
        left = pace * (self.config.steps - self.step)
        self.run.reporter.emit(
            "progress",
            phase="train",
            step=self.step,
            steps=self.config.steps,
            done=self.step,
            total=self.config.steps,
            seconds_per_step=round(pace, 4),
            seconds_left=round(left, 1),
        )
