"""A ComfyUI that seems to have every file and pack that our graphs can use: enough to check prompts, not to run them.

The nodes are of our own writing: they have the packs' ids, inputs and outputs, and do nothing.
"""

from __future__ import annotations

from isengard.tests.comfyui.running import Running

FILES = {
    "diffusion_models": ("flux1-dev.safetensors", "krea/flux1-krea-dev_fp8_scaled.safetensors",
                         "flux1-fill-dev.safetensors", "flux1-dev-kontext_fp8_scaled.safetensors"),
    "checkpoints": ("flux1-schnell-fp8.safetensors", "sd_xl_base_1.0.safetensors"),
    "text_encoders": ("clip_l.safetensors", "t5xxl_fp8_e4m3fn_scaled.safetensors", "umt5_xxl_fp8.safetensors"),
    "vae": ("ae.safetensors", "sdxl_vae.safetensors"),
    "loras": ("isengard/ada_1.safetensors", "isengard/bob_1.safetensors"),
    "controlnet": ("FLUX.1-dev-ControlNet-Union-Pro-2.0/diffusion_pytorch_model.safetensors",
                   "control_v11p_sd15_canny.safetensors"),
    "style_models": ("flux1-redux-dev.safetensors",),
    "clip_vision": ("clip_vision_g.safetensors", "sigclip_vision_patch14_384.safetensors"),
    "upscale_models": ("4x_anime.pth", "RealESRGAN_x4plus.safetensors"),
    "ipadapter-flux": ("ip-adapter.bin",),
    "ultralytics/bbox": ("hand_yolov8s.pt", "face_yolov8m.pt"),
}  # fmt: skip
_NODES = '''
"""For tests only: what other packs' nodes take and give. None of them does anything."""

import comfy.samplers
import folder_paths

MODELS = folder_paths.models_dir
folder_paths.add_model_folder_path("ipadapter-flux", MODELS + "/ipadapter-flux")
folder_paths.folder_names_and_paths["ipadapter-flux"][1].update({".bin", ".safetensors"})
folder_paths.add_model_folder_path("ultralytics_bbox", MODELS + "/ultralytics/bbox")
folder_paths.folder_names_and_paths["ultralytics_bbox"][1].add(".pt")
SIDE = ("INT", {"default": 512, "min": 64, "max": 16384, "step": 64})
SWITCH = (["enable", "disable"], {"default": "enable"})
BOOL = ("BOOLEAN", {"default": True})
SEED = ("INT", {"default": 0, "min": 0, "max": 2**64 - 1})
STEPS = ("INT", {"default": 20, "min": 1, "max": 10000})
SAMPLER, SCHEDULER = (comfy.samplers.KSampler.SAMPLERS,), (comfy.samplers.KSampler.SCHEDULERS,)


def whole(low, high, default):
    return ("INT", {"default": default, "min": low, "max": high, "step": 1})


def number(low, high, default):
    return ("FLOAT", {"default": default, "min": low, "max": high, "step": 0.01})


def adapters():
    return {"ipadapter": (folder_paths.get_filename_list("ipadapter-flux"),),
            "clip_vision": (["google/siglip-so400m-patch14-384"],), "provider": (["cuda", "cpu", "mps"],)}


def detectors():
    return {"model_name": (["bbox/" + name for name in folder_paths.get_filename_list("ultralytics_bbox")],)}


PAINTING = {"model": ("MODEL",), "positive": ("CONDITIONING",), "negative": ("CONDITIONING",), "vae": ("VAE",),
            "seed": SEED, "steps": STEPS, "cfg": number(0, 100, 8), "sampler_name": SAMPLER, "scheduler": SCHEDULER,
            "denoise": number(0.0001, 1, 0.5)}
FACES = {
    "image": ("IMAGE",), "clip": ("CLIP",), **PAINTING, "guide_size": number(64, 16384, 512), "guide_size_for": BOOL,
    "max_size": number(64, 16384, 1024), "feather": whole(0, 100, 5), "noise_mask": BOOL, "force_inpaint": BOOL,
    "bbox_threshold": number(0, 1, 0.5), "bbox_dilation": whole(-512, 512, 10), "bbox_crop_factor": number(1, 10, 3),
    "sam_detection_hint": (["center-1", "horizontal-2", "vertical-2", "rect-4", "diamond-4", "mask-area", "mask-points",
                            "mask-point-bbox", "none"],),
    "sam_dilation": whole(-512, 512, 0), "sam_threshold": number(0, 1, 0.93), "sam_bbox_expansion": whole(0, 1000, 0),
    "sam_mask_hint_threshold": number(0, 1, 0.7), "sam_mask_hint_use_negative": (["False", "Small", "Outter"],),
    "drop_size": whole(1, 16384, 10), "bbox_detector": ("BBOX_DETECTOR",), "wildcard": ("STRING", {"multiline": True}),
    "cycle": whole(1, 10, 1),
}
TILES = {
    "image": ("IMAGE",), **PAINTING, "upscale_by": number(0.05, 4, 2), "upscale_model": ("UPSCALE_MODEL",),
    "mode_type": (["Linear", "Chess", "None"],), "tile_width": whole(64, 8192, 512),
    "tile_height": whole(64, 8192, 512), "mask_blur": whole(0, 64, 8), "tile_padding": whole(0, 8192, 32),
    "seam_fix_mode": (["None", "Band Pass", "Half Tile", "Half Tile + Intersections"],),
    "seam_fix_denoise": number(0, 1, 1), "seam_fix_width": whole(0, 8192, 64), "seam_fix_mask_blur": whole(0, 64, 8),
    "seam_fix_padding": whole(0, 8192, 16), "force_uniform_tiles": BOOL, "tiled_decode": BOOL,
    "batch_size": whole(1, 4096, 1),
}
READING = {"detect_hand": SWITCH, "detect_body": SWITCH, "detect_face": SWITCH, "resolution": SIDE}


def made(outputs, required, optional=None):
    class Node:
        RETURN_TYPES = outputs
        FUNCTION = "refuse"
        CATEGORY = "tests"

        @classmethod
        def INPUT_TYPES(cls):
            needed = required() if callable(required) else required
            return {"required": needed, "optional": optional or {}}

        def refuse(self, **_):
            raise RuntimeError("This node stands in for a pack's in tests; it does nothing.")

    return Node


NODE_CLASS_MAPPINGS = {
    "IPAdapterFluxLoader": made(("IP_ADAPTER_FLUX_INSTANTX",), adapters),
    "ApplyIPAdapterFlux": made(("MODEL",), {
        "model": ("MODEL",), "ipadapter_flux": ("IP_ADAPTER_FLUX_INSTANTX",), "image": ("IMAGE",),
        "weight": number(-1, 5, 1), "start_percent": number(0, 1, 0), "end_percent": number(0, 1, 1)}),
    "DepthAnythingV2Preprocessor": made(("IMAGE",), {"image": ("IMAGE",)}, {
        "ckpt_name": (["depth_anything_v2_vitl.pth", "depth_anything_v2_vits.pth"],), "resolution": SIDE}),
    "DWPreprocessor": made(("IMAGE", "POSE_KEYPOINT"), {"image": ("IMAGE",)}, READING),
    "UltralyticsDetectorProvider": made(("BBOX_DETECTOR", "SEGM_DETECTOR"), detectors),
    "FaceDetailer": made(("IMAGE", "IMAGE", "IMAGE", "MASK", "DETAILER_PIPE", "IMAGE"), FACES),
    "UltimateSDUpscale": made(("IMAGE",), TILES),
}
'''
CHECKER = '''
"""For tests only: checks prompts as ComfyUI does before it queues one."""

import execution
from aiohttp import web
from server import PromptServer


@PromptServer.instance.routes.post("/tests/check")
async def check(request):
    prompts = await request.json()
    found = [await execution.validate_prompt(str(number), prompt, None) for number, prompt in enumerate(prompts)]
    return web.json_response([[valid, error, nodes] for valid, error, _, nodes in found])


NODE_CLASS_MAPPINGS = {}
'''


def furnish_with_packs(host: Running) -> Running:
    """Empty files of the right names, the packs' nodes and the checker; before ComfyUI is started."""
    for folder, names in FILES.items():
        for name in names:
            file = host.base / "models" / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    (host.base / "input" / "isengard").mkdir(parents=True)
    (host.base / "input" / "isengard" / "guide.png").touch()
    nodes = host.base / "custom_nodes"
    nodes.mkdir(exist_ok=True)
    (nodes / "packs.py").write_text(_NODES, encoding="utf-8")
    (nodes / "checker.py").write_text(CHECKER, encoding="utf-8")
    return host
