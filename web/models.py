"""What all bodies and queries have in common; each resource's own stand in its file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


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


class ErrorInfo(Out):
    """One error."""

    code: str = Field(description="Stands in ERROR_LIST.md.")
    message: str
    hint: str = Field(description="What to do next.")
    correlation_id: str = Field(description="Finds the log lines of this request.")
    details: dict[str, Any] | None = None


class ErrorBody(Out):
    """The one body of every error."""

    error: ErrorInfo


class TrashOut(Out):
    """Something that was deleted and can be restored."""

    trash: str = Field(description="Number of its entry in the trash.")
    label: str
