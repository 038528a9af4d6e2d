"""Trigger words: what speaks against one, and a good one, while a person still types."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ...library import characters, triggers
from ...library.levels import REJECT
from ...library.store import Library
from ..call import Call
from ..models import Out, Query, SaidOut
from ..routing import Routes

routes = Routes("triggers")


class TriggerQuery(Query):
    """A word, and for whom."""

    word: str = Field(default="", max_length=200, description="Empty: only a word is proposed.")
    character: str = Field(default="", max_length=150, description="Id of who has it, or is to; empty: a new one.")
    name: str = Field(default="", max_length=300, description="The character's name, which a proposal begins like.")
    class_word: str = Field(default="", max_length=40)


class TriggerProblem(Out):
    """Something that speaks against a word."""

    code: str
    level: Literal["reject", "warn"] = Field(description="reject: it is refused; warn: it will work worse.")
    message: str
    said: SaidOut = Field(description="The message, with its own code.")


class TriggerOut(Out):
    """What is to be said of a trigger word."""

    word: str
    usable: bool = Field(description="Whether a character may have it.")
    problems: list[TriggerProblem] = Field(description="The gravest first; none: it is a good one.")
    proposal: str = Field(description="A good word that nobody has.")


@routes.get("/trigger-words", errors=("NAME_INVALID",))
async def check(call: Call, query: TriggerQuery) -> TriggerOut:
    """What speaks against a trigger word, and a better one."""
    return await call.run(_check, call.library, query)


def _check(library: Library, query: TriggerQuery) -> TriggerOut:
    word = query.word.strip()
    found = characters.check_trigger(library, word, slug=query.character, class_word=query.class_word) if word else []
    return TriggerOut(
        word=word,
        usable=bool(word) and all(problem.level != REJECT for problem in found),
        problems=[TriggerProblem(**vars(problem), said=SaidOut.of(problem.message)) for problem in found],
        proposal=triggers.propose(characters.trigger_words(library), query.name),
    )
