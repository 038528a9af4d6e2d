"""Seconds a step and peak memory of our loop against a bare PyTorch loop that does the same mathematics.

    python bench/step.py                      the embedded model, as shipped
    python bench/step.py --shape flux-1x1     FLUX.1's width with 1 double and 1 single block, random weights

Each loop runs in a process of its own, in turn (ours, bare, ours, bare, …); ratios are taken pair by pair, since
these figures come from one machine in one run and mean little alone. The bare loop has the same model, LoRA, batches,
optimizer and clipping, and nothing else: no events, no checkpoints, no checks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from loader import load_package  # noqa: E402

load_package(ROOT)

from isengard.trainer.config import BaseFiles, TrainingConfig  # noqa: E402
from isengard.trainer.job import JobFolder, read_events  # noqa: E402

PHOTOS = 12


def main() -> None:
    """Prints a table and, with --json, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="mini", choices=["mini", "flux-1x1"])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--resolution", type=int, help="default: 128 for mini, 256 for flux-1x1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=["ours", "bare"], help=argparse.SUPPRESS)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps({"ours": _ours, "bare": _bare}[options.child](options.job)))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = _measure(options, Path(folder))
    _show(options, figures)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _measure(options: argparse.Namespace, folder: Path) -> dict[str, list[dict[str, float]]]:
    figures: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    transformer = _flux_file(folder) if options.shape == "flux-1x1" else ""
    for number in range(options.rounds + 1):
        for child in ("ours", "bare"):
            job = _make_job(folder / f"{number}-{child}", options, transformer)
            command = [sys.executable, __file__, "--child", child, "--job", str(job.path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            if number:  # the first round warms the machine's caches
                figures[child].append(json.loads(done.stdout.splitlines()[-1]))
    return figures


def _make_job(path: Path, options: argparse.Namespace, transformer: str) -> JobFolder:
    """A small training of the model that is measured."""
    from isengard.bench.filled import filled_job

    side = options.resolution or (128 if options.shape == "mini" else 256)
    mini = options.shape == "mini"
    config = TrainingConfig(
        name="Bench",
        trigger_word="ohwx",
        family="mini" if mini else "flux1-dev",
        base=BaseFiles(transformer=transformer),
        resolutions=(side,),
        steps=options.steps,
        batch_size=options.batch,
        warmup_steps=2,
        learning_rate=1e-4,
        save_every=100_000,
        sample_every=0,
        log_every=10,
        caption_dropout=0.0,
    )
    tokens, width, pooled = _text_shape(mini)
    return filled_job(path, config, photos=PHOTOS, side=side, tokens=tokens, width=width, pooled=pooled)


def _text_shape(mini: bool) -> tuple[int, int, int]:
    from isengard.trainer.families import load_family
    from isengard.trainer.mini import MODEL_DIR

    if not mini:
        return load_family("flux1-dev").text_tokens, 4096, 768
    shape = json.loads((MODEL_DIR / "transformer" / "config.json").read_text())
    return load_family("mini").text_tokens, shape["joint_attention_dim"], shape["pooled_projection_dim"]


def _flux_file(folder: Path) -> str:
    """A FLUX.1 transformer with 1 double and 1 single block, in diffusers' folder layout."""
    import torch
    from diffusers import FluxTransformer2DModel

    torch.manual_seed(0)
    model = FluxTransformer2DModel(num_layers=1, num_single_layers=1, guidance_embeds=True)
    model.save_pretrained(folder / "transformer")
    return str(folder / "transformer")


def _ours(path: Path) -> dict[str, float]:
    started = time.time()
    from isengard import log
    from isengard.trainer.run import run_job

    log.configure("error")
    code = run_job(path)
    assert code == 0, code
    events = read_events(path / "events.jsonl")
    paces = [event["seconds_per_step"] for event in events if event.get("phase") == "train"]
    first = next(event for event in events if event["type"] == "loss")
    begun = next(event for event in events if event.get("state") == "training")
    return {
        "seconds": statistics.median(paces[1:]),
        "peak_bytes": _peak(),
        "seconds_to_training": _moment(begun) - started,
        "seconds_to_first_report": _moment(first) - started,
    }


def _bare(path: Path) -> dict[str, float]:
    """The same steps by hand."""
    started = time.time()
    import torch

    from isengard.trainer.backends.native.adapter import Adapter
    from isengard.trainer.backends.native.batches import Batches
    from isengard.trainer.cache import Cache
    from isengard.trainer.families import load_family

    job = JobFolder.open(path)
    config, family, cache = job.config(), load_family(job.config().family), Cache.of(job)
    assert cache is not None
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    transformer = family.load_transformer(config, dtype)
    adapter = Adapter(transformer, config, family.lora_targets(transformer, config.targets))
    transformer.to(device).train()
    made = Batches(config, family, job.dataset(), cache, device, dtype)
    batches = [made.of_step(step, 0, 1)[0].to(device) for step in range(1, config.steps + 1)]
    parameters = list(adapter.parameters.values())
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.01, betas=(0.9, 0.99), fused=True)
    begun, paces = time.time(), []
    for start in range(0, config.steps, 10):
        moment = time.perf_counter()
        for batch in batches[start : start + 10]:
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = family.loss(transformer, batch.latents, batch.noise, batch.times, batch.conditioning, 1.0).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()
        paces.append((time.perf_counter() - moment) / 10)
    return {"seconds": statistics.median(paces[1:]), "peak_bytes": _peak(), "seconds_to_training": begun - started}


def _peak() -> int:
    """Peak memory in bytes: of the GPU if there is one, else of the process."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _moment(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def _show(options: argparse.Namespace, figures: dict[str, list[dict[str, float]]]) -> None:
    print(f"{options.shape}, batch {options.batch}, {options.steps} steps, {options.rounds} rounds; median [min–max]")
    for name, runs in figures.items():
        paces = [run["seconds"] * 1000 for run in runs]
        memory = statistics.median(run["peak_bytes"] for run in runs) / 2**20
        start = statistics.median(run["seconds_to_training"] for run in runs)
        print(
            f"  {name:5} {statistics.median(paces):8.1f} ms a step [{min(paces):.1f}–{max(paces):.1f}]"
            f"   peak {memory:6.0f} MiB   {start:5.1f} s until the loop begins"
        )
    for key, title in (("seconds", "time a step"), ("peak_bytes", "peak memory")):
        ratios = [ours[key] / bare[key] for ours, bare in zip(figures["ours"], figures["bare"], strict=True)]
        print(f"  ours / bare, {title}: {statistics.median(ratios):.3f} [{min(ratios):.3f}–{max(ratios):.3f}]")


if __name__ == "__main__":
    main()
