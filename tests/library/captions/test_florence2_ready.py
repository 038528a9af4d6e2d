"""Florence-2: whether it can work here, what is missing, where its models are; and what it says as a caption."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from isengard import settings
from isengard.errors import IsengardError
from isengard.library.captions.captioners.florence2 import Florence2Captioner, cleaned, find_models
from isengard.library.captions.captioners.interface import CaptionRequest
from isengard.tests.library.captions.florence2_made import a_folder

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
