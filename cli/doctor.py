"""`python . doctor`: what this machine can do and what is missing, each with the next step."""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .. import settings
from ..errors import IsengardError
from ..trainer.mini import MODEL_DIR

_PACKAGES = ("diffusers", "transformers", "peft", "accelerate", "safetensors", "numpy", "pillow", "structlog")
_SIGNS = {"good": "✓", "note": "•", "missing": "✗"}
_PYTHONS = ((3, 10), (3, 11), (3, 12), (3, 13))
_GIB = 2**30
FLUX_FILES = {
    "transformer": (
        ("diffusion_models", "unet", "checkpoints"),
        ("flux1-dev.safetensors", "flux1-dev-fp8.safetensors"),
        "huggingface.co/Comfy-Org/flux1-dev",
    ),
    "vae": (("vae",), ("ae.safetensors",), "huggingface.co/Comfy-Org/Lumina_Image_2.0_Repackaged"),
    "clip": (("text_encoders", "clip"), ("clip_l.safetensors",), "huggingface.co/comfyanonymous/flux_text_encoders"),
    "t5": (
        ("text_encoders", "clip"),
        ("t5xxl_fp16.safetensors", "t5xxl_fp8_e4m3fn.safetensors", "t5xxl_fp8_e4m3fn_scaled.safetensors"),
        "huggingface.co/comfyanonymous/flux_text_encoders",
    ),
}
"""FLUX.1-dev's files as ComfyUI users have them: folders under models/, names, and where they are to be had."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    verdict: str
    """good, note, missing."""
    found: str
    next_step: str = ""


def main(argv: list[str]) -> int:
    """Prints the findings; returns 0 if the embedded model can be trained here, else 2."""
    parser = argparse.ArgumentParser(prog="python . doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(argv)
    findings = list(examine())
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=1))
    else:
        for finding in findings:
            print(f"{_SIGNS[finding.verdict]} {finding.topic:18} {finding.found}")
            if finding.next_step:
                print(f"  {'':18} → {finding.next_step}")
    return 2 if any(finding.verdict == "missing" for finding in findings) else 0


def examine() -> Iterator[Finding]:
    """Looks at everything a training needs; changes nothing."""
    yield _python()
    yield from _packages()
    yield from _device()
    yield _memory()
    yield _disk()
    yield _mini()
    yield from _flux()


def _python() -> Finding:
    found = f"{settings.python_version()} at {sys.executable}"
    if sys.version_info[:2] not in _PYTHONS:
        return Finding("Python", "note", found, "Tested with Python 3.10 to 3.13: use one of them if something fails.")
    return Finding("Python", "good", found)


def _packages() -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        yield Finding("torch", "missing", "not installed", "Install PyTorch as pytorch.org says for your GPU.")
    lacking = []
    for name in _PACKAGES:
        try:
            version(name)
        except PackageNotFoundError:
            lacking.append(name)
    if lacking:
        yield Finding("packages", "missing", f"not installed: {', '.join(lacking)}", "pip install -r requirements.txt")
    else:
        yield Finding("packages", "good", ", ".join(f"{name} {version(name)}" for name in _PACKAGES[:4]))


def _device() -> Iterator[Finding]:
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    yield Finding("torch", "good", torch.__version__)
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            name = torch.cuda.get_device_name(index)
            yield Finding("device", "good", f"{name}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free")
    elif torch.backends.mps.is_available():
        yield Finding(
            "device", "note", "Apple GPU (mps)", "FLUX.1-dev on it is not measured; the embedded model works."
        )
    else:
        yield Finding(
            "device", "note", "CPU only", "The embedded model trains in minutes; FLUX.1-dev needs an NVIDIA GPU."
        )


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    found = f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB free"
    if memory.available < 3 * _GIB:
        return Finding("memory", "missing", found, "Close other programs: the embedded model needs 3 GiB.")
    if memory.available < 28 * _GIB:
        return Finding(
            "memory", "note", found, "Enough for the embedded model; loading FLUX.1-dev in bf16 wants 28 GiB."
        )
    return Finding("memory", "good", found)


def _disk() -> Finding:
    root = settings.volume_root()
    at = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(at).free
    found = f"{free / _GIB:.1f} GiB free for {root}"
    if free < 2 * _GIB:
        return Finding("disk", "missing", found, "Free some space, or set VOLUME_ROOT to a folder on a larger disk.")
    return Finding("disk", "good", found)


def _mini() -> Finding:
    weights = MODEL_DIR / "transformer" / "diffusion_pytorch_model.safetensors"
    if not weights.is_file():
        return Finding("embedded model", "missing", f"no weights in {MODEL_DIR}", "python . mini build")
    return Finding(
        "embedded model",
        "good",
        f"{sum(f.stat().st_size for f in MODEL_DIR.rglob('*') if f.is_file()) / 2**20:.0f} MiB",
    )


def _flux() -> Iterator[Finding]:
    comfyui = settings.comfyui_path()
    if comfyui is None:
        yield Finding(
            "FLUX.1-dev",
            "note",
            "no ComfyUI found",
            "Set COMFYUI_PATH, or give --transformer, --vae, --clip, --t5, --tokenizers.",
        )
        return
    yield Finding("ComfyUI", "good", str(comfyui))
    for part, (folders, names, source) in FLUX_FILES.items():
        paths = [comfyui / "models" / folder / name for folder in folders for name in names]
        there = next((path for path in paths if path.is_file()), None)
        topic = f"FLUX.1-dev {part}"
        if there is None:
            wanted = f"{names[0]} into {comfyui / 'models' / folders[0]}"
            yield Finding(topic, "note", "not found", f"Put {wanted} (from {source}), or give --{part} FILE.")
        else:
            yield _identified(topic, there)


def _identified(topic: str, path: Path) -> Finding:
    from ..trainer.modelfiles import identify

    try:
        return Finding(topic, "good", f"{path.name}: {identify(path).title}")
    except IsengardError as error:
        return Finding(topic, "note", f"{path}: {error.message}", error.hint)
