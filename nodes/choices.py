"""What the nodes' lists offer, read from the disk each time ComfyUI asks; nothing is made or opened for that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .. import settings
from ..library import names
from ..library.sample import SLUG

LATEST = "latest"
AS_IN_JOB = "as in the job"
MODE_DEFAULT = "default"
FAMILIES = (MODE_DEFAULT, "flux1-dev", "mini")
PRESETS = ("quick", "balanced", "high-quality")
_MOST_JOBS = 100


def characters() -> list[str]:
    """The library's characters, and the bundled one, which is added to the library when she is used."""
    found = [
        path.parent.name for path in _root("characters").glob("*/character.json") if names.is_safe(path.parent.name)
    ]
    return sorted({*found, SLUG})


def jobs() -> list[str]:
    """Ids of jobs, the latest first."""
    found = [path.parent for path in _root("jobs").glob("*/config.json") if names.is_safe(path.parent.name)]
    found.sort(key=_modified, reverse=True)
    return [path.name for path in found[:_MOST_JOBS]]


def is_job(job: str) -> bool:
    """Whether there is such a job; the list shows the latest only."""
    return names.is_safe(job) and (_root("jobs") / job / "config.json").is_file()


def versions() -> list[str]:
    """`latest`, and the id of every LoRA that a character of the library has."""
    records = sorted(_root("characters").glob("*/loras/*.json"), key=_modified, reverse=True)
    return [LATEST, *dict.fromkeys(path.stem for path in records)]


def transformers() -> list[str]:
    """`as in the job`, and files that may be a base model's transformer."""
    from ..library import basemodels  # not when ComfyUI starts: it leads to more than lists need

    folders = [
        folder for kind in ("diffusion_models", "unet", "checkpoints") for folder in settings.model_folders(kind)
    ]
    found = [path.name for folder in folders for path in basemodels.files_in(folder)]
    return [AS_IN_JOB, *sorted(name for name in dict.fromkeys(found) if "flux" in name.lower())]


def photos_mark(slug: str) -> str:
    """Changes when a character or one of the photos or captions that are trained on does: for ComfyUI's cache."""
    if not names.is_safe(slug):
        return slug
    folder = _root("characters") / slug
    return _mark([folder / "character.json", *sorted((folder / "images").glob("*"))])


def loras_mark() -> str:
    """Changes when any character gets or loses a LoRA: what “latest” means may be another one then."""
    return _mark(sorted(_root("characters").glob("*/loras/*.json")))


def job_mark(job: str) -> str:
    """Changes when a job's settings or its state do."""
    return _mark([_root("jobs") / job / name for name in ("config.json", "state.json")] if names.is_safe(job) else [])


def _mark(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with suppress(OSError):
            found = path.stat()
            digest.update(f"{path}\0{found.st_mtime_ns}\0{found.st_size}\n".encode())
    return digest.hexdigest()


def _root(part: str) -> Path:
    return settings.volume_root() / part


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
