"""What all bodies and queries have in common; each resource's own stand in its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import IsengardError
from ..library.redaction import Redaction
from ..sentences import as_said

Family = Literal["mini", "flux1-dev"]
"""Base models: the trainer's FAMILIES, which a test holds it equal to, as its sort of type can't be made of them."""


class Body(BaseModel):
    """What a client sends as JSON: exact types, nothing unknown."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def given(self) -> dict[str, Any]:
        """The fields that the client named and that aren't null."""
        return self.model_dump(exclude_unset=True, exclude_none=True)


class Query(BaseModel):
    """What stands behind the question mark; numbers and `true`/`false` are read from their text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Out(BaseModel):
    """What the server answers."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=False)


Cursor = Annotated[str, Field(max_length=200, description="Where the last page ended: its `next`.")]
Limit = Annotated[int, Field(ge=1, le=500, description="The most entries of a page.")]


NEXT: str = Field(default="", description="Cursor of the next page; empty on the last.")


class PageQuery(Query):
    """Of a list that is given whole unless somebody wants pages."""

    cursor: Annotated[str, Field(max_length=4000)] = Field(
        default="", description="Where the last page ended: its `next`."
    )
    limit: Limit | None = Field(default=None, description="The most entries of a page; left out: all.")


class SaidOut(Out):
    """A sentence for people, and the same as a code with values, for a page in another language than English."""

    code: str = Field(description="Empty: it can only be shown as it is.")
    message: str
    values: dict[str, Any] = Field(description="What stands in it; sentences among them look like this one.")

    @classmethod
    def of(cls, text: str, redaction: Redaction | None = None) -> SaidOut:
        """Any sentence; paths outside the library are taken out of it and of its values."""
        told = as_said(text)
        return cls(**(redaction.values(told) if redaction else told))


class ErrorSaid(Out):
    """Of an error, what says more than its code does."""

    message: SaidOut | None = None
    hint: SaidOut | None = None


class Problem(Out):
    """An error inside an answer."""

    code: str = Field(description="Stands in ERROR_LIST.md.")
    message: str
    hint: str = Field(description="What to do next.")
    said: ErrorSaid | None = None


def problem_values(problem: IsengardError | Mapping[str, Any], redaction: Redaction | None = None) -> dict[str, Any]:
    """The fields of a `Problem`, from an error or from what its `as_dict` told."""
    body = problem.as_dict() if isinstance(problem, IsengardError) else problem
    told = redaction.values(body) if redaction else body
    return {
        "code": str(told.get("code", "INTERNAL")), "message": str(told.get("message", "")),
        "hint": str(told.get("hint", "")), "said": told.get("said"),
    }  # fmt: skip


class ErrorInfo(Problem):
    """One error."""

    correlation_id: str = Field(description="Finds the log lines of this request.")
    details: dict[str, Any] | None = None


class ErrorBody(Out):
    """The one body of every error."""

    error: ErrorInfo


class TrashOut(Out):
    """Something that was deleted and can be restored."""

    trash: str = Field(description="Number of its entry in the trash.")
    label: str
