"""The routes, one module a resource: a new resource is one file and one line here."""

from __future__ import annotations

from importlib import import_module

from ..routing import Route

RESOURCES = (
    "exchange", "characters", "triggers", "images", "bulk", "captioning", "reports", "presets", "training", "progress",
    "likeness", "jobs", "gallery", "generate", "graphs", "generators", "packs", "guides", "loras", "trash", "events",
    "system",
)  # fmt: skip
"""Modules beside this one, each with `routes`; in the order in which paths are matched and documented."""


def all_routes() -> list[Route]:
    """Every route of the API."""
    return [route for name in RESOURCES for route in import_module(f".{name}", __package__).routes.all]
