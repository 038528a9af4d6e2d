"""Nodes that make a LoRA: a job of the library, preparing it, training it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io, ui

from . import choices, given, host, tensors
from .character import CATEGORY
from .kinds import CHARACTER, JOB, TRAINING_SET, JobRef, TrainingSet

if TYPE_CHECKING:
    from ..library.characters import Character

_NEVER = float("nan")
"""Equal to nothing, itself included: the node runs each time."""


class IsengardJob(io.ComfyNode):
    """Takes up a job that is there."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardJob",
            display_name="Training Job",
            category=CATEGORY,
            description="A training that is in the library already: to go on with it, or to compare its checkpoints.",
            inputs=[
                io.Combo.Input("job", options=choices.jobs(), tooltip="The job's id, as the panel shows it."),
                io.Boolean.Input(
                    "go_on", default=True, tooltip="Go on with a job that was stopped; off: only one that waits."
                ),
            ],
            outputs=[
                io.Custom(JOB).Output("job_out", "job", tooltip="For Prepare Training, Train LoRA and the grid."),
                io.String.Output("trigger_word", "trigger_word", tooltip="The word that this job is trained with."),
            ],
        )

    @classmethod
    def validate_inputs(cls, job: str | None) -> bool | str:
        known = job is None or choices.is_job(job)  # None: it comes from another node
        return known or f"There is no job {job!r} in the library."

    @classmethod
    def fingerprint_inputs(cls, job: str | None, **_: Any) -> str | float:
        return _NEVER if job is None else choices.job_mark(job)

    @classmethod
    def execute(cls, job: str, go_on: bool) -> io.NodeOutput:
        found = host.jobs().get(job)
        return io.NodeOutput(JobRef(found.id, go_on), found.config.trigger_word)


class IsengardPrepare(io.ComfyNode):
    """Makes the job, and encodes its photos and words."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardPrepare",
            display_name="Prepare Training",
            category=CATEGORY,
            description="Makes a training job of a character's photos and encodes photos and captions with the VAE and "
            "CLIP on the graph. The same photos and settings give the same job again.",
            inputs=[
                io.Custom(CHARACTER).Input("character", optional=True, tooltip="Who is to be trained."),
                io.Custom(TRAINING_SET).Input(
                    "training_set", optional=True, tooltip="In place of a character: photos at a picture size."
                ),
                io.Custom(JOB).Input("job", optional=True, tooltip="In place of both: a job that is there already."),
                io.Vae.Input("vae", optional=True, tooltip="FLUX's VAE. Leave out for the embedded model."),
                io.Clip.Input(
                    "clip", optional=True, tooltip="FLUX's CLIP-L and T5-XXL. Leave out for the embedded model."
                ),
                io.Combo.Input(
                    "preset",
                    options=list(choices.PRESETS),
                    default="balanced",
                    tooltip="How thoroughly: sets steps, rank, learning rate and picture sizes.",
                ),
                io.Combo.Input(
                    "base_model",
                    options=list(choices.FAMILIES),
                    default=choices.MODE_DEFAULT,
                    tooltip="The family of the model that is trained; mini is the small one that comes with the pack.",
                ),
                io.Int.Input("steps", default=0, min=0, max=100_000, tooltip="Training steps; 0 follows the preset."),
                io.Int.Input("rank", default=0, min=0, max=256, tooltip="Size of the LoRA; 0 follows the preset."),
                io.String.Input(
                    "settings",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="Any other settings of the training as a JSON object, e.g. learning_rate or resolutions.",
                ),
            ],
            outputs=[
                io.Custom(JOB).Output("job_out", "job", tooltip="For Train LoRA."),
                io.String.Output("job_id", "job_id", tooltip="The job's id in the library."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        return given.mark()

    @classmethod
    def execute(
        cls,
        preset: str,
        base_model: str,
        steps: int,
        rank: int,
        settings: str = "",
        character: Character | None = None,
        training_set: TrainingSet | None = None,
        job: JobRef | None = None,
        vae: Any = None,
        clip: Any = None,
    ) -> io.NodeOutput:
        from . import training

        canvas, jobs = host.Canvas(cls.hidden.unique_id), host.jobs()
        encoded = training.check_encoders(vae, clip)
        if job is None:
            wish = training.wish_for(
                character, training_set, preset=preset, base_model=base_model, steps=steps, rank=rank, more=settings,
                encoders=not encoded,
            )  # fmt: skip
            job = JobRef(jobs.create(wish).job.id)
        if training.prepare(jobs, job, vae if encoded else None, clip, canvas):
            raise host.end_quietly()
        given.remember(jobs.path(job.id))
        canvas.say(f"Job {job.id}")
        return io.NodeOutput(job, job.id, ui=ui.PreviewText(job.id))


class IsengardTrainLoRA(io.ComfyNode):
    """Trains a job in a process of its own."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardTrainLoRA",
            display_name="Train LoRA",
            category=CATEGORY,
            description="Trains a job in a process of its own and puts the LoRA into models/loras/isengard. Stopping "
            "saves the step; running again goes on from there. What is trained already is not trained again.",
            inputs=[
                io.Custom(JOB).Input("job", tooltip="From Prepare Training or Training Job."),
                io.Combo.Input(
                    "base_model_file",
                    options=choices.transformers(),
                    default=choices.AS_IN_JOB,
                    tooltip="The base model's file to train on; “as in the job” is the one found when it was made.",
                ),
                io.Boolean.Input(
                    "train_again", default=False, tooltip="Train anew even if this very training is done already."
                ),
            ],
            outputs=[
                io.String.Output("lora", "lora", tooltip="The LoRA's name, for Apply Character and LoRA loaders."),
                io.Image.Output("samples", "samples", tooltip="The sample pictures of the last step that has some."),
                io.Image.Output("loss_plot", "loss_plot", tooltip="The loss over the steps."),
                io.Custom(JOB).Output("job_out", "job", tooltip="The job that was trained, for the grid."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, base_model_file: str | None) -> bool | str:
        known = base_model_file is None or base_model_file in choices.transformers()  # None: from another node
        return known or f"There is no base model file {base_model_file!r} in the model folders."

    @classmethod
    def fingerprint_inputs(cls, train_again: bool, **_: Any) -> float | str:
        return _NEVER if train_again else given.mark()

    @classmethod
    def execute(cls, job: JobRef, base_model_file: str, train_again: bool) -> io.NodeOutput:
        from . import training

        canvas, jobs = host.Canvas(cls.hidden.unique_id), host.jobs()
        chosen = training.job_for(jobs, job, base_model_file, again=train_again)
        if chosen is None or not training.train(jobs, chosen, canvas, host.free_memory):
            raise host.end_quietly()
        done = training.result_of(host.library(), jobs, chosen.id)
        given.remember(done.file)
        samples, plot = tensors.to_tensor(done.samples or [done.chart]), tensors.to_tensor([done.chart])
        canvas.say(f"{done.lora or done.job.id} is ready")
        shown = ui.PreviewImage(samples, cls=cls)
        return io.NodeOutput(done.lora, samples, plot, JobRef(chosen.id), ui=shown)


NODES = [IsengardJob, IsengardPrepare, IsengardTrainLoRA]
