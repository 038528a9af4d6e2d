"""FLUX.1's codec: VAE, CLIP-L and T5 turn photos and words into tensors, as ComfyUI does with the same files."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..modelfiles import Part, fingerprint
from .flux1_files import clip_tokenizer, t5_tokenizer, tokenizer_fingerprint
from .flux1_text import load_clip, load_t5, load_tokenizer
from .flux1_vae import load_vae, write_vae
from .interface import Conditioning

_VERSION = 1
"""Goes into the fingerprint: raise it when the same files give other tensors than before."""


class FluxCodec:
    """Encodes photos with the VAE and words with CLIP-L (pooled) and T5 (a vector a token); loads each on first use."""

    def __init__(
        self,
        parts: dict[str, Part],
        tokenizers: str,
        length: int,
        device: torch.device,
        stopped: Callable[[], object] = bool,
    ) -> None:
        self._parts = parts
        self._length = length
        self._device = device
        self._stopped = stopped
        self._folders = {"clip": clip_tokenizer(tokenizers), "t5": t5_tokenizer(tokenizers)}
        self._loaded: dict[str, Any] = {}
        paths = sorted({str(part.path) for name, part in parts.items() if name != "transformer"})
        pieces = [f"{_VERSION} {length}", *(fingerprint(Path(path)) for path in paths)]
        pieces += [tokenizer_fingerprint(folder) for folder in self._folders.values()]
        self.fingerprint = hashlib.sha256(" ".join(pieces).encode()).hexdigest()

    @torch.no_grad()
    def encode_image(self, pixels: Tensor) -> Tensor:
        vae = self._vae()
        latents = vae.encode(pixels[None].to(self._device, torch.float32)).latent_dist.mode()[0]
        return ((latents - vae.config.shift_factor) * vae.config.scaling_factor).float().cpu()

    @torch.no_grad()
    def encode_text(self, text: str) -> Conditioning:
        """`text` [length, width of T5] and `pooled` [width of CLIP].

        The words are taken as they are; `\\(` and `\\)` mean brackets, as in ComfyUI's prompts. T5 attends to its
        padding and sees no mask, and CLIP's pooled vector is not projected: that is what FLUX gets in ComfyUI.
        """
        text = text.replace("\\(", "(").replace("\\)", ")")
        clip = self._get("clip", lambda: load_clip(self._parts["clip"]).to(self._device))
        ids = self._tokens("clip", text, clip.config.max_position_embeddings)
        pooled = clip(input_ids=ids).pooler_output[0]
        t5 = self._get("t5", lambda: load_t5(self._parts["t5"], self._device, self._stopped))
        embeddings = t5.shared(self._tokens("t5", text, self._length).to(t5.shared.weight.device))
        words = t5(inputs_embeds=embeddings.to(self._device, torch.float32)).last_hidden_state[0]
        return {"text": words.float().cpu(), "pooled": pooled.float().cpu()}

    def left_out(self, text: str) -> int:
        """How many tokens at the end of a text are beyond what T5 is given."""
        return max(0, len(self._tokenizer("t5")(text, verbose=False).input_ids) - self._length)

    def write_decoder(self, folder: Path) -> None:
        write_vae(self._vae(), folder)

    def release(self) -> None:
        self._loaded.clear()
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _vae(self) -> Any:
        return self._get("vae", lambda: load_vae(self._parts["vae"]).to(self._device))

    def _tokenizer(self, name: str) -> Any:
        return self._get(f"{name} tokenizer", lambda: load_tokenizer(name, self._folders[name]))

    def _tokens(self, name: str, text: str, length: int) -> Tensor:
        ids: Tensor = self._tokenizer(name)(
            text, padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        ).input_ids
        return ids.to(self._device)

    def _get(self, name: str, load: Callable[[], Any]) -> Any:
        if name not in self._loaded:
            self._loaded[name] = load()
        return self._loaded[name]
