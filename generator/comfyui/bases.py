"""FLUX.1's files in a ComfyUI, whatever they are called and wherever they lie: found, told apart, the best chosen.

What a file is, is read from its header where we can see the file; else its name must tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...errors import IsengardError
from ...sentences import Said, several
from ...trainer.job import BaseFiles
from ...trainer.plan import identify
from ..interface import Base, Get
from .offer import Offer

UNET, CHECKPOINT, CLIP, VAE = "UNETLoader", "CheckpointLoaderSimple", "DualCLIPLoader", "VAELoader"
NODES = (UNET, CHECKPOINT, CLIP, VAE)
_FOREIGN = re.compile(
    r"fill|canny|depth|redux|kontext|lora|control|adapter|vae|upscal|flux[-_. ]?2|klein|chroma|t5|clip|nf4|bnb|gguf"
    r"|svdq|nunchaku|int4|fp4|uso|projector"
)
"""In a name: no FLUX.1 that makes pictures from words alone, or in a format that ComfyUI's own loaders can't read."""


@dataclass(frozen=True)
class Kind:
    """A sort of FLUX.1."""

    title: str
    sign: str
    """In its files' names."""
    steps: int
    guidance: float
    """0: it takes none."""
    shifts: bool = True
    """Whether larger pictures want more noise at first."""


