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
import dataclasses
import hashlib
import json
import platform
import statistics
import struct
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
from torch import Tensor, nn  # noqa: E402

from isengard.trainer.backends.native.adapter import Adapter  # noqa: E402
from isengard.trainer.backends.native.attention import attention  # noqa: E402
from isengard.trainer.backends.native.compiled import Compiler  # noqa: E402
from isengard.trainer.backends.native.fitting import build, features, free_memory  # noqa: E402
from isengard.trainer.backends.native.optimizers import make_optimizer  # noqa: E402
from isengard.trainer.config import BaseFiles, TrainingConfig  # noqa: E402
from isengard.trainer.families import load_family  # noqa: E402
from isengard.trainer.job import JobFolder, PhotoEntry, read_events  # noqa: E402
from isengard.trainer.memory_plan import choose_plan  # noqa: E402

PIECES = ("speed", "plans", "curve", "bare", "phases")
FORMS = ("full", "fp8", "int8", "nf4")
CARDS = (24, 16, 12, 8)
TARGETS = {("full", 512, 1): 85, ("full", 768, 1): 170, ("full", 1024, 1): 310, ("fp8", 512, 1): 65}
"""Milliseconds a step on an H200, with 512 text tokens."""
TINY = {
    "num_layers": 2, "num_single_layers": 3, "attention_head_dim": 32, "num_attention_heads": 4,
    "joint_attention_dim": 64, "pooled_projection_dim": 32, "guidance_embeds": True, "axes_dims_rope": (8, 12, 12),
}  # fmt: skip
FAMILY = load_family("flux1-dev")


