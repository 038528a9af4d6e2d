"""The character that comes with the pack: put into a library when somebody wants to try things out with her.

Cheap to import: ComfyUI's lists name her.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import IsengardError

if TYPE_CHECKING:
    from .characters import Character
    from .store import Library

SLUG = "ada"
NAME, TRIGGER, CLASS_WORD = "Ada", "ohwx", "woman"
_TURN = threading.Lock()
"""She is made once, however many ask at the same time."""


def add_sample(library: Library) -> Character:
    """The character called `ada`: the bundled one, made if there is none of that id yet; somebody else's Ada is left as
    she is. Raises what adding photos raises."""
    from . import characters

    with _TURN:
        try:
            return characters.get(library, SLUG)
        except IsengardError as problem:
            if problem.code != "CHARACTER_MISSING":
                raise
        return _made(library)


def the_sample(library: Library) -> tuple[Character, bool]:
    """The bundled character whatever her id is, and whether she was made just now. Raises what adding photos raises."""
    from . import characters

    with _TURN:
        known = next((found for found in characters.list_all(library)[0] if found.sample), None)
        return (known, False) if known is not None else (_made(library), True)


def _made(library: Library) -> Character:
    from ..trainer.mini import CHARACTER_DIR
    from . import characters
    from .datasets import import_folder

    made = import_folder(library, CHARACTER_DIR, name=NAME).character
    free = TRIGGER not in characters.trigger_words(library)
    with library.changing(made.id) as change:
        ada = replace(made, class_word=CLASS_WORD, family="mini", sample=True)
        ada = replace(ada, trigger_word=TRIGGER) if free else ada
        change.write_json(library.folder(made.id).file, ada.as_dict())
    return characters.get(library, made.id)
