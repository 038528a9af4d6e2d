"""LoRA files hold the right keys, scale and notes, and appear whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from isengard.errors import IsengardError
from isengard.tests.trainer.lora import PHOTOS, config
from isengard.trainer.config import BaseFiles
from isengard.trainer.families import load_family
from isengard.trainer.lora_file import lora_name, read_lora_metadata, write_lora
from isengard.trainer.modelfiles import identify

FAMILY = load_family("flux1-dev")
LAYER = "transformer_blocks.0.attn.to_q"
TENSORS = {
    f"{LAYER}.lora_A.weight": torch.arange(8.0).view(4, 2) / 10,
    f"{LAYER}.lora_B.weight": torch.arange(12.0).view(3, 4) / 10,
}
CREATED = "2026-11-22T16:35:00.250Z"
ROOT = Path(__file__).resolve().parents[2]


def written(path: Path, scale: float = 1.5, thumbnail: Image.Image | None = None, **changes: Any) -> Path:
    write_lora(
        path,
        changes.pop("tensors", TENSORS),
        family=FAMILY,
        config=config(**changes),
        scale=scale,
        photos=PHOTOS,
        step=2,
        started=CREATED,
        thumbnail=thumbnail,
    )
    return path


@pytest.mark.parametrize(
    ("save_dtype", "dtype"), [("fp16", torch.float16), ("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_the_scale_is_in_the_weights(save_dtype: str, dtype: torch.dtype, tmp_path: Path) -> None:
    """B·A is the change at strength 1; nothing else is in the file, and no alpha."""
    stored = load_file(written(tmp_path / "a.safetensors", save_dtype=save_dtype))
    assert set(stored) == {f"transformer.{name}" for name in TENSORS}
    assert {value.dtype for value in stored.values()} == {dtype}
    down, up = (stored[f"transformer.{LAYER}.lora_{side}.weight"].float() for side in "AB")
    expected = 1.5 * TENSORS[f"{LAYER}.lora_B.weight"] @ TENSORS[f"{LAYER}.lora_A.weight"]
    torch.testing.assert_close(up @ down, expected, rtol=2e-2, atol=0)


def test_the_notes_are_those_that_other_tools_read(tmp_path: Path) -> None:
    """Trigger word, architecture, steps, tags and sizes, in the words of each reader, all of them strings."""
    path = written(tmp_path / "ada_v1.safetensors", resolutions=(512, 768), preset="balanced")
    notes = read_lora_metadata(path)
    expected = {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "flux-1-dev/lora",
        "modelspec.title": "Ada (ohwx) for FLUX.1-dev",
        "modelspec.trigger_phrase": "ohwx woman",
        "modelspec.resolution": "768x768",
        "ss_base_model_version": "flux1",
        "ss_output_name": "ada_v1",
        "ss_network_dim": "4",
        "ss_network_alpha": "4",
        "ss_num_train_images": "2",
        "ss_steps": "2",
        "ss_max_train_steps": "3",
        "ss_seed": "42",
        "ss_training_started_at": "1795365300.250",
        "isengard.family": "flux1-dev",
        "isengard.step": "2",
    }
    assert {name: notes.get(name) for name in expected} == expected
    tags = {"ohwx woman": 2, "smiling": 1, "hat": 1, "rain": 1}
    assert json.loads(notes["ss_tag_frequency"]) == {"1_ohwx woman": tags}
    buckets = json.loads(notes["ss_bucket_info"])["buckets"].values()
    assert [(bucket["resolution"], bucket["count"]) for bucket in buckets] == [([448, 576], 1), ([512, 512], 2)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", notes["modelspec.date"])
    assert json.loads(notes["isengard.config"])["rank"] == 4


def test_the_hash_is_that_of_the_tensors(tmp_path: Path) -> None:
    """As the specification says: of all that follows the header, whatever the notes say."""
    hashes = set()
    for name in ("a", "b"):
        raw = written(tmp_path / f"{name}.safetensors", name=name).read_bytes()
        content = raw[8 + int.from_bytes(raw[:8], "little") :]
        stated = read_lora_metadata(tmp_path / f"{name}.safetensors")["modelspec.hash_sha256"]
        assert stated == "0x" + hashlib.sha256(content).hexdigest()
        hashes.add(stated)
    assert len(hashes) == 1


def test_no_folder_of_the_maker_is_told(tmp_path: Path) -> None:
    """LoRAs are shared; of the base files only their names are noted."""
    base = BaseFiles(transformer="/home/alice/models/flux1-dev.safetensors", vae="C:\\Users\\alice\\ae.safetensors")
    path = written(tmp_path / "a.safetensors", base=base)
    notes = json.dumps(read_lora_metadata(path))
    assert "alice" not in notes
    assert json.loads(read_lora_metadata(path)["isengard.config"])["base"]["vae"] == "ae.safetensors"
    assert read_lora_metadata(path)["ss_sd_model_name"] == "flux1-dev.safetensors"


def test_a_thumbnail_is_a_small_square_picture(tmp_path: Path) -> None:
    """As a data URL, so that any browser shows it."""
    path = written(tmp_path / "a.safetensors", thumbnail=Image.new("RGBA", (900, 300), "red"))
    url = read_lora_metadata(path)["modelspec.thumbnail"]
    kind, data = url.split(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (256, 256)
    assert len(url) < 30_000
    assert "modelspec.thumbnail" not in read_lora_metadata(written(tmp_path / "b.safetensors"))


def test_words_in_any_script_survive(tmp_path: Path) -> None:
    """Notes are UTF-8."""
    notes = read_lora_metadata(written(tmp_path / "a.safetensors", name="明 “Ädä”", trigger_word="明"))
    assert notes["modelspec.title"].startswith("明 “Ädä” (明)")


def test_what_is_written_is_known_as_a_lora(tmp_path: Path) -> None:
    """Given as base model it is refused as what it is."""
    assert identify(written(tmp_path / "a.safetensors")).kind == "lora"


NAMES = {
    ("Ada", "ohwx"): "ada_ohwx_flux1-dev_20261122-163500_1a2b",
    ("Dr. Ada  Müller/..\\", "OHWX!"): "dr-ada-muller_ohwx_flux1-dev_20261122-163500_1a2b",
    ("明日香", "明"): "character_lora_flux1-dev_20261122-163500_1a2b",
    ("con", "nul"): "con_nul_flux1-dev_20261122-163500_1a2b",
    ("A" * 300, "b" * 300): "a" * 40 + "_" + "b" * 24 + "_flux1-dev_20261122-163500_1a2b",
}


@pytest.mark.parametrize("given", NAMES)
def test_a_name_is_portable_and_tells_what_it_is(given: tuple[str, str]) -> None:
    """Letters, digits, hyphens and underscores only, whatever the character is called."""
    name = lora_name(config(name=given[0], trigger_word=given[1]), CREATED, "1a2b")
    assert name == NAMES[given]
    assert re.fullmatch(r"[a-z0-9_-]{1,120}", name)


def test_names_differ_by_job_and_moment_wherever_the_clock_stands() -> None:
    """Times are in UTC."""
    moments = (CREATED, "2026-11-22T18:35:00+02:00")
    assert len({lora_name(config(), moment, "x") for moment in moments}) == 1
    assert lora_name(config(), CREATED, "x") != lora_name(config(), CREATED, "y")


@pytest.mark.parametrize(("value", "save_dtype"), [(float("nan"), "fp32"), (float("inf"), "bf16"), (1e6, "fp16")])
def test_numbers_that_are_not_finite_are_not_saved(value: float, save_dtype: str, tmp_path: Path) -> None:
    """A LoRA that would turn pictures black never gets a name."""
    broken = {**TENSORS, f"{LAYER}.lora_A.weight": torch.tensor([[value, 0.0]])}
    with pytest.raises(IsengardError, match=r"lora_A\.weight of the LoRA is not finite") as caught:
        written(tmp_path / "a.safetensors", tensors=broken, save_dtype=save_dtype)
    assert caught.value.code == "LOSS_NOT_FINITE"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_our_error(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "loras").write_text("in the way")
    for folder in (tmp_path / "loras", tmp_path / "loras" / "ada"):
        with pytest.raises(IsengardError, match="a file is in its way") as caught:
            written(folder / "a.safetensors")
        assert caught.value.code == "FOLDER_NOT_WRITABLE"


def test_an_older_version_stands_until_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure before the last step leaves what was there, and nothing beside it."""
    path = written(tmp_path / "a.safetensors")
    before = path.read_bytes()

    def fail(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("isengard.files.os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        written(path, scale=3.0)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


FULL_DISK = """
    import resource, runpy, signal, sys
    from pathlib import Path
    root, path = Path(sys.argv[1]), Path(sys.argv[2])
    runpy.run_path(str(root / "loader.py"))["load_package"](root)
    from isengard.errors import IsengardError
    from isengard.tests.trainer import test_lora_file
    import torch
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    large = {f"{test_lora_file.LAYER}.lora_A.weight": torch.ones(1000, 1000)}
    try:
        test_lora_file.written(path, tensors=large)
    except IsengardError as error:
        print(error.code)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't limit the size of a process's files")
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """A real process that may write no more bytes says DISK_FULL; neither a LoRA nor a part of one is left."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(FULL_DISK))
    folder = tmp_path / "loras"
    command = [sys.executable, str(script), str(ROOT), str(folder / "a.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "DISK_FULL", done.stderr
    assert list(folder.iterdir()) == []
