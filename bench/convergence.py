"""Which settings bring the embedded model nearest to a person in the same number of photos seen.

    python bench/convergence.py --out FILE.json [--people 5] [--parallel 2] [--only timesteps,rank]

Every variant is trained with each of its learning rates on the same people, one seed each: the best rate counts, so
that no method loses by a rate that was tuned for another. All trainings see as many photos (steps × batch size), but
for `length`. Scores are those of bench/identity.py: error in population SDs (less is better), the share of the prompt
that is obeyed relative to the base model, and the pull of pictures without the trigger word towards the person (0 is
none). Beside a mean stands the standard error of its difference to the usual setting, person by person. What is in
FILE.json is not trained again, and the table is printed after every variant.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from loader import load_package  # noqa: E402

load_package(ROOT)

from isengard.bench.identity import Bench, Person, train  # noqa: E402

USUAL = "usual"
_COMMON: dict[str, Any] = {"steps": 200, "sample_every": 0, "save_every": 200, "warmup_steps": 10}


@dataclass(frozen=True)
class Variant:
    """A way to train that is compared."""

    group: str
    name: str
    rates: tuple[float, ...]
    changes: dict[str, Any] = field(default_factory=dict)


VARIANTS = (
    Variant(USUAL, "logit-normal-shift, all linears, rank 16, batch 4", (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)),
    Variant("timesteps", "uniform", (2e-3, 4e-3), {"timesteps": "uniform"}),
    Variant("lora+", "LoRA+ ratio 16", (5e-4, 1e-3, 2e-3), {"lora_plus_ratio": 16}),
    Variant("batch", "batch 8, 100 steps", (2e-3, 4e-3), {"batch_size": 8, "steps": 100, "save_every": 100}),
    Variant("preservation", "class preservation 0.25", (2e-3, 4e-3), {"class_preservation": 0.25}),
    Variant("preservation", "class preservation 1", (4e-3,), {"class_preservation": 1.0}),
    Variant("ema", "EMA 0.98", (4e-3,), {"ema_decay": 0.98}),
    Variant("timesteps", "logit-normal", (4e-3,), {"timesteps": "logit-normal"}),
    Variant("rank", "rank 4", (4e-3,), {"rank": 4}),
    Variant("blocks", "attention only", (4e-3,), {"targets": "attention"}),
    Variant("length", "twice as long", (2e-3, 4e-3), {"steps": 400, "save_every": 400, "warmup_steps": 20}),
    Variant("lora+", "LoRA+ ratio 4", (1e-3, 2e-3), {"lora_plus_ratio": 4}),
    Variant("rank", "rank 64", (1e-3, 2e-3), {"rank": 64}),
    Variant("blocks", "likeness blocks only", (2e-3, 4e-3), {"targets": "likeness-blocks"}),
    Variant("batch", "batch 1, 800 steps", (5e-4, 1e-3),
            {"batch_size": 1, "steps": 800, "save_every": 800, "warmup_steps": 40}),
)  # fmt: skip


def main() -> None:
    """Trains, scores, writes and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--only", default="", help="groups of variants, with commas; the usual one is always there")
    options = parser.parse_args()
    wanted = {USUAL, *filter(None, options.only.split(","))} if options.only else {item.group for item in VARIANTS}
    runs: list[dict[str, Any]] = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else []
    people = [Person(number) for number in range(options.people)]
    bench = Bench()
    for person in people:
        bench.prepare(person)
    with tempfile.TemporaryDirectory(prefix="isengard-convergence-") as folder:
        for variant in (item for item in VARIANTS if item.group in wanted):
            for rate in variant.rates:
                known = {run["identity"] for run in runs if (run["name"], run["rate"]) == (variant.name, rate)}
                left = [person for person in people if person.number not in known]
                runs += _run(bench, variant, rate, left, Path(folder), options.parallel)
                options.out.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
            print(f"\n{table(runs)}", flush=True)


def _run(
    bench: Bench, variant: Variant, rate: float, people: list[Person], folder: Path, parallel: int
) -> list[dict[str, Any]]:
    changes = {**_COMMON, **variant.changes, "learning_rate": rate}
    with ThreadPoolExecutor(parallel) as pool:
        jobs = list(
            pool.map(
                lambda who: train(folder / str(who.number), who, "quick", {**changes, "seed": who.number + 1}), people
            )
        )
    found = []
    for person, job in zip(people, jobs, strict=True):
        scores = bench.score(person, job, person.number + 1, None)
        kept = ("identity", "seed", "error", "rank_set", "obedience_of_base", "drift_pull", "steps", "training_seconds")
        found.append({"name": variant.name, "rate": rate, **{name: scores[name] for name in kept}})
        shutil.rmtree(job.path.parent)
    return found


def table(runs: list[dict[str, Any]]) -> str:
    """One row a variant, at its best rate, as Markdown."""
    usual = _best(runs, VARIANTS[0].name)
    lines = ["| variant | rate | identity error | against usual | obedience | pull |", "|---|---|---|---|---|---|"]
    for name in dict.fromkeys(run["name"] for run in runs):
        best = _best(runs, name)
        apart = [run["error"] - usual[who]["error"] for who, run in best.items() if who in usual]
        error, obeyed, pull = (
            statistics.fmean(run[key] for run in best.values()) for key in ("error", "obedience_of_base", "drift_pull")
        )
        spread = statistics.stdev(apart) / math.sqrt(len(apart)) if len(apart) > 1 else math.nan
        against = "–" if best is usual or name == VARIANTS[0].name else f"{statistics.fmean(apart):+.3f} ± {spread:.3f}"
        rate = next(iter(best.values()))["rate"]
        lines.append(f"| {name} | {rate:g} | {error:.3f} | {against} | {obeyed:.2f} | {pull:.2f} |")
    return "\n".join(lines)


def _best(runs: list[dict[str, Any]], name: str) -> dict[int, dict[str, Any]]:
    """By person, the runs of a variant at the rate with the least mean error."""
    rates: dict[float, dict[int, dict[str, Any]]] = {}
    for run in runs:
        if run["name"] == name:
            rates.setdefault(run["rate"], {})[run["identity"]] = run
    return min(rates.values(), key=lambda found: statistics.fmean(run["error"] for run in found.values()), default={})


if __name__ == "__main__":
    main()
