"""Model files are told apart by their headers, and what can't be used is refused by name."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from isengard.errors import IsengardError
from isengard.trainer import modelfiles
from isengard.trainer.modelfiles import fingerprint, identify, read_header
from isengard.trainer.weights import read_weights

SIZES = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "U8": 1, "I8": 1, "F8_E8M0": 1}
FLUX = {
    "img_in.weight": (8, 64),
    "txt_in.weight": (8, 32),
    "vector_in.in_layer.weight": (8, 16),
    "double_blocks.0.img_attn.qkv.weight": (24, 8),
    "double_blocks.0.img_attn.norm.key_norm.scale": (4,),
    "single_blocks.0.linear1.weight": (56, 8),
}
DEV = {**FLUX, "guidance_in.in_layer.weight": (8, 256)}
VAE = {
    "encoder.conv_in.weight": (4, 3, 3, 3),
    "decoder.conv_in.weight": (4, 16, 3, 3),
    "decoder.mid.block_1.norm1.weight": (4,),
}
CLIP = {"encoder.layers.0.mlp.fc1.weight": (12, 768), "final_layer_norm.weight": (768,)}
T5 = {"encoder.block.0.layer.1.DenseReluDense.wi_1.weight": (8, 32), "encoder.final_layer_norm.weight": (32,)}
SD = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"


def prefixed(prefix: str, keys: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {prefix + name: shape for name, shape in keys.items()}


ALL_IN_ONE = {
    **prefixed("model.diffusion_model.", DEV),
    **prefixed("vae.", VAE),
    **prefixed("text_encoders.clip_l.transformer.text_model.", CLIP),
    **prefixed("text_encoders.t5xxl.transformer.", T5),
}

KNOWN: dict[str, tuple[dict[str, tuple[int, ...]], str, dict[str, tuple[str, str]]]] = {
    "flux in the authors' keys": (DEV, "flux1-dev", {"transformer": ("", "original")}),
    "flux under ComfyUI's prefix": (
        prefixed("model.diffusion_model.", DEV),
        "flux1-dev",
        {"transformer": ("model.diffusion_model.", "original")},
    ),
    "flux in diffusers' keys": (
        {
            "x_embedder.weight": (8, 64),
            "transformer_blocks.0.attn.add_q_proj.weight": (8, 8),
            "single_transformer_blocks.0.proj_mlp.weight": (32, 8),
            "time_text_embed.guidance_embedder.linear_1.weight": (8, 256),
        },
        "flux1-dev",
        {"transformer": ("", "diffusers")},
    ),
    "an all-in-one checkpoint": (
        ALL_IN_ONE,
        "flux1-dev",
        {
            "transformer": ("model.diffusion_model.", "original"),
            "vae": ("vae.", "original"),
            "clip": ("text_encoders.clip_l.transformer.text_model.", "original"),
            "t5": ("text_encoders.t5xxl.transformer.", "original"),
        },
    ),
    "schnell": (FLUX, "flux1-schnell", {"transformer": ("", "original")}),
    "fill": ({**DEV, "img_in.weight": (8, 384)}, "flux1-fill", {"transformer": ("", "original")}),
    "chroma": ({**FLUX, "distilled_guidance_layer.in_proj.weight": (4, 4)}, "chroma", {}),
    "flux2": ({"double_stream_modulation_img.lin.weight": (4, 4), **DEV}, "flux2", {}),
    "the VAE in the authors' keys": (VAE, "flux-vae", {"vae": ("", "original")}),
    "the VAE in diffusers' keys": (
        {name: shape for name, shape in VAE.items() if ".mid." not in name},
        "flux-vae",
        {"vae": ("", "diffusers")},
    ),
    "a VAE of four channels": ({**VAE, "decoder.conv_in.weight": (4, 4, 3, 3)}, "other-vae", {}),
    "clip_l": (prefixed("text_model.", CLIP), "clip-l", {"clip": ("text_model.", "original")}),
    "clip_l of another tool": (
        prefixed("transformer.text_model.", CLIP),
        "clip-l",
        {"clip": ("transformer.text_model.", "original")},
    ),
    "clip_g": (prefixed("text_model.", {"encoder.layers.0.mlp.fc1.weight": (12, 1280)}), "clip-other", {}),
    "t5xxl": (T5, "t5", {"t5": ("", "original")}),
    "sd 1.5": ({SD: (320, 768)}, "sd1", {}),
    "sd 2": ({SD: (320, 1024)}, "sd2", {}),
    "sdxl": ({SD: (320, 2048)}, "sdxl", {}),
    "sd 3 with a VAE of 16 channels": (
        {"model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": (4, 4), **prefixed("first_stage_model.", VAE)},
        "sd3",
        {},
    ),
    "a LoRA of peft": ({"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": (4, 8)}, "lora", {}),
    "a LoRA of kohya": ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (4, 8)}, "lora", {}),
    "a controlnet": ({"controlnet_x_embedder.weight": (4, 4)}, "controlnet", {}),
    "something else": ({"weight": (2, 2)}, "other", {}),
}


def write(path: Path, keys: dict[str, tuple[int, ...]], dtype: str = "BF16", **metadata: str) -> Path:
    """A safetensors file of zeros with these names and shapes."""
    entries, at = {}, 0
    for name, shape in keys.items():
        size = SIZES[dtype] * torch.Size(shape).numel()
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    header = json.dumps({"__metadata__": metadata, **entries} if metadata else entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(at))
    return path


@pytest.mark.parametrize("what", KNOWN)
def test_a_file_is_told_by_its_header(what: str, tmp_path: Path) -> None:
    """Kind, parts, prefixes and naming follow from names and shapes alone."""
    keys, kind, parts = KNOWN[what]
    found = identify(write(tmp_path / "file.safetensors", keys))
    assert (found.kind, {name: (part.prefix, part.layout) for name, part in found.parts.items()}) == (kind, parts)
    assert not found.refused


def test_an_all_in_one_checkpoint_says_so(tmp_path: Path) -> None:
    """People see what the file is."""
    found = identify(write(tmp_path / "a.safetensors", ALL_IN_ONE))
    assert found.title == "an all-in-one checkpoint with a FLUX.1-dev transformer"


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


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    """MODEL_MISSING names the path."""
    for look in (identify, fingerprint, lambda path: read_weights(path, "", None)):
        with pytest.raises(IsengardError, match=r"nowhere\.safetensors does not exist") as caught:
            look(tmp_path / "nowhere.safetensors")
        assert caught.value.code == "MODEL_MISSING"


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    """A folder of anything is no diffusers folder."""
    with pytest.raises(IsengardError, match=r"no config\.json") as caught:
        identify(tmp_path)
    assert caught.value.code == "MODEL_WRONG_KIND"


def _noted(path: Path, form: str) -> Path:
    note = torch.frombuffer(bytearray(json.dumps({"format": form}).encode()), dtype=torch.uint8)
    weights = {name: torch.zeros(shape, dtype=torch.float8_e4m3fn) for name, shape in DEV.items()}
    save_file({**weights, "img_in.comfy_quant": note, "img_in.weight_scale": torch.ones(())}, path)
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nf4": (
        lambda path: write(path, {**DEV, "double_blocks.0.img_mlp.0.weight.quant_state.bitsandbytes__nf4": (9,)}, "U8"),
        "NF4",
    ),
    "nunchaku": (lambda path: write(path, {**DEV, "double_blocks.0.img_mlp.0.qweight": (8, 8)}, "I8"), "Nunchaku"),
    "int8": (lambda path: write(path, DEV, "I8"), "I8 numbers"),
    "nvfp4, in the header": (
        lambda path: write(path, DEV, "U8", _quantization_metadata='{"layers": {"img_in": {"format": "nvfp4"}}}'),
        "format nvfp4",
    ),
    "mxfp8, in a note": (lambda path: _noted(path, "mxfp8"), "format mxfp8"),
    "int8, in a note": (lambda path: _noted(path, "int8_tensorwise"), "format int8_tensorwise"),
    "block-wise fp8": (
        lambda path: write(path, {**DEV, "img_in.weight_scale": (4, 4)}, "F32"),
        "block-wise",
    ),
    "exponent-only scales": (lambda path: write(path, {**DEV, "img_in.weight_scale": (8,)}, "F8_E8M0"), "block-wise"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_number_format_that_cannot_be_trained_on_is_named(what: str, tmp_path: Path) -> None:
    """The kind is still told, and the format by name."""
    make, words = REFUSED[what]
    found = identify(make(tmp_path / "file.safetensors"))
    assert found.kind == "flux1-dev"
    assert words in found.refused


@pytest.mark.parametrize("form", ["float8_e4m3fn", "float8_e5m2"])
def test_noted_fp8_is_accepted(form: str, tmp_path: Path) -> None:
    """ComfyUI's newer files note fp8 layer by layer; those are read."""
    assert identify(_noted(tmp_path / "file.safetensors", form)).refused == ""


