"""Florence-2 in its child process: a real one with a tiny, untrained model, and the ways in which it can go wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from isengard import settings
from isengard.errors import IsengardError
from isengard.library.captions.captioners import florence2, load_captioner
from isengard.library.captions.captioners.florence2 import Florence2Captioner, cleaned, find_models
from isengard.library.captions.captioners.interface import CaptionRequest, CaptionResult
from isengard.tests.architecture.sources import ROOT
from isengard.tests.library.captions.tiny_florence2 import write_as_first_published, write_tiny_florence2

slow = pytest.mark.slow

ANSWERS = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    %s
"""
"""A child that is ready at once, and what it does with a question."""


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


@pytest.fixture
def photos(tmp_path: Path) -> list[CaptionRequest]:
    """Three photos, of which the second is turned by its EXIF note."""
    colours = [(220, 40, 30), (30, 200, 60), (250, 250, 250)]
    requests = []
    for number, colour in enumerate(colours):
        picture = Image.linear_gradient("L").resize((90, 60)).convert("RGB")
        picture = Image.blend(picture, Image.new("RGB", picture.size, colour), 0.5)
        exif = Image.Exif()
        exif[0x0112] = 6 if number == 1 else 1
        picture.save(tmp_path / f"{number}.png", exif=exif)
        requests.append(
            CaptionRequest(photo=f"{number}.png", file=tmp_path / f"{number}.png", trigger="ohwx", class_word="woman")
        )
    return requests


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Whatever a test does: no child of it lives on."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


def children() -> list[psutil.Process]:
    """Processes below this one that run a captioner."""
    found = psutil.Process().children(recursive=True)
    return [
        process for process in found if any("florence2" in part or "child.py" in part for part in process.cmdline())
    ]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> Florence2Captioner:
    """A captioner whose child is a real process of a few lines, and whose folder looks as it should."""
    program = tmp_path / "child.py"
    program.write_text(request.param, encoding="utf-8")
    monkeypatch.setattr(florence2, "_PROGRAM", program)
    return Florence2Captioner(a_folder(tmp_path / "looks right"), photo_seconds=2, load_seconds=10)


def a_folder(folder: Path, **changes: object) -> Path:
    """A folder with the files that Florence-2 needs, by their names."""
    folder.mkdir(parents=True)
    config = {"model_type": "florence2", "vision_config": {"model_type": "florence_vision"}} | changes
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "tokenizer_config.json").write_text("{}", encoding="utf-8")
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


@slow
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


@slow
def test_a_cancelled_run_leaves_no_process(tiny: Path, photos: list[CaptionRequest]) -> None:
    """Closing the iterator ends the child, in the middle of the photos."""
    results = Florence2Captioner(tiny).describe(photos * 100)
    next(results)
    (child,) = children()
    results.close()  # type: ignore[attr-defined]
    assert not child.is_running()


@slow
def test_a_killed_child_costs_one_photo(tiny: Path, photos: list[CaptionRequest]) -> None:
    """The photo at which it died has an error, the next has a caption from a new process."""
    results = Florence2Captioner(tiny).describe(photos)
    assert next(results).error is None
    children()[0].kill()
    second, third = results
    assert (second.photo, second.error and second.error.code) == ("1.png", "CAPTIONER_FAILED")
    assert third.caption.startswith("ohwx, ")


@slow
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
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running()


@slow
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


