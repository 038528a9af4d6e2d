"""Base models for making pictures: what the generator takes from the trainer. Imports torch only when one is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import IsengardError
from .config import BaseFiles, TrainingConfig
from .headers import read_header
from .modelfiles import identify

if TYPE_CHECKING:
    from .families.interface import Pictures as Pictures
    from .families.interface import Step as Step


def check_base(family: str, base: BaseFiles) -> None:
    """Looks at the headers of the base files. Raises MODEL_MISSING, MODEL_UNREADABLE, MODEL_WRONG_KIND,
    MODEL_UNSUPPORTED or TOKENIZER_MISSING. Imports torch."""
    from .families import load_family

    load_family(family).check_files(_config(family, base))


def load_pictures(family: str, base: BaseFiles, device: str = "auto") -> Pictures:
    """Loads a family's base model; `device` is auto, cpu, cuda, cuda:N or mps. Raises what `check_base` raises."""
    import torch

    from .families import load_family

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    return load_family(family).load_pictures(_config(family, base), torch.device(device))


def check_lora(path: Path, family: str) -> dict[str, str]:
    """Reads a LoRA file's header only, and returns its notes.

    Raises MODEL_MISSING, MODEL_UNREADABLE or MODEL_UNSUPPORTED, LORA_INCOMPATIBLE for what is no LoRA, and
    LORA_WRONG_FAMILY if its notes name another family's base model. Whether every tensor has its place shows when it is
    loaded.
    """
    found = identify(path) if path.is_file() else None
    if found is None:
        raise IsengardError("MODEL_MISSING", f"The LoRA {path.name} does not exist.")
    if found.kind != "lora":
        raise IsengardError("LORA_INCOMPATIBLE", f"{path.name} is no LoRA but {found.title}.")
    notes = read_header(path).metadata
    trained = notes.get("isengard.family") or _family_noted(notes)
    if trained and trained != family:
        raise IsengardError(
            "LORA_WRONG_FAMILY", f"{path.name} was trained on {trained} and can't be used with {family}."
        )
    return notes


def _family_noted(notes: dict[str, str]) -> str:
    """The base model that another trainer's notes name: ours where we know it, else in their words."""
    architecture = notes.get("modelspec.architecture", "").partition("/")[0].lower()
    return "flux1-dev" if architecture.startswith("flux-1") else architecture


def _config(family: str, base: BaseFiles) -> TrainingConfig:
    """The settings that loading a base model needs; the others decide nothing here."""
    tokenizers = base.tokenizers
    if not tokenizers and (Path(base.transformer).expanduser() / "model_index.json").is_file():
        tokenizers = base.transformer
    files = BaseFiles(transformer=base.transformer, vae=base.vae, clip=base.clip, t5=base.t5, tokenizers=tokenizers)
    return TrainingConfig(name="pictures", trigger_word="-", family=family, base=files, sample_every=0)