def test_damaged_notes_on_quantisation_are_an_error(tmp_path: Path) -> None:
    """Notes that can't be read are not taken for none."""
    with pytest.raises(IsengardError, match="notes on quantisation"):
        identify(write(tmp_path / "a.safetensors", DEV, "BF16", _quantization_metadata="{broken"))


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("style", ["plain", "older", "newer", "newer, by row"])
def test_fp8_weights_come_back_as_plain_numbers(dtype: torch.dtype, style: str, tmp_path: Path) -> None:
    """Each way of storing fp8 gives the numbers it stands for."""
    stored = torch.linspace(-3, 3, 32).view(8, 4).to(dtype)
    scale = {"plain": None, "older": torch.tensor([0.5]), "newer": torch.tensor(0.25)}.get(style, torch.rand(8) + 0.5)
    tensors = {"p.a.weight": stored, "p.a.bias": torch.ones(8, dtype=torch.float16), "q.b": torch.ones(1)}
    if style == "older":
        tensors |= {
            "p.scaled_fp8": torch.zeros(2, dtype=dtype),
            "p.a.scale_weight": scale,
            "p.a.scale_input": torch.ones(()),
        }
    elif style != "plain":
        tensors |= {"p.a.weight_scale": scale, "p.a.input_scale": torch.ones(()), "p.a.comfy_quant": torch.zeros(3)}
    save_file(tensors, tmp_path / "a.safetensors")
    read = read_weights(tmp_path / "a.safetensors", "p.", torch.float32)
    assert set(read) == {"a.weight", "a.bias"}
    expected = stored.float() * (1.0 if scale is None else scale.view(-1, 1))
    assert torch.equal(read["a.weight"], expected)
    kept = read_weights(tmp_path / "a.safetensors", "p.", None)
    assert (kept["a.weight"].dtype, kept["a.bias"].dtype) == (torch.float16, torch.float16)


