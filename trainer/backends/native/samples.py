"""Sample pictures: the same prompts and seeds at every cadence, decoded with the VAE in the job's cache."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from PIL import Image, PngImagePlugin
from torch import nn

from ....files import told_plainly, written_aside
from ...cache import Cache, TensorStore
from ...config import TrainingConfig
from ...families.interface import Conditioning, Decoder, Family
from ...job import JobFolder
from ...memory_need import decoding
from ...reporter import Reporter
from ...wishes import Wishes
from .adapter import Adapter


class Sampler:
    """Makes and writes the pictures of a step."""

    def __init__(
        self,
        job: JobFolder,
        config: TrainingConfig,
        family: Family,
        cache: Cache,
        reporter: Reporter,
        device: torch.device,
    ) -> None:
        self._job = job
        self._config = config
        self._family = family
        self._cache = cache
        self._reporter = reporter
        self._device = device

    def file(self, step: int, index: int) -> Path:
        """Where the picture of a step and prompt stands."""
        return self._job.samples / f"step_{step:06d}_{index}.png"

    def is_due(self, step: int) -> bool:
        """Whether a step's pictures are wanted and not all there: the cadence, the beginning and the end."""
        config = self._config
        if not config.sample_every or (step % config.sample_every and step != config.steps):
            return False
        return not all(self.file(step, index).is_file() for index in range(len(config.prompts)))

    @torch.no_grad()
    def sample(self, transformer: nn.Module, adapter: Adapter, step: int, dtype: torch.dtype, wishes: Wishes) -> None:
        """Makes a step's pictures; a wish to stop leaves the rest undone, to be made after a resume."""
        with told_plainly(self._job.samples):
            self._job.samples.mkdir(exist_ok=True)
        try:
            self._pictures(transformer, adapter, step, TensorStore(dtype), wishes)
        finally:
            if self._device.type == "cuda":
                torch.cuda.empty_cache()  # else training asks for more than there is, which Windows grants, slowly

    def _pictures(
        self, transformer: nn.Module, adapter: Adapter, step: int, texts: TensorStore, wishes: Wishes
    ) -> None:
        decoder = self._decoder(self._decoding_device())
        transformer.eval()
        try:
            with adapter.best_in_place():
                for index, prompt in enumerate(self._config.prompts):
                    if wishes.stop:
                        return
                    done = {"done": index, "total": len(self._config.prompts), "step": step}
                    self._reporter.emit("progress", phase="sample", **done)
                    words = texts.read(self._cache.text_file(prompt))
                    decoder = self._one(transformer, decoder, words, step, index, prompt, wishes)
        finally:
            transformer.train()

    def _decoding_device(self) -> torch.device:
        """The device that trains, or the processor where what is left of its memory would not do for the VAE."""
        if self._device.type != "cuda" or self._config.family == "mini":
            return self._device
        free, _ = torch.cuda.mem_get_info(self._device)
        unused = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        needed = decoding(self._config.sample_width, self._config.sample_height)
        return self._device if free + unused > needed else torch.device("cpu")

    def _decoder(self, device: torch.device) -> Decoder:
        return self._family.load_decoder(self._cache.decoder, device)

    def thumbnail(self) -> Image.Image | None:
        """The first picture of the last samples, for the LoRA file; None if there is none yet, or none that can be
        read: a LoRA is saved without it, too. What was made before the first step shows no LoRA."""
        made = sorted(file for file in self._job.samples.glob("step_*_0.png") if file != self.file(0, 0))
        try:
            return Image.open(made[-1]).convert("RGB") if made else None
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None

    def _one(
        self,
        transformer: nn.Module,
        decoder: Decoder,
        words: Conditioning,
        step: int,
        index: int,
        prompt: str,
        wishes: Wishes,
    ) -> Decoder:
        """Makes one picture, unless it is to stop. Returns the decoder for the next one."""
        config = self._config
        seed = config.sample_seed + index
        latents = self._family.sample(
            transformer,
            {name: tensor.to(self._device) for name, tensor in words.items()},
            width=config.sample_width,
            height=config.sample_height,
            steps=config.sample_steps,
            guidance=config.sample_guidance,
            seed=seed,
            stopped=lambda: wishes.stop,
        )
        if latents is None:
            return decoder
        note = PngImagePlugin.PngInfo()
        settings = {"step": step, "prompt": prompt, "seed": seed, "steps": config.sample_steps}
        note.add_itxt("isengard", json.dumps({**settings, "guidance": config.sample_guidance}, ensure_ascii=False))
        path = self.file(step, index)
        try:
            picture = decoder.decode(latents)
        except torch.OutOfMemoryError:
            if self._device.type != "cuda":
                raise
            picture = None
        if picture is None:  # free memory in many pieces: a slow picture must not end a training
            decoder = self._decoder(torch.device("cpu"))
            torch.cuda.empty_cache()
            picture = decoder.decode(latents)
        with written_aside(path) as aside:
            picture.save(aside, format="PNG", pnginfo=note)
        shown = path.relative_to(self._job.path).as_posix()
        self._reporter.emit("sample", step=step, index=index, file=shown, prompt=prompt, seed=seed)
        return decoder
