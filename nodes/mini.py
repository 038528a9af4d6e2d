"""Pictures from the embedded model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from . import choices, host, tensors
from .character import CATEGORY
from .kinds import CHARACTER, LORA_NAME

if TYPE_CHECKING:
    from ..library.characters import Character

_MOST = 16
"""Pictures at once, as many as a request may ask for."""
_LAST_SEED = 2**53 - 1 - _MOST


class IsengardMini(io.ComfyNode):
    """Makes pictures with the small model that comes with the pack."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardMini",
            display_name="Mini Pictures",
            category=CATEGORY,
            description="Pictures from the small model that comes with the pack: for trying everything out on a CPU.",
            inputs=[
                io.String.Input(
                    "prompt",
                    default="{trigger}, laughing, looking left, wearing a red hoodie, teal background, portrait",
                    multiline=True,
                    dynamic_prompts=False,
                    tooltip="The model knows faces, expressions, clothes, colours and framings, and little else.",
                ),
                io.Custom(CHARACTER).Input(
                    "character", optional=True, tooltip="Whose LoRA is put on: the one picked for it, else the latest."
                ),
                io.Custom(LORA_NAME).Input(
                    "lora",
                    optional=True,
                    tooltip="A LoRA by its name, e.g. from Train LoRA. Comes before the character.",
                ),
                io.Float.Input("strength", default=1.0, min=0.0, max=2.0, step=0.05, tooltip="Of the LoRA."),
                io.Int.Input("width", default=128, min=64, max=176, step=16, tooltip="Pixels."),
                io.Int.Input("height", default=128, min=64, max=176, step=16, tooltip="Pixels."),
                io.Int.Input("count", default=4, min=1, max=_MOST, tooltip="Pictures."),
                io.Int.Input(
                    "seed",
                    default=7,
                    min=0,
                    max=_LAST_SEED,
                    control_after_generate=True,
                    tooltip="The n-th picture uses this seed plus n.",
                ),
                io.Int.Input("steps", default=20, min=1, max=100, tooltip="Sampling steps."),
            ],
            outputs=[io.Image.Output("images", "images", tooltip="The pictures as a batch.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> str:
        return choices.loras_mark()

    @classmethod
    def execute(
        cls,
        prompt: str,
        strength: float,
        width: int,
        height: int,
        count: int,
        seed: int,
        steps: int,
        character: Character | None = None,
        lora: str = "",
    ) -> io.NodeOutput:
        from . import applying, picturing

        canvas, library = host.Canvas(cls.hidden.unique_id), host.library()
        wanted = lora.strip() or character is not None
        found = applying.choose(library, character, choices.LATEST, lora, "mini") if wanted else None
        trigger = (found.trigger_word if found else "") or (character.trigger_word if character else "")
        request = picturing.mini_request(
            prompt, found.path if found else None, trigger, strength=strength, width=width, height=height, count=count,
            seed=seed, steps=steps,
        )  # fmt: skip
        pictures = picturing.make(request, canvas)
        if canvas.interrupted():
            raise host.end_quietly()
        canvas.say("1 picture" if len(pictures) == 1 else f"{len(pictures)} pictures")
        return io.NodeOutput(tensors.to_tensor(pictures))


NODES = [IsengardMini]
