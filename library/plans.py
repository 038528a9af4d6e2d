"""What a training of a character would take, and what stands in its way, each with its repair; no job is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import settings
from ..errors import IsengardError
from ..files import told_plainly
from ..trainer.job import TrainingConfig
from ..trainer.plan import Outlook, look_ahead
from ..trainer.presets import preset_config
from . import basemodels, characters, machine, pace
from .characters import Character
from .pace import Estimate
from .store import Library

OWN = ("name", "trigger_word", "class_word", "family", "base", "preset")
"""Settings that come from the character, the family and the preset, and are not given one by one."""
GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants to be trained."""

    character: str
    """Slug."""
    preset: str = "balanced"
    family: str = ""
    """Empty: the mode's default."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Any other settings of TrainingConfig."""
    base: Mapping[str, str] = field(default_factory=dict)
    """File names of base-model parts, out of the model folders; those left out are chosen."""
    encoders: bool = True
    """Whether the job encodes photos and words itself; False: a graph's VAE and text encoders will."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What lies ahead."""

    wish: Wish
    character: Character
    outlook: Outlook
    estimate: Estimate | None
    """None if the settings don't make a config."""
    memory_free: int
    """Bytes on the device that would train: the largest GPU's, or the main memory."""
    on_gpu: bool
    obstacles: tuple[IsengardError, ...]
    """What must be mended before the training can start."""
    cautions: tuple[IsengardError, ...]
    """What speaks against it and does not forbid it."""


def make_plan(library: Library, wish: Wish) -> Plan:
    """Looks at everything. Raises only CHARACTER_MISSING, NAME_INVALID, CHARACTER_CORRUPT and FOLDER_NOT_WRITABLE."""
    character = characters.get(library, wish.character)
    images = library.folder(wish.character).images
    for folder in (library.jobs, images):  # both are looked into
        with told_plainly(folder / "x"):
            folder.mkdir(parents=True, exist_ok=True)
    cards = machine.gpus()
    free = max((card.memory_free for card in cards), default=machine.memory()[0])
    outlook = look_ahead(
        images,
        lambda photos: config_for(character, wish, photos),
        library.jobs,
        encoders=wish.encoders,
        device_free=free if cards else None,
        on_gpu=bool(cards),
    )
    obstacles, cautions = list(outlook.obstacles), []
    if outlook.memory and outlook.config:
        cautions = list(_cautions(outlook, outlook.config, bool(cards), free))
    return Plan(
        wish=wish,
        character=character,
        outlook=outlook,
        estimate=pace.estimate(library, outlook.config) if outlook.config else None,
        memory_free=free,
        on_gpu=bool(cards),
        obstacles=tuple(obstacles),
        cautions=tuple(cautions),
    )


def config_for(character: Character, wish: Wish, photos: int) -> TrainingConfig:
    """The complete settings. Raises CONFIG_INVALID or MODEL_MISSING."""
    family = wish.family or settings.default_family()
    fixed = [name for name in OWN if name in wish.settings]
    if fixed:
        problems = [f"{name} is not set here: it comes from the character and the preset." for name in fixed]
        raise IsengardError("CONFIG_INVALID", " ".join(problems), problems=problems)
    if family not in basemodels.PARTS:
        problem = f"family must be one of {', '.join(basemodels.PARTS)}, got {family!r}."
        raise IsengardError("CONFIG_INVALID", problem, problems=[problem])
    return preset_config(
        wish.preset,
        family,
        photos,
        name=character.name,
        trigger_word=character.trigger_word,
        class_word=character.class_word or "person",
        base=basemodels.files_for(family, dict(wish.base)),
        **wish.settings,
    )


def _cautions(outlook: Outlook, config: TrainingConfig, on_gpu: bool, free: int) -> Any:
    assert outlook.memory is not None
    if config.family != "mini" and not on_gpu:
        yield IsengardError(
            "GPU_MISSING", f"No NVIDIA GPU was found; on a CPU {basemodels.TITLES[config.family]} takes weeks."
        )
    needed = outlook.memory.device if on_gpu else outlook.memory.device + outlook.memory.main
    if needed > free:
        place = "GPU memory" if on_gpu else "memory"
        yield IsengardError(
            "MEMORY_SHORT",
            f"The training needs about {needed / GIB:.1f} GiB of {place}, and {free / GIB:.1f} GiB are free.",
            hint=_lighter(config),
        )
    main = machine.memory()[0]
    if on_gpu and outlook.memory.main > main:
        yield IsengardError(
            "MEMORY_SHORT",
            f"Loading the base model needs about {outlook.memory.main / GIB:.0f} GiB of memory, "
            f"and {main / GIB:.1f} GiB are free.",
            hint="Close other programs, or use an fp8 file of the base model.",
        )


def _lighter(config: TrainingConfig) -> str:
    if not config.gradient_checkpointing:
        return "Turn gradient_checkpointing on: slower, and much less memory."
    if max(config.resolutions) > 512:
        return f"Leave out the resolution {max(config.resolutions)}."
    return "Close other programs that use this memory, or choose the preset Quick."
