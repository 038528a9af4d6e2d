"""`python . generate`: makes pictures with a character of the library, a LoRA file, or the base model alone."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from .. import log, settings
from ..errors import IsengardError
from ..generator.aspects import ASPECTS
from ..generator.request import GenerationRequest, request_from_dict
from ..trainer.job import ExitCode
from . import base_files


def main(argv: list[str]) -> int:
    """Returns one of `ExitCode`."""
    if argv == ["--child"]:  # the process that makes the pictures, started by the generator
        from ..generator.diffusers.child import main as child

        return child()
    options = _parser().parse_args(argv)
    log.configure("warning")
    try:
        return asyncio.run(_generate(options))
    except IsengardError as error:
        print(f"{error.code}: {error.message}\n  {error.hint}", file=sys.stderr)
        return ExitCode.REFUSED if error.status < 500 else ExitCode.FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python . generate", description=__doc__)
    parser.add_argument("--prompt", default="", help="what to show; {trigger} stands for the trigger word")
    parser.add_argument("--character", default="", metavar="ID", help="a character of the library")
    parser.add_argument("--version", default="", metavar="ID", help="which of its LoRAs (default: the latest)")
    parser.add_argument("--lora", type=Path, metavar="FILE", help="a LoRA file, in place of a character")
    parser.add_argument("--trigger", default="", help="its trigger word (default: what the file says)")
    parser.add_argument("--class-word", default="", help="what it shows: person, woman, man, …")
    parser.add_argument("--strength", type=float, help="of the LoRA, 0–2 (default: the character's, or 1)")
    parser.add_argument("--base", choices=["mini", "flux1-dev"], help="base model (default: the LoRA's)")
    base_files.add_options(parser)
    parser.add_argument("--aspect", default="1:1", choices=ASPECTS, help="default: %(default)s")
    parser.add_argument("--count", type=int, default=1, help="pictures, 1–16 (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the first picture; the next ones count up (default: drawn)")
    parser.add_argument("--steps", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--guidance", type=float, default=3.5, help="default: %(default)s")
    parser.add_argument("--width", type=int, default=0, help="pixels, in place of the aspect's")
    parser.add_argument("--height", type=int, default=0, help="pixels, in place of the aspect's")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the pictures (default: the gallery)")
    return parser


def _request(options: argparse.Namespace) -> GenerationRequest:
    names = ("prompt", "aspect", "count", "steps", "guidance", "width", "height")
    values: dict[str, Any] = {name: getattr(options, name) for name in names}
    values |= {"family": options.base or settings.default_family(), "base": base_files.given(options)}
    if options.seed is not None:
        values["seed"] = options.seed
    if options.character and options.lora:
        raise IsengardError("USAGE", "Give either --character or --lora, not both.")
    if options.character:
        values |= _of_character(options)
    elif options.lora:
        values |= _of_file(options)
    if not values["base"]:
        values["base"] = _found_here(values["family"])
    return request_from_dict(values)


def _found_here(family: str) -> dict[str, str]:
    from ..web import generating

    return dict(vars(generating.base_files(family)))


def _of_character(options: argparse.Namespace) -> dict[str, Any]:
    from dataclasses import asdict

    from ..library.shared import open_library
    from ..web.generating import base_of, choose_lora, use_of

    library = open_library()
    lora = choose_lora(library, options.character, options.version, options.base or "")
    use = asdict(use_of(library, lora, options.strength))
    base = base_files.given(options) or asdict(base_of(library, lora))
    return {"family": options.base or lora.family, "base": base, "loras": [use]}


def _of_file(options: argparse.Namespace) -> dict[str, Any]:
    from ..trainer.lora_file import read_lora_metadata

    notes = read_lora_metadata(options.lora)
    use = {
        "file": str(options.lora.expanduser().resolve()),
        "strength": 1.0 if options.strength is None else options.strength,
        "trigger_word": options.trigger or notes.get("isengard.trigger_word", ""),
        "class_word": options.class_word,
    }
    found: dict[str, Any] = {"loras": [use]}
    if not options.base and notes.get("isengard.family"):
        found["family"] = notes["isengard.family"]
    return found


async def _generate(options: argparse.Namespace) -> int:
    from ..generator import load_generator

    request = _request(options)
    if request.prompt.strip() != request.sent:
        print(f"Prompt: {request.sent}")
    cancelled = asyncio.Event()
    _heed_interrupts(cancelled)
    with tempfile.TemporaryDirectory() as folder:
        generator = load_generator(request.generator, Path(folder))
        try:
            made = await _show(generator.run(request, Path(folder), cancelled), request, options.out)
        finally:
            await generator.close()
    return ExitCode.DONE if made == request.count else ExitCode.CANCELLED


async def _show(run: Any, request: GenerationRequest, out: Path | None) -> int:
    """Shows the events and keeps the pictures; returns how many there were."""
    from tqdm import tqdm

    made = 0
    with tqdm(total=request.count * request.steps, desc="Pictures", file=sys.stderr) as bar:
        async with aclosing(run) as events:
            async for event in events:
                if event["type"] == "progress":
                    bar.set_postfix_str("", refresh=False)
                    bar.update(event["picture"] * request.steps + event["step"] - bar.n)
                elif event["type"] == "loading":
                    bar.set_postfix_str(event["message"])
                elif event["type"] == "picture":
                    made += 1
                    tqdm.write(_keep(Path(event["file"]), request, event["picture"], out))
    return made


def _keep(file: Path, request: GenerationRequest, picture: int, out: Path | None) -> str:
    import shutil

    from ..files import told_plainly

    if out is None:
        from ..library import gallery
        from ..library.shared import open_library

        library = open_library()
        return str(gallery.path_of(library, gallery.add(library, file, request.settings(picture)).id))
    target = out / f"{request.seed + picture}.png"
    with told_plainly(target):
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return str(target)


def _heed_interrupts(cancelled: asyncio.Event) -> None:
    """Ctrl+C ends the work in order, where the system lets us hear of it."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, RuntimeError):
        loop.add_signal_handler(signal.SIGINT, cancelled.set)
        loop.add_signal_handler(signal.SIGTERM, cancelled.set)
