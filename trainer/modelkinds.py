"""The signs by which model files are told apart: which keys of which shapes mean what. Standard library only."""

from __future__ import annotations

from collections.abc import Callable

Keys = dict[str, tuple[int, ...]]
"""Every tensor's name and shape."""

KINDS: dict[str, str] = {
    "flux1-dev": "a FLUX.1-dev transformer",
    "flux1-schnell": "a FLUX.1-schnell transformer (it has no guidance embedding)",
    "flux1-fill": "a FLUX.1 Fill, Canny or Depth transformer (it takes another picture as input)",
    "flux2": "a FLUX.2 transformer",
    "chroma": "a Chroma transformer",
    "flux-vae": "a FLUX VAE",
    "other-vae": "a VAE of another model",
    "clip-l": "a CLIP-L text encoder",
    "clip-other": "another CLIP text encoder than CLIP-L",
    "t5": "a T5 text encoder",
    "t5-other": "another text encoder of the T5 family",
    "sd1": "a Stable Diffusion 1.5 checkpoint",
    "sd2": "a Stable Diffusion 2 checkpoint",
    "sdxl": "a Stable Diffusion XL checkpoint",
    "sd3": "a Stable Diffusion 3 model",
    "qwen-image": "a Qwen-Image transformer",
    "z-image": "a Z-Image or Lumina transformer",
    "wan": "a Wan video transformer",
    "hunyuan-video": "a HunyuanVideo transformer",
    "controlnet": "a ControlNet",
    "lora": "a LoRA",
    "other": "a model that is not known here",
}
"""Every kind, in words that fit after “this is”."""

_WITH_PARTS = ("flux1-dev", "flux1-schnell", "flux1-fill", "flux-vae", "clip-l", "t5")
_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "model.", "transformer.", "")
_LORA_SIGNS = (
    ".lora_A.",
    ".lora_B.",
    ".lora_down.",
    ".lora_up.",
    ".lokr_w",
    ".hada_w",
    ".dora_scale",
    ".oft_blocks",
    "_lora.down.",
)
_CLIP_PREFIXES = (
    "text_encoders.clip_l.transformer.",
    "text_encoders.clip_l.",
    "clip_l.transformer.",
    "clip_l.",
    "transformer.",
    "",
)
_T5_PREFIXES = (
    "text_encoders.t5xxl.transformer.",
    "text_encoders.t5xxl.",
    "t5xxl.transformer.",
    "t5xxl.",
    "transformer.",
    "",
)
_VAE_PREFIXES = ("vae.", "first_stage_model.", "")
FLUX_VAE_CHANNELS = 16


def recognise(keys: Keys) -> str:
    """The kind that the keys and shapes are a sign of; a checkpoint is what its transformer is."""
    for kind_of in _ORDER:
        if kind := kind_of(keys):
            return kind
    return "other"


def parts_of_keys(keys: Keys) -> dict[str, tuple[str, str]]:
    """The FLUX parts that are there, each with the prefix and the layout (`original` or `diffusers`) of its keys."""
    kind = recognise(keys)
    parts: dict[str, tuple[str, str]] = {}
    if kind not in _WITH_PARTS:
        return parts
    if kind.startswith("flux1"):
        names = {
            "original": "double_blocks.0.img_attn.qkv.weight",
            "diffusers": "transformer_blocks.0.attn.add_q_proj.weight",
        }
        found = {layout: _first(_PREFIXES, keys, name) for layout, name in names.items()}
        parts["transformer"] = next((prefix, layout) for layout, prefix in found.items() if prefix is not None)
    prefix = _first(_VAE_PREFIXES, keys, "decoder.conv_in.weight")
    if prefix is not None and _vae(keys, prefix) == "flux-vae":
        parts["vae"] = (prefix, "original" if f"{prefix}decoder.mid.block_1.norm1.weight" in keys else "diffusers")
    clip = clip_prefix(keys)
    if clip is not None and _clip(keys) == "clip-l":
        parts["clip"] = (clip, "original")
    t5 = _first(_T5_PREFIXES, keys, "encoder.block.0.layer.1.DenseReluDense.wi_1.weight")
    if t5 is not None:
        parts["t5"] = (t5, "original")
    return parts


def clip_prefix(keys: Keys) -> str | None:
    """What stands before `encoder.layers.0…` in the keys of a CLIP text encoder."""
    for prefix in _CLIP_PREFIXES:
        for inner in ("text_model.", ""):
            if f"{prefix}{inner}encoder.layers.0.mlp.fc1.weight" in keys:
                return prefix + inner
    return None


def _first(prefixes: tuple[str, ...], keys: Keys, name: str) -> str | None:
    return next((prefix for prefix in prefixes if prefix + name in keys), None)


