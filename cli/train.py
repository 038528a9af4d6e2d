"""`python . train`: makes a job from a folder of photos or a character and runs it, or runs or resumes a job folder."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import log, settings
from ..errors import IsengardError
from ..trainer.backends import load_backend
from ..trainer.job import ExitCode, JobFolder, TrainingConfig
from ..trainer.plan import change_config, make_job, train_again
from ..trainer.presets import PRESETS, preset_config
from . import base_files
from .console import Progress
from .likeness import measure_and_tell


def main(argv: list[str]) -> int:
    """Returns one of `ExitCode`."""
    options = _parser().parse_args(argv)
    log.configure(options.log_level or ("warning" if not options.quiet else settings.log_level()))
    try:
        job = _make(options) if options.photos or options.character else _open(options)
        return _run(job, options)
    except IsengardError as error:
        print(f"{error.code}: {error.message}\n  {error.hint}", file=sys.stderr)
        return ExitCode.LOCKED if error.code == "JOB_LOCKED" else ExitCode.REFUSED


def _parser() -> argparse.ArgumentParser:
    settings_help = ", ".join(item.name for item in dataclasses.fields(TrainingConfig))
    parser = argparse.ArgumentParser(prog="python . train", description=__doc__, epilog=f"Settings: {settings_help}.")
    parser.add_argument("job", nargs="?", type=Path, help="job folder to run or resume")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="folder of photos: makes a new job")
    parser.add_argument(
        "--character", default="", metavar="ID", help="a character of the library, in place of --photos"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="the library's folder")
    parser.add_argument("--trigger", default="", help="word that stands for the character (default: its own, or ohwx)")
    parser.add_argument("--name", default="", help="the character's name (default: its own, or the photo folder's)")
    parser.add_argument("--class-word", default="", help="person, woman, man, … (default: its own, or person)")
    parser.add_argument("--preset", default="balanced", choices=sorted(PRESETS), help="default: %(default)s")
    parser.add_argument("--base", default=settings.default_family(), choices=["mini", "flux1-dev"], help="base model")
    base_files.add_options(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the new job's folder")
    parser.add_argument("--again", action="store_true", help="make a new job out of a job folder, into --out")
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE", help="change any setting")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="train with N processes (GPUs)")
    parser.add_argument("--prepare", action="store_true", help="only encode photos and words")
    parser.add_argument("--correlation-id", default="", help=argparse.SUPPRESS)
    parser.add_argument("--log-level", default="", choices=log.LEVELS)
    parser.add_argument("--lifeline", action="store_true", help="end when standard input is closed")
    parser.add_argument("--quiet", action="store_true", help="no progress bars; log lines instead")
    return parser


def _make(options: argparse.Namespace) -> JobFolder:
    if options.job is not None or (options.photos and options.character):
        raise IsengardError("USAGE", "Give one of a job folder, --photos and --character.")
    photos, known = _of_character(options) if options.character else (options.photos, {})
    known = {"name": photos.resolve().name, "trigger_word": "ohwx", "class_word": "person", **known}
    given = {"name": options.name, "trigger_word": options.trigger, "class_word": options.class_word}
    changes = {**known, **{key: value for key, value in given.items() if value}, **_changes(options.set)}

    def config(count: int) -> TrainingConfig:
        made = preset_config(options.preset, options.base, count, **changes, base=base_files.given(options))
        load_backend(made.backend).check(made)  # before anything is written
        return made

    made = make_job(_out(options), config, photos, correlation_id=_correlation_id(options))
    for warning in made.warnings:
        print(f"Note: {warning}", file=sys.stderr)
    return made.job


def _of_character(options: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """The folder of a character's accepted photos, once hand-made changes are taken in, and what it is called."""
    from ..library.adoption import take_in
    from ..library.shared import open_library
    from .library_commands import find

    library = open_library(options.root)
    try:
        character = find(library, options.character)
        for item in take_in(library, character.id):
            if item.error:
                print(f"Note: {item.file} is left out: {item.error.message}", file=sys.stderr)
    finally:
        library.close()
    names = {"name": character.name, "trigger_word": character.trigger_word, "class_word": character.class_word}
    return library.folder(character.id).images, names


def _open(options: argparse.Namespace) -> JobFolder:
    if options.job is None:
        raise IsengardError("USAGE", "Give a job folder, or --photos DIR or --character ID to make one.")
    job = JobFolder.open(options.job)
    changes = _changes(options.set)
    if base := base_files.given(options):
        changes["base"] = {**dataclasses.asdict(job.config().base), **base}
    if options.again:
        return train_again(job, _out(options), changes, correlation_id=_correlation_id(options))
    if changes:
        change_config(job, changes)
    return job


def _out(options: argparse.Namespace) -> Path:
    jobs = (options.root or settings.volume_root()) / "jobs"
    return options.out or jobs / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")


def _correlation_id(options: argparse.Namespace) -> str:
    return options.correlation_id or log.new_correlation_id()


def _run(job: JobFolder, options: argparse.Namespace) -> int:
    if options.processes != 1 and settings.world_size() == 1 and not options.prepare:
        return _launch(job, options)
    from ..trainer.run import run_job

    progress = None if options.quiet or settings.rank() else Progress()
    code = run_job(
        job.path,
        correlation_id=options.correlation_id,
        lifeline=options.lifeline,
        only_prepare=options.prepare,
        listener=progress,
    )
    if progress:
        progress.close()
    if not options.quiet and settings.rank() == 0:
        _conclude(job, (options.root or settings.volume_root()) / "models")
    return code


def _launch(job: JobFolder, options: argparse.Namespace) -> int:
    """Starts this same command N times."""
    from ..trainer.launch import train_together

    again = ["train", str(job.path.resolve()), *(["--quiet"] if options.quiet else [])]
    again += ["--correlation-id", options.correlation_id] if options.correlation_id else []
    again += ["--log-level", options.log_level] if options.log_level else []
    return train_together(job.config(), options.processes, again, lifeline=options.lifeline)


def _conclude(job: JobFolder, models: Path) -> None:
    state = job.state()
    if state.state == "done":
        result = json.loads(job.result_file.read_text(encoding="utf-8"))
        print(f"LoRA:    {job.path / result['lora']}\nSamples: {job.samples}")
        measure_and_tell(job, models)
        print("Next:    put the LoRA into ComfyUI's models/loras.")
    elif state.state != "failed":
        print(
            f"{state.state} at step {state.step} of {state.steps}. Resume: python {settings.PACK.name} train {job.path}"
        )


def _changes(pairs: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise IsengardError("USAGE", f"--set takes SETTING=VALUE, got {pair!r}.")
        if key.strip() == "base":
            raise IsengardError("USAGE", "The base model's files have options of their own: --transformer FILE, …")
        kind = {item.name: str(item.type) for item in dataclasses.fields(TrainingConfig)}.get(key.strip(), "")
        changes[key.strip()] = _parse(value, kind)
    return changes


def _parse(value: str, kind: str) -> Any:
    if kind == "str":
        return value
    if kind == "tuple[int, ...]":
        return [_parse(part, "int") for part in value.split(",")]
    if kind == "tuple[str, ...]":
        return [part.strip() for part in value.split("|") if part.strip()]
    try:
        return json.loads(value.lower())
    except ValueError:
        return value  # the config's own check says what is wrong with it
