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
        running = [str(item[1]) for item in found["queue_running"]]
        waiting = [Pending(str(item[1]), float(item[0])) for item in found["queue_pending"]]
        return running, sorted(waiting, key=lambda item: item.number)

    def delete(self, prompt_ids: list[str]) -> None:
        """Takes waiting prompts out of the queue; others are left alone."""
        self._ask("POST", "/queue", {"delete": prompt_ids})

    def interrupt(self, prompt_id: str) -> None:
        """Stops a prompt if it is the one that runs."""
        self._ask("POST", "/interrupt", {"prompt_id": prompt_id})

    def end_of(self, prompt_id: str) -> tuple[str, str]:
        """How a prompt ended: `success`, `interrupted`, `error` with a message, or nothing if it did not run."""
        found = self._ask("GET", f"/history/{prompt_id}").get(prompt_id)
        if not found:
            return "", ""
        for name, values in (found.get("status") or {}).get("messages", []):
            if name == "execution_interrupted":
                return "interrupted", ""
            if name == "execution_error":
                where = str(values.get("node_type", "a node"))
                return "error", f"{where}: {str(values.get('exception_message', '')).strip()}"
        return "success", ""

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
            raise IsengardError("COMFYUI_REFUSED", f"ComfyUI refused {method} {path}: {_reason(answer.status, data)}")
        return json.loads(data) if data.strip() else {}


def _connection(scheme: str, host: str, port: int) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # our own process, perhaps self-signed
    return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)


def _reason(status: int, data: bytes) -> str:
    """What ComfyUI says is wrong: its message and the first complaint about a node."""
    try:
        found = json.loads(data)
        parts = [str(found["error"]["message"])]
        for node in (found.get("node_errors") or {}).values():
            parts += [f"{node.get('class_type')}: {item['message']} ({item['details']})" for item in node["errors"]]
        return "; ".join(parts[:3])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"status {status}."
