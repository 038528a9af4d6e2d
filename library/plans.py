"""What a training of a character would take, and what stands in its way, each with its repair; no job is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import settings
from ..errors import IsengardError
from ..files import told_plainly
from ..sentences import Said
from ..trainer.job import TrainingConfig
from ..trainer.plan import MemoryNeed, MemoryPlan, Outlook, features_of, look_ahead, recomputes_all
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

    @property
    def memory_needed(self) -> int | None:
        """Bytes on the GPU; without one, of the main memory, with what loading takes."""
        return _needed(self.outlook.memory, self.on_gpu) if self.outlook.memory else None


def make_plan(library: Library, wish: Wish) -> Plan:
    """Looks at everything. Raises only CHARACTER_MISSING, NAME_INVALID, CHARACTER_CORRUPT and FOLDER_NOT_WRITABLE."""
    character = characters.get(library, wish.character)
    images = library.folder(wish.character).images
    for folder in (library.jobs, images):  # both are looked into
        with told_plainly(folder / "x"):
            folder.mkdir(parents=True, exist_ok=True)
    cards = machine.gpus()
    free = cards[0].memory_free if cards else machine.memory()[0]  # the trainer takes the first, too
    features = features_of(machine.chip())
    outlook = look_ahead(
        images,
        lambda photos: config_for(character, wish, photos),
        library.jobs,
        encoders=wish.encoders,
        device_free=free if cards else None,
        main_free=machine.memory()[0],
        on_gpu=bool(cards),
        features=features,
    )
    obstacles, cautions = list(outlook.obstacles), []
    if outlook.memory and outlook.config:
        cautions = list(_cautions(outlook, outlook.config, bool(cards), free))
    return Plan(
        wish=wish,
        character=character,
        outlook=outlook,
        estimate=pace.estimate(library, outlook.config, outlook.memory_plan, features) if outlook.config else None,
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


def _cautions(outlook: Outlook, config: TrainingConfig, on_gpu: bool, free: int) -> Iterator[IsengardError]:
    assert outlook.memory is not None
    assert outlook.memory_plan is not None
    if config.family != "mini" and not on_gpu:
        model = basemodels.TITLES[config.family]
        text = f"No NVIDIA GPU was found; on a CPU {model} takes weeks."
        yield IsengardError("GPU_MISSING", Said("plan.no_gpu", text, model=model))
    needed = _needed(outlook.memory, on_gpu)
    if needed > free:
        wants, has = round(needed / GIB, 1), round(free / GIB, 1)
        if on_gpu:
            text = f"The training needs about {wants} GiB of GPU memory, and {has} GiB are free."
            said = Said("plan.gpu_memory_short", text, needed=wants, free=has)
        else:
            text = f"The training needs about {wants} GiB of memory, and {has} GiB are free."
            said = Said("plan.memory_short", text, needed=wants, free=has)
        yield IsengardError("MEMORY_SHORT", said, hint=_lighter(config, outlook.memory_plan))
    main = machine.memory()[0]
    if on_gpu and outlook.memory.main > main:
        wants, has = round(outlook.memory.main / GIB), round(main / GIB, 1)
        text = f"Loading the base model needs about {wants} GiB of memory, and {has} GiB are free."
        hint = "Close other programs, or use an fp8 file of the base model."
        yield IsengardError(
            "MEMORY_SHORT",
            Said("plan.loading_memory_short", text, needed=wants, free=has),
            hint=Said("plan.smaller_file", hint),
        )


def _needed(memory: MemoryNeed, on_gpu: bool) -> int:
    return memory.device if on_gpu else memory.device + memory.main


def _lighter(config: TrainingConfig, plan: MemoryPlan) -> Said:
    if not recomputes_all(config, plan):
        return Said("plan.recompute", "Turn gradient_checkpointing on: slower, and much less memory.")
    if (largest := max(config.resolutions)) > 512:
        return Said("plan.smaller_pictures", f"Leave out the resolution {largest}.", size=str(largest))
    return Said("plan.close_programs", "Close other programs that use this memory, or choose the preset Quick.")
