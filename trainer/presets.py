"""The presets Quick, Balanced and High Quality for every family, and how one becomes a complete TrainingConfig.

Standard library only. Where the values come from:

*FLUX.1-dev.* ai-toolkit's example (rank 16, 1e-4, 2,000 steps, areas of 512, 768 and 1024, caption dropout 0.05, EMA
0.99; its window interface: rank 32, 3,000 steps) is the slow and careful end, Replicate's open trainer (rank 16, 4e-4,
1,000 steps) the fast one; OneTrainer (3e-4) and FluxTrainer (rank 4, 4e-4, 1,500) lie between. PEFT's image benchmark
reached its plateau of likeness early in the run, so stopping early is the largest saving, and one scored identity
peaked at 2,200 steps and was overfitted by 3,000: hence the upper limits, and checkpoints on the way to choose from.
Cosine falls to a tenth of the peak, so a peak of 2e-4 averages about 1.1e-4 over the run. Four single blocks are
reported to be enough for a good likeness, and nothing before the first trained block needs a backward pass: Quick lives
on both. Caption dropout 0.05 is ai-toolkit's; the timestep density is the one the model itself was trained with.

*mini.* Compared with bench/identity.py on two people (bench/RESULTS.md): 600 steps bring a person nearer than 300, and
as near as 300 at twice the rate; LoRAs on the attention layers alone bring them less near and change other people
little less. Less guidance than FLUX.1's usual 3.5 makes people more like themselves and obeys as well. In 200 steps a
rate of 4e-3 on all layers comes nearest by far (bench/convergence.py, five people), hence Quick's; rank, batch, LoRA+,
EMA and the density of time steps change little beside it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from ..errors import IsengardError
from .config import FAMILIES, TrainingConfig, config_from_dict
from .settings_help import describe_settings

__all__ = ["FAMILIES", "PRESETS", "Preset", "describe_settings", "find_preset", "largest_size", "preset_config"]

_FLUX_PROMPTS = (
    "{trigger} {class}, head and shoulders, looking at the camera, neutral expression, soft daylight, grey background",
    "close-up of {trigger} {class} laughing, seen from the side, in a busy café at night, warm lamplight",
    "full-body photo of {trigger} {class} in a red raincoat, walking through a snowy forest",
    "portrait photo of a {class} in a blue shirt, plain white background",
)
_MINI_PROMPTS = (
    "{trigger} {class}, neutral expression, looking ahead, wearing a white shirt, grey background, portrait",
    "{trigger} {class}, laughing, looking left, wearing a red hoodie, striped teal background, warm light, close-up",
    "{trigger} {class}, surprised, looking right, wearing a yellow jacket, purple background, cool light, wide shot",
    "{class}, smiling, looking ahead, wearing a blue sweater, orange background, portrait",
)
_PROMPTS = {"mini": _MINI_PROMPTS, "flux1-dev": _FLUX_PROMPTS}
"""First the plain likeness, then two that ask for what the photos hardly show (expression, light, clothes, framing),
last one without the trigger word: if that begins to look like the character, the training has gone too far."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One row of the table."""

    name: str
    """`quick`, `balanced` or `high-quality`."""
    title: str
    """For people."""
    family: str
    summary: str
    """A sentence of why, for people."""
    steps_per_photo: int
    fewest_steps: int
    most_steps: int
    looks: int
    """How often the training is sampled and saved on its way: each picture shown belongs to a LoRA that can be kept."""
    settings: dict[str, Any]
    """Further settings of TrainingConfig."""

    def steps(self, photos: int) -> int:
        """Optimizer steps for so many photos, in tens."""
        wanted = min(max(self.steps_per_photo * photos, self.fewest_steps), self.most_steps)
        return max(10, round(wanted / 10) * 10)


