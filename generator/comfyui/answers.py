"""What ComfyUI's answers mean: why it refused something, and how a prompt ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ...errors import IsengardError

_TRY_AGAIN = "Mend what is named above and try again; ComfyUI's log says more."


@dataclass(frozen=True, kw_only=True)
class End:
    """How a prompt ended, as ComfyUI's history tells it."""

    how: str
    """`success`, `interrupted` or `error`."""
    node: str = ""
    """The kind of node that failed."""
    message: str = ""
    out_of_memory: bool = False
    outputs: dict[str, Any] = field(default_factory=dict)
    """By node."""

    @property
    def told(self) -> str:
        """What went wrong, with the node."""
        return f"{self.node or 'a node'}: {self.message}"

    def images(self, node: str) -> list[dict[str, Any]]:
        """The pictures of a node: filename, subfolder and type of each."""
        found = self.outputs.get(node, {}).get("images", [])
        return [image for image in found if isinstance(image, dict)]

    def error(self) -> IsengardError:
        """What a failure becomes here."""
        if self.out_of_memory:
            hint = "Choose a smaller picture, turn off what is not needed, or close other programs."
            return IsengardError("OUT_OF_MEMORY", f"The memory did not suffice in ComfyUI: {self.told}", hint=hint)
        return IsengardError("COMFYUI_FAILED", f"ComfyUI stopped at {self.told}", hint=_TRY_AGAIN)


def end_of(entry: Any) -> End | None:
    """From a prompt's entry in the history; None if there is none."""
    if not isinstance(entry, dict):
        return None
    for name, values in (entry.get("status") or {}).get("messages", []):
        if name == "execution_interrupted":
            return End(how="interrupted")
        if name == "execution_error":
            return End(
                how="error",
                node=str(values.get("node_type", "")),
                message=str(values.get("exception_message", "")).strip(),
                out_of_memory=str(values.get("exception_type", "")).rpartition(".")[2] == "OutOfMemoryError",
            )
    return End(how="success", outputs=entry.get("outputs") or {})


def refusal(status: int, data: bytes) -> str:
    """What ComfyUI says is wrong with a request: its message and the first complaints about nodes."""
    try:
        found = json.loads(data)
        parts = [str(found["error"]["message"])]
        for node in (found.get("node_errors") or {}).values():
            parts += [f"{node.get('class_type')}: {item['message']} ({item['details']})" for item in node["errors"]]
        return "; ".join(parts[:3])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"status {status}."
