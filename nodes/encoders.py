"""The codec made of a VAE and a CLIP on the graph: a job's cache holds what inference in ComfyUI will use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import IsengardError
from ..trainer.hosted import text_tokens, write_decoder
from ..trainer.job import JobFolder

if TYPE_CHECKING:
    from torch import Tensor

_VERSION = 1
"""Goes into the fingerprint: raise it when the same objects give other tensors than before."""
_PROBES = 16
"""Values of each tensor that tell one file's weights from another's."""
_CHANNELS = 16


class GraphCodec:
    """FLUX.1's, from ComfyUI's own objects; they load themselves and are let go by ComfyUI."""

    def __init__(self, job: JobFolder, vae: Any, clip: Any) -> None:
        self._job, self._vae, self._clip = job, vae, clip
        self._length = text_tokens(job)
        self._check()
        marks = [
            str(_VERSION),
            str(self._length),
            _mark(self._vae_weights()),
            _mark(clip.cond_stage_model.state_dict()),
        ]
        marks += [str(clip.patcher.patches_uuid)] if clip.patcher.patches else []
        self.fingerprint = hashlib.sha256(" ".join(marks).encode()).hexdigest()

    def encode_image(self, pixels: Tensor) -> Tensor:
        """See the trainer's Codec: [3, H, W] in −1…1 to scaled latents [16, H/8, W/8]."""
        import comfy.latent_formats

        image = (pixels.movedim(0, -1)[None] + 1) / 2
        latents = self._vae.encode(image)
        return comfy.latent_formats.Flux().process_in(latents)[0].float().cpu().clone()

    def encode_text(self, text: str) -> dict[str, Tensor]:
        """See the trainer's Codec. The words are taken as they are: brackets give no weight."""
        import torch

        tokens = self._tokens(text)
        words = tokens["t5xxl"][0]
        if len(words) > self._length:
            tokens["t5xxl"] = [[*words[: self._length - 1], words[-1]]]
        with torch.no_grad():
            text_vectors, pooled = self._clip.encode_from_tokens(tokens, return_pooled=True)
        return {"text": text_vectors[0].float().cpu().clone(), "pooled": pooled[0].float().cpu().clone()}

    def left_out(self, text: str) -> int:
        """How many tokens at the end of a text are beyond what the model reads."""
        return max(0, len(self._tokens(text)["t5xxl"][0]) - self._length)

    def write_decoder(self, folder: Path) -> None:
        """Writes the VAE on the graph as the trainer reads it."""
        write_decoder(self._job, {name: value.float().cpu() for name, value in self._vae_weights().items()}, folder)

    def release(self) -> None:
        """Leaves the encoders to ComfyUI, which knows what else it needs."""

    def _tokens(self, text: str) -> dict[str, Any]:
        options = {"t5xxl_min_length": self._length}
        found: dict[str, Any] = self._clip.tokenize(text, disable_weights=True, tokenizer_options=options)
        return found

    def _vae_weights(self) -> Mapping[str, Tensor]:
        weights: Mapping[str, Tensor] = self._vae.first_stage_model.state_dict()
        return weights

    def _check(self) -> None:
        if getattr(self._vae, "latent_channels", 0) != _CHANNELS:
            raise IsengardError(
                "MODEL_WRONG_KIND", "The VAE on the graph is not FLUX's.", hint="Load ae.safetensors with VAELoader."
            )
        if set(self._tokens("a")) != {"l", "t5xxl"}:
            raise IsengardError(
                "MODEL_WRONG_KIND",
                "The CLIP on the graph is not FLUX's, which is CLIP-L together with T5-XXL.",
                hint="Load clip_l and t5xxl with DualCLIPLoader, type flux.",
            )


def _mark(weights: Mapping[str, Tensor]) -> str:
    """Tells weights apart: names, shapes, formats and a few values of each."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name]
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        flat = value.detach().reshape(-1)
        if flat.numel():
            probes = flat[:: max(1, flat.numel() // _PROBES)][:_PROBES].contiguous().cpu()
            digest.update(probes.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
