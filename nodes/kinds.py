"""What goes over our nodes' own wires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..library.characters import Character as Character

CHARACTER = "ISENGARD_CHARACTER"
TRAINING_SET = "ISENGARD_TRAINING_SET"
JOB = "ISENGARD_JOB"
LORA_NAME = "STRING,ISENGARD_LORA"
"""A text that comes over a wire alone. Not by `force_input`: where a node has that and shows a line of text, ComfyUI's
frontend takes the line for the node's last value when it opens a saved workflow."""


@dataclass(frozen=True)
class TrainingSet:
    """A character's photos at one picture size."""

    character: Character
    resolution: int
    """Side of a square of as many pixels as a picture has."""


@dataclass(frozen=True)
class JobRef:
    """A job of the library."""

    id: str
    go_on: bool = True
    """Whether a job that was stopped is to go on; else only one that waits is trained."""
