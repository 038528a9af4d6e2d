"""The training loop of the native backend: load, prepare, step, save, sample, report. It names no family."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from torch import Tensor, nn

from .... import log, settings
from ....errors import IsengardError
from ...cache import Cache
from ...config import TrainingConfig
from ...families import load_family
from ...families.interface import Family
from ...job import PhotoEntry, job_identity
from ...lora_file import lora_name, write_lora
from ...prepare import prepare
from ..interface import Run
from .adapter import Adapter
from .batches import Batches
from .checkpoints import Checkpoints
from .losses import Losses
from .memory import explain_out_of_memory
from .monitor import Monitor
from .optimizers import learning_rate, make_optimizer
from .result import write_result
from .samples import Sampler

_LOG = log.get("trainer.loop")
_ENDS = {"pause": "paused", "cancel": "cancelled", "interrupt": "interrupted"}
_PATIENCE = timedelta(hours=12)  # the first process may encode or sample for long while the others wait


def prepare_only(run: Run) -> str:
    """Fills the cache. Returns the state to go to."""
    family = load_family(run.config.family)
    _prepare(run, family, _accelerator(run.config).device)
    return _ENDS.get(run.wishes.stop, "queued")


def _prepare(run: Run, family: Family, device: torch.device) -> None:
    done = prepare(run.job, run.config, lambda: family.load_codec(run.config, device), run.reporter, run.wishes)
    if not done and not run.wishes.stop:  # the wish was taken back after it was followed
        run.wishes.interrupt("stopped while preparing")


def train(run: Run) -> str:
    """See `Backend.train`."""
    accelerator = _accelerator(run.config)
    index = accelerator.device.index or 0 if accelerator.device.type == "cuda" else None
    with Monitor(run.reporter, index), explain_out_of_memory(run.config):
        family = load_family(run.config.family)
        if accelerator.is_main_process:
            _prepare(run, family, accelerator.device)
        if stop := _wanted(run, accelerator).stop:
            return _ENDS[stop]
        training = _Training(run, family, accelerator)
        run.reporter.set_state("training")
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
        run.reporter.emit("progress", phase="load", done=0, total=1, message=f"loading {family.title}")
        self.transformer = family.load_transformer(config, self.dtype)
        self.adapter = Adapter(self.transformer, config, family.lora_targets(self.transformer, config.targets))
        if config.gradient_checkpointing:
            self.transformer.enable_gradient_checkpointing()
        self.transformer.to(accelerator.device).train()
        self.optimizer = make_optimizer(config, self.adapter.parameters.values())
        self.losses = Losses(config, run.reporter, accelerator)
        self.checkpoints = Checkpoints(run.job.checkpoints)
        self.batches = Batches(config, family, self.photos, cache, accelerator.device, self.dtype)
        self.sampler = Sampler(run.job, config, family, cache, run.reporter, accelerator.device)
        self.clock = _Clock()
        self.step = self.saved = self._resume()
        self.model: nn.Module = (
            accelerator.prepare_model(self.transformer) if accelerator.num_processes > 1 else self.transformer
        )

    def go(self) -> str:
        """The story of a training. Returns the state it ended in."""
        config = self.config
        self._sample()
        while self.step < config.steps:
            wanted = _wanted(self.run, self.accelerator)
            if wanted.stop:
                return self._stopped(wanted.stop)
            started = time.perf_counter()
            self._one_step(self.step + 1)
            self.step += 1
            if self.step % config.log_every == 0 or self.step == config.steps:
                self.losses.report()
            self.clock.add(time.perf_counter() - started)
            self._report_pace()
            if self.step % config.save_every == 0 or self.step == config.steps or wanted.save:
                self._save()
            self._sample(wanted.sample)
        if self.sampler.is_due(self.step) and (stop := _wanted(self.run, self.accelerator).stop):
            return self._stopped(stop)
        if self.accelerator.is_main_process:
            self._finish()
        self.accelerator.wait_for_everyone()
        return "done"

    def _one_step(self, step: int) -> None:
        config, accelerator = self.config, self.accelerator
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, step)
        if config.lora_dropout:
            torch.manual_seed(config.seed * 1_000_003 + step * 64 + accelerator.process_index)
        batches = self.batches.of_step(step, accelerator.process_index, accelerator.num_processes)
        losses: list[Tensor] = []
        for batch in batches[:-1]:
            with accelerator.no_sync(self.model):
                losses.append(self._backward(batch, len(batches)))
        losses.append(self._backward(batches[-1], len(batches)))
        norm = (
            accelerator.clip_grad_norm_(self.adapter.parameters.values(), config.max_grad_norm)
            if config.max_grad_norm
            else None
        )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.adapter.update_average()
        self.losses.add(step, [photo for batch in batches for photo in batch.photos], torch.cat(losses), norm)

    def _backward(self, batch: Any, parts: int) -> Tensor:
        with self.accelerator.autocast():
            losses = self.family.loss(
                self.model, batch.latents, batch.noise, batch.times, batch.conditioning, self.config.guidance
            )
        self.accelerator.backward(losses.mean() / parts)
        return losses.detach()

    def _resume(self) -> int:
        """Takes up the newest whole checkpoint, if there is one. Returns its step."""
        found = self.checkpoints.newest()
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
            self.optimizer.load_state_dict(state["optimizer"])
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
        self.run.job.lora.mkdir(exist_ok=True)
        lora = self._write_lora(self.run.job.lora)
        identity = job_identity(self.config, self.photos, self.base)
        write_result(
            self.run.job, self.config, lora, loss=self.losses.last, seconds=self.clock.total, identity=identity
        )

    def _stopped(self, stop: str) -> str:
        if self.step != self.saved:
            self._save()
        return _ENDS[stop]

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


def _accelerator(config: TrainingConfig) -> Accelerator:
    kind, _, number = config.device.partition(":")
    on_cpu = kind == "cpu" or (
        kind == "auto" and not torch.cuda.is_available() and not torch.backends.mps.is_available()
    )
    if kind == "cuda" and not torch.cuda.is_available():
        raise IsengardError(
            "CONFIG_INVALID", "device is cuda, but torch finds no CUDA GPU here.", hint="Set device to auto."
        )
    if number and settings.world_size() == 1:
        torch.cuda.set_device(int(number))
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if torch.cuda.is_available() and not on_cpu else "fp32"
    return Accelerator(
        cpu=on_cpu,
        mixed_precision="bf16" if precision == "bf16" else "no",
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
    )


class _Wanted(NamedTuple):
    """What the first process is asked to do."""

    stop: str
    sample: bool
    save: bool


def _wanted(run: Run, accelerator: Accelerator) -> _Wanted:
    """The first process's wishes, known to all; costs nothing when there is only one process."""
    if accelerator.num_processes == 1:
        return _Wanted(run.wishes.stop, run.wishes.take_sample(), run.wishes.take_save())
    names = ["", *_ENDS]
    shared = torch.zeros(3, dtype=torch.int64, device=accelerator.device)
    if accelerator.is_main_process:
        said = [names.index(run.wishes.stop), run.wishes.take_sample(), run.wishes.take_save()]
        shared = torch.tensor(said, dtype=torch.int64, device=accelerator.device)
    torch.distributed.broadcast(shared, src=0)
    stop, sample, save = shared.tolist()
    return _Wanted(names[stop], bool(sample), bool(save))
