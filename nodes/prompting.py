"""A prompt with the trigger word in it, as nodes send it."""

from __future__ import annotations

from ..errors import IsengardError
from ..media.captions import PLACEHOLDER, place_trigger


def worded(prompt: str, trigger_word: str, class_word: str = "") -> str:
    """The prompt with the trigger word put in; without a word it stays as it is.

    Raises GRAPH_INCOMPLETE for a prompt that asks for a word where there is none: it would be sent with its brackets.
    """
    if trigger_word.strip():
        return place_trigger(prompt, trigger_word, class_word)
    if asked := PLACEHOLDER.search(prompt):
        raise IsengardError(
            "GRAPH_INCOMPLETE",
            f"The prompt has {asked[0]} in it, and there is no trigger word that it could stand for.",
            hint="Connect a character or a trigger word, or write the word itself.",
        )
    return prompt
