"""GenerationRequest: everything that decides what pictures are made. Imports nothing heavy."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import IsengardError
from ..media.captions import PLACEHOLDER, place_trigger
from ..trainer.job import BaseFiles
from . import NAMES, limits
from .aspects import ASPECTS, LARGEST, SIZES, UNITS, size_of

FORMAT = 1
"""Version of the settings that pictures carry; a reader refuses a newer one."""
MOST = 16
"""Pictures of one request."""
LAST_SEED = 2**53 - 1
"""Every number up to here is exact in JSON's readers."""
TOGGLES = ("controlnet", "image_prompt", "face_detailer", "upscale")
_MOST_LORAS = 8
T = TypeVar("T")


def draw_seed() -> int:
    """A seed of nine digits at most, which people can read out."""
    return secrets.randbelow(10**9)


@dataclass(frozen=True, kw_only=True)
class LoraUse:
    """A LoRA and how strongly it is put on."""

    file: str = limits.text(4000, least=1)
    """Path of the safetensors file."""
    strength: float = limits.within(0.0, 2.0, default=1.0)
    trigger_word: str = limits.text(40, default="")
    """Put into the prompt if it is not there."""
    class_word: str = limits.text(40, default="")
    character: str = limits.text(150, default="")
    """The library's name of its character, if it has one there."""
    lora: str = limits.text(150, default="")
    """The library's name of the LoRA, if it has one there."""


@dataclass(frozen=True, kw_only=True)
class ControlNet:
    """Takes edges, depth or pose from a picture."""

    image: str = limits.text(4000, least=1)
    """Path of the picture."""
    kind: str = limits.one_of(("canny", "depth", "pose"), default="canny")
    strength: float = limits.within(0.0, 2.0, default=0.6)
    start: float = limits.within(0.0, 1.0, default=0.0)
    """Share of the steps after which it begins."""
    end: float = limits.within(0.0, 1.0, default=0.8)
    """Share of the steps after which it ends."""


@dataclass(frozen=True, kw_only=True)
class ImagePrompt:
    """Makes pictures like another one."""

    image: str = limits.text(4000, least=1)
    """Path of the picture."""
    method: str = limits.one_of(("redux", "ip-adapter"), default="redux")
    strength: float = limits.within(0.0, 2.0, default=0.7)


@dataclass(frozen=True, kw_only=True)
class FaceDetailer:
    """Finds faces and paints them again, larger."""

    denoise: float = limits.within(0.05, 1.0, default=0.4)
    """How much may change: 0.05 hardly anything, 1 all."""


@dataclass(frozen=True, kw_only=True)
class Upscale:
    """Makes the finished picture larger."""

    factor: float = limits.within(1.0, 4.0, default=2.0)
    method: str = limits.one_of(("model", "tiled"), default="model")
    """`model`: an upscaling model alone; `tiled`: details painted anew, tile by tile."""


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """All settings of one request. Checked as a whole: every problem is reported at once.

    Raises `IsengardError("GENERATION_INVALID")`, whose `details["problems"]` is a list of sentences.
    """

    prompt: str = limits.text(4000)
    """As the person wrote it; `{trigger}` stands for the first LoRA's trigger word. See `sent`."""
    family: str = limits.one_of(tuple(SIZES), default="flux1-dev")
    """Family of the base model."""
    base: BaseFiles = field(default_factory=BaseFiles)
    """Files of the base model; the embedded one needs none."""
    generator: str = limits.one_of(NAMES, default="diffusers")
    """Who makes the pictures."""
    loras: tuple[LoraUse, ...] = ()
    aspect: str = limits.one_of(ASPECTS, default="1:1")
    width: int = limits.within(0, 4096, default=0)
    """Pixels; 0 follows the aspect."""
    height: int = limits.within(0, 4096, default=0)
    """Pixels; 0 follows the aspect."""
    count: int = limits.within(1, MOST, default=1)
    seed: int = limits.within(0, LAST_SEED - MOST, default_factory=draw_seed)
    """Picture i uses seed + i, so that one can be made again alone. Drawn if not given."""
    steps: int = limits.within(1, 100, default=20)
    guidance: float = limits.within(0.0, 20.0, default=3.5)
    controlnet: ControlNet | None = None
    image_prompt: ImagePrompt | None = None
    face_detailer: FaceDetailer | None = None
    upscale: Upscale | None = None

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise _invalid(problems)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = size_of(self.family, self.aspect)
        return self.width or width, self.height or height

    @property
    def sent(self) -> str:
        """The prompt as the model gets it: on one line, with the LoRAs' trigger words in it."""
        text = " ".join(self.prompt.split())
        for lora in self.loras:
            if lora.trigger_word:
                text = place_trigger(text, lora.trigger_word, lora.class_word)
        return text

    def as_dict(self) -> dict[str, Any]:
        """The request as plain JSON values, from which `request_from_dict` makes the same again."""
        values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return values

    def settings(self, picture: int) -> dict[str, Any]:
        """What picture number `picture` was made with, to be shown and kept with it: files by name, no folders."""
        values = self.as_dict()
        values["base"] = {name: _name(path) for name, path in values["base"].items() if path}
        for lora in values["loras"]:
            lora["file"] = _name(lora["file"])
        for name in TOGGLES:
            if values[name] and "image" in values[name]:
                values[name]["image"] = _name(values[name]["image"])
        values["width"], values["height"] = self.size
        values["seed"], values["count"] = self.seed + picture, 1
        return {"format": FORMAT, **values, "sent": self.sent}


