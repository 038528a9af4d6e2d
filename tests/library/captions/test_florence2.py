"""Florence-2 in its child process: a real one with a tiny, untrained model."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

from isengard.errors import IsengardError
from isengard.library.captions.captioners import load_captioner
from isengard.library.captions.captioners.florence2 import Florence2Captioner, cleaned
from isengard.library.captions.captioners.interface import CaptionRequest
from isengard.tests.architecture.sources import ROOT
from isengard.tests.library.captions.florence2_made import PATIENCE, children
from isengard.tests.library.captions.tiny_florence2 import write_as_first_published, write_tiny_florence2

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_is_left", "imports_done")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as transformers saves Florence-2."""
    folder = tmp_path_factory.mktemp("florence") / "Florence-2-tiny"
    write_tiny_florence2(folder)
    return folder


@pytest.fixture(scope="module")
def first_published(tiny: Path) -> Path:
    """The same model as Microsoft published it."""
    folder = tiny.parent / "Florence-2-first"
    write_as_first_published(folder, tiny)
    return folder


def said_by_transformers(folder: Path, photos: list[CaptionRequest]) -> list[str]:
    """What the model says when it is run here, with a prompt and settings written out."""
    import torch
    from PIL import ImageOps
    from transformers import Florence2ForConditionalGeneration, Florence2Processor

    model = Florence2ForConditionalGeneration.from_pretrained(folder).eval()
    processor = Florence2Processor.from_pretrained(folder)
    said = []
    for request in photos:
        assert request.file is not None
        picture = ImageOps.exif_transpose(Image.open(request.file)).convert("RGB")
        inputs = processor(images=picture, text="<DETAILED_CAPTION>", return_tensors="pt")
        with torch.inference_mode():
            ids = model.generate(**inputs, max_new_tokens=160, num_beams=3, no_repeat_ngram_size=3, do_sample=False)
        said.append(processor.batch_decode(ids, skip_special_tokens=True)[0])
    return said


@pytest.mark.parametrize("layout", ["tiny", "first_published"])
def test_photos_are_described(layout: str, photos: list[CaptionRequest], request: pytest.FixtureRequest) -> None:
    """The real child says word for word what transformers says, in both layouts, and runs no code from the folder.

    A photo that can't be read is an error of its own and stops nothing.
    """
    folder = request.getfixturevalue(layout)
    assert photos[0].file is not None
    torn = photos[0].file.with_name("torn.png")
    torn.write_bytes(photos[0].file.read_bytes()[:200])
    gone = CaptionRequest(photo="gone.png", file=torn.with_name("gone.png"))
    asked = [photos[0], CaptionRequest(photo="torn.png", file=torn), gone, *photos[1:]]

    results = list(load_captioner("florence2", folder).describe(asked))

    assert [result.photo for result in results] == ["0.png", "torn.png", "gone.png", "1.png", "2.png"]
    assert [result.error.code for result in results if result.error] == ["PHOTO_UNREADABLE", "PHOTO_UNREADABLE"]
    captions = [result.caption for result in results if not result.error]
    raw = said_by_transformers(request.getfixturevalue("tiny"), photos)
    assert [caption.removeprefix("ohwx, ") for caption in captions] == [cleaned(text, cut=True) for text in raw]
    assert all(caption.startswith("ohwx, ") and len(caption) > 20 for caption in captions)
    assert len(set(captions)) > 1
    assert not (folder / "it ran").exists()


def test_a_cancelled_run_leaves_no_process(tiny: Path, photos: list[CaptionRequest]) -> None:
    """Closing the iterator ends the child, in the middle of the photos."""
    results = Florence2Captioner(tiny).describe(photos * 100)
    next(results)
    (child,) = children()
    results.close()  # type: ignore[attr-defined]
    assert not child.is_running()


def test_a_killed_child_costs_one_photo(tiny: Path, photos: list[CaptionRequest]) -> None:
    """The photo at which it died has an error, the next has a caption from a new process."""
    results = Florence2Captioner(tiny).describe(photos)
    assert next(results).error is None
    children()[0].kill()
    second, third = results
    assert (second.photo, second.error and second.error.code) == ("1.png", "CAPTIONER_FAILED")
    assert third.caption.startswith("ohwx, ")


def test_the_child_ends_with_a_killed_parent(tiny: Path, photos: list[CaptionRequest]) -> None:
    """Nothing has to be tidied up after a crash of the host."""
    code = (
        "import runpy, pathlib\n"
        f"runpy.run_path({str(ROOT / 'loader.py')!r})['load_package'](pathlib.Path({str(ROOT)!r}))\n"
        "from isengard.library.captions.captioners import load_captioner\n"
        "from isengard.library.captions.captioners.interface import CaptionRequest\n"
        f"photo = CaptionRequest(photo='a', file=pathlib.Path({str(photos[0].file)!r}))\n"
        f"for result in load_captioner('florence2', pathlib.Path({str(tiny)!r})).describe(iter(lambda: photo, None)):\n"
        "    print('one', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        while b"one" not in parent.stdout.readline():
            assert parent.poll() is None
        (child,) = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
        parent.wait()
    psutil.wait_procs([child], timeout=PATIENCE)
    assert not child.is_running()


@pytest.mark.parametrize("damage", ["cut short", "a tensor is missing", "first published, a tensor is missing"])
def test_a_damaged_model_is_told(
    damage: str, tiny: Path, first_published: Path, tmp_path: Path, photos: list[CaptionRequest]
) -> None:
    """Not one made-up caption comes from a model that was filled with random numbers."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "damaged"
    shutil.copytree(first_published if "first" in damage else tiny, folder)
    file = folder / "model.safetensors"
    if damage == "cut short":
        file.write_bytes(file.read_bytes()[:-1000])
    else:
        save_file({name: value for name, value in load_file(file).items() if "convs.1.proj.bias" not in name
                   and "convs.1.conv.bias" not in name}, file, metadata={"format": "pt"})  # fmt: skip
    with pytest.raises(IsengardError) as caught:
        list(Florence2Captioner(folder).describe(photos))
    assert caught.value.code == "CAPTIONER_FAILED"
    assert str(folder) in caught.value.message
    assert ("tensors are missing" in caught.value.message) == ("tensor is" in damage)
