"""Compares the checkpoints of a job."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui

from . import host, tensors
from .character import CATEGORY
from .kinds import JOB, JobRef


class IsengardCheckpointGrid(io.ComfyNode):
    """Checkpoints × strengths as a labelled sheet."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardCheckpointGrid",
            display_name="Checkpoint Grid",
            category=CATEGORY,
            description="One picture for each checkpoint of a job and each strength, on a labelled sheet: which LoRA "
            "is the best likeness that still does what the prompt says?",
            inputs=[
                io.Custom(JOB).Input("job", tooltip="The training whose checkpoints are compared."),
                io.String.Input(
                    "strengths", default="0.6, 0.8, 1.0", tooltip="Numbers from 0 to 2, a column each; 0 is without."
                ),
                io.Int.Input("most", default=6, min=1, max=24, tooltip="At most so many checkpoints, spread evenly."),
                io.Int.Input(
                    "seed",
                    default=7,
                    min=0,
                    max=2**53 - 1,
                    control_after_generate=True,
                    tooltip="The same for all pictures.",
                ),
                io.Int.Input("steps", default=20, min=1, max=100, tooltip="Sampling steps."),
                io.String.Input(
                    "prompt",
                    default="{trigger}, smiling, looking ahead, grey background, portrait",
                    multiline=True,
                    dynamic_prompts=False,
                    optional=True,
                    tooltip="For jobs on the embedded model; others use the conditioning.",
                ),
                io.Model.Input("model", optional=True, tooltip="The base model, without a LoRA. Not for mini."),
                io.Vae.Input("vae", optional=True, tooltip="Not for mini."),
                io.Conditioning.Input("positive", optional=True, tooltip="The prompt, encoded. Not for mini."),
                io.Latent.Input("latent", optional=True, tooltip="Size of the pictures. Not for mini."),
            ],
            outputs=[io.Image.Output("grid", "grid", tooltip="The sheet.")],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        job: JobRef,
        strengths: str,
        most: int,
        seed: int,
        steps: int,
        prompt: str = "",
        model: Any = None,
        vae: Any = None,
        positive: Any = None,
        latent: Any = None,
    ) -> io.NodeOutput:
        from . import comparing

        canvas, found = host.Canvas(cls.hidden.unique_id), host.jobs().get(job.id)
        if found.config.family == "mini":
            paint = comparing.mini_painter(found, prompt, seed=seed, steps=steps, canvas=canvas)
        else:
            paint = comparing.graph_painter(model, vae, positive, latent, seed=seed, steps=steps)
        files, values = comparing.chosen_checkpoints(found, most), comparing.parse_strengths(strengths)
        sheet = comparing.draw_grid(files, values, paint, canvas)
        if sheet is None:
            raise host.end_quietly()
        grid = tensors.to_tensor([sheet])
        return io.NodeOutput(grid, ui=ui.PreviewImage(grid, cls=cls))


NODES = [IsengardCheckpointGrid]
