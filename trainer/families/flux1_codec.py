"""FLUX.1's codec: VAE, CLIP-L and T5 turn photos and words into tensors, as ComfyUI does with the same files."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor, nn

from ...errors import IsengardError
from ...files import write_json, written_aside
from ..modelfiles import Part, fingerprint
from .flux1_files import clip_tokenizer, t5_tokenizer, tokenizer_fingerprint
from .interface import Conditioning

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

_CONFIGS = Path(__file__).parent / "flux1_config"
_VERSION = 1
"""Goes into the fingerprint: raise it when the same files give other tensors than before."""
_TILE = 128
"""Latents wider or higher than this (1,024 pixels) are decoded in tiles of this size."""


class FluxCodec:
    """Encodes photos with the VAE and words with CLIP-L (pooled) and T5 (a vector a token); loads each on first use."""

    def __init__(self, parts: dict[str, Part], tokenizers: str, length: int, device: torch.device) -> None:
        self._parts = parts
        self._length = length
        self._device = device
        self._folders = {"clip": clip_tokenizer(tokenizers), "t5": t5_tokenizer(tokenizers)}
        self._loaded: dict[str, Any] = {}
        paths = sorted({str(part.path) for name, part in parts.items() if name != "transformer"})
        pieces = [f"{_VERSION} {length}", *(fingerprint(Path(path)) for path in paths)]
        pieces += [tokenizer_fingerprint(folder) for folder in self._folders.values()]
        self.fingerprint = hashlib.sha256(" ".join(pieces).encode()).hexdigest()

    @torch.no_grad()
    def encode_image(self, pixels: Tensor) -> Tensor:
        vae = self._get("vae", lambda: load_vae(self._parts["vae"]).to(self._device))
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
        t5 = self._get("t5", lambda: load_t5(self._parts["t5"], self._device))
        embeddings = t5.shared(self._tokens("t5", text, self._length).to(t5.shared.weight.device))
        words = t5(inputs_embeds=embeddings.to(self._device, torch.float32)).last_hidden_state[0]
        return {"text": words.float().cpu(), "pooled": pooled.float().cpu()}

    def left_out(self, text: str) -> int:
        """How many tokens at the end of a text are beyond what T5 is given."""
        tokenizer = self._get("t5 tokenizer", lambda: _load_tokenizer("t5", self._folders["t5"]))
        return max(0, len(tokenizer(text, verbose=False).input_ids) - self._length)

    def write_decoder(self, folder: Path) -> None:
        write_vae(self._get("vae", lambda: load_vae(self._parts["vae"]).to(self._device)), folder)

    def release(self) -> None:
        self._loaded.clear()
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _get(self, name: str, load: Callable[[], Any]) -> Any:
        if name not in self._loaded:
            self._loaded[name] = load()
        return self._loaded[name]

    def _tokens(self, name: str, text: str, length: int) -> Tensor:
        tokenizer = self._get(f"{name} tokenizer", lambda: _load_tokenizer(name, self._folders[name]))
        ids: Tensor = tokenizer(
            text, padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        ).input_ids
        return ids.to(self._device)


class FluxDecoder:
    """Decodes latents with the VAE that `FluxCodec.write_decoder` left in a folder, in fp32."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._vae = load_vae(Part(folder, layout="folder")).to(device)
        self._device = device

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Image.Image:
        config = self._vae.config
        values = latents[None].to(self._device, torch.float32) / config.scaling_factor + config.shift_factor
        self._vae.use_tiling = max(values.shape[-2:]) > _TILE
        pixels = self._vae.decode(values).sample[0]
        levels = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())


def write_vae(vae: AutoencoderKL, folder: Path) -> None:
    """The whole VAE in fp16, half the size of the original; its weights lie well inside fp16's range."""
    from safetensors.torch import save

    weights = {name: value.to("cpu", torch.float16).contiguous() for name, value in vae.state_dict().items()}
    config = {name: value for name, value in vae.config.items() if name != "_name_or_path"}
    folder.mkdir(parents=True, exist_ok=True)
    with written_aside(folder / "diffusion_pytorch_model.safetensors") as aside:
        aside.write_bytes(save(weights, metadata={"format": "pt"}))  # `save_file` hides that a disk is full
    write_json(folder / "config.json", {"_class_name": "AutoencoderKL", **config})


