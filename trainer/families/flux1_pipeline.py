"""Pictures with FLUX.1 in diffusers' own pipeline: LoRAs by its own loader, words by the codec that trainings use."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from ...errors import IsengardError
from ..config import TrainingConfig
from ..headers import read_header
from ..modelfiles import SCALES, Part
from ..weights import quiet_diffusers
from .flux1_codec import FluxCodec
from .flux1_latents import pack, unpack
from .flux1_vae import decoded, load_vae
from .interface import Conditioning, Step

if TYPE_CHECKING:
    from diffusers import FluxPipeline


_PREVIEW = 32
"""Longest side of the latents that a preview is decoded from: 256 pixels."""
_KEPT_TEXTS = 32
_SHARE = 0.8
"""Of this machine's memory that the transformer's weights may take."""
_ROOM = 1.25
"""The transformer stays on the device if its weights, so many times over, fit into what is free there."""


class FluxFamily(Protocol):
    """What is needed of a family of FLUX.1's kind."""

    @property
    def title(self) -> str: ...
    @property
    def text_tokens(self) -> int: ...
    def parts(self, config: TrainingConfig) -> dict[str, Part]: ...
    def tokenizers(self, config: TrainingConfig) -> str: ...
    def scheduler_config(self) -> dict[str, Any]: ...
    def load_transformer(self, config: TrainingConfig, dtype: torch.dtype) -> nn.Module: ...


