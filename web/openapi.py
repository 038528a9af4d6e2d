"""The OpenAPI document, made from the routes and their models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ..errors import KINDS
from .api import all_routes
from .models import ErrorBody
from .routing import Route

_REF = "#/components/schemas/{model}"
_ANY = (
    "REQUEST_UNREADABLE", "ORIGIN_FOREIGN", "HOST_UNKNOWN", "REQUEST_INVALID", "INTERNAL", "LIBRARY_BUSY",
    "SERVER_STOPPING",
)  # fmt: skip
"""What every route may answer."""
Mode = Literal["validation", "serialization"]


@lru_cache(maxsize=4)
def document(prefix: str) -> dict[str, Any]:
    """The whole document for routes under `prefix`."""
    routes = all_routes()
    refs, definitions = models_json_schema(list(_models(routes)), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Isengard",
            "version": "1",
            "description": "Train identity LoRAs and make pictures with them. Lists have a cursor, `next`. Every error "
            "has the same body; its code stands in ERROR_LIST.md.",
        },
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "isengard_token"},
            },
        },
    }


def statuses(route: Route) -> dict[int, list[str]]:
    """Statuses of errors that a route may answer, each with its codes."""
    codes = [*_ANY, *route.errors]
    if not route.free:
        codes.append("TOKEN_MISSING")
    if route.body is not None or route.upload:
        codes += ["REQUEST_UNREADABLE", "REQUEST_TOO_LARGE", "REQUEST_SLOW", "CONTENT_TYPE_WRONG"]
    if route.method != "GET":
        codes += ["DISK_FULL", "FOLDER_NOT_WRITABLE"]
    if route.parameters:
        codes += ["ROUTE_MISSING", "NAME_INVALID"]
    found: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        found.setdefault(KINDS[code].status, []).append(code)
    return dict(sorted(found.items()))


def _models(routes: Iterable[Route]) -> Iterator[tuple[type[BaseModel], Mode]]:
    yield ErrorBody, "serialization"
    seen: set[tuple[type[BaseModel], Mode]] = set()
    for route in routes:
        for model, mode in _of(route):
            if (model, mode) not in seen:
                seen.add((model, mode))
                yield model, mode


def _of(route: Route) -> Iterator[tuple[type[BaseModel], Mode]]:
    if route.body is not None:
        yield route.body, "validation"
    if route.query is not None:
        yield route.query, "validation"
    if route.answer is not None:
        yield route.answer, "serialization"


def _operation(route: Route, refs: dict[Any, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "tags": [route.tag],
        "operationId": f"{route.tag}_{route.handler.__name__}",
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route, refs),
        "security": [] if route.free else [{}, {"bearer": []}, {"cookie": []}],
    }
    if route.description:
        made["description"] = route.description
    if route.body is not None:
        content = {"application/json": {"schema": refs[(route.body, "validation")]}}
        made["requestBody"] = {"required": True, "content": content}
    elif route.upload:
        kinds = _PICTURES if route.upload == "image/*" else (route.upload,)
        content = {kind: {"schema": _UPLOADS.get(kind, _BINARY)} for kind in kinds}
        made["requestBody"] = {"required": True, "content": content}
    return made


_BINARY = {"type": "string", "format": "binary"}
_PICTURES = ("image/png", "image/jpeg", "image/webp")
_UPLOADS: dict[str, Any] = {
    "multipart/form-data": {
        "type": "object",
        "properties": {"file": {"type": "array", "items": _BINARY, "minItems": 1}},
        "required": ["file"],
    },
}
"""What stands in a body that a handler reads as a stream."""


def _path_parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in route.parameters:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query_parameters(route: Route) -> Iterator[dict[str, Any]]:
    if route.query is None:
        return
    schema = route.query.model_json_schema(ref_template=_REF)
    definitions = schema.get("$defs", {})
    for name, value in schema["properties"].items():
        field = _inlined(value, definitions)
        description = field.pop("description", None)
        shown = {"description": description} if description else {}
        yield {"name": name, "in": "query", "required": name in schema.get("required", []), **shown, "schema": field}


def _inlined(value: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = value.get("$ref", "").rpartition("/")[2]
    return {**definitions[reference], **{k: v for k, v in value.items() if k != "$ref"}} if reference else dict(value)


def _header_parameters(route: Route) -> Iterator[dict[str, Any]]:
    if route.etag and route.method in ("PATCH", "PUT", "DELETE"):
        text = "Only if this is still the version; see ETag."
        yield {"name": "If-Match", "in": "header", "required": False, "description": text, "schema": {"type": "string"}}


def _responses(route: Route, refs: dict[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status in (route.status, *route.also):
        answer: dict[str, Any] = {
            "description": "Done." if route.method != "GET" else "Found.",
            "headers": _headers(route, status),
        }
        if route.answer is not None:
            answer["content"] = {"application/json": {"schema": refs[(route.answer, "serialization")]}}
        elif status != 304:
            answer["content"] = {route.media: {"schema": _raw(route.media)}}
        found[str(status)] = answer
    error = {"application/json": {"schema": refs[(ErrorBody, "serialization")]}}
    for status, codes in statuses(route).items():
        found[str(status)] = {"description": ", ".join(codes), "content": error}
    return found


def _raw(media: str) -> dict[str, Any]:
    if media.endswith("json"):
        return {"type": "object"}
    return {"type": "string"} if media.startswith("text/") else {"type": "string", "format": "binary"}


def _headers(route: Route, status: int) -> dict[str, Any]:
    found: dict[str, Any] = {"X-Correlation-ID": {"schema": {"type": "string"}}}
    if route.etag and route.method != "DELETE":
        found["ETag"] = {"schema": {"type": "string"}}
    if status == 201:
        found["Location"] = {"schema": {"type": "string"}}
    return found
