"""`python . demo`: trains the bundled character on the embedded model and shows what came of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import sys
import time
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

from .. import log, settings
from ..errors import IsengardError
from ..files import told_plainly, write_json
from ..library.likeness.measuring import Likeness
from ..library.sample import CLASS_WORD, NAME, TRIGGER
from ..trainer.job import ExitCode, JobFolder, TrainingConfig, read_events
from ..trainer.mini import CHARACTER_DIR, MODEL_DIR
from ..trainer.plan import make_job
from ..trainer.presets import PRESETS, preset_config
from ..trainer.supervisor import Supervisor, tail_of
from .console import Progress
from .likeness import measure_and_tell
from .sheets import Row, write_grid, write_loss_chart

_COLUMNS = 6


def main(argv: list[str]) -> int:
    """Returns one of `ExitCode`."""
    parser = argparse.ArgumentParser(prog="python . demo", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("demo-out"), help="folder for the results (default: %(default)s)"
    )
    parser.add_argument("--preset", default="balanced", choices=sorted(PRESETS))
    parser.add_argument("--steps", type=int, help="train another number of steps than the preset's")
    options = parser.parse_args(argv)
    log.configure("warning")
    settings.go_offline()
    try:
        return _demo(options.out, options.preset, options.steps)
    except IsengardError as error:
        print(f"{error.code}: {error.message}\n  {error.hint}", file=sys.stderr)
        return ExitCode.REFUSED


def _demo(out: Path, preset: str, steps: int | None) -> int:
    started = time.perf_counter()
    _clear(out)
    changes = {} if steps is None else {"steps": steps}
    made = make_job(
        out / "job",
        lambda photos: preset_config(
            preset, "mini", photos, name=NAME, trigger_word=TRIGGER, class_word=CLASS_WORD, **changes
        ),
        CHARACTER_DIR,
    )
    job, config = made.job, made.job.config()
    print(f"Training {NAME} from {len(job.dataset())} photos on the embedded mini model, {config.steps} steps.")
    code = asyncio.run(_train(job))
    if code != ExitCode.DONE:
        print(
            f"The training ended as “{job.state().state}”. The end of its output:\n{tail_of(job.path / 'output.txt')}"
        )
        return code
    trained = time.perf_counter()
    result = json.loads(job.result_file.read_text(encoding="utf-8"))
    lora = out / Path(result["lora"]).name
    shutil.copyfile(job.path / result["lora"], lora)
    print("Generating pictures without and with the LoRA, in the stock diffusers pipeline.")
    before, after = _generate(config, lora)
    _write_sheets(out, job, config, before, after)
    alike = measure_and_tell(job, out / "models")  # drawings need no face model
    _write_report(
        out, job, config, lora, alike, {"training": trained - started, "pictures": time.perf_counter() - trained}
    )
    _conclude(out, lora, time.perf_counter() - started)
    return ExitCode.DONE


def _clear(out: Path) -> None:
    """Makes room for a new demo; a folder with somebody else's files or job is left alone, and so are other LoRAs."""
    job = JobFolder(out / "job")
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not _is_demo(job):
        raise IsengardError(
            "JOB_EXISTS", f"{out} holds other files than an earlier demo's.", hint="Choose another --out."
        )
    if job.owner() is not None:
        raise IsengardError("JOB_LOCKED", f"Another demo is training in {out}.")
    made = ["samples.png", "loss.png", "report.json", *(path.name for path in job.lora.glob("*.safetensors"))]
    with told_plainly(job.path):
        shutil.rmtree(job.path, ignore_errors=True)
        out.mkdir(parents=True, exist_ok=True)
        for name in made:
            (out / name).unlink(missing_ok=True)


def _is_demo(job: JobFolder) -> bool:
    try:
        config = job.config()
    except (IsengardError, OSError):
        return False
    return (config.name, config.trigger_word, config.family) == (NAME, TRIGGER, "mini")


async def _train(job: JobFolder) -> int:
    progress, supervisor = Progress(), Supervisor(job)
    try:
        async for event in supervisor.run():
            progress(event)
    finally:
        progress.close()
    return ExitCode.INTERNAL if supervisor.exit_code is None else supervisor.exit_code


