"""FLUX.1-dev LoRA training on one NVIDIA GPU, with a random checkpoint of the true shape: speed, memory, and others.

    python bench/gpu.py --model flux1-random.safetensors --make       the checkpoint (24 GB of disk, no download)
    python bench/gpu.py --model flux1-random.safetensors --only speed,plans --json build/gpu.json
    python bench/gpu.py --tiny                                        the same code on a small model, on any device

Pieces, each of some minutes (`--only`, default all):

    speed       milliseconds a step at 512, 768 and 1024, batch 1 and 4, for each format; peak beside the estimate
    plans       the plan for cards of 24, 16, 12 and 8 GB at 512, under a hard cap on this process's memory
    curve       loss of the same steps in each format against bf16
    bare        a bare loop with peft and diffusers (gradient checkpointing, autocast), same shapes, rank, layers, text
    phases      a whole job from a filled cache: load, compile, train, save, by the clock

Each measurement runs in a process of its own, so that a peak is its own. A figure is the mean over the
steps after the first ones. Random weights give true speed and memory and no pictures.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from loader import load_package  # noqa: E402

load_package(ROOT)

import torch  # noqa: E402

from isengard.bench.gpu_bare import measure_bare  # noqa: E402
from isengard.bench.gpu_common import the_device  # noqa: E402
from isengard.bench.gpu_job import measure_job  # noqa: E402
from isengard.bench.gpu_loop import measure_curve, measure_step  # noqa: E402
from isengard.bench.gpu_models import make_model, tiny_model  # noqa: E402
from isengard.trainer.backends.native.fitting import features  # noqa: E402

PIECES = ("speed", "plans", "curve", "bare", "phases")
FORMS = ("full", "fp8", "int8", "nf4")
CARDS = (24, 16, 12, 8)
TARGETS = {("full", 512, 1): 85, ("full", 768, 1): 170, ("full", 1024, 1): 310, ("fp8", 512, 1): 65}
"""Milliseconds a step on an H200, with 512 text tokens."""
_MEASURES = {"step": measure_step, "curve": measure_curve, "bare": measure_bare, "phases": measure_job}
"""What a process of its own does."""


def main() -> None:
    """Prints a table a piece and, with --json, adds the figures to a file."""
    options = _options()
    if options.child:
        print(json.dumps(_MEASURES[options.child["what"]](options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.tiny:
            options.model = tiny_model(Path(folder))
        elif options.make:
            make_model(options.model)
        figures: dict[str, Any] = {
            "machine": _machine(),
            **{piece: list(_run(piece, options)) for piece in options.only},
        }
    for piece in options.only:
        _show(piece, figures[piece])
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        known = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
        options.json.write_text(json.dumps({**known, **figures}, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="the checkpoint; --make writes it")
    parser.add_argument("--make", action="store_true", help="write a random checkpoint of FLUX.1-dev's shape first")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(PIECES), help=", ".join(PIECES))
    parser.add_argument("--forms", type=lambda text: text.split(","), default=["full", "fp8"], help=", ".join(FORMS))
    parser.add_argument("--sides", type=lambda text: [int(part) for part in text.split(",")], default=[512, 768, 1024])
    parser.add_argument("--batches", type=lambda text: [int(part) for part in text.split(",")], default=[1, 4])
    parser.add_argument("--text", type=int, default=512, help="text tokens (default: 512)")
    parser.add_argument("--steps", type=int, default=20, help="measured steps (default: 20)")
    parser.add_argument("--compile", choices=["on", "off"], default="on")
    parser.add_argument("--attention", default="auto")
    parser.add_argument("--tiny", action="store_true", help="a small model and small pictures: proves the code")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.only) - set(PIECES):
        parser.error(f"--only knows {', '.join(PIECES)}, not {', '.join(sorted(unknown))}")
    if options.tiny:
        options.sides, options.batches, options.steps, options.text = [64, 96], [1, 2], 3, 8
        options.compile = "off" if not torch.cuda.is_available() else options.compile
    elif options.model is None:
        parser.error("give --model FILE (with --make to write one) or --tiny")
    return options


# --- the pieces: which measurements, each in a process of its own


def _run(piece: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for task in _tasks(piece, options):
        skipped = _why_not(task, options)
        yield {**task, "skipped": skipped} if skipped else {**task, **_child(task, options)}


def _tasks(piece: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    sizes = [(side, batch) for side in options.sides for batch in options.batches]
    if piece == "speed":
        for form in options.forms:
            yield from ({"what": "step", "form": form, "side": side, "batch": batch} for side, batch in sizes)
    if piece == "plans":
        yield from ({"what": "step", "card": card, "side": options.sides[0], "batch": 1} for card in CARDS)
    if piece == "curve":
        yield from ({"what": "curve", "form": form, "side": options.sides[0], "batch": 1} for form in options.forms)
    if piece == "bare":
        yield from ({"what": "bare", "side": side, "batch": batch} for side, batch in sizes)
    if piece == "phases":
        yield {"what": "phases", "form": "auto", "side": options.sides[0], "batch": 1}


def _why_not(task: dict[str, Any], options: argparse.Namespace) -> str:
    on_gpu = torch.cuda.is_available()
    if task.get("form") == "nf4" and not features(the_device()).nf4:
        return "bitsandbytes is not installed"
    if "card" in task and not options.tiny and not on_gpu:
        return "there is no GPU"
    return ""


def _child(task: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", json.dumps(task), "--model", str(options.model)]
    command += ["--text", str(options.text), "--steps", str(options.steps), "--compile", options.compile]
    command += ["--attention", options.attention]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return {"failed": last[:300]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _machine() -> dict[str, Any]:
    import diffusers

    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else platform.processor() or platform.machine()
    return {
        "device": name,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "diffusers": diffusers.__version__,
        "date": time.strftime("%Y-%m-%d"),
    }


# --- tables


def _show(piece: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n## {piece}")
    if piece == "curve":
        _show_curves(rows)
        return
    print("| what | side | batch | ms a step | target | tokens/s | first step s | peak GB | estimated GB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        what = f"{row['card']} GB" if "card" in row else row.get("form", row["what"])
        if problem := row.get("failed") or row.get("skipped"):
            print(f"| {what} | {row['side']} | {row['batch']} | {problem} | | | | | |")
            continue
        target = TARGETS.get((row.get("form", ""), row["side"], row["batch"]), "")
        cells = [what, row["side"], row["batch"], row["step_ms"], target, row.get("tokens_per_second", "")]
        cells += [row.get("first_step_s", ""), _gb(row.get("peak_bytes")), _gb(row.get("estimated_bytes"), "")]
        print("| " + " | ".join(map(str, cells)) + " |")
        if piece == "phases":
            print("|  | " + ", ".join(f"{name} {row[name]}" for name in ("load_s", "first_report_s", "total_s")) + " |")


def _show_curves(rows: list[dict[str, Any]]) -> None:
    """How far each curve is from the first one's."""
    known = {row["form"]: row["losses"] for row in rows if "losses" in row}
    reference: list[float] = next(iter(known.values()), [])
    for form, losses in known.items():
        off = max(abs(ours - theirs) / theirs for ours, theirs in zip(losses, reference, strict=True))
        print(f"{form}: {losses[0]:.4f} → {losses[-1]:.4f}, at most {off:.2%} from the first")
    for row in rows:
        if problem := row.get("failed") or row.get("skipped"):
            print(f"{row['form']}: {problem}")


def _gb(size: int | None, without: str = "not measured") -> str:
    return without if size is None else f"{size / 1e9:.2f}"


if __name__ == "__main__":
    main()
