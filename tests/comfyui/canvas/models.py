"""Files that the shared workflows name, and where people get them: what the frontend offers when one is missing."""

from __future__ import annotations

_HUB = "https://huggingface.co"
_PLACES = {
    "flux1-dev.safetensors": ("diffusion_models", "Comfy-Org/flux1-dev/resolve/main"),
    "clip_l.safetensors": ("text_encoders", "comfyanonymous/flux_text_encoders/resolve/main"),
    "t5xxl_fp16.safetensors": ("text_encoders", "comfyanonymous/flux_text_encoders/resolve/main"),
    "ae.safetensors": ("vae", "Comfy-Org/Lumina_Image_2.0_Repackaged/resolve/main/split_files/vae"),
    "flux-canny-controlnet-v3.safetensors": ("controlnet", "XLabs-AI/flux-controlnet-collections/resolve/main"),
    "flux1-redux-dev.safetensors": ("style_models", "Comfy-Org/Flux1-Redux-Dev/resolve/main"),
    "sigclip_vision_patch14_384.safetensors": ("clip_vision", "Comfy-Org/sigclip_vision_384/resolve/main"),
    "RealESRGAN_x4plus.safetensors": ("upscale_models", "Comfy-Org/Real-ESRGAN_repackaged/resolve/main"),
}
TRANSFORMER, CLIP, T5, VAE, CONTROLNET, REDUX, VISION, UPSCALER = _PLACES


def offer(*names: str) -> list[dict[str, str]]:
    """Models as a node's properties name them."""
    return [{"name": name, "url": f"{_HUB}/{_PLACES[name][1]}/{name}", "directory": _PLACES[name][0]} for name in names]


def folder_of(name: str) -> str:
    """Below ComfyUI's models."""
    return _PLACES[name][0]


def names() -> list[str]:
    """All of them."""
    return list(_PLACES)
