"""ComfyUI's public HTTP API, asked from this machine. Blocks: for worker threads only."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import IsengardError
from ..generator.comfyui.answers import end_of, refusal

_SECONDS = 30.0


@dataclass(frozen=True)
class Pending:
    """A prompt that waits in ComfyUI's queue."""

    id: str
    number: float
    """The lower, the sooner."""


class ComfyApi:
    """One ComfyUI. Each method raises COMFYUI_UNREACHABLE or COMFYUI_REFUSED."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address

    def put(self, graph: dict[str, Any], prompt_id: str, *, number: float | None = None, note: Any = None) -> None:
        """Puts a prompt into the queue: at the end, or at the place that a number gives it."""
        body = {"prompt": graph, "prompt_id": prompt_id, "extra_data": {"isengard": note}}
        self._ask("POST", "/prompt", {**body, **({"number": number} if number is not None else {})})

    def queue(self) -> tuple[list[str], list[Pending]]:
        """Ids of the prompts that run, and those that wait, the next one first."""
        found = self._ask("GET", "/queue")
        try:
            running = [str(item[1]) for item in found["queue_running"]]
            waiting = [Pending(str(item[1]), float(item[0])) for item in found["queue_pending"]]
        except (LookupError, TypeError, ValueError) as problem:
            raise self._foreign() from problem
        return running, sorted(waiting, key=lambda item: item.number)

    def delete(self, prompt_ids: list[str]) -> None:
        """Takes waiting prompts out of the queue; others are left alone."""
        self._ask("POST", "/queue", {"delete": prompt_ids})

    def interrupt(self, prompt_id: str) -> None:
        """Stops a prompt if it is the one that runs."""
        self._ask("POST", "/interrupt", {"prompt_id": prompt_id})

    def end_of(self, prompt_id: str) -> tuple[str, str]:
        """How a prompt ended: `success`, `interrupted`, `error` with a message, or nothing if it did not run."""
        end = end_of(self._ask("GET", f"/history/{prompt_id}").get(prompt_id))
        if end is None:
            return "", ""
        return end.how, end.told if end.how == "error" else ""

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        address = urlsplit(self._address())
        try:
            connection = _connection(address.scheme, address.hostname or "127.0.0.1", address.port or 80)
            try:
                sent = json.dumps(body).encode() if body is not None else None
                connection.request(method, path, sent, {"Content-Type": "application/json"} if sent else {})
                answer = connection.getresponse()
                data = answer.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as problem:
            raise IsengardError(
                "COMFYUI_UNREACHABLE", f"ComfyUI does not answer at {address.geturl()}: {problem}."
            ) from problem
        if answer.status >= 400:
            raise IsengardError("COMFYUI_REFUSED", f"ComfyUI refused {method} {path}: {refusal(answer.status, data)}")
        try:
            found = json.loads(data) if data.strip() else {}
        except ValueError as problem:
            raise self._foreign() from problem
        if answer.status >= 300 or not isinstance(found, dict):
            raise self._foreign()
        return found

    def _foreign(self) -> IsengardError:
        """Something stands between us and ComfyUI, a pack that sends everybody to its login page for one."""
        where = urlsplit(self._address()).geturl()
        return IsengardError("COMFYUI_UNREACHABLE", f"What answers at {where} does not answer as ComfyUI does.")


def _connection(scheme: str, host: str, port: int) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # our own process, perhaps self-signed
    return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
