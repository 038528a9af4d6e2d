"""`python . doctor`: what this machine can do and what is missing, each with the next step."""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from .. import settings
from ..library import basemodels, machine
from ..trainer.mini import MODEL_DIR

_SHOWN = ("diffusers", "transformers", "peft", "accelerate")
_LINE = re.compile(r"([A-Za-z0-9._-]+)>=([0-9.]+)")
_SIGNS = {"good": "✓", "note": "•", "missing": "✗"}
_PYTHONS = ((3, 10), (3, 11), (3, 12), (3, 13))
_GIB = 2**30


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
    for name, least in _LINE.findall((settings.PACK / "requirements.txt").read_text(encoding="utf-8")):
        try:
            if _numbers(version(name)) < _numbers(least):
                lacking.append(f"{name} {least} (installed: {version(name)})")
        except PackageNotFoundError:
            lacking.append(name)
    if lacking:
        step = f'"{sys.executable}" -m pip install -r "{settings.PACK / "requirements.txt"}"'
        yield Finding("packages", "missing", f"not installed: {', '.join(lacking)}", step)
    else:
        yield Finding("packages", "good", ", ".join(f"{name} {version(name)}" for name in _SHOWN))


def _numbers(text: str) -> tuple[int, ...]:
    """`4.10.0rc1` as (4, 10): what is asked for has two or three numbers."""
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("rc")[0])[:3])


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
    available, total = machine.memory()
    found = f"{available / _GIB:.1f} of {total / _GIB:.1f} GiB free"
    if available < 3 * _GIB:
        return Finding("memory", "missing", found, "Close other programs: the embedded model needs 3 GiB.")
    if available < 28 * _GIB:
        return Finding(
            "memory", "note", found, "Enough for the embedded model; loading FLUX.1-dev in bf16 wants 28 GiB."
        )
    return Finding("memory", "good", found)


def _disk() -> Finding:
    root = settings.volume_root()
    free, _ = machine.disk(root)
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
    for found in basemodels.survey("flux1-dev"):
        topic, wanted = f"FLUX.1-dev {found.wanted.part}", found.wanted
        if found.within:
            yield Finding(topic, "good", f"in {found.within}")
        elif found.path is None:
            place = comfyui / "models" / wanted.folders[0]
            step = f"Put {wanted.names[0]} into {place} (from {wanted.source}), or give --{wanted.part} FILE."
            yield Finding(topic, "note", "not found", step)
        elif found.problem is not None:
            yield Finding(topic, "note", f"{found.path}: {found.problem.message}", found.problem.hint)
        else:
            yield Finding(topic, "good", f"{found.path.name}: {found.title}")