@pytest.mark.parametrize("stand_in", [ANSWERS % "sys.exit(3)"], indirect=True)
def test_three_deaths_in_a_row_end_the_run(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """Two photos have their errors, then it is clear that none will work."""
    results = stand_in.describe(photos * 2)
    failed = [next(results), next(results)]
    assert [result.error and result.error.code for result in failed] == ["CAPTIONER_FAILED", "CAPTIONER_FAILED"]
    with pytest.raises(IsengardError, match="ended with code 3"):
        next(results)


@pytest.mark.parametrize("stand_in", [ANSWERS % "import time; time.sleep(60)"], indirect=True)
def test_a_photo_that_takes_too_long(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """The time is up, the process is ended, and the caller goes on or stops."""
    results = stand_in.describe(photos)
    start = time.monotonic()
    assert (error := next(results).error) is not None
    assert (error.code, "0.png" in error.message) == ("CAPTIONER_SLOW", True)
    assert time.monotonic() - start < 30
    assert children() == []


@pytest.mark.parametrize("stand_in", [ANSWERS % "import time; time.sleep(600)"], indirect=True)
def test_it_can_be_stopped_from_another_thread(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """In the middle of a photo, which then has an error; nothing more is described, and no process is left."""
    stand_in._photo_seconds = 300
    results = stand_in.describe(photos)
    stopping = threading.Timer(0.5, stand_in.stop)
    stopping.start()
    assert (error := next(results).error) is not None
    assert error.code == "CAPTIONER_FAILED"
    with pytest.raises(IsengardError, match="was stopped"):
        next(results)
    stopping.join()
    assert children() == []


@pytest.mark.parametrize("stand_in", ["import time; time.sleep(60)"], indirect=True)
def test_a_model_that_takes_too_long_to_load(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """No photo can be described, so the run ends, and the process too."""
    stand_in._load_seconds = 0.5
    with pytest.raises(IsengardError, match="not loaded within") as caught:
        next(stand_in.describe(photos))
    assert caught.value.code == "CAPTIONER_SLOW"


@pytest.mark.parametrize("stand_in", ["import sys; sys.exit('no such luck')"], indirect=True)
def test_a_child_that_dies_while_loading(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """Its last words are in the error's details."""
    with pytest.raises(IsengardError, match="ended with code 1") as caught:
        next(stand_in.describe(photos))
    assert "no such luck" in caught.value.details["tail"]


@pytest.mark.parametrize(
    ("stand_in", "said"),
    [
        (ANSWERS % "print('{', flush=True)", "no JSON"),
        (ANSWERS % "print('[]', flush=True)", "stopped talking"),
        (ANSWERS % "print(json.dumps({'problem': 'memory', 'message': 'x'}), flush=True)", "ran out of memory"),
        (ANSWERS % "print(json.dumps({'problem': 'model', 'message': 'x'}), flush=True)", "failed at"),
        (ANSWERS % "print(json.dumps({'text': '<loc_1>', 'cut': False}), flush=True)", "said nothing"),
    ],
    indirect=["stand_in"],
)
def test_answers_that_are_none(stand_in: Florence2Captioner, said: str, photos: list[CaptionRequest]) -> None:
    """Each is an error of its photo, with a reason."""
    error = next(stand_in.describe(photos)).error
    assert error is not None
    assert error.code == "CAPTIONER_FAILED"
    assert said in error.message


@pytest.mark.parametrize(
    "stand_in", [ANSWERS % "print(json.dumps({'text': 'a man. He', 'cut': True}), flush=True)"], indirect=True
)
def test_without_a_trigger_nothing_is_put_in_front(stand_in: Florence2Captioner, photos: list[CaptionRequest]) -> None:
    """The caption is what was said, without the sentence that was cut off."""
    (result,) = stand_in.describe([CaptionRequest(photo="a", file=photos[0].file)])
    assert result == CaptionResult(photo="a", caption="a man")


@pytest.mark.parametrize("stand_in", [ANSWERS % "pass"], indirect=True)
def test_no_photos_start_no_process(stand_in: Florence2Captioner) -> None:
    """A model isn't loaded for nothing."""
    assert list(stand_in.describe([])) == []


NOT_READY = {
    "no such folder": (shutil.rmtree, "is no folder"),
    "another model": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "llama"}'),
        "holds no Florence-2",
    ),
    "no config": (lambda folder: (folder / "config.json").unlink(), "holds no Florence-2"),
    "a broken config": (lambda folder: (folder / "config.json").write_text("{"), "holds no Florence-2"),
    "a list for a config": (lambda folder: (folder / "config.json").write_text("[]"), "holds no Florence-2"),
    "a pickle": (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "pickle"),
    "no tokenizer": (lambda folder: (folder / "tokenizer_config.json").unlink(), "lacks tokenizer_config.json"),
}


@pytest.mark.parametrize("case", NOT_READY)
def test_what_is_missing_is_said_before_anything_starts(case: str, tmp_path: Path) -> None:
    """Not ready, why, and what to do; describing says the same."""
    folder = a_folder(tmp_path / "models" / "Florence-2-base")
    captioner = Florence2Captioner(folder)
    assert captioner.ready().ready
    change, reason = NOT_READY[case]
    change(folder)
    found = captioner.ready()
    assert not found.ready
    assert reason in found.reason
    assert str(folder) in found.reason
    assert "huggingface" in found.what_to_do
    with pytest.raises(IsengardError) as caught:
        next(captioner.describe([CaptionRequest(photo="a")]))
    assert (caught.value.code, caught.value.message) == ("CAPTIONER_NOT_READY", found.reason)


def test_an_older_transformers_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has no Florence-2 of its own."""
    package = tmp_path / "site" / "transformers"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
        monkeypatch.delitem(sys.modules, name)
    found = Florence2Captioner(a_folder(tmp_path / "model")).ready()
    assert not found.ready
    assert "transformers" in found.reason
    assert "4.56" in found.what_to_do


def test_models_are_found_where_people_have_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In our models folder and below a ComfyUI's; of several the first that can be used is taken."""
    comfyui = tmp_path / "ComfyUI"
    (comfyui / "comfy").mkdir(parents=True)
    monkeypatch.setenv("VOLUME_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("COMFYUI_PATH", str(comfyui))
    settings.comfyui_path.cache_clear()
    try:
        assert find_models() == []
        assert "No Florence-2 model was found" in Florence2Captioner().ready().reason
        assert str(comfyui / "models" / "LLM") in Florence2Captioner().ready().what_to_do
        ours = a_folder(tmp_path / "data" / "models" / "Florence-2-base")
        theirs = a_folder(comfyui / "models" / "LLM" / "Florence-2-large")
        a_folder(comfyui / "models" / "LLM" / "Other", model_type="llama")
        assert find_models() == [ours, theirs]
        assert Florence2Captioner().model == ours
        (ours / "model.safetensors").unlink()
        assert Florence2Captioner().model == theirs
    finally:
        monkeypatch.undo()
        settings.comfyui_path.cache_clear()


@pytest.mark.parametrize(
    ("said", "caption"),
    [
        ("The image shows a woman in a park.", "a woman in a park"),
        ("In this image we can see a man sitting on a chair. In the background there are trees.",
         "a man sitting on a chair. In the background there are trees."),
        ("In the image, there is a dog on the grass.", "a dog on the grass"),
        ("This is a photo of a cat", "This is a photo of a cat"),
        ("The image is a close-up portrait of a young man.", "close-up portrait of a young man"),
        ("The image is a portrait of a young man.", "a young man"),
        ("A picture of a child in the snow", "a child in the snow"),
        ("</s><s>a man<loc_12><loc_5> standing</s><pad>", "a man standing"),
        ("A woman smiles. The overall mood of the image is cheerful.", "A woman smiles"),
        ("The overall atmosphere is calm.", ""),
        ("a  man\n\tstands\x00 here\ufffd", "a man stands here"),
        ("The image showing a map is on the wall.", "The image showing a map is on the wall"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_the_model_says_becomes_a_caption(said: str, caption: str) -> None:
    """No “The image shows”, no tokens, no judgement of the mood; the rest as it was said."""
    assert cleaned(said) == caption


def test_what_was_cut_off_ends_with_a_sentence() -> None:
    """Where there is a whole one; and no caption is too long to be kept."""
    assert cleaned("A man sits. He has a", cut=True) == "A man sits"
    assert cleaned("A man sits and", cut=True) == "A man sits and"
    assert len(cleaned("word " * 2000)) <= 1000
