"""The library commands that write and read archives and dataset folders."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from ..library import datasets, exchange
from ..library.importing import import_character
from ..library.store import Library
from .library_answer import Answer, bar, counted
from .library_commands import find


def export(library: Library, options: argparse.Namespace) -> Answer:
    """Writes an archive; to standard output it goes alone, and what is to be said about it to standard error."""
    to_pipe = options.file == "-"
    done = exchange.export(
        library,
        find(library, options.character).id,
        sys.stdout.buffer if to_pipe else Path(options.file).expanduser().absolute(),
        originals=not options.no_originals,
        loras=not options.no_loras,
    )
    for warning in done.warnings:
        print(f"Note: {warning}", file=sys.stderr)
    if to_pipe:
        return Answer(None)
    line = f"{options.file}: {counted(done.photos, 'photo')}, {counted(done.loras, 'LoRA')}, {done.bytes / 1e6:.1f} MB."
    return Answer({**asdict(done), "file": options.file}, [line])


def import_(library: Library, options: argparse.Namespace) -> Answer:
    """Brings in an archive, or makes a character of a folder."""
    source = options.source.expanduser()
    with bar("Looking at photos", quiet=options.json) as shown:
        if source.is_dir():
            came = datasets.import_folder(library, source, name=options.name, progress=shown.advance)
        else:
            came = import_character(library, source, name=options.name, progress=shown.advance)
    for warning in came.warnings:
        print(f"Note: {warning}", file=sys.stderr)
    character = came.character
    body = {
        "character": character.as_dict(),
        "photos": came.photos,
        "loras": came.loras,
        "warnings": list(came.warnings),
    }
    line = f"{character.id}: {character.name}, trigger word {character.trigger_word}, {counted(came.photos, 'photo')}"
    return Answer(body, [f"{line}, {counted(came.loras, 'LoRA')}."])


def dataset(library: Library, options: argparse.Namespace) -> Answer:
    """Writes a dataset folder."""
    done = datasets.write(
        library,
        find(library, options.character).id,
        options.folder,
        layout=options.layout,
        repeats=options.repeats,
        place=not options.as_they_are,
    )
    body = {"folder": str(done.folder), "photos": done.photos, "captions": done.captions}
    return Answer(body, [f"{done.folder}: {counted(done.photos, 'photo')}, {counted(done.captions, 'caption')}."])
