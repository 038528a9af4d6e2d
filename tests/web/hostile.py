"""The corpus of the security tests: what somebody who means harm puts into names, texts, bodies and files."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

CANARY = Path(tempfile.gettempdir()) / "isengard-was-here"
"""The commands in the corpus make this file: it must never be there."""

PATHS = [
    "..", ".", "/", "../../../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "C:\\Windows\\win.ini", "C:x",
    "\\\\host\\share\\x", "//host/share", "\\\\?\\C:\\x", "file:///etc/passwd", "ada/../../outside", "a\0b",
    "%2e%2e%2f",
    "con", "NUL.txt", "com1.png", "aux.", "ada.", "ada ", ".hidden", "x" * 400, "\u202egnp.exe", "link", "link/secret",
    "~root", f"$(touch {CANARY})", "; rm -rf /", "'; DROP TABLE photos; --", "\r\nX-Evil: 1",
    "<script>alert(1)</script>", "{0.__class__}", "{trigger.__class__.__mro__}", "%s%s%n", "é" * 300, "\ud800",
]  # fmt: skip
"""Paths, devices, commands and markup in the place of a name."""

TOO_DEEP = 100_000
JSON = {
    "nothing": b"",
    "cut off": b'{"name": "a"',
    "two values": b"{} {}",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1e999",
    "null": b"null",
    "NaN": b'{"name": NaN}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "a mark of order": b'\xef\xbb\xbf{"name": 1}',
    "half a surrogate": b'{"name": "\\ud800"}',
    "a NUL": b'{"name": "a\\u0000b", "\\u0000": 1}',
    "a large number": b'{"name": ' + b"9" * 100_000 + b"}",
    "deep lists": b"[" * TOO_DEEP + b"]" * TOO_DEEP,
    "deep objects": b'{"a":' * TOO_DEEP + b"1" + b"}" * TOO_DEEP,
    "deep inside": b'{"settings": {"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
    "a field twice": b'{"name": "a", "name": "../b"}',
    "__proto__": b'{"__proto__": {"admin": true}, "constructor": {}, "__class__": "x"}',
    "many fields": b"{" + b",".join(b'"f%d": 1' % number for number in range(20_000)) + b"}",
}
"""Bodies that are no JSON, or JSON that wears out whoever reads it."""

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(document.domain)</script>"


def pickled() -> bytes:
    """What makes a pickle's reader run a command: written by hand, as nothing here reads or writes pickles."""
    return f"cos\nsystem\n(S'touch {CANARY}'\ntR.".encode()


def png_bomb(side: int = 60_000) -> bytes:
    """A PNG of a few kilobytes that says it has 3.6 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    packed = zlib.compress(b"\0" * 4_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip archive."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


FILES = {
    "page.jpg": HTML,
    "drawing.png": SVG,
    "drawing.svg": SVG,
    "xml.jpg": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg>&e;</svg>',
    "script.jpg": f"#!/bin/sh\ntouch {CANARY}\n".encode(),
    "model.png": pickled(),
    "program.jpg": b"MZ" + b"\0" * 200,
    "archive.jpg": zipped({"a.txt": b"x"}),
    "bomb.png": png_bomb(),
    "postscript.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    "document.jpg": b"%PDF-1.7\n",
    "nothing.jpg": b"",
    "cut.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\0",
    "hybrid.gif": b"GIF89a/*" + HTML + b"*/=1;",
}
"""Uploads that are no photos, under names that say they are."""


def bodies(model: type[BaseModel], known: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Bodies that fit a model but for one text, which is each of PATHS in turn; yields the text's place and the body.

    `known` holds good values by field name.
    """
    schema = model.model_json_schema()
    plain = _filled(schema, schema, known)
    for place in sorted(_texts(schema, schema)):
        for value in PATHS:
            yield ".".join(place), _with(plain, schema, schema, place, value, known)


def as_json(value: Any) -> bytes:
    """JSON whatever is in it: half surrogates as an escape, as a client may send them."""
    return json.dumps(value, ensure_ascii=True).encode()


def _resolved(part: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        part = root["$defs"][part["$ref"].rpartition("/")[2]]
    if "anyOf" in part:
        return _resolved(next(option for option in part["anyOf"] if option.get("type") != "null"), root)
    return part


def _texts(part: dict[str, Any], root: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Places of all texts in a schema; `*` for a list's items and for keys of free objects."""
    part = _resolved(part, root)
    if part.get("type") == "object":
        for name, inner in part.get("properties", {}).items():
            yield from ((name, *rest) for rest in _texts(inner, root))
        if part.get("additionalProperties") not in (None, False):
            yield ("*",)
    elif part.get("type") == "array":
        yield from (("*", *rest) for rest in _texts(part.get("items", {"type": "string"}), root))
    elif part.get("type") == "string":
        yield ()


def _filled(part: dict[str, Any], root: dict[str, Any], known: dict[str, Any], name: str = "") -> Any:
    part = _resolved(part, root)
    if name in known:
        return known[name]
    if "const" in part or "enum" in part:
        return part.get("const") or part["enum"][0]
    kind = part.get("type")
    if kind == "object":
        wanted = part.get("required", [])
        return {key: _filled(part["properties"][key], root, known, key) for key in wanted}
    if kind == "array":
        return [_filled(part.get("items", {"type": "string"}), root, known)] * max(1, part.get("minItems", 0))
    return {"string": "x", "integer": part.get("minimum", 1), "number": part.get("minimum", 1), "boolean": False}.get(
        str(kind)
    )


def _with(
    plain: Any, part: dict[str, Any], root: dict[str, Any], place: tuple[str, ...], value: str, known: dict[str, Any]
) -> Any:
    """A copy with a text in its place, and all that is needed around it."""
    if not place:
        return value
    part = _resolved(part, root)
    first, *rest = place
    if part.get("type") == "array":
        item = part.get("items", {"type": "string"})
        return [_with(_filled(item, root, known), item, root, tuple(rest), value, known)]
    if first == "*":
        return {value: value}
    inner = part["properties"][first]
    changed = dict(plain) if isinstance(plain, dict) else {}
    below = changed.get(first)
    if below is None:
        below = _filled(inner, root, known, first)
    changed[first] = _with(below, inner, root, tuple(rest), value, known)
    return changed
