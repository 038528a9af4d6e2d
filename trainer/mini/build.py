"""`python . mini build`: makes the embedded model from nothing. Each stage leaves a file in the work folder and is
skipped when it is there.

Killed at any moment, the same command goes on: training stages from their last checkpoint, drawing from the last whole
file. On two processor cores it takes about three hours; `torchrun --nproc-per-node 2 __main__.py mini build` is the
faster way to use two cores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import CHARACTER_DIR, MODEL_DIR

if TYPE_CHECKING:
    import torch

    from .autoencoder import AutoencoderPlan
    from .distil import DistilPlan
    from .pretrain import PretrainPlan
    from .reader_training import ReaderPlan


@dataclass(frozen=True)
class BuildPlan:
    """Everything that decides what a build makes. Another plan needs another work folder: the plan is written there and
    compared."""

    pictures: int
    autoencoder: AutoencoderPlan
    pretrain: PretrainPlan
    distil: DistilPlan
    reader: ReaderPlan
    seed: int = field(default=1)


def full_plan(compiled: bool = False) -> BuildPlan:
    """The plan of the shipped weights, in one go.

    Theirs were trained in several runs that went on from one another and add up to about these steps, the first of them
    on a world with more ways to take a picture; the reader had 2,100 steps, and the decoder was not polished. A build
    from nothing should score as they do, but will not be the same.
    """
    from .autoencoder import AutoencoderPlan
    from .distil import DistilPlan
    from .pretrain import PretrainPlan
    from .reader_training import ReaderPlan

    return BuildPlan(24_000, AutoencoderPlan(), PretrainPlan(compiled=compiled), DistilPlan(), ReaderPlan())


def quick_plan() -> BuildPlan:
    """A smoke test of every stage, in well under a minute. What it makes cannot draw anything."""
    from .autoencoder import AutoencoderPlan
    from .distil import DistilPlan
    from .pretrain import PretrainPlan
    from .reader_training import ReaderPlan

    return BuildPlan(
        64,
        AutoencoderPlan(steps=4, whole=1, batch=4, polish=2, save_every=2),
        PretrainPlan(steps=4, batch=4, save_every=2),
        DistilPlan(steps=4, batch=4, save_every=2),
        ReaderPlan(steps=4, batch=4, reconstructed=8, fresh=8, save_every=2),
    )


def build(plan: BuildPlan, work: Path, out: Path, device: torch.device) -> None:
    """Run every stage that is not done and write the model folder, whole or not at all."""
    import torch

    from .autoencoder import encode_all, polish_decoder, train_autoencoder
    from .data import draw_all, shapes
    from .distil import distil
    from .parallel import join, wait_for_all
    from .pretrain import pretrain
    from .reader_training import train_reader

    rank, world = join()
    torch.set_num_threads(max(1, torch.get_num_threads() // world))
    sizes = shapes(plan.pictures)
    _check_plan(plan, work)
    if rank == 0:
        draw_all(sizes, work)
    wait_for_all(world)
    if not (work / "autoencoder.pt").exists():
        train_autoencoder(plan.autoencoder, sizes, work, device, plan.seed)
    wait_for_all(world)
    encode_all(sizes, work, device)
    if not (work / "pretrained.pt").exists():
        pretrain(plan.pretrain, sizes, work, device, plan.seed)
    wait_for_all(world)
    if not (work / "distilled.pt").exists():
        distil(plan.distil, sizes, work, device, plan.seed)
    wait_for_all(world)
    if not (work / "polished.pt").exists():
        polish_decoder(plan.autoencoder, sizes, work, device, plan.seed)
    wait_for_all(world)
    if not (work / "reader.pt").exists():
        train_reader(plan.reader, sizes[0], work, device, plan.seed)
    if rank == 0:
        export(plan, work, out)


def export(plan: BuildPlan, work: Path, out: Path) -> None:
    """Put the parts of a work folder together as a pipeline folder, measure the reader, then replace `out`."""
    import torch

    from .architecture import save_components
    from .autoencoder import load_autoencoder
    from .pretrain import load_pretrained
    from .reader_training import publish_reader

    cpu = torch.device("cpu")
    components = load_pretrained(work / "pretrained.pt", plan.seed, cpu)
    if (work / "distilled.pt").exists():
        components.transformer.load_state_dict(torch.load(work / "distilled.pt", map_location=cpu, weights_only=True))
    components.vae = load_autoencoder(work, cpu)
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".mini-", dir=out.parent))
    try:
        save_components(components, aside)
        if (work / "reader.pt").exists():
            publish_reader(plan.reader, work, aside / "reader", cpu)
        aside.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    print(f"wrote {out}: {sum(f.stat().st_size for f in out.rglob('*') if f.is_file()) / 1e6:.1f} MB", flush=True)


def _check_plan(plan: BuildPlan, work: Path) -> None:
    """Refuse to go on with a work folder that another plan began."""
    work.mkdir(parents=True, exist_ok=True)
    path, text = work / "plan.json", json.dumps(repr(plan))
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise ValueError(
            f"{work} was begun with another plan; choose another --work or delete it. It says: "
            + path.read_text(encoding="utf-8")
        )
    path.write_text(text, encoding="utf-8")


def main(argv: list[str]) -> int:
    """The `mini` command."""
    parser = argparse.ArgumentParser(prog="mini", description="The embedded base model.")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="make the model from nothing, or go on with a build")
    make.add_argument("--quick", action="store_true", help="a smoke test of every stage (needs --out)")
    make.add_argument(
        "--work",
        type=Path,
        default=Path("build/mini"),
        help="folder for pictures and checkpoints (default: build/mini)",
    )
    make.add_argument("--out", type=Path, help="where the model goes (default: into the pack)")
    make.add_argument(
        "--compile", action="store_true", help="pretrain with compiled code: faster, needs a C++ compiler"
    )
    make.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    character = commands.add_parser("character", help="draw the bundled character's photos again")
    character.add_argument("--out", type=Path, default=CHARACTER_DIR)
    options = parser.parse_args(argv)
    if options.command == "character":
        from .bundled import draw_character

        draw_character(options.out)
        return 0
    if options.quick and options.out is None:
        parser.error("--quick needs --out: what it makes must not replace the shipped model")
    import torch

    plan = quick_plan() if options.quick else full_plan(options.compile)
    build(plan, options.work, options.out or MODEL_DIR, torch.device(options.device))
    return 0
