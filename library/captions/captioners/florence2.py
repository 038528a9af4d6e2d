"""Microsoft's Florence-2 as a captioner: transformers' own classes, a local folder, a child process."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import threading
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

from .... import log, settings
from ....errors import IsengardError
from ....media.captions import MAX_LENGTH, place_trigger
from ....sentences import Said
from ...child import Child, ChildDiedError
from ..text import clean
from .interface import CaptionRequest, CaptionResult, Readiness

SOURCE = "florence-community/Florence-2-base"
"""Where the folder that transformers itself can read is published: Microsoft's weights under other names."""
_PROGRAM = Path(__file__).parent / "children" / "florence2.py"
_LEAST_TRANSFORMERS = "4.56"
_TASK = "<DETAILED_CAPTION>"
_TOKENS = 160
_FAILURES = 3
"""So many photos in a row that end the process stop the whole run."""
_AT_LOADING = Said("captioner.at_loading", "Download the model again, free memory, or choose the captioner “plain”.")
_LOG = log.get("library.captions.florence2")

_TOKEN = re.compile(r"</?[A-Za-z0-9_]+>|\ufffd")
_WHAT = r"(?:image|photo|photograph|picture|portrait|video|scene)"
_OPENING = re.compile(
    rf"^(?:(?:the|this) {_WHAT} (?:shows|depicts|features|captures|presents|displays|contains|is of)\s+(?:that\s+)?"
    rf"|in (?:the|this) {_WHAT},?\s+(?:(?:we|you|i) can see|there (?:is|are)|we see)\s+(?:that\s+)?"
    rf"|(?:the|this) {_WHAT} is an? (?:{_WHAT} of\s+)?"
    rf"|an? (?:image|photo|photograph|picture) of\s+)",
    re.IGNORECASE,
)
_MOOD = re.compile(rf"^the (?:overall|general) \w+ (?:of the {_WHAT} )?(?:is|are)\b", re.IGNORECASE)


class Florence2Captioner:
    """Describes photos in a sentence or two. Off unless a model's folder is found."""

    name = "florence2"
    uses_device = True

    def __init__(
        self,
        model: Path | None = None,
        *,
        models: Path | None = None,
        device: str = "auto",
        photo_seconds: float = 180,
        load_seconds: float = 600,
    ) -> None:
        self._model = model
        self._places = places(models)
        self._device = device
        self._photo_seconds = photo_seconds
        self._load_seconds = load_seconds
        self._child: Child | None = None
        self._stopped = threading.Event()

    @property
    def model(self) -> Path | None:
        """The model's folder: the one given, else the first usable one where models usually are."""
        if self._model is not None:
            return self._model
        found = find_models(self._places)
        return next((folder for folder in found if not _problem_of(folder)), found[0] if found else None)

    def ready(self) -> Readiness:
        """Whether the packages and a folder that they can read are there."""
        if problem := _missing_package():
            text = f"Update transformers to {_LEAST_TRANSFORMERS} or newer and restart."
            return Readiness(False, problem, Said("captioner.update", text, version=_LEAST_TRANSFORMERS))
        folder = self.model
        where = " or ".join(str(place) for place in self._places)
        get = Said(
            "captioner.get",
            f"Download {SOURCE} (or its larger sister) with all its files from huggingface.co into the folder {where}.",
            source=SOURCE,
            folder=where,
        )
        if folder is None:
            return Readiness(False, Said("captioner.no_model", "No Florence-2 model was found."), get)
        if problem := _problem_of(folder):
            unusable = Said("captioner.unusable", f"{folder} {problem}.", folder=folder.name)
            return Readiness(False, unusable, get)
        return Readiness(True)

    def describe(self, photos: Iterable[CaptionRequest]) -> Generator[CaptionResult, None, None]:
        """A caption for each photo, with the trigger word in front."""
        readiness = self.ready()
        if not readiness.ready:
            raise IsengardError("CAPTIONER_NOT_READY", readiness.reason, hint=readiness.what_to_do)
        folder = self.model
        failures = 0
        child: Child | None = None
        try:
            for request in photos:
                if self._stopped.is_set():
                    raise IsengardError("CAPTIONER_FAILED", "Florence-2 was stopped.", hint="Begin again.")
                if child is None:
                    child = self._child = Child(_PROGRAM, [str(folder), self._device])
                    if self._stopped.is_set():
                        child.kill()
                    self._wait_for_model(child)
                result = self._describe_one(child, request)
                failures = failures + 1 if child.ended else 0
                child = None if child.ended else child
                if result.error and failures == _FAILURES:
                    raise result.error
                yield result
        finally:
            self._child = None
            if child:
                child.end()

    def stop(self) -> None:
        """See Captioner."""
        self._stopped.set()
        if (child := self._child) is not None:
            child.kill()

    def _wait_for_model(self, child: Child) -> None:
        try:
            answer = child.answer(self._load_seconds)
        except TimeoutError as problem:
            text = f"Florence-2 was not loaded within {self._load_seconds:g} seconds."
            slow = Said("captioner.loading_slow", text, seconds=self._load_seconds)
            raise IsengardError("CAPTIONER_SLOW", slow) from problem
        except ChildDiedError as problem:
            message = f"Florence-2's process {problem} while it was loading the model."
            raise IsengardError("CAPTIONER_FAILED", message, hint=_AT_LOADING, tail=child.tail()) from problem
        if "failed" in answer:
            reasons = {"memory": "does not fit into memory", "package": "needs a Python package that is missing"}
            why = reasons.get(answer["failed"], "can't be loaded; it may be damaged")
            message = f"Florence-2 in {self.model} {why}: {str(answer['message'])[:500]}"
            raise IsengardError("CAPTIONER_FAILED", message, hint=_AT_LOADING, tail=child.tail())
        _LOG.info("started Florence-2", pid=child.pid, model=str(self.model), device=answer.get("device"))

    def _describe_one(self, child: Child, request: CaptionRequest) -> CaptionResult:
        question = {"file": str(request.file), "task": _TASK, "tokens": _TOKENS}
        try:
            answer = child.ask(question, self._photo_seconds)
        except TimeoutError:
            child.end()
            text = f"{request.photo} took longer than {self._photo_seconds:g} seconds."
            slow = Said("captioner.photo_slow", text, photo=request.photo, seconds=self._photo_seconds)
            return _failed(request, "CAPTIONER_SLOW", slow)
        except ChildDiedError as problem:
            tail = child.tail()
            child.end()
            return _failed(
                request, "CAPTIONER_FAILED", f"Florence-2's process {problem} at {request.photo}.", tail=tail
            )
        if "problem" in answer:
            if answer["problem"] == "photo":
                text = f"{request.photo} can't be read: {answer['message']}."
                return _failed(request, "PHOTO_UNREADABLE", Said("photo.unreadable", text, photo=request.photo))
            why = "ran out of memory" if answer["problem"] == "memory" else "failed"
            return _failed(
                request, "CAPTIONER_FAILED", f"Florence-2 {why} at {request.photo}: {answer['message'][:300]}"
            )
        said = cleaned(str(answer["text"]), cut=bool(answer["cut"]))
        if not said:
            return _failed(request, "CAPTIONER_FAILED", f"Florence-2 said nothing about {request.photo}.")
        caption = place_trigger(said, request.trigger, request.class_word) if request.trigger.strip() else said
        return CaptionResult(photo=request.photo, caption=caption)