def load_vae(part: Part) -> AutoencoderKL:
    """The VAE in fp32 on the CPU, from a single file in either naming or from a folder."""
    from diffusers import AutoencoderKL

    from ..weights import load_folder, read_weights

    if part.layout != "folder":
        return vae_from(read_weights(part.path, part.prefix, torch.float32), str(part.path))
    return _ready(load_folder(AutoencoderKL, part.path, torch.float32), str(part.path))


def vae_from(weights: dict[str, Tensor], where: str) -> AutoencoderKL:
    """The VAE in fp32 on the CPU from its tensors, in either naming; `where` is told if they don't fit."""
    from diffusers import AutoencoderKL
    from diffusers.loaders.single_file_utils import SingleFileComponentError

    from ..weights import quiet_diffusers

    try:
        with quiet_diffusers():
            vae = AutoencoderKL.from_single_file(
                weights, config=str(_CONFIGS / "vae"), local_files_only=True, torch_dtype=torch.float32
            )
    except (OSError, KeyError, ValueError, NotImplementedError, SingleFileComponentError) as problem:
        message = f"{where} does not hold a whole FLUX VAE: {problem}."
        raise IsengardError("MODEL_UNREADABLE", message) from problem
    return _ready(vae, where)


def _ready(vae: AutoencoderKL, where: str) -> AutoencoderKL:
    _check_whole(vae, where)
    vae.tile_sample_min_size, vae.tile_latent_min_size = _TILE * 8, _TILE
    vae.requires_grad_(False)
    return vae.eval()


def load_clip(part: Part) -> Any:
    """CLIP's text model in fp32 on the CPU."""
    from transformers import CLIPTextConfig, CLIPTextModel

    weights = {name.removeprefix("text_model."): value for name, value in _read(part, torch.float32).items()}
    return _filled(CLIPTextModel, CLIPTextConfig(**_clip_config(part, weights)), weights, part)


def load_t5(part: Part, device: torch.device) -> Any:
    """T5's encoder with its weights as they are stored (fp8 as fp16), computing in fp32 block by block.

    ComfyUI computes T5 in fp32 whatever the file's format, so this does too; only one block at a time is widened. The
    weights stay on the device where they fit easily, and are brought there block by block where they don't.
    """
    from transformers import T5Config, T5EncoderModel

    weights = _read(part, None)
    shared = weights.pop("shared.weight", None)
    shared = weights.pop("encoder.embed_tokens.weight", None) if shared is None else shared
    if shared is None:
        raise IsengardError("MODEL_UNREADABLE", f"{part.path} lacks T5's token embeddings.")
    weights |= {"shared.weight": shared, "encoder.embed_tokens.weight": shared}
    size = sum(value.nbytes for value in weights.values())
    model = _filled(T5EncoderModel, T5Config(**_t5_config(part, weights)), weights, part)
    if device.type == "cuda" and torch.cuda.mem_get_info(device)[0] > 2 * size:
        model.to(device)
    for block in model.encoder.block:
        _Widened(block, device)
    model.encoder.final_layer_norm.to(device, torch.float32)
    return model


class _Widened:
    """Keeps a block's weights where and as they are, and puts fp32 copies in their place while it runs."""

    def __init__(self, block: nn.Module, device: torch.device) -> None:
        self._stored: list[Tensor] = []
        self._device = device
        block.register_forward_pre_hook(self._widen)
        block.register_forward_hook(self._put_back, always_call=True)

    def _widen(self, block: nn.Module, _inputs: Any) -> None:
        self._stored = [parameter.data for parameter in block.parameters()]
        for parameter in block.parameters():
            parameter.data = parameter.data.to(self._device, torch.float32)

    def _put_back(self, block: nn.Module, _inputs: Any, _output: Any) -> None:
        for parameter, stored in zip(block.parameters(), self._stored, strict=False):
            parameter.data = stored
        self._stored = []