def _generate(config: TrainingConfig, lora: Path) -> tuple[list[Image.Image], list[Image.Image]]:
    """The sample prompts without and with the LoRA file, by diffusers' own pipeline and loader."""
    import diffusers
    import torch
    import transformers
    from tqdm import tqdm

    for library in (diffusers, transformers):  # what they would say here is for their developers
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    pipeline = diffusers.FluxPipeline.from_pretrained(MODEL_DIR, local_files_only=True).to(torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    length = json.loads((MODEL_DIR / "tokenizer_2" / "tokenizer_config.json").read_text(encoding="utf-8"))[
        "model_max_length"
    ]

    def pictures(label: str) -> list[Image.Image]:
        made = []
        for index, prompt in enumerate(tqdm(config.prompts, desc=label)):
            made += pipeline(
                prompt,
                width=config.sample_width,
                height=config.sample_height,
                num_inference_steps=config.sample_steps,
                guidance_scale=config.sample_guidance,
                max_sequence_length=length,
                generator=torch.Generator().manual_seed(config.sample_seed + index),
            ).images
        return made

    before = pictures("Without the LoRA")
    pipeline.load_lora_weights(str(lora.parent), weight_name=lora.name)
    return before, pictures("With the LoRA")


def _write_sheets(
    out: Path, job: JobFolder, config: TrainingConfig, before: list[Image.Image], after: list[Image.Image]
) -> None:
    photos = [Image.open(job.path / entry.file) for entry in job.dataset()]
    every = max(1, len(photos) // _COLUMNS)
    samples = [event for event in read_events(job.events_file) if event["type"] == "sample"]
    between = sorted({event["step"] for event in samples} - {0, config.steps})
    rows = [
        Row("Training photos", f"{len(photos)} in all", photos[::every][:_COLUMNS]),
        Row("Before", "the base model, without the LoRA", before),
    ]
    for step in between[:1]:
        files = {event["index"]: job.path / event["file"] for event in samples if event["step"] == step}
        rows.append(
            Row("During", f"sample pictures at step {step}", [Image.open(files[index]) for index in sorted(files)])
        )
    rows.append(Row("After", f"with the LoRA, {config.steps} steps", after))
    write_grid(out / "samples.png", f"{NAME}: same prompts, same seeds", rows, config.prompts)
    losses = [event for event in read_events(job.events_file) if event["type"] == "loss"]
    write_loss_chart(out / "loss.png", losses, f"{NAME}, {config.preset}: {config.steps} steps")


def _write_report(
    out: Path, job: JobFolder, config: TrainingConfig, lora: Path, alike: Likeness | None, seconds: dict[str, float]
) -> None:
    result = json.loads(job.result_file.read_text(encoding="utf-8"))
    report: dict[str, Any] = {
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "lora": lora.name,
        "trigger_word": TRIGGER,
        "photos": len(job.dataset()),
        "settings": config.as_dict(),
        "loss_smoothed": result["loss"],
        "likeness": asdict(alike) if alike else None,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "seconds_per_step": round(result["training_seconds"] / config.steps, 4),
        "peak_memory_bytes": _peak_memory(),
        "cpus": os.cpu_count(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers", "peft", "accelerate")},
        "python": settings.python_version(),
    }
    write_json(out / "report.json", report)


def _peak_memory() -> dict[str, int | None]:
    """The most memory that the trainer's process and this one held; null where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return {"trainer": None, "pictures": None}
    unit = 1 if sys.platform == "darwin" else 1024
    used = {"trainer": resource.RUSAGE_CHILDREN, "pictures": resource.RUSAGE_SELF}
    return {name: resource.getrusage(who).ru_maxrss * unit for name, who in used.items()}


def _conclude(out: Path, lora: Path, seconds: float) -> None:
    print(
        f"\nDone in {seconds / 60:.1f} minutes. In {out.resolve()}:\n"
        f"  {'samples.png':12} the photos, and the same prompts before, during and after training: look at this first\n"
        f"  {'loss.png':12} the loss over the steps\n"
        f"  {'report.json':12} settings, times, memory, versions\n"
        f"  {lora.name}\n"
        f"Next: train your own photos with  python {settings.PACK.name if Path.cwd() != settings.PACK else '.'} train"
        f" --photos DIR --trigger ohwx --name NAME --base mini --out DIR\n"
        f"      (on the embedded model that is practice; --base flux1-dev makes LoRAs for FLUX.1-dev)."
    )
