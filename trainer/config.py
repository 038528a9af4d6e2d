"""TrainingConfig: everything that decides what one training does. Standard library only."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import typing
from dataclasses import dataclass, field
from typing import Any

from ..errors import IsengardError
from .config_rules import problems_of

FORMAT = 1
"""Version of config.json; a reader refuses a newer one."""

FAMILIES = ("mini", "flux1-dev")
SCHEDULES = ("constant", "cosine", "linear")
OPTIMIZERS = ("adamw", "adamw8bit", "adafactor", "prodigy")
TARGETS = ("all-linear", "attention", "likeness-blocks")
TIMESTEPS = ("logit-normal-shift", "logit-normal", "uniform")
PRECISIONS = ("auto", "bf16", "fp32")
SAVE_DTYPES = ("fp16", "bf16", "fp32")
BACKENDS = ("native", "ai-toolkit")
BASE_WEIGHTS = ("auto", "full", "fp8", "int8", "nf4")
SWITCH = ("auto", "on", "off")
ATTENTION = ("auto", "cudnn", "flash", "efficient", "plain")
PLANNED = -1
"""In the number of a kind of blocks: the memory plan chooses it."""


_ONLY_SPEED = ("recompute_blocks", "swap_blocks", "compile_blocks", "attention")
"""Settings that change time and memory, and the result by rounding at most."""
_LATER = {"base_weights": "auto", "class_preservation": 0.0, "lora_plus_ratio": 1.0}
"""Settings that came later, each with the value that is as before: with it a fingerprint stays what it was."""


def _within(low: float, high: float, unit: str = "", **kwargs: Any) -> Any:
    return field(**kwargs, metadata={"range": (low, high), "unit": unit})


def _one_of(choices: tuple[str, ...], **kwargs: Any) -> Any:
    return field(**kwargs, metadata={"choices": choices})


@dataclass(frozen=True, kw_only=True)
class BaseFiles:
    """The base model's files. Empty means: the embedded model, or not needed."""

    transformer: str = ""
    """Single file or diffusers folder of the transformer; an all-in-one checkpoint holds the other parts too."""
    vae: str = ""
    """VAE single file (`ae.safetensors`) or diffusers folder."""
    clip: str = ""
    """CLIP-L text encoder, single file."""
    t5: str = ""
    """T5-XXL text encoder, single file."""
    tokenizers: str = ""
    """Folder with the tokenizers' files; empty looks in a ComfyUI that is found."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """All settings of one training. Checked as a whole: every problem is reported at once.

    Raises `IsengardError("CONFIG_INVALID")`, whose `details["problems"]` is a list of sentences.
    """

    name: str
    """The character's name, as people read it."""
    trigger_word: str
    """The word that stands for the character in captions and prompts."""
    class_word: str = "person"
    """What the character is: person, woman, man, child, dog, …"""
    family: str = _one_of(FAMILIES, default="flux1-dev")
    """Family of the base model."""
    base: BaseFiles = field(default_factory=BaseFiles)
    """Files of the base model."""
    preset: str = ""
    """Name of the preset the values came from; for people, it decides nothing."""
    backend: str = _one_of(BACKENDS, default="native")
    """Training backend."""

    resolutions: tuple[int, ...] = (512,)
    """Picture areas to train at, each as the side of a square in pixels; a photo is cached once for each."""
    bucket_tolerance: float = _within(0.0, 0.5, default=0.03)
    """How much of a photo's aspect ratio may be given up (as a fraction) to share a bucket that is already in use."""
    flip: bool = False
    """Mirror photos at random. Off for identities: faces are not symmetric."""
    caption_dropout: float = _within(0.0, 1.0, default=0.05)
    """Share of steps in which a photo is shown without its caption."""
    class_preservation: float = _within(0.0, 1.0, default=0.0)
    """Share of steps that also hold the model to what it made of the captions without the trigger word before the
    training: the character leaks less into others of the class. Such a step takes a bit more than twice as long."""

    steps: int = _within(1, 100_000, "optimizer steps", default=1500)
    """Length of the training."""
    batch_size: int = _within(1, 64, "photos", default=1)
    """Photos in one forward pass, over all processes together."""
    gradient_accumulation: int = _within(1, 64, "forward passes", default=1)
    """Forward passes added up for one optimizer step, over all processes together."""
    learning_rate: float = _within(1e-7, 1.0, default=1e-4)
    """Peak learning rate (1.0 is usual for prodigy)."""
    schedule: str = _one_of(SCHEDULES, default="cosine")
    """How the learning rate goes on after the warm-up; cosine and linear end at a tenth of the peak."""
    warmup_steps: int = _within(0, 10_000, "optimizer steps", default=20)
    """Steps over which the learning rate rises from zero."""
    optimizer: str = _one_of(OPTIMIZERS, default="adamw")
    """Optimizer by name; adamw8bit needs bitsandbytes, prodigy needs prodigyopt."""
    weight_decay: float = _within(0.0, 1.0, default=0.01)
    """Decoupled weight decay of the LoRA's weights."""
    lora_plus_ratio: float = _within(1.0, 64.0, default=1.0)
    """Learning rate of the LoRA's B over that of its A (LoRA+); 1 is the usual LoRA."""
    max_grad_norm: float = _within(0.0, 1000.0, default=1.0)
    """Gradients are scaled down to this norm; 0 leaves them."""
    ema_decay: float = _within(0.0, 0.99999, default=0.0)
    """Decay of the moving average of the LoRA that is saved and sampled; 0 is off."""

    rank: int = _within(1, 256, default=16)
    """Rank of the LoRA."""
    alpha: float = _within(0.1, 512.0, default=16.0)
    """The LoRA's strength in training is alpha / rank."""
    lora_dropout: float = _within(0.0, 0.9, default=0.0)
    """Dropout on the LoRA's input."""
    targets: str = _one_of(TARGETS, default="all-linear")
    """Which layers get a LoRA; the family says what the names mean."""

    timesteps: str = _one_of(TIMESTEPS, default="logit-normal-shift")
    """Density that a step's noise level is drawn from."""
    logit_mean: float = _within(-3.0, 3.0, default=0.0)
    """Mean of the normal variable inside the logit-normal density."""
    logit_std: float = _within(0.1, 3.0, default=1.0)
    """Standard deviation of that variable."""
    guidance: float = _within(0.0, 10.0, default=1.0)
    """Guidance embedding in training, for guidance-distilled models."""
    max_text_tokens: int = _within(0, 512, "tokens", default=0)
    """Length of the text conditioning; 0 takes the family's default."""

    precision: str = _one_of(PRECISIONS, default="auto")
    """Compute precision; auto is bf16 on a GPU and fp32 on a CPU. The LoRA's own weights are fp32 always."""
    save_dtype: str = _one_of(SAVE_DTYPES, default="fp16")
    """Number format of the LoRA files."""
    base_weights: str = _one_of(BASE_WEIGHTS, default="auto")
    """How the frozen base model is kept: full is the compute precision, fp8 and int8 half of it, nf4 a quarter (needs
    bitsandbytes). auto takes the fastest that fits into the free GPU memory, and full where there is plenty."""
    gradient_checkpointing: bool = False
    """Recompute the inside of all blocks in the backward pass: slower, and much less memory."""
    recompute_blocks: int = _within(-1, 1000, "blocks", default=PLANNED)
    """So many blocks are recomputed in the backward pass, evenly spread; -1 takes as many as the memory asks for."""
    swap_blocks: int = _within(-1, 1000, "blocks", default=PLANNED)
    """So many blocks wait in the main memory and are brought to the GPU when they are due (and are recomputed); -1
    takes as many as the memory asks for."""
    compile_blocks: str = _one_of(SWITCH, default="auto")
    """Compile the transformer's blocks: a minute at the start, then faster steps. auto does so on an NVIDIA GPU for
    trainings that are long enough."""
    attention: str = _one_of(ATTENTION, default="auto")
    """Attention kernel that is tried first; auto takes cuDNN's on Hopper and newer, elsewhere torch's own choice."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    seed: int = _within(0, 2**31 - 1, default=42)
    """Seed of everything that is random."""

    save_every: int = _within(1, 100_000, "optimizer steps", default=250)
    """A checkpoint each so many steps, and at the end."""
    sample_every: int = _within(0, 100_000, "optimizer steps", default=250)
    """Sample pictures each so many steps, at step 0 and at the end; 0 is off."""
    log_every: int = _within(1, 1000, "optimizer steps", default=10)
    """Losses are read from the device and written as events each so many steps."""
    sample_prompts: tuple[str, ...] = ()
    """Prompts of the samples; `{trigger}` stands for the trigger word."""
    sample_seed: int = _within(0, 2**31 - 1, default=7)
    """The n-th sample uses this seed plus n, each time the same."""
    sample_steps: int = _within(1, 200, "sampling steps", default=20)
    """Denoising steps of a sample."""
    sample_guidance: float = _within(0.0, 20.0, default=3.5)
    """Guidance of a sample."""
    sample_width: int = _within(64, 4096, "pixels", default=512)
    """Width of a sample."""
    sample_height: int = _within(64, 4096, "pixels", default=512)
    """Height of a sample."""

    def __post_init__(self) -> None:
        problems = problems_of(self)
        if problems:
            raise IsengardError("CONFIG_INVALID", " ".join(problems), problems=problems)
        for name, kind in typing.get_type_hints(type(self)).items():
            if kind is float:  # JSON knows no difference: 0 and 0.0 are one setting and give one fingerprint
                object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def prompts(self) -> tuple[str, ...]:
        """The sample prompts with the trigger word put in."""
        return tuple(prompt.replace("{trigger}", self.trigger_word) for prompt in self.sample_prompts)

    def as_dict(self) -> dict[str, Any]:
        """The config as plain JSON values, with the format's version."""
        return {"format": FORMAT, **json.loads(json.dumps(dataclasses.asdict(self)))}

    def fingerprint(self) -> str:
        """SHA-256 over everything that decides the result (not the name, the device or the paths of the base files)."""
        values = self.as_dict()
        for name in ("name", "device", "base", "preset", "log_every", *_ONLY_SPEED):
            values.pop(name)
        for name, before in _LATER.items():
            if values[name] == before:
                values.pop(name)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def replace(self, **changes: Any) -> TrainingConfig:
        """A copy with changes, checked like a new config; unknown names are refused with the nearest known one."""
        return config_from_dict({**self.as_dict(), **changes})


