"""The header of a safetensors file: damage and foreign formats are told by the first bytes and the sizes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from isengard.errors import IsengardError
from isengard.tests.trainer.model_headers import DEV, write
from isengard.trainer.headers import read_header
from isengard.trainer.modelfiles import identify


def _truncated(path: Path) -> None:
    whole = write(path, DEV).read_bytes()
    path.write_bytes(whole[:-10])


def _truncated_header(path: Path) -> None:
    path.write_bytes(write(path, DEV).read_bytes()[:100])


def _with_more(path: Path) -> None:
    path.write_bytes(write(path, DEV).read_bytes() + b"more")


def _raw_header(text: str) -> Callable[[Path], None]:
    raw = text.encode()
    return lambda path: path.write_bytes(struct.pack("<Q", len(raw)) + raw) and None  # type: ignore[func-returns-value]


def _bytes(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None  # type: ignore[func-returns-value]


DAMAGED: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "cut short": (_truncated, "MODEL_UNREADABLE", "cut short: "),
    "cut short in the header": (_truncated_header, "MODEL_UNREADABLE", "ends inside its header"),
    "longer than it says": (_with_more, "MODEL_UNREADABLE", "4 bytes after the last tensor"),
    "empty": (_bytes(b""), "MODEL_UNREADABLE", "ends inside its header"),
    "a header bomb": (_bytes(struct.pack("<Q", 1 << 40) + bytes(100)), "MODEL_UNREADABLE", "1,099,511,627,776 bytes"),
    "no JSON": (_raw_header("not json at all"), "MODEL_UNREADABLE", "no list of tensors"),
    "a deep JSON": (_raw_header("[" * 200_000), "MODEL_UNREADABLE", "no list of tensors"),
    "a JSON list": (_raw_header("[1, 2]"), "MODEL_UNREADABLE", "no list of tensors"),
    "no tensors": (_raw_header("{}"), "MODEL_UNREADABLE", "no tensors"),
    "a shape of words": (
        _raw_header('{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 0]}}'),
        "MODEL_UNREADABLE",
        "no list of tensors",
    ),
    "a shape that is too large": (
        _raw_header('{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 0]}}'),
        "MODEL_UNREADABLE",
        "no list of tensors",
    ),
    "offsets that run backwards": (
        _raw_header('{"a": {"dtype": "Q9", "shape": [1], "data_offsets": [8, 0]}}'),
        "MODEL_UNREADABLE",
        "no list of tensors",
    ),
    "a web page": (_bytes(b"<!DOCTYPE html><html>login</html>"), "MODEL_UNREADABLE", "web page"),
    "a git pointer": (_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "MODEL_UNREADABLE", "Git LFS pointer"),
    "a gguf file": (_bytes(b"GGUF" + bytes(100)), "MODEL_UNSUPPORTED", "GGUF"),
    "a pickle in a zip": (_bytes(b"PK\x03\x04" + bytes(100)), "MODEL_UNSUPPORTED", "pickle"),
    "an old pickle": (_bytes(b"\x80\x02}q\x00." + bytes(100)), "MODEL_UNSUPPORTED", "pickle"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_file_that_is_no_model_is_refused_by_name(what: str, tmp_path: Path) -> None:
    """Damage and foreign formats are told by the first bytes and the sizes, whatever the file is called."""
    damage, code, words = DAMAGED[what]
    path = tmp_path / "flux1-dev.safetensors"
    damage(path)
    with pytest.raises(IsengardError, match=words) as caught:
        identify(path)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["flux.ckpt", "flux.pt", "flux.bin", "flux.gguf"])
def test_a_foreign_suffix_is_refused_whatever_is_inside(name: str, tmp_path: Path) -> None:
    """A pickle without a known beginning is refused by its name."""
    (tmp_path / name).write_bytes(bytes(100))
    with pytest.raises(IsengardError) as caught:
        identify(tmp_path / name)
    assert caught.value.code == "MODEL_UNSUPPORTED"


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    """A malicious pickle does nothing, under any name."""
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (tmp_path / "ran",)

    for name in ("flux.pt", "flux.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(IsengardError):
            identify(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_the_header_knows_where_each_tensor_lies(tmp_path: Path) -> None:
    """Offsets count from the beginning of the file."""
    save_file({"a": torch.tensor([1.5, 2.5])}, tmp_path / "a.safetensors", metadata={"note": "x"})
    header = read_header(tmp_path / "a.safetensors")
    place = header.tensors["a"]
    raw = (tmp_path / "a.safetensors").read_bytes()[place.start : place.end]
    assert (struct.unpack("<2f", raw), place.dtype, header.metadata) == ((1.5, 2.5), "F32", {"note": "x"})
