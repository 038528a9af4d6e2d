"""Answers: JSON from models, the one error body, and the headers that every answer of ours has."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel

from ..errors import IsengardError
from ..library.redaction import Redaction

PRIVATE = "private, no-store"
"""Cache-Control of all answers that don't set their own: nothing of ours belongs into a shared cache."""
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Encoded(Generic[M]):
    """An answer that is JSON already and has the shape of that model: of lists whose parts are kept ready-made."""

    data: bytes


def encoded_answer(answer: Encoded[Any], status: int) -> web.Response:
    """The answer as it is."""
    return web.Response(body=answer.data, status=status, content_type="application/json")


def json_answer(model: BaseModel, status: int = 200) -> web.Response:
    """A model as JSON."""
    return web.Response(body=model.model_dump_json().encode(), status=status, content_type="application/json")


def error_answer(error: IsengardError, correlation_id: str, redaction: Redaction) -> web.Response:
    """The error body: paths inside the library are shortened, others are left out."""
    body: dict[str, Any] = redaction.values(error.as_dict())
    text = json.dumps({"error": {**body, "correlation_id": correlation_id}}, ensure_ascii=False, default=str)
    headers = {str(name): str(value) for name, value in getattr(error, "headers", {}).items()}
    return web.Response(
        body=text.encode("utf-8", "replace"), status=error.status, content_type="application/json", headers=headers
    )


def finish(response: web.StreamResponse, correlation_id: str, extra: dict[str, str] | None = None) -> None:
    """Puts the common headers on an answer that was not begun yet."""
    if response.prepared:
        return
    response.headers.update(extra or {})
    response.headers["X-Correlation-ID"] = correlation_id
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", PRIVATE)
