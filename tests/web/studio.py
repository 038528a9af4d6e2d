"""A running host with a character who has a LoRA, to ask for pictures over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp.test_utils import TestClient

from isengard.generator.interface import Generator
from isengard.tests.web.streams import events_of
from isengard.web.services import Services

API = "/isengard"


@dataclass
class Studio:
    """The character is Ada."""

    client: TestClient[Any, Any]
    services: Services
    lora: str
    """Ada's."""

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON."""
        async with self.client.post(API + path, json=body) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON."""
        async with self.client.get(API + path) as response:
            return response.status, await response.json()

    async def made_by(self, body: dict[str, Any]) -> list[str]:
        """Ids of the pictures that a request leads to."""
        _, made = await self.post("/generate", body)
        events = await events_of(self.client, f"{API}/generate/{made['id']}/stream")
        return [data["id"] for _, kind, data in events if kind == "picture"]

    def paint_with(self, generator: Generator) -> None:
        """Puts a generator in the place of diffusers."""
        self.services.pictures.queue._generators["diffusers"] = generator
