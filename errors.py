"""Every error a person can meet: its code, its HTTP status and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """What all errors of one code have in common."""

    status: int
    """HTTP status that the server answers with."""
    hint: str
    """What a person can do next, used when the place that raises has nothing better to say."""


KINDS: dict[str, Kind] = {
    # What was asked for
    "CONFIG_INVALID": Kind(
        422, "Correct the values named above; `python . train --help` lists them with their ranges."
    ),
    "CONFIG_UNREADABLE": Kind(422, "Restore the file from a copy, or make a new job from the photos."),
    "USAGE": Kind(400, "Run the command with --help to see what it takes."),
    "BACKEND_NOT_READY": Kind(501, "Choose the backend “native”."),
    "PROCESSES_DO_NOT_DIVIDE": Kind(
        422, "Use a batch size or gradient accumulation that the number of processes divides."
    ),
    # Photos and captions
    "PHOTOS_NONE": Kind(422, "Point to a folder with JPEG, PNG, HEIC, WebP, TIFF or BMP pictures of the person."),
    "PHOTOS_TOO_FEW": Kind(
        422, "Add photos: 15 to 30 different ones work best, 5 are the least that teach a likeness."
    ),
    "PHOTO_UNREADABLE": Kind(422, "Open the photo in a viewer and save it again as JPEG or PNG, or take it out."),
    "PHOTO_TOO_LARGE": Kind(422, "Scale the photo down to 4,000 pixels on its long side and add it again."),
    "PHOTO_TOO_SMALL": Kind(422, "Use the original photo instead of a thumbnail."),
    "PHOTO_CHANGED": Kind(409, "Make a new job: the photo in the job folder is no longer the one it was made with."),
    "CAPTION_TOO_LONG": Kind(422, "Shorten the caption to one or two sentences about pose, place, light and clothes."),
    "CAPTION_UNREADABLE": Kind(422, "Save the caption as plain UTF-8 text."),
    # The library
    "LIBRARY_CORRUPT": Kind(500, "Restore the file from a copy; what can be made again is made again."),
    "LIBRARY_NEWER": Kind(409, "Update Isengard: the library was used with a newer version."),
    "LIBRARY_BUSY": Kind(503, "Wait until the other process is done, or stop it, and try again."),
    "LIBRARY_CONFLICT": Kind(409, "Look at the present state and try again."),
    "NAME_INVALID": Kind(422, "Use a name without slashes, control characters or the names that Windows reserves."),
    "CHARACTER_MISSING": Kind(404, "Look at the list of characters; it may be in the trash."),
    "CHARACTER_INVALID": Kind(422, "Correct the values named above."),
    "CHARACTER_CORRUPT": Kind(500, "Mend or delete the file named above; the photos beside it are untouched."),
    "CHARACTER_CONFLICT": Kind(412, "Load the character again and repeat your change."),
    "PHOTO_MISSING": Kind(404, "Look at the list of photos; it may be in the trash."),
    # Base model files
    "MODEL_MISSING": Kind(
        422, "Give the path of the file; `python . doctor` lists what is looked for and where to get it."
    ),
    "MODEL_UNREADABLE": Kind(422, "Download the file again: it is damaged, cut short or not a safetensors file."),
    "MODEL_WRONG_KIND": Kind(422, "Choose the file that the setting asks for."),
    "MODEL_UNSUPPORTED": Kind(422, "Use the bf16, fp8 or scaled-fp8 safetensors file of the same model."),
    "TOKENIZER_MISSING": Kind(
        422, "Give --tokenizers DIR, a folder with clip_l and t5xxl tokenizer files, or set COMFYUI_PATH to a ComfyUI."
    ),
    "PACKAGE_MISSING": Kind(422, "Install the package into the Python that runs Isengard."),
    # The job and its process
    "JOB_MISSING": Kind(404, "Check the path: a job folder holds a config.json."),
    "JOB_EXISTS": Kind(409, "Choose another --out folder, or resume the job with `python . train FOLDER`."),
    "JOB_LOCKED": Kind(409, "Wait for the running trainer, or stop it first."),
    "JOB_FINISHED": Kind(409, "To train again, make a new job."),
    "JOB_CORRUPT": Kind(500, "Restore the file from a copy, or make a new job from the photos."),
    "JOB_STATE": Kind(409, "Look at the job's present state first."),
    "TRAINER_DIED": Kind(500, "Resume the job; if it dies again, look at the end of its log."),
    # While training
    "LOSS_NOT_FINITE": Kind(
        500, "Lower the learning rate, or look at the photo named; then resume from the last checkpoint."
    ),
    "OUT_OF_MEMORY": Kind(
        507, "Lower the resolution or the batch size, or turn gradient checkpointing on; then resume."
    ),
    "DISK_FULL": Kind(507, "Free disk space and resume: the last complete checkpoint is untouched."),
    "FOLDER_NOT_WRITABLE": Kind(422, "Choose a folder you may write to."),
    "INTERNAL": Kind(500, "This is a defect in Isengard: please report it with the job's log.jsonl."),
}


class IsengardError(Exception):
    """An error a person can meet: what happened, with which value, and what to do next."""

    def __init__(self, code: str, message: str, *, hint: str | None = None, **details: Any) -> None:
        kind = KINDS[code]
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint or kind.hint
        self.status = kind.status
        self.details = details

    def __str__(self) -> str:
        return f"{self.code}: {self.message} {self.hint}"

    def as_dict(self) -> dict[str, Any]:
        """The error as events, result files and HTTP bodies carry it."""
        body: dict[str, Any] = {"code": self.code, "message": self.message, "hint": self.hint}
        if self.details:
            body["details"] = self.details
        return body
