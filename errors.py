"""Every error a person can meet: its code, its HTTP status and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .sentences import Said, from_dict


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
    "SETTINGS_INVALID": Kind(422, "Correct the environment variable or the file named above."),
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
    "RECORD_CORRUPT": Kind(500, "Delete the file named above: the photo stays, its crop and decisions are forgotten."),
    "PHOTO_NEW": Kind(409, "Wait until it is taken in, which happens by itself, or run `python . library report`."),
    "TRASH_MISSING": Kind(404, "Look at what is in the trash."),
    "QUERY_INVALID": Kind(422, "Correct what is named above."),
    "LORA_MISSING": Kind(404, "Look at the list of LoRAs; it may be in the trash, or its file was taken away."),
    "UNDO_MISSING": Kind(404, "Change the captions back by hand."),
    "FACE_UNKNOWN": Kind(409, "Crop the photo by hand, or add the face model that `python . doctor` names."),
    "EDIT_INVALID": Kind(422, "Choose a turn of 0, 90, 180 or 270 degrees and a crop inside the picture."),
    "CAPTION_EDIT_INVALID": Kind(422, "Correct what is named above."),
    "CAPTION_PATTERN_INVALID": Kind(422, "Correct the expression, or use the plain find and replace."),
    "CAPTION_PATTERN_SLOW": Kind(
        422, "Write the expression without nested repeats such as (a+)+, or use the plain find and replace."
    ),
    "CAPTIONER_UNKNOWN": Kind(404, "Choose one of the captioners named above."),
    "CAPTIONER_NOT_READY": Kind(422, "Put the model where the message says, or choose the captioner “plain”."),
    "CAPTIONER_FAILED": Kind(500, "Caption the other photos, and write this one's caption by hand."),
    "CAPTIONER_SLOW": Kind(500, "Try again when nothing else is computing, or choose the smaller model."),
    "LIKENESS_FAILED": Kind(500, "Look at the pictures yourself; the log says more."),
    "CAPTIONING_MISSING": Kind(404, "Look at the list of runs: the latest ones are kept."),
    "CAPTIONING_STATE": Kind(409, "Look at the run's present state; captions that were written can be undone."),
    # Archives and dataset folders
    "ARCHIVE_UNREADABLE": Kind(
        422, "Export or download the archive again: it is damaged, cut short or no zip archive."
    ),
    "ARCHIVE_UNSAFE": Kind(422, "Unpack it with a program that you trust, and add the photos themselves."),
    "ARCHIVE_TOO_LARGE": Kind(413, "Split it, or unpack it and add the photos themselves."),
    "ARCHIVE_NEWER": Kind(409, "Update Isengard: the archive was made with a newer version."),
    "ARCHIVE_FOREIGN": Kind(
        422, "Give an archive that Isengard exported, or one of photos with their captions beside them."
    ),
    "TARGET_EXISTS": Kind(409, "Choose another place, or empty this one."),
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
    "CHECKPOINT_MISSING": Kind(404, "Choose one of the job's checkpoints; they are among its artifacts."),
    "ARTIFACT_MISSING": Kind(404, "Look at the job's list of artifacts."),
    "TRAINER_DIED": Kind(500, "Resume the job; if it dies again, look at the end of its log."),
    # The server
    "REQUEST_UNREADABLE": Kind(400, "Send one JSON object in UTF-8."),
    "REQUEST_INVALID": Kind(422, "Correct the fields named above; /isengard/openapi.json says what each may hold."),
    "REQUEST_TOO_LARGE": Kind(413, "Send less at once."),
    "REQUEST_SLOW": Kind(408, "Send it again, over a connection that does not stall."),
    "CONTENT_TYPE_WRONG": Kind(415, "Set the Content-Type header to the type that is named."),
    "ROUTE_MISSING": Kind(404, "Look into /isengard/openapi.json, which lists all addresses."),
    "METHOD_WRONG": Kind(405, "Use one of the methods in the Allow header."),
    "ORIGIN_FOREIGN": Kind(403, "Open the panel at this server's own address."),
    "HOST_UNKNOWN": Kind(403, "Use the address that the server printed when it started."),
    "TOKEN_MISSING": Kind(401, "Open the address with ?token= that the server printed, or send it as a bearer token."),
    "SERVER_STOPPING": Kind(503, "Start it again and repeat the request."),
    # ComfyUI around us
    "GRAPH_INCOMPLETE": Kind(422, "Connect what is named above and run the graph again."),
    "COMFYUI_UNREACHABLE": Kind(503, "Look whether ComfyUI still answers in the browser, then try again."),
    "COMFYUI_REFUSED": Kind(502, "Look at ComfyUI's log, which says what it did not accept."),
    "COMFYUI_FAILED": Kind(500, "Mend what is named above, then resume the job."),
    # Making pictures
    "GENERATION_INVALID": Kind(422, "Correct the values named above."),
    "GENERATION_MISSING": Kind(404, "Look at the gallery: what was made stays there."),
    "GENERATOR_NOT_READY": Kind(501, "Choose the generator “diffusers”."),
    "GENERATOR_DIED": Kind(500, "Try again; if it dies again, choose a smaller picture or look at generator.log."),
    "FEATURE_NOT_READY": Kind(422, "Turn off what is named above, or get what it needs."),
    "LORA_WRONG_FAMILY": Kind(422, "Choose a LoRA that was trained on this base model, or the other base model."),
    "LORA_NOT_SHARED": Kind(
        422, "Let ISENGARD_LORAS be a folder inside that ComfyUI's models/loras, or copy the file there."
    ),
    "LORA_INCOMPATIBLE": Kind(422, "Choose a LoRA of this base model, in safetensors format."),
    "PICTURE_MISSING": Kind(404, "Look at the gallery; it may be in the trash."),
    "PICTURE_CORRUPT": Kind(422, "Restore the file from a copy, or delete the picture."),
    "GUIDE_MISSING": Kind(404, "Upload the picture again: guides are kept for a month."),
    "PORT_IN_USE": Kind(409, "Choose another port with --port, or end the program that uses it."),
    "ADDRESS_UNUSABLE": Kind(422, "Use 127.0.0.1, or an address of this machine."),
    "TOKEN_NEEDED": Kind(422, "Set ISENGARD_TOKEN to a secret of 16 characters or more, or listen on 127.0.0.1."),
    "SERVER_RUNNING": Kind(409, "Use the server that runs already, or give another folder with --root."),
    # What a plan warns of
    "GPU_MISSING": Kind(422, "Train on a machine with an NVIDIA GPU, or practise on the embedded model."),
    "MEMORY_SHORT": Kind(507, "Close other programs, or choose smaller pictures."),
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
    """An error a person can meet: what happened, with which value, and what to do next.

    A page says both in another language by the code, and more exactly where they are sentences with codes (`Said`).
    """

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
        said = {name: body[name].as_dict() for name in ("message", "hint") if isinstance(body[name], Said)}
        if said:
            body["said"] = said
        if self.details:
            body["details"] = self.details
        return body


def error_from(body: Mapping[str, Any]) -> IsengardError:
    """The error that `as_dict` told of, in another process or at another time. Raises KeyError for an unknown code."""
    said = {name: from_dict(sentence) for name, sentence in (body.get("said") or {}).items()}
    message, hint = said.get("message", str(body["message"])), said.get("hint", body.get("hint"))
    return IsengardError(body["code"], message, hint=hint, **(body.get("details") or {}))
