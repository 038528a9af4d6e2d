"""`python . library`: characters, photos and captions for people who script."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from .. import log
from ..errors import IsengardError
from ..library.datasets import LAYOUTS, REPEATS
from ..library.shared import open_library
from ..trainer.job import ExitCode
from ..trainer.presets import FAMILIES
from . import library_captions as captions
from . import library_commands as commands
from . import library_files as files
from .library_answer import Answer

_EPILOG = """\
CHARACTER is a character's id, or its name where only one has it; PHOTO is the name of a photo's file.
Exit codes: 0 done; 1 some photos failed, and are named; 2 refused, nothing was changed; 3 stopped in between.
"""


def main(argv: list[str]) -> int:
    """Runs one command. Returns 0, SOME_FAILED, or another of `ExitCode`."""
    options = _parser().parse_args(argv)
    log.configure("error")
    try:
        library = open_library(options.root)
        try:
            answer: Answer = options.run(library, options)
        finally:
            library.close()
        answer.show(as_json=options.json)
        sys.stdout.flush()
    except IsengardError as error:
        if options.json:
            print(json.dumps({"error": error.as_dict()}, ensure_ascii=False, default=str))
        print(f"{error.code}: {error.message}\n  {error.hint}", file=sys.stderr)
        return ExitCode.REFUSED if error.status < 500 else ExitCode.FAILED
    except BrokenPipeError:  # whoever read what we write has gone; Python would complain when it closes the output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except KeyboardInterrupt:
        print("Stopped. What was done before stays.", file=sys.stderr)
        return ExitCode.FAILED
    return answer.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python . library",
        description=__doc__,
        epilog=_EPILOG,
        parents=[_everywhere(root=None, json=False)],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, help_: str) -> argparse.ArgumentParser:
        made = found.add_parser(
            name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.", parents=[_everywhere()]
        )
        made.set_defaults(run=run)
        return made

    _add_characters(command)
    _add_photos(command)
    _add_files(command)
    return parser


def _everywhere(**defaults: Any) -> argparse.ArgumentParser:
    """Options that stand before or behind the command. Behind it they have no defaults, which would undo the former."""
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    options.add_argument("--root", type=Path, metavar="DIR", help="the library's folder")
    options.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer for machines")
    options.set_defaults(**defaults)
    return options


def _add_characters(command: Any) -> None:
    listing = command("list", commands.list_, "list the characters, or the photos of one")
    listing.add_argument("character", nargs="?", metavar="CHARACTER")
    listing.add_argument("--finding", action="append", default=[], metavar="CODE", help="photos with this finding")
    listing.add_argument("--text", default="", help="photos with these words in caption or name")
    create = command("create", commands.create, "make a character")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--trigger", default="", metavar="WORD", help="its trigger word (default: a rare one)")
    create.add_argument("--class", dest="class_word", default="person", metavar="WORD", help="default: %(default)s")
    create.add_argument("--notes", default="")
    create.add_argument(
        "--base",
        default="",
        choices=["", *FAMILIES],
        help="base model that the photos are judged for (default: the usual)",
    )
    report = command("report", commands.report, "take in what was changed by hand, and say what the photos are like")
    report.add_argument("character", metavar="CHARACTER")
    delete = command("delete", commands.delete, "put photos, or a whole character, into the trash")
    delete.add_argument("character", metavar="CHARACTER")
    delete.add_argument("photos", nargs="*", metavar="PHOTO")
    delete.add_argument("--whole", action="store_true", help="the character with all that is its own")
    restore = command("restore", commands.restore, "take something out of the trash")
    restore.add_argument("entry", metavar="ID")
    trash = command("trash", commands.trash, "list the trash, restore from it, or empty it for good")
    trash.add_argument("action", nargs="?", default="list", choices=["list", "restore", "empty"])
    trash.add_argument("entries", nargs="*", metavar="ID")
    trash.add_argument("--yes", action="store_true", help="empty it without asking: what is in it is gone for good")


def _add_photos(command: Any) -> None:
    add = command("add", commands.add, "add photos")
    add.add_argument("character", metavar="CHARACTER")
    add.add_argument("sources", nargs="+", type=Path, metavar="FILE|FOLDER", help="captions in .txt files come along")
    for name, help_ in (("reject", "put photos aside"), ("accept", "take photos back that were put aside")):
        made = command(name, commands.reject if name == "reject" else commands.accept, help_)
        made.add_argument("character", metavar="CHARACTER")
        made.add_argument("photos", nargs="+", metavar="PHOTO")
    keep = command("keep", commands.keep, "overrule findings of the report on a photo")
    keep.add_argument("character", metavar="CHARACTER")
    keep.add_argument("photo", metavar="PHOTO")
    keep.add_argument("findings", nargs="+", metavar="FINDING", help="blurred, no_face, …")
    keep.add_argument("--not", dest="back", action="store_true", help="take that back")
    caption = command("caption", captions.caption, "change the captions of a character's photos")
    caption.add_argument("character", metavar="CHARACTER", nargs="?")
    caption.add_argument("--photos", nargs="+", default=[], metavar="PHOTO", help="only these (default: all accepted)")
    what = caption.add_mutually_exclusive_group(required=True)
    what.add_argument("--prepend", metavar="TEXT")
    what.add_argument("--append", metavar="TEXT")
    what.add_argument("--replace", nargs=2, metavar=("TEXT", "BY"))
    what.add_argument("--remove-tag", metavar="TAG")
    what.add_argument("--set", metavar="TEXT", help="the same caption for all")
    what.add_argument("--place-trigger", action="store_true", help="the trigger word in front where it is missing")
    what.add_argument("--describe", metavar="CAPTIONER", help="write captions: plain needs no model; florence2")
    what.add_argument("--undo", metavar="ID", help="take a change back")
    caption.add_argument("--regex", action="store_true", help="--replace takes a regular expression")
    caption.add_argument("--model", type=Path, metavar="DIR", help="the captioner's model")
    caption.add_argument("--overwrite", action="store_true", help="describe photos that have a caption, too")
    caption.add_argument("--preview", action="store_true", help="only show what would change")


def _add_files(command: Any) -> None:
    export = command("export", files.export, "write a character with all that is its own to a zip archive")
    export.add_argument("character", metavar="CHARACTER")
    export.add_argument("file", metavar="FILE.zip", help="a new file, or - for standard output")
    export.add_argument("--no-originals", action="store_true", help="without the photos as they were given")
    export.add_argument("--no-loras", action="store_true", help="without the LoRAs")
    bring = command("import", files.import_, "bring in an exported character, or make one of a dataset")
    bring.add_argument("source", type=Path, metavar="FILE.zip|FOLDER")
    bring.add_argument("--name", default="", help="of a character that is made of photos (default: the folder's)")
    dataset = command("dataset", files.dataset, "write a character's accepted photos as a dataset for other trainers")
    dataset.add_argument("character", metavar="CHARACTER")
    dataset.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")
    dataset.add_argument("--layout", default="plain", choices=LAYOUTS, help="default: %(default)s")
    dataset.add_argument("--repeats", type=int, default=REPEATS, help="in kohya's layout (default: %(default)s)")
    dataset.add_argument("--as-they-are", action="store_true", help="don't put the trigger word into captions")