def captioner(model: Path | None, models: Path | None) -> Florence2Captioner:
    """The captioner for that folder, or for one that is found."""
    return Florence2Captioner(model, models=models)


def cleaned(text: str, *, cut: bool = False) -> str:
    """What the model said, as a caption: no tokens, no “The image shows”, no judgement of the mood, one line.

    `cut`: it was stopped by its limit; an unfinished last sentence goes, if there is a finished one.
    """
    text = clean(_TOKEN.sub(" ", text))
    if cut and (ends := [found.end() for found in re.finditer(r"[.!?](?=\s)", text)]):
        text = text[: ends[-1]]
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", text) if not _MOOD.match(part)]
    text = _OPENING.sub("", " ".join(sentences)).strip()
    if text.count(".") == 1:
        text = text.removesuffix(".")
    room = MAX_LENGTH // 2  # for the trigger word, and for what a person adds
    return text if len(text) <= room else text[:room].rpartition(" ")[0]


def find_models(own: Sequence[Path] = ()) -> list[Path]:
    """Florence-2 folders where people have them: our models folder and ComfyUI's, the folder itself or one deeper."""
    found = []
    for place in [*(own or places()), *((comfyui / "models",) if (comfyui := settings.comfyui_path()) else ())]:
        for file in sorted([*place.glob("*/config.json"), *place.glob("*/*/config.json")]):
            if _config(file.parent).get("model_type") == "florence2" and file.parent not in found:
                found.append(file.parent)
    return found


def places(models: Path | None = None) -> list[Path]:
    """Where the model is to be put: our models folder, or ComfyUI's."""
    comfyui = settings.comfyui_path()
    return [models or settings.volume_root() / "models", *([comfyui / "models" / "LLM"] if comfyui else [])]


def _config(folder: Path) -> dict[str, object]:
    try:
        values: object = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _missing_package() -> str:
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            return Said("captioner.no_package", f"The Python package {package} is not installed.", package=package)
    found = importlib.util.find_spec("transformers")
    places = (found and found.submodule_search_locations) or []
    if not any((Path(place) / "models" / "florence2").is_dir() for place in places):
        version = importlib.metadata.version("transformers")
        text = f"transformers {version} does not know Florence-2 yet."
        return Said("captioner.old_transformers", text, version=version)
    return ""


def _problem_of(folder: Path) -> str:
    """Why transformers can't read that folder, as the end of a sentence; empty if it looks as it should."""
    if not folder.is_dir():
        return "is no folder"
    config = _config(folder)
    if config.get("model_type") != "florence2":
        return "holds no Florence-2 (its config.json is missing or says something else)"
    if not any(folder.glob("*.safetensors")):
        return "has no .safetensors file (a .bin file is a pickle, which is never loaded)"
    needed = ["tokenizer.json", "preprocessor_config.json"] if "auto_map" in config else ["tokenizer_config.json"]
    if lacking := [name for name in needed if not (folder / name).is_file()]:
        return f"lacks {' and '.join(lacking)}"
    return ""


def _failed(request: CaptionRequest, code: str, message: str, **details: Any) -> CaptionResult:
    return CaptionResult(photo=request.photo, error=IsengardError(code, message, **details))