def main() -> None:
    """Prints a table a piece and, with --json, adds the figures to a file."""
    options = _options()
    if options.child:
        print(json.dumps(_CHILDREN[options.child["what"]](options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.tiny:
            options.model = _tiny_model(Path(folder))
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
    if task.get("form") == "nf4" and not features(_device()).nf4:
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


# --- one measurement


def _step(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a step of our own loop's work, peak memory, and the estimate."""
    device = _device()
    config = _config(options)
    free = _cap(options.child.get("card"), device)
    plan = choose_plan(config, free, features(device), on_gpu=device.type == "cuda")
    begun = time.perf_counter()
    compiler = Compiler(lambda text: print(text, file=sys.stderr), sizes=1) if options.compile == "on" else None
    transformer, adapter = build(config, FAMILY, plan, device, _dtype(device), compiler=compiler)
    loaded = time.perf_counter() - begun
    with attention(options.attention, device):
        seconds, first, _ = _train(config, transformer, adapter, options.steps, device)
    return {
        **_figures(seconds, first, config, device),
        "load_s": round(loaded, 2),
        "plan": plan.as_dict(),
        "estimated_bytes": plan.need.total if options.model.is_file() else None,  # it is of the true shape
    }


def _curve(options: argparse.Namespace) -> dict[str, Any]:
    """Losses of the same steps in one format."""
    device = _device()
    config = _config(options)
    plan = choose_plan(config, free_memory(device), features(device), on_gpu=device.type == "cuda")
    transformer, adapter = build(config, FAMILY, plan, device, _dtype(device))
    _, _, losses = _train(config, transformer, adapter, max(options.steps, 10), device)
    return {"losses": [round(loss, 6) for loss in losses]}


def _bare(options: argparse.Namespace) -> dict[str, Any]:
    """The way of diffusers' example: peft in fp32 under autocast, every block recomputed."""
    from peft import LoraConfig, inject_adapter_in_model

    device = _device()
    config = _config(options)
    transformer = FAMILY.load_transformer(config, _dtype(device)).to(device)
    names = FAMILY.lora_targets(transformer, config.targets)
    inject_adapter_in_model(LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=names), transformer)
    trained = [parameter for name, parameter in transformer.named_parameters() if "lora_" in name]
    for parameter in transformer.parameters():
        parameter.requires_grad_(False)
    for parameter in trained:
        parameter.data = parameter.data.float()
        parameter.requires_grad_(True)
    transformer.enable_gradient_checkpointing()
    transformer.train()
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate)
    seconds: list[float] = []
    for number in range(options.steps + 3):
        batch = _batch(config, number, device, transformer)
        began = _moment(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = _losses(transformer, batch).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(_moment(device) - began)
    return _figures(seconds[3:], seconds[0], config, device)


def _phases(options: argparse.Namespace) -> dict[str, Any]:
    """A job from a filled cache to its LoRA, by the events' clock."""
    from isengard import log
    from isengard.trainer.run import run_job

    with tempfile.TemporaryDirectory() as folder:
        job = _job(Path(folder) / "job", options)
        log.configure("error")
        begun = time.time()
        code = run_job(job.path)
        ended = time.time()
        assert code == 0, code
        events = read_events(job.events_file)
    told = {event["state"]: _when(event) for event in events if event["type"] == "state"}
    first = _when(next(event for event in events if event["type"] == "loss"))
    paces = [event["seconds_per_step"] for event in events if event.get("phase") == "train"]
    step = statistics.median(paces[1:] or paces)
    return {
        "load_s": round(told["training"] - begun, 2),
        "first_report_s": round(first - told["training"], 2),
        "train_s": round(told["done"] - told["training"], 2),
        "step_ms": round(step * 1000, 2),
        "steps": len([event for event in events if event["type"] == "loss"]),
        "total_s": round(ended - begun, 2),
        "peak_bytes": _peak(_device()),
    }


_CHILDREN = {"step": _step, "curve": _curve, "bare": _bare, "phases": _phases}


# --- what they share


def _config(options: argparse.Namespace) -> TrainingConfig:
    task = options.child
    return TrainingConfig(
        name="Bench",
        trigger_word="ohwx",
        family="flux1-dev",
        base=BaseFiles(transformer=str(options.model)),
        base_weights=task.get("form", "auto"),
        resolutions=(task["side"],),
        batch_size=task["batch"],
        max_text_tokens=options.text,
        attention=options.attention,
        sample_every=0,
    )


def _train(
    config: TrainingConfig, transformer: nn.Module, adapter: Adapter, steps: int, device: torch.device
) -> tuple[list[float], float, list[float]]:
    """Seconds of each measured step, of the first one (compiling is in it), and all losses.

    Batches are made beforehand. The clock is read with the device idle, before and after all measured steps together,
    as nothing in a step waits for it.
    """
    optimizer = make_optimizer(config, adapter.parameters)
    batches = [_batch(config, number, device, transformer) for number in range(steps + 3)]
    losses: list[Tensor] = []

    def step(number: int) -> None:
        loss = _losses(transformer, batches[number])
        loss.mean().backward()
        adapter.collect()
        torch.nn.utils.clip_grad_norm_(adapter.parameters.values(), config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        adapter.publish()
        losses.append(loss.detach().mean())

    began = _moment(device)
    step(0)
    first = _moment(device) - began
    for number in (1, 2):  # the allocator and the optimizer settle
        step(number)
    began = _moment(device)
    for number in range(3, steps + 3):
        step(number)
    each = (_moment(device) - began) / steps
    return [each], first, torch.stack(losses).tolist()


def _batch(config: TrainingConfig, number: int, device: torch.device, transformer: nn.Module) -> tuple[Any, ...]:
    draw = torch.Generator().manual_seed(number)
    shape: Any = transformer.config
    count, side = config.batch_size, config.resolutions[0] // 8

    def random(*size: int) -> Tensor:
        return torch.randn(*size, generator=draw)

    words = {
        "text": random(count, config.max_text_tokens, shape.joint_attention_dim).to(device, _dtype(device)),
        "pooled": random(count, shape.pooled_projection_dim).to(device, _dtype(device)),
    }
    latents, noise = random(count, 16, side, side).to(device), random(count, 16, side, side).to(device)
    return latents, noise, torch.sigmoid(random(count)).to(device), words


def _losses(transformer: nn.Module, batch: tuple[Any, ...]) -> Tensor:
    latents, noise, times, words = batch
    return FAMILY.loss(transformer, latents, noise, times, words, 1.0)


def _figures(seconds: list[float], first: float, config: TrainingConfig, device: torch.device) -> dict[str, Any]:
    step = statistics.median(seconds)
    tokens = config.batch_size * ((config.resolutions[0] // 16) ** 2 + config.max_text_tokens)
    return {
        "step_ms": round(step * 1000, 2),
        "first_step_s": round(first, 2),
        "tokens_per_second": round(tokens / step),
        "peak_bytes": _peak(device),
    }


def _cap(card: int | None, device: torch.device) -> int | None:
    """Holds this process to what a desktop leaves free of such a card. Returns the free bytes."""
    if card is None or device.type != "cuda":
        return None if card is None else round(card * 1e9 * 0.94)
    total = torch.cuda.mem_get_info(device)[1]
    torch.cuda.set_per_process_memory_fraction(min(1.0, card * 1e9 * 0.94 / total), device)
    return free_memory(device)


def _device() -> torch.device:
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def _dtype(device: torch.device) -> torch.dtype:
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def _moment(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _peak(device: torch.device) -> int | None:
    """Most bytes that were reserved on the GPU; None on a processor, where they can't be told from the rest."""
    return int(torch.cuda.max_memory_reserved(device)) if device.type == "cuda" else None


def _when(event: dict[str, Any]) -> float:
    from datetime import datetime

    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


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


# --- checkpoints and jobs


def make_model(path: Path) -> None:
    """A checkpoint of FLUX.1-dev's shape in bf16: numbers of a usual size, written tensor by tensor."""
    from diffusers import FluxTransformer2DModel

    from isengard.trainer.families.flux1_weights import CONFIGS

    with torch.device("meta"):
        shape = FluxTransformer2DModel.load_config(str(CONFIGS / "transformer"), local_files_only=True)
        model = FluxTransformer2DModel.from_config(shape)
    shapes = {name: value.shape for name, value in model.named_parameters()}
    header: dict[str, Any] = {}
    at = 0
    for name, size in shapes.items():
        header[name] = {"dtype": "BF16", "shape": list(size), "data_offsets": [at, at := at + 2 * size.numel()]}
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    pool = torch.randn(1 << 24, generator=torch.Generator().manual_seed(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        for place, (name, size) in enumerate(shapes.items()):
            scaled = pool * 0.7 * size[-1] ** -0.5 if len(size) == 2 else 0.02 * pool + (not name.endswith("bias"))
            content = memoryview(scaled.bfloat16().roll(place * 99_991).view(torch.int16).numpy()).cast("B")
            for start in range(0, 2 * size.numel(), len(content)):
                file.write(content[: min(len(content), 2 * size.numel() - start)])


def _tiny_model(folder: Path) -> Path:
    from diffusers import FluxTransformer2DModel

    torch.manual_seed(0)
    FluxTransformer2DModel(**TINY).save_pretrained(folder / "model")
    return folder / "model"


def _job(path: Path, options: argparse.Namespace) -> JobFolder:
    """Twenty photos whose latents and words are encoded already, as random numbers."""
    from isengard.trainer.cache import Cache, images_of, texts_of, write_tensors

    side = options.child["side"]
    config = dataclasses.replace(
        _config(options), steps=options.steps * 10, warmup_steps=2, log_every=5, save_every=100_000,
        compile_blocks=options.compile,
    )  # fmt: skip
    photos = [
        PhotoEntry(
            id=str(number), file=f"photos/{number}.png", sha256=hashlib.sha256(bytes([number])).hexdigest(),
            caption=f"ohwx {number}", buckets=((side, side),),
        )
        for number in range(20)
    ]  # fmt: skip
    job = JobFolder.create(path, config, photos)
    cache = Cache(job.cache, "bench")
    cache.begin()
    for image in images_of(config, photos):
        write_tensors(cache.latents_file(*image), {"latents": torch.randn(16, side // 8, side // 8)})
    width, pooled = _widths(options.model)
    for text in texts_of(config, photos):
        write_tensors(cache.text_file(text), {"text": torch.randn(options.text, width), "pooled": torch.randn(pooled)})
    cache.decoder.mkdir()
    (cache.decoder / "config.json").write_text("{}")
    return job


def _widths(model: Path) -> tuple[int, int]:
    if model.is_file():
        return 4096, 768
    values = json.loads((model / "config.json").read_text(encoding="utf-8"))
    return values["joint_attention_dim"], values["pooled_projection_dim"]


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