def _lora(keys: Keys) -> str:
    return "lora" if any(sign in name for name in keys for sign in _LORA_SIGNS) else ""


def _flux1(keys: Keys) -> str:
    """FLUX.1 in the authors' keys or diffusers', in any width; variants differ in picture embedding and guidance."""
    for prefix in _PREFIXES:
        if f"{prefix}double_blocks.0.img_attn.qkv.weight" in keys:
            embedding, guidance = f"{prefix}img_in.weight", f"{prefix}guidance_in.in_layer.weight"
            if f"{prefix}vector_in.in_layer.weight" not in keys:
                return ""
        elif f"{prefix}transformer_blocks.0.attn.add_q_proj.weight" in keys:
            embedding = f"{prefix}x_embedder.weight"
            guidance = f"{prefix}time_text_embed.guidance_embedder.linear_1.weight"
            if not any(name.startswith(f"{prefix}single_transformer_blocks.0.proj_mlp.") for name in keys):
                return ""
        else:
            continue
        if embedding in keys and keys[embedding][-1] != 64:
            return "flux1-fill"
        return "flux1-dev" if guidance in keys else "flux1-schnell"
    return ""


def _flux_relatives(keys: Keys) -> str:
    for prefix in _PREFIXES:
        if (
            f"{prefix}double_stream_modulation_img.lin.weight" in keys
            or f"{prefix}double_stream_modulation_img.linear.weight" in keys
        ):
            return "flux2"
        if any(name.startswith(f"{prefix}distilled_guidance_layer.") for name in keys):
            return "chroma"
        if f"{prefix}txt_in.individual_token_refiner.blocks.0.norm1.weight" in keys:
            return "hunyuan-video"
    return ""


def _controlnet(keys: Keys) -> str:
    signs = (
        "controlnet_blocks.",
        "controlnet_x_embedder.",
        "controlnet_cond_embedding.",
        "control_model.",
        "zero_convs.",
    )
    return "controlnet" if any(name.startswith(signs) for name in keys) else ""


def _unet(keys: Keys) -> str:
    """Stable Diffusion: the width of the text tells the generations apart (768, 1024, 2048)."""
    if any(name.startswith("conditioner.embedders.1.") for name in keys):
        return "sdxl"
    for name, shape in keys.items():
        if name.endswith("attn2.to_k.weight") and ("input_blocks" in name or "down_blocks" in name):
            return {768: "sd1", 1024: "sd2", 2048: "sdxl"}.get(shape[-1], "other")
    return "sd1" if any(name.startswith("model.diffusion_model.input_blocks.") for name in keys) else ""


def _other_transformers(keys: Keys) -> str:
    for prefix in _PREFIXES:
        if any(name.startswith(f"{prefix}joint_blocks.0.") for name in keys):
            return "sd3"
        if f"{prefix}transformer_blocks.0.img_mod.1.weight" in keys:
            return "qwen-image"
        if f"{prefix}cap_embedder.1.weight" in keys:
            return "z-image"
        if f"{prefix}blocks.0.self_attn.q.weight" in keys or f"{prefix}blocks.0.cross_attn.k.weight" in keys:
            return "wan"
    return ""


def _vae(keys: Keys, prefix: str = "") -> str:
    shape = keys.get(f"{prefix}decoder.conv_in.weight")
    if shape is None:
        return "other-vae" if f"{prefix}decoder.conv1.weight" in keys else ""
    fits = len(shape) == 4 and shape[1] == FLUX_VAE_CHANNELS and f"{prefix}encoder.conv_in.weight" in keys
    return "flux-vae" if fits and f"{prefix}quant_conv.weight" not in keys else "other-vae"


def _clip(keys: Keys) -> str:
    prefix = clip_prefix(keys)
    if prefix is None:
        return "clip-other" if any(".resblocks.0." in name for name in keys) else ""
    vision = any(name.endswith("patch_embedding.weight") for name in keys)
    narrow = keys[f"{prefix}encoder.layers.0.mlp.fc1.weight"][-1] <= 768
    return "clip-l" if narrow and not vision else "clip-other"


def _t5(keys: Keys) -> str:
    gated = _first(_T5_PREFIXES, keys, "encoder.block.0.layer.1.DenseReluDense.wi_1.weight")
    if gated is not None:
        return "t5"
    return (
        "t5-other" if _first(_T5_PREFIXES, keys, "encoder.block.0.layer.1.DenseReluDense.wi.weight") is not None else ""
    )


_ORDER: tuple[Callable[[Keys], str], ...] = (
    _lora, _controlnet, _flux_relatives, _flux1, _unet, _other_transformers, _vae, _clip, _t5
)  # fmt: skip
