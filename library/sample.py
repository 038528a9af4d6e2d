"""The character that comes with the pack: put into a library when somebody wants to try things out with her.

Cheap to import: ComfyUI's lists name her.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import IsengardError

if TYPE_CHECKING:
    from .characters import Character
    from .store import Library

SLUG = "ada"
NAME, TRIGGER, CLASS_WORD = "Ada", "ohwx", "woman"


def add_sample(library: Library) -> Character:
    """The bundled character, made of her photos if the library has none of that name yet.

    Somebody else's Ada is left as she is. Raises what adding photos raises.
    """
    from ..trainer.mini import CHARACTER_DIR
    from . import characters
    from .datasets import import_folder

    try:
        return characters.get(library, SLUG)
    except IsengardError as problem:
        if problem.code != "CHARACTER_MISSING":
            raise
    made = import_folder(library, CHARACTER_DIR, name=NAME).character
    changes = {"class_word": CLASS_WORD, "family": "mini"}
    if TRIGGER not in characters.trigger_words(library):
        changes["trigger_word"] = TRIGGER
    return characters.update(library, made.id, changes)