class FluxPictures:
    """The base model, loaded; it stays loaded between pictures, and so do the LoRAs that were used last."""

    def __init__(self, family: FluxFamily, config: TrainingConfig, device: torch.device) -> None:
        parts = family.parts(config)
        self._device = device
        self._dtype = number_format(family.title, parts["transformer"], device)
        self._vae = load_vae(parts["vae"]).to(device)
        self._codec = FluxCodec(parts, family.tokenizers(config), family.text_tokens, device)
        self._texts: dict[str, Conditioning] = {}
        self._loaded: list[tuple[Path, int]] = []
        self._pipeline = self._assemble(family, config)

    def _assemble(self, family: FluxFamily, config: TrainingConfig) -> FluxPipeline:
        """diffusers' pipeline around transformer and schedule; words and pixels are turned by the codec and the VAE."""
        from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline

        transformer = family.load_transformer(config, self._dtype)
        with quiet_diffusers():
            pipeline = FluxPipeline(
                scheduler=FlowMatchEulerDiscreteScheduler.from_config(family.scheduler_config()),
                transformer=transformer,
                vae=None,
                text_encoder=None,
                tokenizer=None,
                text_encoder_2=None,
                tokenizer_2=None,
            )
        pipeline.set_progress_bar_config(disable=True)
        size = sum(weight.nbytes for weight in transformer.parameters())
        if self._device.type == "cuda" and torch.cuda.mem_get_info(self._device)[0] < _ROOM * size:
            pipeline.enable_sequential_cpu_offload(device=self._device)
        else:
            pipeline.to(self._device)
        return pipeline

    def use_loras(self, loras: Sequence[tuple[Path, float]]) -> None:
        """As the interface says. Files that are loaded already are not read again."""
        wanted = [(path, path.stat().st_mtime_ns) for path, _ in loras]
        if wanted != self._loaded:
            self._take_off()
            try:
                for index, (path, _) in enumerate(wanted):
                    self._load_lora(path, f"lora{index}")
            except IsengardError:
                self._take_off()
                raise
            self._loaded = wanted
        if loras:
            self._pipeline.set_adapters(
                [f"lora{index}" for index in range(len(loras))], [weight for _, weight in loras]
            )

    def _take_off(self) -> None:
        self._loaded = []
        self._pipeline.unload_lora_weights()

    def _load_lora(self, path: Path, name: str) -> None:
        options = {"weight_name": path.name, "use_safetensors": True, "local_files_only": True}
        with quiet_diffusers():
            try:
                tensors = self._pipeline.lora_state_dict(str(path.parent), **options)
            except (ValueError, KeyError, OSError, NotImplementedError) as problem:
                raise IsengardError(
                    "LORA_INCOMPATIBLE", f"{path.name} has keys that diffusers does not know: {problem}."
                ) from problem
            self._check(path, {str(key): value for key, value in tensors.items() if isinstance(value, Tensor)})
            try:
                self._pipeline.load_lora_weights(str(path.parent), adapter_name=name, **options)
            except (ValueError, KeyError, RuntimeError) as problem:
                raise IsengardError("LORA_INCOMPATIBLE", f"{path.name} can't be put on: {problem}.") from problem

    def _check(self, path: Path, tensors: dict[str, Tensor]) -> None:
        """diffusers passes over what it does not know; here every tensor must have its layer, of its size."""
        layers = dict(self._pipeline.transformer.named_modules())
        strange = []
        for key, value in tensors.items():
            layer, _, half = key.removeprefix("transformer.").removesuffix(".weight").rpartition(".")
            base = getattr(layers.get(layer), "base_layer", layers.get(layer))
            if key.endswith(".alpha") or (half == "lora_B" and key.endswith(".bias")):
                continue
            if (
                not isinstance(base, nn.Linear)
                or half not in ("lora_A", "lora_B")
                or not key.startswith("transformer.")
            ):
                strange.append(f"{key} has no place in it")
            elif half == "lora_A" and value.shape[-1] != base.in_features:
                strange.append(f"{key} is for {value.shape[-1]:,} inputs where the model has {base.in_features:,}")
            elif half == "lora_B" and value.shape[0] != base.out_features:
                strange.append(f"{key} is for {value.shape[0]:,} outputs where the model has {base.out_features:,}")
        if strange or not tensors:
            why = (
                f"of {len(tensors)} tensors {len(strange)} don't fit; first, {strange[0]}" if strange else "it is empty"
            )
            raise IsengardError("LORA_INCOMPATIBLE", f"{path.name} does not fit this base model: {why}.")

    def left_out(self, prompt: str) -> int:
        """As the interface says."""
        return self._codec.left_out(prompt)

    @torch.no_grad()
    def picture(
        self,
        prompt: str,
        *,
        width: int,
        height: int,
        steps: int,
        guidance: float,
        seed: int,
        on_step: Callable[[Step], None],
    ) -> Image.Image:
        """As the interface says; for the same seed, ComfyUI starts from the same noise."""
        words = self._words(prompt)
        size = (height // 8, width // 8)
        channels = self._pipeline.transformer.config.in_channels // 4
        noise = torch.randn(1, channels, *size, generator=torch.Generator().manual_seed(seed))
        before = pack(noise).to(self._device, self._dtype)

        def after_step(pipeline: Any, index: int, _time: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            nonlocal before
            latents = tensors["latents"]
            now, then = (float(pipeline.scheduler.sigmas[place]) for place in (index + 1, index))
            guess = before + (latents - before) * (then / (then - now))  # where the velocity leads in the end
            before = latents
            on_step(Step(index + 1, steps, lambda: self._preview(guess, *size)))
            return {}

        latents = self._pipeline(
            prompt_embeds=words["text"][None].to(self._device, self._dtype),
            pooled_prompt_embeds=words["pooled"][None].to(self._device, self._dtype),
            width=width,
            height=height,
            num_inference_steps=steps,
            guidance_scale=guidance,
            latents=before,
            output_type="latent",
            callback_on_step_end=after_step,
        ).images
        return decoded(self._vae, unpack(latents, *size))

    def _words(self, prompt: str) -> Conditioning:
        if prompt not in self._texts:
            while len(self._texts) >= _KEPT_TEXTS:
                self._texts.pop(next(iter(self._texts)))
            self._texts[prompt] = self._codec.encode_text(prompt)
        return self._texts[prompt]

    def _preview(self, tokens: Tensor, height: int, width: int) -> Image.Image:
        """A small picture of packed latents: they are averaged down first, so that decoding takes little."""
        latents = unpack(tokens, height, width)
        scale = max(1, -(-max(height, width) // _PREVIEW))
        if scale > 1:
            latents = torch.nn.functional.avg_pool2d(latents, scale, ceil_mode=True)
        return decoded(self._vae, latents)


def number_format(title: str, transformer: Part, device: torch.device) -> torch.dtype:
    """fp32 on a processor that has the memory for it, else bf16. Raises OUT_OF_MEMORY before anything is loaded: a
    system without memory ends whatever program it likes."""
    import psutil

    count, there = _numbers(transformer), psutil.virtual_memory().total
    if device.type == "cpu" and 4 * count < _SHARE * there:
        return torch.float32
    if 2 * count > _SHARE * there:
        raise IsengardError(
            "OUT_OF_MEMORY",
            f"{title} takes {2 * count / 1e9:.0f} GB of memory, and this machine has {there / 1e9:.0f} GB.",
            hint="Make pictures in ComfyUI with an fp8 or GGUF file of the model, or on a machine with more memory.",
        )
    return torch.bfloat16


def _numbers(part: Part) -> int:
    """How many numbers a part holds; reads headers only."""
    files = sorted(part.path.glob("*.safetensors")) if part.layout == "folder" else [part.path]
    return sum(
        math.prod(tensor.shape)
        for file in files
        for name, tensor in read_header(file).tensors.items()
        if name.startswith(part.prefix) and not name.endswith(SCALES)
    )
