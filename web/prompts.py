"""The prompts that carry out a job in ComfyUI: one that encodes with ComfyUI's own loaders where they know the files,
and one that trains. Two, so that ComfyUI lets go of the text encoders in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import settings
from ..library.job_files import checkpoints
from ..library.jobs import Job
from ..trainer.job import read_events

Graph = dict[str, dict[str, Any]]
"""ComfyUI's prompt format: node id → class and inputs."""


def graphs_for(job: Job) -> list[Graph]:
    """What is to be put into the queue, in this order."""
    preparing = preparing_graph(job)
    return [*([preparing] if preparing else []), training_graph(job)]


def training_graph(job: Job) -> Graph:
    """Trains the job, if it still waits when its turn comes."""
    trains = {"job": ["job", 0], "base_model_file": "as in the job", "train_again": False}
    return {**_job(job), "train": _node("IsengardTrainLoRA", "Train LoRA", **trains)}


def preparing_graph(job: Job) -> Graph | None:
    """Encodes photos and words. None: the trainer does that itself, as it has begun to, or as ComfyUI lacks a file."""
    if job.config.family == "mini" or checkpoints(job.folder) or _is_encoded(job):
        return None
    loaders: Graph = {}
    vae, clip = _vae(job, loaders), _clip(job, loaders)
    if vae is None or clip is None:
        return None
    prepares = {
        "job": ["job", 0], "vae": vae, "clip": clip, "preset": "balanced", "base_model": "default", "steps": 0,
        "rank": 0, "settings": "",
    }  # fmt: skip
    return {**_job(job), **loaders, "prepare": _node("IsengardPrepare", "Prepare Training", **prepares)}


def _is_encoded(job: Job) -> bool:
    """Whether everything was encoded once. What settings that were changed since may lack, the trainer encodes."""
    found = (event for event in read_events(job.folder.events_file) if event.get("phase") == "encode")
    return any(event["done"] == event["total"] for event in found)


def _job(job: Job) -> Graph:
    return {"job": _node("IsengardJob", f"Training of {job.config.name}", job=job.id, go_on=False)}


def _vae(job: Job, loaders: Graph) -> list[Any] | None:
    base = job.config.base
    if not base.vae:
        return _checkpoint(base.transformer, 2, loaders)
    if (name := _name(base.vae, "vae")) is None:
        return None
    loaders["vae"] = _node("VAELoader", "Load VAE", vae_name=name)
    return ["vae", 0]


def _clip(job: Job, loaders: Graph) -> list[Any] | None:
    base = job.config.base
    if not base.clip and not base.t5:
        return _checkpoint(base.transformer, 1, loaders)
    names = [_name(path, "text_encoders") or _name(path, "clip") for path in (base.clip, base.t5)]
    if None in names:
        return None
    loaders["clip"] = _node(
        "DualCLIPLoader", "Load text encoders", clip_name1=names[0], clip_name2=names[1], type="flux", device="default"
    )
    return ["clip", 0]


def _checkpoint(path: str, output: int, loaders: Graph) -> list[Any] | None:
    if (name := _name(path, "checkpoints")) is None:
        return None
    loaders["checkpoint"] = _node("CheckpointLoaderSimple", "Load checkpoint", ckpt_name=name)
    return ["checkpoint", output]


def _name(path: str, kind: str) -> str | None:
    """A file's name in ComfyUI's lists of that kind."""
    for folder in settings.model_folders(kind) if path else []:
        if Path(path).is_relative_to(folder):
            return str(Path(path).relative_to(folder))
    return None


def _node(class_type: str, title: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}