def request_from_dict(values: dict[str, Any]) -> GenerationRequest:
    """Builds a request from JSON values. Raises GENERATION_INVALID naming all problems at once, unknown names too."""
    if not isinstance(values, dict):
        raise _invalid([f"A request is a group of named settings, got {values!r:.80}."])
    problems: list[str] = []
    kept = _known(GenerationRequest, values, "", problems)
    groups: dict[str, Any] = {
        "base": BaseFiles,
        "controlnet": ControlNet,
        "image_prompt": ImagePrompt,
        "face_detailer": FaceDetailer,
        "upscale": Upscale,
    }
    for name, group in groups.items():
        if isinstance(kept.get(name), dict):
            kept[name] = _group(group, kept[name], name, problems)
    if isinstance(kept.get("loras"), list | tuple):
        kept["loras"] = tuple(
            _group(LoraUse, entry, f"loras[{index}]", problems) if isinstance(entry, dict) else entry
            for index, entry in enumerate(kept["loras"])
        )
    if "prompt" not in kept:
        problems.append("prompt is missing.")
        kept["prompt"] = "missing"
    try:
        request = GenerationRequest(**kept)
    except IsengardError as error:
        raise _invalid(problems + error.details["problems"]) from None
    if problems:
        raise _invalid(problems)
    return request


def _invalid(problems: list[str]) -> IsengardError:
    return IsengardError("GENERATION_INVALID", " ".join(problems), problems=problems)


def _known(kind: Any, values: dict[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    names = [item.name for item in dataclasses.fields(kind)]
    for key in values:
        if key not in names:
            near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.5)
            problems.append(f"{where}{key} is not a setting" + (f"; did you mean {where}{near[0]}?" if near else "."))
    return {key: value for key, value in values.items() if key in names}


def _group(kind: type[T], values: dict[str, Any], where: str, problems: list[str]) -> T:
    kept = _known(kind, values, f"{where}.", problems)
    for item in dataclasses.fields(kind):  # type: ignore[arg-type]
        needed = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if needed and item.name not in kept:
            kept[item.name] = ""  # its own check complains
    return kind(**kept)


def _problems(request: GenerationRequest) -> list[str]:
    found = list(limits.problems_of(request, ""))
    loras: Any = request.loras  # whatever somebody has put there
    for index, lora in enumerate(loras if isinstance(loras, tuple) else ()):
        if isinstance(lora, LoraUse):
            found += limits.problems_of(lora, f"loras[{index}].")
    for name in TOGGLES:
        group = getattr(request, name)
        if dataclasses.is_dataclass(group):
            found += limits.problems_of(group, f"{name}.")
    return found or list(_between(request))


def _between(request: GenerationRequest) -> Iterator[str]:
    triggers = [lora.trigger_word for lora in request.loras if lora.trigger_word]
    if not request.prompt.strip() and not triggers:
        yield "prompt must not be empty where no character is chosen."
    if PLACEHOLDER.search(request.prompt) and not triggers:
        yield "prompt has {trigger} in it, and no character is chosen that it could stand for."
    if len(request.loras) > _MOST_LORAS:
        yield f"loras must be at most {_MOST_LORAS}, got {len(request.loras)}."
    unit, largest = UNITS[request.family], LARGEST[request.family]
    for name in ("width", "height"):
        value = getattr(request, name)
        if value and (value % unit or not 64 <= value <= largest):
            yield f"{name} must be a multiple of {unit} from 64 to {largest} for {request.family}, got {value}."
    if request.controlnet and request.controlnet.start >= request.controlnet.end:
        yield f"controlnet.start must be below controlnet.end, got {request.controlnet.start:g}."


def _name(path: str) -> str:
    """The last part of a path of any system."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]
