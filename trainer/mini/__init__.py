"""The embedded base model: a tiny FLUX and the small drawn world it was trained on. Only paths live here; nothing heavy
is imported."""

from pathlib import Path

MODEL_DIR = Path(__file__).parent / "model"
"""The shipped weights, in the folder layout of a diffusers pipeline, and the attribute reader in `reader/`."""

CHARACTER_DIR = Path(__file__).parent / "character"
"""Pictures of the bundled character "Ada" with a caption file beside each."""
