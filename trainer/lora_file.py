"""LoRA files: the trained tensors under the keys that ComfyUI loads, with the notes that other tools read."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import IsengardError
from ..files import told_plainly, written_aside
from .config import TrainingConfig
from .events import now
from .headers import read_header
from .job import PhotoEntry

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from .families.interface import Family

_THUMBNAIL = 256


def lora_name(config: TrainingConfig, created: str, unique: str) -> str:
    """File stem of a LoRA such as `ada_ohwx_flux1-dev_20261122-163500_1a2b3c4d`: ASCII, safe on Windows, unique a job.

    ComfyUI caches LoRAs by file name, so two trainings must never share one. `created` is the job's birth in ISO 8601.
    """
    moment = _moment(created).strftime("%Y%m%d-%H%M%S")
    return "_".join(
        (_slug(config.name, "character", 40), _slug(config.trigger_word, "lora", 24), config.family, moment, unique)
    )


def write_lora(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    family: Family,
    config: TrainingConfig,
    scale: float,
    photos: Sequence[PhotoEntry],
    step: int,
    started: str,
    thumbnail: Image.Image | None = None,
) -> None:
    """Writes LoRA parameters, by their names in the transformer (`….lora_A.weight`, `….lora_B.weight`), as safetensors.

    `scale` (alpha / rank) is multiplied into the B matrices, so that strength 1 is right for every reader, with or
    without a look at the header. `started` is when the job began (ISO 8601). The file appears whole or not at all.
    Raises DISK_FULL, FOLDER_NOT_WRITABLE, or LOSS_NOT_FINITE if a number is not finite in `config.save_dtype`.
    """
    from safetensors.torch import save

    packed = save(_exported(tensors, family, config, scale))
    length = struct.unpack("<Q", packed[:8])[0]
    header = json.loads(packed[8 : 8 + length])
    content = memoryview(packed)[8 + length :]
    metadata = {**_model_spec(family, config), **_training_notes(path, family, config, photos, step, started)}
    metadata["modelspec.hash_sha256"] = "0x" + hashlib.sha256(content).hexdigest()
    if thumbnail is not None:
        metadata["modelspec.thumbnail"] = _data_url(thumbnail)
    raw = json.dumps({"__metadata__": metadata, **header}, ensure_ascii=False, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    _make_folder(path.parent)
    with written_aside(path) as aside, aside.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)))
        file.write(raw)
        file.write(content)


def _make_folder(folder: Path) -> None:
    with told_plainly(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as problem:
            raise IsengardError("FOLDER_NOT_WRITABLE", f"{folder} can't be made: a file is in its way.") from problem


def read_lora_metadata(path: Path) -> dict[str, str]:
    """The notes in a LoRA file's header; its tensors are not read. Raises what `read_header` raises."""
    return read_header(path).metadata


def _exported(tensors: Mapping[str, Tensor], family: Family, config: TrainingConfig, scale: float) -> dict[str, Tensor]:
    import torch

    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}[config.save_dtype]
    exported = {}
    for name, tensor in tensors.items():
        value = tensor.detach().float() * (scale if name.endswith(".lora_B.weight") else 1.0)
        value = value.to("cpu", dtype).contiguous()
        if not torch.isfinite(value).all():
            too_large = bool(torch.isfinite(tensor).all())
            raise IsengardError(
                "LOSS_NOT_FINITE",
                f"{name} of the LoRA is not finite in {config.save_dtype}; it was not saved.",
                hint="Its numbers are too large for that: set save_dtype to bf16 and resume." if too_large else None,
            )
        exported[family.export_key(name)] = value
    return exported


def _model_spec(family: Family, config: TrainingConfig) -> dict[str, str]:
    """The keys of the SAI Model Spec 1.0 (github.com/Stability-AI/ModelSpec), without the hash and the thumbnail."""
    side = max(config.resolutions)
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": family.architecture,
        "modelspec.implementation": "diffusers",
        "modelspec.title": f"{config.name} ({config.trigger_word}) for {family.title}",
        "modelspec.description": f"The {config.class_word} {config.name}, trained on {family.title} with Isengard.",
        "modelspec.date": now(),
        "modelspec.trigger_phrase": f"{config.trigger_word} {config.class_word}".strip(),
        "modelspec.usage_hint": f"Write “{config.trigger_word} {config.class_word}” in the prompt; strength 0.8 to 1.",
        "modelspec.tags": f"character, {config.class_word}",
        "modelspec.category": "Person",
        "modelspec.resolution": f"{side}x{side}",
        "modelspec.prediction_type": "flow",
    }


