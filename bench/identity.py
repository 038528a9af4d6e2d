"""How well training teaches a person: LoRAs for held-out identities of the mini model's world, trained by the project's
own engine, scored.

    python bench/identity.py                            3 identities × 3 seeds, Balanced
    python bench/identity.py --preset quick --identities 5 --json bench/identity-quick.json

The people are drawn from seeds that pretraining never saw. Each gets 14 photos with captions; a job folder is made and
run as a user's would be, in a process of its own. Then 32 pictures of prompts that no photo showed are made with the
LoRA, by the stock FluxPipeline, and read by the attribute reader. "floor" is what true drawings of the same person for
the same prompts score after a round trip through the autoencoder: nothing can be better. "base" is the model without
the LoRA.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from loader import load_package  # noqa: E402

load_package(ROOT)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from isengard.trainer.job import JobFolder, read_events  # noqa: E402
from isengard.trainer.mini import MODEL_DIR, scores  # noqa: E402
from isengard.trainer.mini.architecture import GUIDANCE, MAX_TEXT_TOKENS  # noqa: E402
from isengard.trainer.mini.bundled import photos_of  # noqa: E402
from isengard.trainer.mini.captions import caption  # noqa: E402
from isengard.trainer.mini.data import HELD_OUT  # noqa: E402
from isengard.trainer.mini.drawing import render  # noqa: E402
from isengard.trainer.mini.reader import Reading, load_reader, pictures_to_tensor, published_accuracy, read  # noqa: E402
from isengard.trainer.mini.world import Identity, Nuisance, sample_identity, sample_nuisance  # noqa: E402
from isengard.trainer.plan import make_job  # noqa: E402
from isengard.trainer.presets import preset_config  # noqa: E402
from isengard.trainer.supervisor import Supervisor  # noqa: E402

TRIGGER = "ohwx"
PHOTOS = 14
PICTURES = 32
PROBES = 12
"""Pictures that a LoRA on the way is judged by, for the time to the threshold."""
_SIZES = ((256, 256), (256, 256), (224, 288), (256, 256), (288, 224))
_PEOPLE, _PHOTO_WAYS, _PROMPT_WAYS = HELD_OUT + 50_000, HELD_OUT + 60_000, HELD_OUT + 70_000


def main() -> None:
    """Prints the table and, with --json, writes every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--identities", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="identity error that counts as learned, in population SDs"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting of the preset (JSON value)"
    )
    parser.add_argument("--jobs", type=Path, help="keep the job folders here; a finished one is not trained again")
    parser.add_argument("--parallel", type=int, default=1, help="trainings side by side (default: 1)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    changes = {name: json.loads(value) for name, _, value in (text.partition("=") for text in options.set)}
    with tempfile.TemporaryDirectory() as folder:
        runs = _run(options, changes, options.jobs or Path(folder))
    report = {
        "preset": options.preset,
        "changes": changes,
        "threshold": options.threshold,
        "mean": _means(runs),
        "runs": runs,
    }
    _show(report)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _run(options: argparse.Namespace, changes: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Train everything, then score everything."""
    people = [Person(number) for number in range(options.identities)]
    pairs = [(person, seed) for person in people for seed in range(options.seeds)]

    def one(person: Person, seed: int) -> JobFolder:
        began = time.monotonic()
        job = train(folder / f"{person.number}-{seed}", person, options.preset, {**changes, "seed": seed + 1})
        print(f"identity {person.number} seed {seed}: trained in {time.monotonic() - began:.0f} s", flush=True)
        return job

    with ThreadPoolExecutor(options.parallel) as pool:
        trained = list(pool.map(one, *zip(*pairs, strict=True)))
    jobs = {(person.number, seed): job for (person, seed), job in zip(pairs, trained, strict=True)}
    bench, runs = Bench(), []
    for person in people:
        bench.prepare(person)
        for seed in range(options.seeds):
            runs.append(bench.score(person, jobs[person.number, seed], seed, options.threshold))
            print("  " + json.dumps(runs[-1]), flush=True)
    return runs


class Person:
    """A held-out identity with photos of them, prompts that no photo shows, and what the base model makes of those
    prompts."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.who: Identity = sample_identity(_PEOPLE + number)
        self.photo_ways = [sample_nuisance(_PHOTO_WAYS + number * 1000 + i) for i in range(PHOTOS)]
        self.asked: list[Nuisance] = [sample_nuisance(_PROMPT_WAYS + number * 1000 + i) for i in range(PICTURES)]
        self.photos = np.stack([np.asarray(render(self.who, way, 128, 128)) for way in self.photo_ways])

    def prompts(self, trigger: str | None) -> list[str]:
        """What is asked for, with or without the trigger word."""
        return [caption(way, trigger=trigger, class_word=self.who.class_word) for way in self.asked]


def train(folder: Path, person: Person, preset: str, changes: dict[str, Any]) -> JobFolder:
    """Make the photos and the job, and run it to its end in a process of its own."""
    job = JobFolder(folder / "job")
    if job.result_file.is_file():
        return job
    shutil.rmtree(folder, ignore_errors=True)
    photos = folder / "photos"
    photos_of(person.who, person.photo_ways, [_SIZES[i % len(_SIZES)] for i in range(PHOTOS)], photos)
    job = make_job(
        folder / "job",
        lambda count: preset_config(
            preset,
            "mini",
            count,
            name=f"Person {person.number}",
            trigger_word=TRIGGER,
            class_word=person.who.class_word,
            **changes,
        ),
        photos,
    ).job

    async def run() -> int | None:
        supervisor = Supervisor(job)
        async for _ in supervisor.run():
            pass
        return supervisor.exit_code

    code = asyncio.run(run())
    if code != 0:
        raise RuntimeError(f"training in {job.path} ended with exit code {code}")
    return job


class Bench:
    """The pipeline and the reader, and what they say of the base model."""

    def __init__(self) -> None:
        from diffusers import FluxPipeline

        self._pipeline = FluxPipeline.from_pretrained(MODEL_DIR, local_files_only=True).to(torch.float32)
        self._pipeline.set_progress_bar_config(disable=True)
        self._reader = load_reader(MODEL_DIR / "reader")
        self._sigma = scores.reader_sigma(published_accuracy(MODEL_DIR / "reader"))
        self._base: dict[int, dict[str, Any]] = {}

    def prepare(self, person: Person) -> None:
        """Score what the base model and true drawings make of a person's prompts."""
        number = person.number
        plain = self._make(person.prompts(None), seed=number)
        true = self._round_trip(np.stack([np.asarray(render(person.who, way, 128, 128)) for way in person.asked]))
        floor, base = self._read(true), self._read(self._make(person.prompts(TRIGGER), seed=number))
        self._base[number] = {
            "plain": self._read(plain),
            "plain_pictures": plain,
            "base": asdict(scores.likeness(base, person.who, self._sigma, number)),
            "base_obedience": scores.obedience(base, person.asked)["all"],
            "floor": asdict(scores.likeness(floor, person.who, self._sigma, number)),
            "floor_obedience": scores.obedience(floor, person.asked)["all"],
            "floor_nearest": scores.nearest_photo(true, person.photos),
        }

    def score(self, person: Person, job: JobFolder, seed: int, threshold: float | None) -> dict[str, Any]:
        """Every score of one training; without a threshold nothing is said of the LoRAs on its way."""
        before = self._base[person.number]
        result = json.loads(job.result_file.read_text(encoding="utf-8"))
        reached = self._reached(person, job, threshold) if threshold is not None else (None, None)
        self._pipeline.load_lora_weights(str(job.path / result["lora"]))
        made = self._make(person.prompts(TRIGGER), seed=person.number)
        plain = self._make(person.prompts(None), seed=person.number)
        self._pipeline.unload_lora_weights()
        reading = self._read(made)
        obeyed = scores.obedience(reading, person.asked)
        drift = np.abs(plain.astype(np.float32) - before["plain_pictures"].astype(np.float32)).mean()
        return {
            "identity": person.number,
            "seed": seed,
            **_rounded(asdict(scores.likeness(reading, person.who, self._sigma, person.number))),
            **{f"base_{k}": v for k, v in _rounded(before["base"]).items()},
            **{f"floor_{k}": v for k, v in _rounded(before["floor"]).items()},
            "obedience": round(obeyed["all"], 3),
            "obedience_by_attribute": _rounded({k: v for k, v in obeyed.items() if k != "all"}),
            "base_obedience": round(before["base_obedience"], 3),
            "floor_obedience": round(before["floor_obedience"], 3),
            "obedience_of_base": round(obeyed["all"] / before["base_obedience"], 3),
            "drift_pixels": round(float(drift), 2),
            "drift_pull": round(scores.pull(before["plain"], self._read(plain), person.who, self._sigma), 3),
            "nearest_photo": round(scores.nearest_photo(made, person.photos), 2),
            "floor_nearest_photo": round(before["floor_nearest"], 2),
            "steps": result["steps"],
            "training_seconds": result["training_seconds"],
            "threshold_step": reached[0],
            "threshold_seconds": reached[1],
        }

    def _reached(self, person: Person, job: JobFolder, threshold: float) -> tuple[int | None, float | None]:
        """Step and training seconds of the first saved LoRA whose pictures are under the threshold."""
        saved = [event for event in read_events(job.events_file) if event["type"] == "checkpoint"]
        result = json.loads(job.result_file.read_text(encoding="utf-8"))
        for event in saved:
            self._pipeline.load_lora_weights(str(job.path / event["lora"]))
            reading = self._read(self._make(person.prompts(TRIGGER)[:PROBES], seed=person.number))
            self._pipeline.unload_lora_weights()
            if scores.likeness(reading, person.who, self._sigma, person.number).error <= threshold:
                return event["step"], round(result["training_seconds"] * event["step"] / result["steps"], 1)
        return None, None

    def _make(self, prompts: list[str], seed: int) -> NDArray[np.uint8]:
        pictures = self._pipeline(
            prompts,
            width=128,
            height=128,
            num_inference_steps=16,
            guidance_scale=GUIDANCE,
            max_sequence_length=MAX_TEXT_TOKENS,
            generator=[torch.Generator().manual_seed(seed * 1000 + i) for i in range(len(prompts))],
            output_type="np",
        ).images
        made: NDArray[np.uint8] = (np.asarray(pictures) * 255).round().astype(np.uint8)
        return made

    @torch.no_grad()
    def _round_trip(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        vae = self._pipeline.vae
        made = vae.decode(vae.encode(pictures_to_tensor(pictures)).latent_dist.mean).sample.clamp(-1, 1)
        again: NDArray[np.uint8] = ((made + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        return again

    def _read(self, pictures: NDArray[np.uint8]) -> Reading:
        return read(self._reader, pictures_to_tensor(pictures))


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


def _means(runs: list[dict[str, Any]]) -> dict[str, float | None]:
    """The mean of every figure over the runs that have it."""
    means: dict[str, float | None] = {}
    for name, value in runs[0].items():
        if name in ("identity", "seed") or isinstance(value, dict):
            continue
        had = [run[name] for run in runs if run[name] is not None]
        means[name] = round(statistics.fmean(had), 3) if had else None
    return means


def _show(report: dict[str, Any]) -> None:
    mean, runs = report["mean"], report["runs"]
    reached = sum(run["threshold_step"] is not None for run in runs)
    print(f"\n{report['preset']}, {len(runs)} trainings, {time.strftime('%Y-%m-%d')}\n")
    print("| | base | with LoRA | floor (true drawings) |\n|---|---|---|---|")
    rows = {
        "error": "identity error (population SDs)",
        "categories_right": "identity words right",
        "top1_picture": "top-1 of 1,001, one picture",
        "top1_set": "top-1 of 1,001, all pictures",
        "rank_set": "rank among 1,001, all pictures",
        "obedience": "prompt obeyed (share)",
    }
    for name, title in rows.items():
        print(f"| {title} | {mean[f'base_{name}']} | {mean[name]} | {mean[f'floor_{name}']} |")
    print(f"| nearest training photo (RMS) | | {mean['nearest_photo']} | {mean['floor_nearest_photo']} |")
    print(f"\nobedience relative to the base model {mean['obedience_of_base']}; without the trigger word: pixels")
    print(f"{mean['drift_pixels']}/255, pull towards the person {mean['drift_pull']}; {mean['steps']:.0f} steps in")
    print(
        f"{mean['training_seconds']} s; identity error under {report['threshold']} reached by {reached} of {len(runs)},"
        f" on average at step {mean['threshold_step']}, {mean['threshold_seconds']} s"
    )


if __name__ == "__main__":
    main()