KINDS = (
    Kind("FLUX.1-dev", "", 20, 3.5),
    Kind("FLUX.1 Krea", "krea", 28, 3.5),
    Kind("FLUX.1-schnell", "schnell", 4, 0.0, shifts=False),
)  # fmt: skip
"""The best for LoRAs that were trained on FLUX.1-dev first."""
TRANSFORMER_GET = Get("flux1-dev.safetensors", "https://huggingface.co/Comfy-Org/flux1-dev", "models/diffusion_models")
_PARTS = {
    "vae": Get(
        "ae.safetensors", "https://huggingface.co/Comfy-Org/Lumina_Image_2.0_Repackaged", "models/vae"
    ),
    "clip": Get(
        "clip_l.safetensors", "https://huggingface.co/comfyanonymous/flux_text_encoders", "models/text_encoders"
    ),
    "t5": Get(
        "t5xxl_fp16.safetensors", "https://huggingface.co/comfyanonymous/flux_text_encoders", "models/text_encoders"
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Files:
    """A base model as ComfyUI's loaders name it."""

    kind: Kind
    transformer: str
    whole: bool
    """Whether the transformer's file lies in checkpoints/ and holds the encoders and the VAE too."""
    vae: str = ""
    clip: str = ""
    t5: str = ""

    @property
    def lacks(self) -> tuple[Get, ...]:
        """Parts that are nowhere."""
        if self.whole:
            return ()
        return tuple(get for part, get in _PARTS.items() if not getattr(self, part))

    def as_base(self) -> Base:
        """For those who choose."""
        title = f"{self.kind.title} ({last_part(self.transformer).rpartition('.')[0]})"
        return Base(name=self.transformer, title=title, steps=self.kind.steps, guidance=self.kind.guidance)

    def as_dict(self) -> dict[str, str]:
        """As `base` of a request."""
        return {"transformer": self.transformer, "vae": self.vae, "clip": self.clip, "t5": self.t5}


def find_all(offer: Offer, wished: BaseFiles) -> list[Files]:
    """Every FLUX.1 that is there: what can be used at once first, then what was wished for, then the best kinds. Reads
    headers: belongs on a worker thread."""
    parts = {
        "vae": _part(offer, VAE, "vae_name", "vae", wished.vae, _is_vae),
        "clip": _part(offer, CLIP, "clip_name1", "clip", wished.clip, lambda name: "clip_l" in name),
        "t5": _part(offer, CLIP, "clip_name1", "t5", wished.t5, _is_t5),
    }
    found = [
        Files(kind=kind, transformer=name, whole=whole, **({} if whole else parts))
        for kind, name, whole in _transformers(offer)
    ]
    wish = last_part(wished.transformer)
    return sorted(
        found,
        key=lambda one: (bool(one.lacks), last_part(one.transformer) != wish, KINDS.index(one.kind), one.transformer),
    )


def choose(offer: Offer, wished: BaseFiles) -> Files:
    """The wished base model if it is there; else the best one. Raises MODEL_MISSING if there is none, or it lacks
    parts."""
    found = find_all(offer, wished)
    best = next(iter(found), None)
    if best is None or best.lacks:
        raise IsengardError("MODEL_MISSING", lacking(best), hint="Get what is named above, then try again.")
    return best


def lacking(best: Files | None) -> str:
    """What a ComfyUI needs before it can make FLUX pictures, as a sentence; empty if it can."""
    gets = (TRANSFORMER_GET,) if best is None else best.lacks
    none = Said("comfyui.no_flux", "ComfyUI has no FLUX.1 that it can make pictures with.")
    found = [*([none] if best is None else []), *(_belongs(get) for get in gets)]
    return several(found) if found else ""


def _belongs(get: Get) -> Said:
    text = f"{get.what} from {get.source} belongs into ComfyUI's {get.folder}."
    return Said("comfyui.belongs", text, file=get.what, source=get.source, folder=get.folder)


def last_part(name: str) -> str:
    """A file's name without its folders, of any system."""
    return re.split(r"[/\\]", name)[-1]


def _transformers(offer: Offer) -> Iterator[tuple[Kind, str, bool]]:
    for name in offer.choices(UNET, "unet_name"):
        if (kind := _kind(name, offer.path_of(name, "diffusion_models", "unet"))) is not None:
            yield kind, name, False
    for name in offer.choices(CHECKPOINT, "ckpt_name"):
        path = offer.path_of(name, "checkpoints")
        if (kind := _kind(name, path)) is not None and (path is None or {"vae", "clip", "t5"} <= _look(path)[1]):
            yield kind, name, True


def _kind(name: str, path: Path | None) -> Kind | None:
    """What a file is; None if it is no FLUX.1 for pictures from words."""
    low = name.lower()
    by_name = next((kind for kind in reversed(KINDS) if kind.sign in low), None)
    if "kontext" in low:  # its header looks like FLUX.1-dev's
        return None
    if path is None:
        return by_name if "flux" in low and not _FOREIGN.search(last_part(low)) else None
    is_a = _look(path)[0]
    if is_a == "flux1-schnell":
        return KINDS[-1]
    return (by_name if by_name is not KINDS[-1] else KINDS[0]) if is_a == "flux1-dev" else None


def _part(offer: Offer, node: str, name: str, part: str, wished: str, fits: Callable[[str], bool]) -> str:
    """The file that a loader is given for one part; the wished one if it is there."""
    folders = ("vae",) if part == "vae" else ("text_encoders", "clip")
    names = [one for one in offer.choices(node, name) if _holds(part, fits, one, offer.path_of(one, *folders))]
    return next(iter(sorted(names, key=lambda one: (last_part(one) != last_part(wished), _weight(one)))), "")


def _holds(part: str, fits: Callable[[str], bool], name: str, path: Path | None) -> bool:
    return part in _look(path)[1] if path is not None else fits(last_part(name.lower()))


def _weight(name: str) -> tuple[bool, bool, int, str]:
    """The usual full files first, then scaled fp8, then plain fp8."""
    low = name.lower()
    return "fp8" in low, "scaled" not in low, len(low), low


def _is_vae(name: str) -> bool:
    return name in ("ae.safetensors", "ae.sft") or ("flux" in name and ("vae" in name or "ae." in name))


def _is_t5(name: str) -> bool:
    return bool(re.search(r"(?<!m)t5[-_.]?v?1?[-_.]?1?[-_.]?xxl", name))


def _look(path: Path) -> tuple[str, frozenset[str]]:
    stamp = path.stat()
    return _identified(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=1024)
def _identified(path: Path, _changed: int, _size: int) -> tuple[str, frozenset[str]]:
    """Kind and parts of a file; of one that can't be read or used, nothing."""
    try:
        found = identify(path)
    except IsengardError:
        return "", frozenset()
    return ("", frozenset()) if found.refused else (found.kind, frozenset(found.parts))


def of_name(names: Iterable[str], wanted: str) -> str:
    """The name in a list that means the same file, with other slashes or in another folder, too; else nothing."""
    plain = wanted.replace("\\", "/")
    found = {name.replace("\\", "/"): name for name in names}
    return found.get(plain) or next((name for path, name in found.items() if last_part(path) == last_part(plain)), "")
