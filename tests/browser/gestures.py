"""What a hand does that Playwright has no word for: files dragged in, a picture pasted, a frame drawn."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

_PUT_ON_CLIPBOARD = """async data => {
    const bytes = Uint8Array.from(atob(data), sign => sign.charCodeAt(0))
    await navigator.clipboard.write([new ClipboardItem({'image/png': new Blob([bytes], {type: 'image/png'})})])
}"""


class Drag:
    """Files and folders held over the window: the very events of the system, not a script's."""

    def __init__(self, page: Any, paths: list[Path]) -> None:
        self._session = page.context.new_cdp_session(page)
        files = [str(path) for path in paths]
        self._data = {"items": [], "files": files, "dragOperationsMask": 1}

    def over(self, x: float, y: float) -> Drag:
        """Moves there."""
        for kind in ("dragEnter", "dragOver"):
            self._send(kind, x, y)
        return self

    def drop(self, x: float, y: float) -> None:
        """Lets go there."""
        self.over(x, y)._send("drop", x, y)

    def leave(self, x: float = 0, y: float = 0) -> None:
        """Goes back without letting go."""
        self._send("dragCancel", x, y)

    def _send(self, kind: str, x: float, y: float) -> None:
        self._session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": self._data})


def paste_picture(page: Any, picture: Path) -> None:
    """Copies a PNG as a screenshot tool does, and presses Ctrl+V."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(_PUT_ON_CLIPBOARD, base64.b64encode(picture.read_bytes()).decode())
    page.keyboard.press("Control+v")


def draw(page: Any, start: tuple[float, float], end: tuple[float, float], *, steps: int = 8) -> None:
    """Presses, moves and lets go."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=steps)
    page.mouse.up()


def middle(locator: Any) -> tuple[float, float]:
    """Where an element's middle is in the window."""
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