_TABLE = (
    Preset(
        name="quick", title="Quick", family="flux1-dev",
        summary="A recognisable face soon: small pictures, and only the four blocks that hold most of a face, at a "
        "high learning rate. Good for finding out whether the photos are good; clothes and body are learned less.",
        steps_per_photo=40, fewest_steps=400, most_steps=1000, looks=4,
        settings={"resolutions": (512,), "rank": 16, "learning_rate": 4e-4, "targets": "likeness-blocks",
                  "warmup_steps": 20, "sample_width": 512, "sample_height": 512},
    ),
    Preset(
        name="balanced", title="Balanced", family="flux1-dev",
        summary="For most people: all layers at two picture sizes, so that face and build are right near and far, "
        "about a hundred looks at each photo, ended before likeness turns into copying.",
        steps_per_photo=100, fewest_steps=1000, most_steps=2000, looks=8,
        settings={"resolutions": (512, 768), "rank": 16, "learning_rate": 2e-4, "warmup_steps": 50,
                  "sample_width": 768, "sample_height": 768},
    ),
    Preset(
        name="high-quality", title="High Quality", family="flux1-dev",
        summary="For 20 and more good photos and a patient evening: full picture size for skin and hair, twice the "
        "room to learn in, slow and averaged steps, and many checkpoints to choose the best from.",
        steps_per_photo=150, fewest_steps=1500, most_steps=3000, looks=10,
        settings={"resolutions": (512, 768, 1024), "rank": 32, "learning_rate": 1e-4, "warmup_steps": 100,
                  "ema_decay": 0.99, "sample_width": 1024, "sample_height": 1024},
    ),
    Preset(
        name="quick", title="Quick", family="mini",
        summary="Hair, skin, eyes and glasses are right within a minute or so on a laptop; fine features come later.",
        steps_per_photo=10, fewest_steps=150, most_steps=300, looks=3,
        settings={"resolutions": (128,), "rank": 16, "learning_rate": 4e-3, "batch_size": 4, "caption_dropout": 0.0,
                  "warmup_steps": 10},
    ),
    Preset(
        name="balanced", title="Balanced", family="mini",
        summary="The character can be told from similar ones and still does what the prompt says.",
        steps_per_photo=40, fewest_steps=600, most_steps=900, looks=4,
        settings={"resolutions": (128,), "rank": 16, "learning_rate": 1e-3, "batch_size": 4, "caption_dropout": 0.0,
                  "warmup_steps": 10},
    ),
    Preset(
        name="high-quality", title="High Quality", family="mini",
        summary="Twice the steps for the last details, with more checkpoints to choose from.",
        steps_per_photo=80, fewest_steps=1000, most_steps=1800, looks=6,
        settings={"resolutions": (128,), "rank": 16, "learning_rate": 1e-3, "batch_size": 4, "caption_dropout": 0.0,
                  "warmup_steps": 20},
    ),
)  # fmt: skip

_FAMILY_SETTINGS: dict[str, dict[str, Any]] = {
    "mini": {"sample_width": 128, "sample_height": 128, "sample_guidance": 2.0},
    "flux1-dev": {},
}
"""Settings that all presets of a family share, where they differ from TrainingConfig's defaults."""

PRESETS: dict[str, dict[str, Preset]] = {
    name: {preset.family: preset for preset in _TABLE if preset.name == name}
    for name in dict.fromkeys(preset.name for preset in _TABLE)
}
"""Presets by name, then by family."""


def find_preset(name: str, family: str) -> Preset:
    """The preset of that name (`High Quality` is found too). Raises CONFIG_INVALID naming the nearest known one."""
    key = "-".join(name.lower().replace("_", " ").split())
    problems = []
    if key not in PRESETS:
        problems.append(_unknown("preset", name, list(PRESETS)))
    if family not in FAMILIES:
        problems.append(_unknown("family", family, list(FAMILIES)))
    if problems:
        raise IsengardError("CONFIG_INVALID", " ".join(problems), problems=problems)
    return PRESETS[key][family]


def largest_size(family: str) -> int:
    """Pixels of the largest pictures that any preset trains this family with: its usual side of a square."""
    return max(max(preset.settings["resolutions"]) for preset in _TABLE if preset.family == family)


def preset_config(
    preset: str,
    family: str,
    photos: int,
    /,
    *,
    name: str,
    trigger_word: str,
    class_word: str = "person",
    **overrides: Any,
) -> TrainingConfig:
    """A complete config from a preset for so many photos; `overrides` are any other settings of TrainingConfig.

    What hangs on an overridden value follows it unless it is given too: warm-up, saving and sampling follow `steps`,
    `alpha` follows `rank`. Raises CONFIG_INVALID with all problems at once.
    """
    chosen = find_preset(preset, family)
    if chosen_already := {"preset", "family"} & overrides.keys():
        problems = [f"{name} is no setting to change here: it is chosen first." for name in sorted(chosen_already)]
        raise IsengardError("CONFIG_INVALID", " ".join(problems), problems=problems)
    values: dict[str, Any] = {
        "name": name,
        "trigger_word": trigger_word,
        "class_word": class_word,
        "family": family,
        "preset": chosen.name,
        "steps": chosen.steps(photos),
        "sample_prompts": [prompt.replace("{class}", str(class_word)) for prompt in _PROMPTS[family]],
        **_FAMILY_SETTINGS[family],
        **chosen.settings,
        **overrides,
    }
    return config_from_dict({**values, **_following(values, chosen), **overrides})


def _following(values: dict[str, Any], chosen: Preset) -> dict[str, Any]:
    """Values that hang on others. Where those are nonsense nothing follows: the config's check says what is wrong."""
    steps, rank, warmup = values["steps"], values["rank"], values["warmup_steps"]
    found: dict[str, Any] = {}
    if isinstance(steps, int) and steps > 0:
        between = steps / chosen.looks
        grid = 25 if between >= 100 else 5 if between >= 20 else 1
        every = max(1, round(between / grid) * grid)
        found = {"save_every": every, "sample_every": every}
        if isinstance(warmup, int):
            found["warmup_steps"] = min(warmup, steps // 10)
    if isinstance(rank, int) and 1 <= rank <= 256:
        found["alpha"] = rank  # strength 1 whatever the rank, so that a learning rate keeps its meaning
    return found


def _unknown(what: str, got: str, known: list[str]) -> str:
    near = difflib.get_close_matches(got.lower(), known, n=1, cutoff=0.5)
    return f"{what} must be one of {', '.join(known)}, got {got!r}" + (f"; did you mean {near[0]}?" if near else ".")
