"""Pictures from the command line: with a LoRA file, with a character of the library, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from isengard import settings
from isengard.library import characters, gallery_index, loras
from isengard.library.store import Library
from isengard.media.png import read_settings
from isengard.tests.generator.files import write_random_lora
from isengard.tests.warm.interpreter import taken_for
from isengard.trainer.job import ExitCode


def generate(*arguments: object, root: Path) -> subprocess.CompletedProcess[str]:
    """`python . generate …` with a library in `root`."""
    command = [taken_for(sys.executable), str(settings.PACK), "generate", *map(str, arguments)]
    environment = {**os.environ, "VOLUME_ROOT": str(root), "ISENGARD_MODE": "fast-test"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
    )


@pytest.mark.slow
def test_a_lora_file_makes_pictures_without_a_library(tmp_path: Path) -> None:
    """Its notes say for which base model it is and its trigger word; the seeds count up from the one that is given."""
    lora = write_random_lora(tmp_path / "ada.safetensors", "mini")
    out = tmp_path / "pictures"
    done = generate(
        "--lora", lora, "--prompt", "smiling", "--aspect", "4:3", "--count", 2, "--seed", 7, "--steps", 2, "--out", out,
        root=tmp_path / "library",
    )  # fmt: skip
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "ohwx, smiling" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["7.png", "8.png"]
    with Image.open(out / "8.png") as image:
        assert image.size == (144, 112)
    assert read_settings(out / "8.png")["seed"] == 8
    assert not (tmp_path / "library").exists()


@pytest.mark.slow
def test_a_characters_pictures_go_into_the_gallery(tmp_path: Path) -> None:
    """With the character's latest LoRA at its usual strength."""
    library = Library.open(tmp_path / "library")
    characters.create(library, name="Ada", trigger_word="ohwx", class_word="woman")
    characters.update(library, "ada", {"strength": 0.6})
    file = write_random_lora(tmp_path / "ada.safetensors", "mini")
    lora = loras.register(library, "ada", file, job="", step=3, family="mini")
    done = generate("--character", "ada", "--prompt", "{trigger} smiling", "--steps", 2, root=library.root)
    assert done.returncode == ExitCode.DONE, done.stderr
    (picture,) = gallery_index.search(library, gallery_index.Query(character="ada")).pictures
    assert picture.settings["sent"] == "ohwx smiling"
    assert (picture.loras[0]["lora"], picture.loras[0]["strength"]) == (lora.id, 0.6)
    assert picture.id in done.stdout
    library.close()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--character", "ada", "--lora", "x.safetensors"), "USAGE: Give either"),
        (("--character", "nobody"), "CHARACTER_MISSING"),
        (("--lora", "none.safetensors"), "MODEL_MISSING"),
        (("--prompt", "x", "--count", "17"), "count must be 1–16, got 17."),
        (("--prompt", "x", "--base", "flux1-dev", "--transformer", "none.safetensors"), "MODEL_MISSING"),
        ((), "prompt must not be empty"),
    ],
)
def test_what_can_not_be_made_is_refused_in_words(arguments: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    """With the code of a refusal and no trace of a stack."""
    done = generate(*arguments, root=tmp_path)
    assert done.returncode == ExitCode.REFUSED
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