def _training_notes(
    path: Path, family: Family, config: TrainingConfig, photos: Sequence[PhotoEntry], step: int, started: str
) -> dict[str, str]:
    """The keys that sd-scripts writes and LoRA managers look at, and our own.

    `ss_network_alpha` equals the dimension because the scale is in the weights already. Of the base files only the
    names are noted: LoRAs are shared, and folders name people.
    """
    folder = f"1_{config.trigger_word} {config.class_word}"
    settings = config.as_dict()
    settings["base"] = {name: re.split(r"[/\\]", value)[-1] for name, value in settings["base"].items()}
    return {
        "ss_network_module": "networks.lora_flux",
        "ss_network_dim": str(config.rank),
        "ss_network_alpha": str(config.rank),
        "ss_network_args": json.dumps({"targets": config.targets}),
        "ss_base_model_version": family.base_model_version,
        "ss_sd_model_name": settings["base"]["transformer"] or family.title,
        "ss_output_name": path.stem,
        "ss_tag_frequency": json.dumps({folder: _tags(photos)}, ensure_ascii=False),
        "ss_dataset_dirs": json.dumps({folder: {"n_repeats": 1, "img_count": len(photos)}}, ensure_ascii=False),
        "ss_bucket_info": json.dumps({"buckets": _buckets(photos)}),
        "ss_enable_bucket": "True",
        "ss_num_train_images": str(len(photos)),
        "ss_num_reg_images": "0",
        "ss_steps": str(step),
        "ss_max_train_steps": str(config.steps),
        "ss_total_batch_size": str(config.batch_size * config.gradient_accumulation),
        "ss_gradient_accumulation_steps": str(config.gradient_accumulation),
        "ss_learning_rate": str(config.learning_rate),
        "ss_unet_lr": str(config.learning_rate),
        "ss_lr_scheduler": config.schedule,
        "ss_lr_warmup_steps": str(config.warmup_steps),
        "ss_optimizer": config.optimizer,
        "ss_mixed_precision": {"bf16": "bf16", "fp32": "no"}.get(config.precision, config.precision),
        "ss_max_grad_norm": str(config.max_grad_norm),
        "ss_caption_dropout_rate": str(config.caption_dropout),
        "ss_resolution": f"({max(config.resolutions)}, {max(config.resolutions)})",
        "ss_seed": str(config.seed),
        "ss_training_started_at": f"{_moment(started).timestamp():.3f}",
        "ss_training_finished_at": f"{datetime.now(timezone.utc).timestamp():.3f}",
        "ss_training_comment": f"Isengard, preset {config.preset}" if config.preset else "Isengard",
        "isengard.family": config.family,
        "isengard.step": str(step),
        "isengard.trigger_word": config.trigger_word,
        "isengard.config": json.dumps(settings, ensure_ascii=False),
    }


def _tags(photos: Sequence[PhotoEntry]) -> dict[str, int]:
    """How many captions hold each phrase between commas, the most frequent first."""
    counted = Counter(tag.strip() for photo in photos for tag in photo.caption.split(",") if tag.strip())
    return dict(counted.most_common())


def _buckets(photos: Sequence[PhotoEntry]) -> dict[str, dict[str, object]]:
    counted = Counter(size for photo in photos for size in photo.buckets)
    return {
        str(index): {"resolution": list(size), "count": count}
        for index, (size, count) in enumerate(sorted(counted.items()))
    }


def _data_url(picture: Image.Image) -> str:
    """A small square JPEG as a data URL."""
    from PIL import Image, ImageOps

    small = ImageOps.fit(picture.convert("RGB"), (_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _slug(text: str, fallback: str, length: int) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:length].strip("-") or fallback


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
