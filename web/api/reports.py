"""The report on a character's photos: what is good, what is not, and the repairs."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ...library import reports
from ...sentences import as_said
from ..call import Call
from ..models import Out, SaidOut
from ..routing import Routes

routes = Routes("reports")


class ReportOut(Out):
    """What a person should know before training."""

    photos: dict[str, Any] = Field(description="The photos together: how many are good, variety, advice, a headline.")
    captions: dict[str, Any] = Field(description="Findings on captions, each with a repair for POST /images/captions.")
    findings: dict[str, list[dict[str, Any]]] = Field(description="By photo.")
    not_measured: dict[str, list[SaidOut]] = Field(description="By photo: what could not be judged, and why.")
    waiting: list[str] = Field(description="Photos that are not measured yet; they are being looked at.")


@routes.get("/characters/{character}/report", errors=("CHARACTER_MISSING", "CHARACTER_CORRUPT", "NAME_INVALID"))
async def report(call: Call, character: str) -> ReportOut:
    """All findings, worst first, with what mends them; what was put into the folder by hand is measured soon after."""
    found = await call.run(reports.report, call.library, character)
    call.services.adopting.look(character)
    return ReportOut(
        photos={
            **found.photos.as_dict(),
            "advice": [as_said(text) for text in found.photos.advice],
            "not_measured": [as_said(text) for text in found.photos.not_measured],
        },
        captions={
            "photos": found.captions.photos,
            "written": found.captions.written,
            "findings": [finding.as_dict() for finding in found.captions.findings],
        },
        findings={file: [dict(item) for item in items] for file, items in found.findings.items()},
        not_measured={file: [SaidOut.of(text) for text in told] for file, told in found.not_measured.items()},
        waiting=list(found.waiting),
    )
