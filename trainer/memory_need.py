"""What a training holds in memory, worked out from shapes. Imports no torch.

Weights, LoRA and optimizer follow from the model's numbers. The activations were counted: a test runs blocks of true
width without numbers, follows every storage from its making to its end, and holds the constants here to it. Not in it:
what a compiler saves by keeping less (it is an upper bound then), and what the GPU's libraries take, which is allowed
for by `runtime` and `_FRAGMENTED` and was not measured on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from .config import TrainingConfig

GIB = 2**30
MIB = 2**20


@dataclass(frozen=True)
class Architecture:
    """The numbers of a transformer of FLUX's kind."""

    width: int
    doubles: int
    singles: int
    others: int
    """Parameters outside of the blocks, which stay in full precision."""
    text_tokens: int
    encoders: int
    """Bytes of the largest text encoder as it is loaded."""
    runtime: int
    """Bytes that the libraries take on the device."""

    @property
    def blocks(self) -> int:
        return self.doubles + self.singles

    @property
    def double_parameters(self) -> int:
        """Modulation 12, attention 8 and feed-forward 16 squares of the width."""
        return 36 * self.width**2

    @property
    def single_parameters(self) -> int:
        """Modulation 3, attention 3, feed-forward 9 squares of the width."""
        return 15 * self.width**2

    def block_parameters(self, place: int) -> int:
        return self.double_parameters if place < self.doubles else self.single_parameters


