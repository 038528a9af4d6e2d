"""The photos of a character as pictures on the graph, a batch for each shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy_api.latest import io

from . import host, tensors
from .character import CATEGORY
from .kinds import CHARACTER, TRAINING_SET, TrainingSet

if TYPE_CHECKING:
    from ..library.characters import Character


class IsengardTrainingSet(io.ComfyNode):
    """Shows what would be trained on."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardTrainingSet",
            display_name="Training Set",
            category=CATEGORY,
            description="A character's accepted photos at one picture size: a list of batches, one for each shape.",
            inputs=[
                io.Custom(CHARACTER).Input("character", tooltip="Whose photos."),
                io.Int.Input(
                    "resolution",
                    default=512,
                    min=64,
                    max=2048,
                    step=16,
                    tooltip="A photo gets as many pixels as a square of this side; 128 for the embedded model.",
                ),
            ],
            outputs=[
                io.Custom(TRAINING_SET).Output("training_set", "training_set", tooltip="For Prepare Training."),
                io.Image.Output("images", "images", is_output_list=True, tooltip="A batch for each shape."),
                io.String.Output(
                    "captions", "captions", is_output_list=True, tooltip="A batch's captions, a line for each picture."
                ),
                io.Int.Output("count", "count", tooltip="How many photos there are."),
            ],
        )

    @classmethod
    def execute(cls, character: Character, resolution: int) -> io.NodeOutput:
        from ..media.captions import place_trigger
        from ..media.pixels import load_photo
        from ..trainer.plan import place_photos

        placed = place_photos(host.library().folder(character.id).images, resolution)
        shapes = sorted({photo.bucket for photo in placed})
        batches = [[photo for photo in placed if photo.bucket == shape] for shape in shapes]
        images = [tensors.to_tensor([load_photo(photo.path, photo.bucket) for photo in batch]) for batch in batches]
        captions = [
            "\n".join(place_trigger(photo.caption, character.trigger_word, character.class_word) for photo in batch)
            for batch in batches
        ]
        return io.NodeOutput(TrainingSet(character, resolution), images, captions, len(placed))


NODES = [IsengardTrainingSet]
