"""Nodes about a character: choose one, put her LoRA on a model, write a prompt with her trigger word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..library.sample import SLUG, add_sample
from . import choices, host
from .kinds import CHARACTER

if TYPE_CHECKING:
    from ..library.characters import Character

CATEGORY = "Isengard"


class IsengardCharacter(io.ComfyNode):
    """Chooses a character of the library."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardCharacter",
            display_name="Character",
            category=CATEGORY,
            description="Chooses a character of your library. “ada” comes with the pack, for trying things out.",
            inputs=[
                io.Combo.Input(
                    "character",
                    options=choices.characters(),
                    default=SLUG,
                    tooltip="Who it is about. Characters are made and given photos in the Isengard panel.",
                )
            ],
            outputs=[
                io.Custom(CHARACTER).Output("character_out", "character", tooltip="For the other Isengard nodes."),
                io.String.Output("trigger_word", "trigger_word", tooltip="The word that stands for the character."),
                io.String.Output("class_word", "class_word", tooltip="What the character is: person, woman, dog, …"),
            ],
        )

    @classmethod
    def validate_inputs(cls, character: str | None) -> bool | str:
        known = character is None or character in choices.characters()  # None: it comes from another node
        return known or f"There is no character {character!r} in the library."

    @classmethod
    def fingerprint_inputs(cls, character: str | None) -> str:
        return choices.photos_mark(character or "")

    @classmethod
    def execute(cls, character: str) -> io.NodeOutput:
        from ..library import characters

        library = host.library()
        found = add_sample(library) if character == SLUG else characters.get(library, character)
        return io.NodeOutput(found, found.trigger_word, found.class_word)


class IsengardApplyCharacter(io.ComfyNode):
    """Puts a character's LoRA on a model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardApplyCharacter",
            display_name="Apply Character",
            category=CATEGORY,
            description="Puts a character's LoRA on a model. Refuses a LoRA of another base model, and says so.",
            inputs=[
                io.Model.Input("model", tooltip="The base model that the LoRA was trained on, e.g. FLUX.1-dev."),
                io.Custom(CHARACTER).Input("character", optional=True, tooltip="Whose LoRA."),
                io.Combo.Input(
                    "version",
                    options=choices.versions(),
                    default=choices.LATEST,
                    tooltip="Which of the character's LoRAs; “latest” is the one picked for it, else the one trained "
                    "last.",
                ),
                io.Float.Input(
                    "strength", default=1.0, min=0.0, max=2.0, step=0.05, tooltip="1 is as trained; 0 takes it off."
                ),
                io.String.Input(
                    "lora",
                    default="",
                    optional=True,
                    force_input=True,
                    tooltip="A LoRA by its name, e.g. from Train LoRA. Comes before character and version.",
                ),
            ],
            outputs=[
                io.Model.Output("model_out", "model", tooltip="The model with the LoRA on it."),
                io.String.Output("trigger_word", "trigger_word", tooltip="The word that this LoRA was trained with."),
            ],
        )

    @classmethod
    def validate_inputs(cls, version: str | None) -> bool | str:
        known = version is None or version in choices.versions()  # None: it comes from another node
        return known or f"There is no LoRA {version!r} in the library."

    @classmethod
    def fingerprint_inputs(cls, version: str | None, **_: Any) -> str:
        return choices.loras_mark() if version in (None, choices.LATEST) else ""

    @classmethod
    def execute(
        cls, model: Any, version: str, strength: float, character: Character | None = None, lora: str = ""
    ) -> io.NodeOutput:
        from . import applying

        library = host.library()
        family = applying.family_of(model)
        found = applying.choose(library, character, version, lora, family)
        return io.NodeOutput(applying.put_on(model, found.path, strength), found.trigger_word)


class IsengardPrompt(io.ComfyNode):
    """A prompt with the trigger word in it, encoded."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="IsengardPrompt",
            display_name="Character Prompt",
            category=CATEGORY,
            description="Puts the trigger word into a prompt, and encodes it if a CLIP is connected.",
            inputs=[
                io.String.Input(
                    "prompt",
                    default="{trigger}, portrait photo, soft daylight",
                    multiline=True,
                    dynamic_prompts=False,
                    tooltip="“trigger” in braces is where the trigger word goes; without it, it is put in front.",
                ),
                io.Custom(CHARACTER).Input("character", optional=True, tooltip="Whose trigger word."),
                io.String.Input(
                    "trigger_word", default="", optional=True, force_input=True, tooltip="Comes before the character's."
                ),
                io.Clip.Input("clip", optional=True, tooltip="Encodes the prompt."),
            ],
            outputs=[
                io.Conditioning.Output("conditioning", "conditioning", tooltip="Empty without a CLIP."),
                io.String.Output("text", "text", tooltip="The prompt as it is sent."),
            ],
        )

    @classmethod
    def execute(
        cls, prompt: str, character: Character | None = None, trigger_word: str = "", clip: Any = None
    ) -> io.NodeOutput:
        from .prompting import worded

        trigger = trigger_word.strip() or (character.trigger_word if character else "")
        text = worded(prompt, trigger, character.class_word if character else "")
        conditioning = clip.encode_from_tokens_scheduled(clip.tokenize(text)) if clip is not None else []
        return io.NodeOutput(conditioning, text)


NODES = [IsengardCharacter, IsengardApplyCharacter, IsengardPrompt]