def config_from_dict(values: dict[str, Any]) -> TrainingConfig:
    """Builds a config from JSON values.

    Raises `IsengardError("CONFIG_INVALID")` naming all problems at once: unknown keys (with the nearest known one),
    wrong types, values out of range.
    """
    if not isinstance(values, dict):
        raise IsengardError("CONFIG_UNREADABLE", f"A config is a group of named settings, got {values!r:.80}.")
    values = dict(values)
    version = values.pop("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise IsengardError(
            "CONFIG_UNREADABLE",
            f"config.json has format {version!r}; this version of Isengard reads up to {FORMAT}.",
            hint="Update Isengard.",
        )
    known = {item.name for item in dataclasses.fields(TrainingConfig)}
    problems = [_unknown(key, known) for key in values if key not in known]
    values = {key: value for key, value in values.items() if key in known}
    base = values.get("base", {})
    if isinstance(base, dict):
        base_known = {item.name for item in dataclasses.fields(BaseFiles)}
        problems += [_unknown(key, base_known, "base.") for key in base if key not in base_known]
        values["base"] = BaseFiles(**{key: value for key, value in base.items() if key in base_known})
    for name in ("resolutions", "sample_prompts"):
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    missing = [name for name in ("name", "trigger_word") if name not in values]
    problems += [f"{name} is missing." for name in missing]
    try:
        config = TrainingConfig(**{**dict.fromkeys(missing, "missing"), **values})
    except IsengardError as error:
        problems += error.details["problems"]
        raise IsengardError("CONFIG_INVALID", " ".join(problems), problems=problems) from None
    if problems:
        raise IsengardError("CONFIG_INVALID", " ".join(problems), problems=problems)
    return config


def _unknown(key: str, known: set[str], prefix: str = "") -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"{prefix}{key} is not a setting" + (f"; did you mean {prefix}{near[0]}?" if near else ".")