def test_reading_a_damaged_file_is_our_error(tmp_path: Path) -> None:
    """What the library refuses has a code too."""
    (tmp_path / "a.safetensors").write_bytes(b"\x10" + bytes(40))
    with pytest.raises(IsengardError) as caught:
        read_weights(tmp_path / "a.safetensors", "", None)
    assert caught.value.code == "MODEL_UNREADABLE"


def test_a_fingerprint_changes_with_any_part_of_the_content(tmp_path: Path) -> None:
    """Header, size, beginning, middle and end all count; the name does not."""
    path = write(tmp_path / "a.safetensors", {"weight": (1 << 20,)}, "F32")
    first = fingerprint(path)
    copy = tmp_path / "b.safetensors"
    copy.write_bytes(path.read_bytes())
    assert fingerprint(copy) == first
    seen = {first}
    for place in (200, 2_000_000, copy.stat().st_size - 1):
        changed = bytearray(path.read_bytes())
        changed[place] ^= 1
        copy.write_bytes(changed)
        seen.add(fingerprint(copy))
    write(copy, {"weights": (1 << 20,)}, "F32")
    assert len(seen | {fingerprint(copy)}) == 5


def test_the_header_knows_where_each_tensor_lies(tmp_path: Path) -> None:
    """Offsets count from the beginning of the file."""
    save_file({"a": torch.tensor([1.5, 2.5])}, tmp_path / "a.safetensors", metadata={"note": "x"})
    header = read_header(tmp_path / "a.safetensors")
    place = header.tensors["a"]
    raw = (tmp_path / "a.safetensors").read_bytes()[place.start : place.end]
    assert (struct.unpack("<2f", raw), place.dtype, header.metadata) == ((1.5, 2.5), "F32", {"note": "x"})


def test_telling_a_file_reads_little_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 40 GB (sparse) is told, and has its fingerprint, at once."""
    monkeypatch.setattr(modelfiles, "HEADER_LIMIT", 10_000)
    size = 40 * 10**9
    entry = {"dtype": "BF16", "shape": [64, size // 128], "data_offsets": [0, size]}
    header = json.dumps({"double_blocks.0.img_attn.qkv.weight": entry}).encode()
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + size)
    assert identify(path).kind == "other"
    assert len(fingerprint(path)) == 64