ARCHITECTURES = {
    "flux1-dev": Architecture(3072, 19, 38, 67_000_000, 256, 10 * GIB, GIB * 6 // 10),
    "mini": Architecture(192, 2, 4, 400_000, 64, GIB // 16, GIB * 6 // 10),
}

_KEPT = {"all-linear": (20.1, 19.1), "attention": (15.1, 14.1), "likeness-blocks": (0.0, 13.3)}
"""Numbers of the model's width, a token, that a double and a single block keep for the backward pass, by targets."""
_INNER = {"all-linear": (6, 5), "attention": (4, 3), "likeness-blocks": (0, 0.1)}
"""LoRAs that a token goes through in a block: each keeps as many numbers as its rank. 16 of them are in `_KEPT`."""
_BATCHED = 1.0
"""One more in double blocks with more than one picture."""
_CREST = 11.0
"""And what is there for moments at the crest, between forward and backward."""
_CREST_WIDENED = 6.5
"""The same where a weight is widened for its product meanwhile, without that weight."""
_CREST_INT8 = 18.0
"""The same where int8 is multiplied, whose products are 32 bits wide, without a weight that is turned for it."""
_WIDEST = 5
"""Squares of the width in the largest weight."""
_LIKENESS_FROM = 7
"""Single blocks before the first trained one keep nothing."""
_TURNED = 1.73
"""Of quantised weights with their turned copies: the modulations (0.27 of the parameters) have none."""
BITS = {"full": 16.0, "fp8": 8.0, "int8": 8.0, "nf4": 4.5}
_FULL_BITS = {False: 16.0, True: 32.0}
"""Of a number in full precision: in bf16, and where fp32 is asked for."""
_FRAGMENTED = 1.05
"""What the allocator can't use, on all that comes and goes."""
_MOMENTS = {"adamw": 8.0, "adamw8bit": 2.1, "adafactor": 0.2, "prodigy": 16.0}
"""Bytes that an optimizer keeps for a LoRA parameter."""
_GRADIENT_BYTES = 6
"""Its gradients at the end of a backward pass: bf16 and fp32."""
_DECODER = (320 * MIB, 3073)
"""The VAE in fp32, and what it takes a pixel to decode a picture; beyond 1,024 pixels it works in tiles."""


@dataclass(frozen=True)
class Need:
    """Bytes on the device at the crest of a step, by part."""

    weights: int
    lora: int
    activations: int
    runtime: int

    @property
    def total(self) -> int:
        return self.weights + self.lora + self.activations + self.runtime


def spread(count: int, of: int) -> list[int]:
    """So many places, evenly spread: what stays lies between what is swapped, and hides its journeys."""
    count = min(count, of)
    return [(2 * index + 1) * of // (2 * count) for index in range(count)]


def estimate(
    config: TrainingConfig,
    form: str,
    recompute: int,
    swap: int,
    *,
    both_ways: bool = False,
    native: bool = True,
    on_gpu: bool = True,
) -> Need:
    """What a step holds at its crest: weights, LoRA with optimizer, and the larger of activations and gradients.

    `native` says that the device multiplies the weights' format as it is.
    """
    shape = ARCHITECTURES[config.family]
    wide = _is_wide(config) or not on_gpu
    number = 4 if wide else 2
    away = spread(swap, shape.blocks)
    parameters = [shape.block_parameters(place) for place in range(shape.blocks)]
    bits = _FULL_BITS[wide] if form == "full" else BITS[form]
    here = sum(parameters) - sum(parameters[place] for place in away)
    rooms = min(2, len(away)) * max((parameters[place] for place in away), default=0)
    weights = (here + rooms) * bits / 8 * (_TURNED if both_ways else 1.0) + shape.others * number
    lora = lora_parameters(config)
    token = tokens(config) * shape.width * number
    turn = _CREST * token
    if form != "full" and not native:
        turn = max(turn, _CREST_WIDENED * token + _WIDEST * shape.width**2 * number)
    elif form == "int8":
        turn = _CREST_INT8 * token + _WIDEST * shape.width**2
    crest = max(_activations(config, recompute, away) * token + turn, lora * _GRADIENT_BYTES) * _FRAGMENTED
    held = lora * lora_bytes(config, wide=wide)
    return Need(round(weights), round(held), round(crest), shape.runtime)


def _activations(config: TrainingConfig, recompute: int, away: list[int]) -> float:
    """Numbers of the model's width that are kept a token at the turn from forward to backward.

    A block keeps `_KEPT`, a recomputed one its input (1) alone; one of the recomputed is whole for a moment.
    """
    shape = ARCHITECTURES[config.family]
    double, single = _KEPT[config.targets]
    double += _BATCHED if config.batch_size > 1 and double else 0.0
    wider = (config.rank - 16) / shape.width
    double, single = double + wider * _INNER[config.targets][0], single + wider * _INNER[config.targets][1]
    again = {*spread(recompute, shape.blocks), *away}
    first = shape.doubles + _LIKENESS_FROM * shape.singles // 38 if config.targets == "likeness-blocks" else 0
    kept = [double if place < shape.doubles else single for place in range(shape.blocks)]
    total = sum(1.0 if place in again else kept[place] for place in range(first, shape.blocks))
    total += max((kept[place] for place in again if place >= first), default=0.0)
    return total


def tokens(config: TrainingConfig) -> int:
    """Tokens in one forward pass of the largest pictures."""
    shape = ARCHITECTURES[config.family]
    pictures = (max(config.resolutions) // 16) ** 2
    return config.batch_size * (pictures + (config.max_text_tokens or shape.text_tokens))


def lora_bytes(config: TrainingConfig, *, wide: bool) -> float:
    """What is kept for a LoRA parameter all the time: fp32 master 4, a copy in bf16 2, the optimizer's moments, the
    average 4, and 4 for a gradient that waits while another pass runs."""
    several = config.gradient_accumulation > 1 or config.class_preservation > 0
    return 4 + (0 if wide else 2) + _MOMENTS[config.optimizer] + (4 if config.ema_decay else 0) + (4 if several else 0)


def lora_parameters(config: TrainingConfig) -> int:
    """Inputs and outputs of the layers with a LoRA, times the rank."""
    shape = ARCHITECTURES[config.family]
    attention = shape.doubles * 16 + shape.singles * 6
    widths = {
        "all-linear": attention + shape.doubles * 20 + shape.singles * 11,
        "attention": attention,
        "likeness-blocks": 4 * 6,
    }[config.targets]
    return config.rank * shape.width * widths


def decoding(width: int, height: int) -> int:
    """Bytes that the VAE takes on the device to decode a sample."""
    pixels = min(width, 1024) * min(height, 1024)
    return round((_DECODER[0] + _DECODER[1] * pixels) * _FRAGMENTED)


def main_memory(config: TrainingConfig, form: str, swap: int) -> int:
    """The encoders, one at a time, are the most; then the swapped blocks. The base model's file is only mapped."""
    return round(max(ARCHITECTURES[config.family].encoders, waiting(config, form, swap)) * 1.15) + GIB


def waiting(config: TrainingConfig, form: str, swap: int) -> int:
    """Bytes of the swapped blocks, which stay in the main memory as long as it trains."""
    shape = ARCHITECTURES[config.family]
    moved = sum(shape.block_parameters(place) for place in spread(swap, shape.blocks))
    return round(moved * (_FULL_BITS[_is_wide(config)] if form == "full" else BITS[form]) / 8)


def _is_wide(config: TrainingConfig) -> bool:
    """Whether a GPU computes in fp32."""
    return config.precision == "fp32" or config.family == "mini"
