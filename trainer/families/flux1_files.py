"""Which files make up a FLUX.1: finds its parts and tokenizers, and checks that they fit. Loads nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ...errors import IsengardError
from ..config import BaseFiles
from ..modelfiles import Part, find_part, identify, shape_of

CONFIGS = Path(__file__).parent / "flux1_config"
"""The architecture's numbers, a folder for each part, so that a single file loads without asking the hub."""

_WANTED = {
    "transformer": "a FLUX.1-dev transformer (flux1-dev.safetensors) or an all-in-one checkpoint",
    "vae": "a FLUX VAE (ae.safetensors)",
    "clip": "a CLIP-L text encoder (clip_l.safetensors)",
    "t5": "a T5-XXL text encoder (t5xxl_fp16.safetensors or t5xxl_fp8_e4m3fn.safetensors)",
}
_CLIP_FOLDERS = ("tokenizer", "clip_l", "clip", "sd1_tokenizer", "")
_T5_FOLDERS = ("tokenizer_2", "t5xxl", "t5", "t5_tokenizer", "")


def find_parts(base: BaseFiles, *, encoders: bool) -> dict[str, Part]:
    """The parts that the settings name; those left empty are taken from the transformer's file if it holds them.

    Raises MODEL_MISSING, MODEL_UNREADABLE, MODEL_WRONG_KIND or MODEL_UNSUPPORTED.
    """
    if not base.transformer:
        raise IsengardError("MODEL_MISSING", f"base.transformer is empty; it wants {_WANTED['transformer']}.")
    main = Path(base.transformer).expanduser()
    parts = {"transformer": find_part(main, "transformer", ("flux1-dev",), "base.transformer", _WANTED["transformer"])}
    if not encoders:
        return parts
    held = identify(main).parts
    for name, given in (("vae", base.vae), ("clip", base.clip), ("t5", base.t5)):
        if given:
            parts[name] = find_part(Path(given).expanduser(), name, (), f"base.{name}", _WANTED[name])
        elif name in held:
            parts[name] = held[name]
        else:
            raise IsengardError(
                "MODEL_MISSING", f"base.{name} is empty and {main} does not hold that part; it wants {_WANTED[name]}."
            )
    return parts


def check_base(base: BaseFiles, *, encoders: bool = True) -> None:
    """Looks at the headers of the files that the settings name. Raises what `find_parts` does, or TOKENIZER_MISSING."""
    check_parts(find_parts(base, encoders=encoders))
    if encoders:
        check_tokenizers(base.tokenizers)


def check_parts(parts: dict[str, Part]) -> None:
    """Checks that the text encoders are as wide as the transformer's inputs (T5-XXL: 4,096; CLIP-L: 768)."""
    transformer = parts["transformer"]
    inputs = {
        "t5": shape_of(transformer, "txt_in.weight", "context_embedder.weight"),
        "clip": shape_of(transformer, "vector_in.in_layer.weight", "time_text_embed.text_embedder.linear_1.weight"),
    }
    signs = {
        "t5": ("encoder.final_layer_norm.weight",),
        "clip": ("final_layer_norm.weight", "text_model.final_layer_norm.weight"),
    }
    for name in {"t5", "clip"} & set(parts):
        width, wanted = shape_of(parts[name], *signs[name]), inputs[name]
        if width is None or wanted is None:
            place = parts[name].path if width is None else transformer.path
            raise IsengardError("MODEL_UNREADABLE", f"{place} lacks tensors that every such model has.")
        if width[-1] != wanted[-1]:
            raise IsengardError(
                "MODEL_WRONG_KIND",
                f"base.{name} wants {_WANTED[name]}, but {parts[name].path} is {width[-1]:,} wide"
                f" and the transformer takes {wanted[-1]:,}.",
                kind=name,
            )


def check_tokenizers(given: str) -> None:
    """Raises TOKENIZER_MISSING unless both tokenizers are found."""
    clip_tokenizer(given)
    t5_tokenizer(given)


def clip_tokenizer(given: str) -> Path:
    """The folder with CLIP's tokenizer: in the folder given, or in a ComfyUI."""
    found = _search(given, _CLIP_FOLDERS, "comfy/sd1_tokenizer", _is_clip)
    return found or _no_tokenizer("CLIP", "vocab.json and merges.txt", given)


def t5_tokenizer(given: str) -> Path:
    """The folder with T5's tokenizer: in the folder given, or in a ComfyUI."""
    found = _search(given, _T5_FOLDERS, "comfy/text_encoders/t5_tokenizer", _is_t5)
    return found or _no_tokenizer("T5", "tokenizer.json or spiece.model", given)


def tokenizer_fingerprint(folder: Path) -> str:
    """SHA-256 over the files that decide what tokens words become."""
    digest = hashlib.sha256()
    for name in (
        "vocab.json",
        "merges.txt",
        "tokenizer.json",
        "spiece.model",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ):
        if (folder / name).is_file():
            digest.update(name.encode() + (folder / name).read_bytes())
    return digest.hexdigest()


def _search(given: str, names: tuple[str, ...], in_comfyui: str, fits: object) -> Path | None:
    from ... import settings

    if given:
        folders = [Path(given).expanduser() / name for name in names]
    else:
        comfyui = settings.comfyui_path()
        folders = [comfyui / in_comfyui] if comfyui else []
    return next((folder for folder in folders if fits(folder)), None)  # type: ignore[operator]


def _is_clip(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("vocab.json", "merges.txt")) or _model_type(folder) == "BPE"


def _is_t5(folder: Path) -> bool:
    return (folder / "spiece.model").is_file() or _model_type(folder) == "Unigram"


def _model_type(folder: Path) -> str:
    """What kind of model a tokenizer.json holds: `BPE` for CLIP, `Unigram` for T5."""
    try:
        values = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        return str(values["model"].get("type") or ("Unigram" if "unk_id" in values["model"] else "BPE"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as problem:
        raise IsengardError(
            "MODEL_UNREADABLE", f"{folder / 'tokenizer.json'} is not a tokenizer: {problem}."
        ) from problem


def _no_tokenizer(name: str, files: str, given: str) -> Path:
    place = f"in {given}" if given else "and no ComfyUI was found to take it from"
    raise IsengardError("TOKENIZER_MISSING", f"The {name} tokenizer ({files}) was not found {place}.")
