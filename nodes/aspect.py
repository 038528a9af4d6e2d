"""Picture sizes that a model does well."""

from __future__ import annotations

from comfy_api.latest import io

from ..generator.aspects import ASPECTS, SIZES, size_of
from . import latents
from .character import CATEGORY


class IsengardAspectRatio(io.ComfyNode):
    """One of seven shapes, in pixels."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardAspectRatio",
            display_name="Aspect Ratio",
            category=CATEGORY,
            description="Width, height and an empty latent for one of seven shapes, as a model was trained on them.",
            inputs=[
                io.Combo.Input("aspect", options=list(ASPECTS), default="1:1", tooltip="Width to height."),
                io.Combo.Input(
                    "base_model", options=list(SIZES), default="flux1-dev", tooltip="The model that makes the picture."
                ),
                io.Int.Input("batch_size", default=1, min=1, max=64, tooltip="Pictures made at once."),
            ],
            outputs=[
                io.Int.Output("width", "width", tooltip="Pixels."),
                io.Int.Output("height", "height", tooltip="Pixels."),
                io.Latent.Output("latent", "latent", tooltip="Empty, of that size, for FLUX's samplers."),
            ],
        )

    @classmethod
    def validate_inputs(cls, aspect: str | None, base_model: str | None) -> bool | str:
        for value, known in ((aspect, ASPECTS), (base_model, SIZES)):  # None: it comes from another node
            if value is not None and value not in known:
                return f"{value!r:.60} is none of {', '.join(known)}."
        return True

    @classmethod
    def execute(cls, aspect: str, base_model: str, batch_size: int) -> io.NodeOutput:
        width, height = size_of(base_model, aspect)
        return io.NodeOutput(width, height, {"samples": latents.empty(width, height, batch_size)})


NODES = [IsengardAspectRatio]
