"""PNG files that say what they were made with, for us and for the programs that people have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import IsengardError
from ..files import written_aside

if TYPE_CHECKING:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

KEY = "isengard"
"""Name of the text chunk with all settings as JSON."""
_LONGEST = 1_000_000


def write_png(image: Image.Image, path: Path, settings: dict[str, Any]) -> None:
    """Writes a picture that carries its settings: those that a generator's request gives for one picture.

    Raises DISK_FULL or FOLDER_NOT_WRITABLE.
    """
    with written_aside(path) as aside:
        image.save(aside, format="PNG", pnginfo=_notes(settings))


def read_settings(path: Path) -> dict[str, Any]:
    """The settings that a picture carries. Raises PICTURE_CORRUPT if it is no PNG or carries none."""
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            values = json.loads(str(image.info.get(KEY, ""))[:_LONGEST])
    except (OSError, ValueError, SyntaxError, RecursionError, Image.DecompressionBombError) as problem:
        raise IsengardError("PICTURE_CORRUPT", f"{path.name} does not say how it was made.") from problem
    if not isinstance(values, dict):
        raise IsengardError("PICTURE_CORRUPT", f"{path.name} does not say what it was made with.")
    return values


def parameters(settings: dict[str, Any]) -> str:
    """The settings in the words that other programs read: prompt, then `Steps: …` on the last line."""
    loras = "".join(f" <lora:{Path(lora['file']).stem}:{lora['strength']:g}>" for lora in settings["loras"])
    facts = {
        "Steps": settings["steps"],
        "Sampler": "Euler",
        "Schedule type": "Simple",
        "CFG scale": 1,
        "Distilled CFG Scale": f"{settings['guidance']:g}",
        "Seed": settings["seed"],
        "Size": f"{settings['width']}x{settings['height']}",
        "Model": settings["base"].get("transformer", "").removesuffix(".safetensors") or settings["family"],
        "Version": "Isengard",
    }
    return str(settings["sent"]) + loras + "\n" + ", ".join(f"{name}: {value}" for name, value in facts.items())


def _notes(settings: dict[str, Any]) -> PngInfo:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_itxt(KEY, json.dumps(settings, ensure_ascii=False))
    notes.add_text("parameters", parameters(settings))
    notes.add_text("Software", "Isengard")
    return notes