def _filled(model_class: Any, config: Any, weights: dict[str, Tensor], part: Part) -> Any:
    """A model of that class with these tensors in it, never initialised and never copied."""
    from accelerate import init_empty_weights

    with init_empty_weights(include_buffers=False):
        model = model_class(config)
    names = model.state_dict().keys()
    inner = "text_model." if any(name.startswith("text_model.") for name in names) else ""
    state = {name: weights[name.removeprefix(inner)] for name in names if name.removeprefix(inner) in weights}
    try:
        model.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as problem:
        raise IsengardError(
            "MODEL_UNREADABLE", f"{part.path} holds tensors of unexpected shapes: {problem}."
        ) from problem
    _check_whole(model, str(part.path))
    model.requires_grad_(False)
    return model.eval()


def _check_whole(model: nn.Module, where: str) -> None:
    missing = [name for name, weight in model.named_parameters() if weight.is_meta]
    if missing:
        raise IsengardError("MODEL_UNREADABLE", f"{where} lacks {len(missing)} tensors, first {missing[0]}.")


def _read(part: Part, dtype: torch.dtype | None) -> dict[str, Tensor]:
    from ..weights import read_weights

    files = sorted(part.path.glob("*.safetensors")) if part.layout == "folder" else [part.path]
    return {name: value for file in files for name, value in read_weights(file, part.prefix, dtype).items()}


def _config(part: Part, carried: str) -> dict[str, Any]:
    folder = part.path if part.layout == "folder" else _CONFIGS / carried
    values: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return {
        key: value
        for key, value in values.items()
        if key not in ("model_type", "dtype", "torch_dtype", "transformers_version")
    }


def _clip_config(part: Part, weights: dict[str, Tensor]) -> dict[str, Any]:
    """The carried numbers, corrected by the file's own shapes (a Long-CLIP has 248 positions)."""
    values = _config(part, "clip")
    if part.layout != "folder":
        values["max_position_embeddings"], values["hidden_size"] = _shape(
            part, weights, "embeddings.position_embedding.weight"
        )
        values["intermediate_size"] = _shape(part, weights, "encoder.layers.0.mlp.fc1.weight")[0]
        values["num_hidden_layers"] = _blocks(weights, "encoder.layers.", 2)
        values["num_attention_heads"] = max(1, values["hidden_size"] // 64)
        values["vocab_size"] = size = _shape(part, weights, "embeddings.token_embedding.weight")[0]
        values["eos_token_id"] = values["pad_token_id"] = size - 1  # the last two words of CLIP are start and end
        values["bos_token_id"] = size - 2
    return values


def _t5_config(part: Part, weights: dict[str, Tensor]) -> dict[str, Any]:
    """The carried numbers, corrected by the file's own shapes."""
    values = _config(part, "t5")
    if part.layout != "folder":
        first = "encoder.block.0.layer."
        values["vocab_size"], values["d_model"] = weights["shared.weight"].shape
        values["d_ff"] = _shape(part, weights, f"{first}1.DenseReluDense.wi_1.weight")[0]
        values["num_layers"] = _blocks(weights, "encoder.block.", 2)
        values["num_heads"] = _shape(part, weights, f"{first}0.SelfAttention.relative_attention_bias.weight")[1]
        values["d_kv"] = _shape(part, weights, f"{first}0.SelfAttention.q.weight")[0] // values["num_heads"]
    return values


def _shape(part: Part, weights: dict[str, Tensor], name: str) -> torch.Size:
    if name not in weights:
        raise IsengardError("MODEL_UNREADABLE", f"{part.path} lacks the tensor {name}.")
    return weights[name].shape


def _blocks(weights: dict[str, Tensor], start: str, place: int) -> int:
    return 1 + max(int(name.split(".")[place]) for name in weights if name.startswith(start))


def _load_tokenizer(name: str, folder: Path) -> Any:
    from transformers import CLIPTokenizer, PreTrainedTokenizerFast, T5TokenizerFast

    chosen: Any = {"clip": CLIPTokenizer, "t5": T5TokenizerFast}[name]
    notes = folder / "tokenizer_config.json"
    if (
        notes.is_file()
        and json.loads(notes.read_text(encoding="utf-8")).get("tokenizer_class") == "PreTrainedTokenizerFast"
    ):
        chosen = PreTrainedTokenizerFast
    try:
        return chosen.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, ImportError) as problem:
        raise IsengardError("TOKENIZER_MISSING", f"The tokenizer in {folder} can't be loaded: {problem}") from problem
