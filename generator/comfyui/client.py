"""ComfyUI's public HTTP API, asked without blocking; it may be on another machine."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from ... import settings
from ...errors import IsengardError
from ..interface import ComfyUIAt
from .answers import End, end_of, refusal

_SECONDS = aiohttp.ClientTimeout(total=30, sock_connect=5)
_TRANSFER = aiohttp.ClientTimeout(total=600, sock_read=60)
_AT_ONCE = 6
_NOBODY_BEHIND = (502, 503, 504)
"""What a proxy says while the ComfyUI behind it starts anew."""


class Client:
    """One ComfyUI. Each method raises COMFYUI_UNREACHABLE or COMFYUI_REFUSED."""

    def __init__(self, at: ComfyUIAt) -> None:
        self.at = at
        self._session: aiohttp.ClientSession | None = None
        self._few = asyncio.Semaphore(_AT_ONCE)

    @property
    def known(self) -> bool:
        """Whether there is an address to ask."""
        return bool(self.at.address())

    @property
    def local(self) -> bool:
        """Whether it is on this machine, and so uses its device."""
        return self.at.inside or is_loopback(urlsplit(self.at.address()).hostname or "")

    @property
    def session(self) -> aiohttp.ClientSession:
        """Made on first use."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=_SECONDS)
        return self._session

    def url(self, path: str) -> str:
        """A route's address; COMFYUI_URL may have a path of its own."""
        return self.at.address().rstrip("/") + path

    @property
    def tls(self) -> bool:
        """How aiohttp is to check certificates: on this machine they may be self-signed."""
        return not self.local

    async def close(self) -> None:
        """Ends its connections."""
        if self._session is not None:
            await self._session.close()

    async def put(self, graph: Mapping[str, Any], prompt_id: str, client_id: str, note: Any) -> None:
        """Puts a prompt at the end of the queue. Newer versions heed the wish for previews."""
        extra = {"isengard": note, "preview_method": "auto"}
        body = {"prompt": graph, "prompt_id": prompt_id, "client_id": client_id, "extra_data": extra}
        await self._json("POST", "/prompt", json=body)

    async def queue(self) -> tuple[list[str], list[str]]:
        """Ids of the prompts that run, and of those that wait, the next one first."""
        found = await self._json("GET", "/queue")
        try:
            waiting = sorted(found["queue_pending"], key=lambda item: item[0])
            return [str(item[1]) for item in found["queue_running"]], [str(item[1]) for item in waiting]
        except (LookupError, TypeError) as problem:
            raise self._foreign() from problem

    async def end_of(self, prompt_id: str) -> End | None:
        """How a prompt ended; None if it is not in the history."""
        return end_of((await self._json("GET", f"/history/{prompt_id}")).get(prompt_id))

    async def take_back(self, prompt_ids: list[str]) -> None:
        """Takes prompts out of the queue, and stops the one that runs."""
        await self._json("POST", "/queue", json={"delete": prompt_ids})
        for prompt_id in prompt_ids:
            await self._json("POST", "/interrupt", json={"prompt_id": prompt_id})

    async def free(self) -> None:
        """Has it let go of its models."""
        await self._json("POST", "/free", json={"unload_models": True, "free_memory": True})

    async def node(self, name: str) -> dict[str, Any] | None:
        """What it knows about a kind of node; None if it has none of that name, or one that is broken."""
        async with self._few:
            try:
                found = await self._json("GET", f"/object_info/{name}")
            except IsengardError as problem:
                if problem.code == "COMFYUI_REFUSED":
                    return None
                raise
        known = found.get(name)
        return known if isinstance(known, dict) else None

    async def device(self) -> str:
        """The kind of device that it computes on: `cuda`, `cpu`, `mps`, …; empty if it does not tell."""
        devices = (await self._json("GET", "/system_stats")).get("devices")
        if not isinstance(devices, list):
            raise self._foreign()
        first = devices[0] if devices else None
        return str(first.get("type", "")) if isinstance(first, dict) else ""

    async def upload(self, name: str, data: bytes, folder: str) -> str:
        """Puts a picture into its input folder, once; gives the name that LoadImage takes."""
        form = aiohttp.FormData()
        form.add_field("image", data, filename=name, content_type="image/png")
        form.add_field("subfolder", folder)
        form.add_field("type", "input")
        kept = await self._json("POST", "/upload/image", data=form, timeout=_TRANSFER)
        if not kept.get("name"):
            raise self._foreign()
        return "/".join(part for part in (kept.get("subfolder", ""), kept["name"]) if part)

    async def view(self, image: Mapping[str, Any]) -> bytes:
        """A picture's bytes."""
        names = {name: str(image.get(name, "")) for name in ("filename", "subfolder", "type")}
        return await self._ask("GET", "/view", params=names, timeout=_TRANSFER)

    async def _json(self, method: str, path: str, **kwargs: Any) -> Any:
        data = await self._ask(method, path, **kwargs)
        try:
            found = json.loads(data) if data.strip() else {}
        except ValueError as problem:
            raise self._foreign() from problem
        if not isinstance(found, dict):
            raise self._foreign()
        return found

    def _foreign(self) -> IsengardError:
        return IsengardError(
            "COMFYUI_REFUSED", f"What answers at {self._shown} is no ComfyUI.", hint="Look at COMFYUI_URL."
        )

    async def _ask(self, method: str, path: str, **kwargs: Any) -> bytes:
        try:
            async with self.session.request(method, self.url(path), ssl=self.tls, **kwargs) as answer:
                data = await answer.read()
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as problem:
            what = str(problem) or type(problem).__name__
            raise IsengardError(
                "COMFYUI_UNREACHABLE", f"ComfyUI does not answer at {self._shown}: {what}."
            ) from problem
        if answer.status in _NOBODY_BEHIND:
            raise IsengardError(
                "COMFYUI_UNREACHABLE", f"ComfyUI does not answer at {self._shown}: status {answer.status}."
            )
        if answer.status >= 400:
            raise IsengardError("COMFYUI_REFUSED", f"ComfyUI refused {method} {path}: {refusal(answer.status, data)}")
        return data

    @property
    def _shown(self) -> str:
        """Its address without a password."""
        return settings.without_password(self.at.address())


def is_loopback(host: str) -> bool:
    """Whether a host's name or number is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
