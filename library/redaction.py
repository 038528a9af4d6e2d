"""Takes out of texts what is nobody's business: folders outside the library, user names, tokens."""

from __future__ import annotations

import getpass
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

_UNIX = re.compile(r"(?<![\w./~:…>-])/(?:[^\s/:;,'\"“”‘’()\[\]{}<>|*?]+/)*[^\s/:;,'\"“”‘’()\[\]{}<>|*?]*")
_WINDOWS = re.compile(r"(?<!\w)(?:[A-Za-z]:|\\\\[\w.$-]+)(?:[\\/]+[^\s\\/:;,'\"“”()<>|*?]+)+")
_SECRETS = (
    re.compile(r"\b(?:hf|sk|ghp|gho|github_pat|glpat|xox[abp]|AKIA|rpa|r8)[_-]?[A-Za-z0-9_-]{12,}"),
    re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/_=.~-]{8,}"),
    re.compile(
        r"(?i)(?<![a-z])((?:[a-z_]*(?:token|secret|password|passwd|api_?key|authorization|cookie)))"
        r"(\"?\s*[=:]\s*\"?)[^\s\"',;&]{6,}"
    ),
)
HIDDEN = "[removed]"
_ADDRESSES = ("/isengard/openapi.json",)
"""What looks like a path and is an address of ours, which hints name."""


class Redaction:
    """For one library. `places` are further folders that get a name of their own, e.g. {"ComfyUI": path}."""

    def __init__(self, root: Path, places: Mapping[str, Path] | None = None, secrets: tuple[str, ...] = ()) -> None:
        named = [(str(root.absolute()), ""), (str(root.resolve()), "")]
        for name, place in (places or {}).items():
            named += [(str(place), f"<{name}>")]
        with suppress(RuntimeError):
            named.append((str(Path.home()), "~"))
        named.append((tempfile.gettempdir(), "<temp>"))
        known = sorted({pair for pair in named if len(pair[0]) > 1}, key=lambda pair: -len(pair[0]))
        self._named = [(_folder(place), name) for place, name in known]
        self._secrets = tuple(secret for secret in secrets if len(secret) >= 8)
        self._user = _user()

    def text(self, text: str) -> str:
        """Paths in the library count from its root; of others the last part stays; tokens and user names go."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for pattern in _SECRETS:
            text = pattern.sub(_hide, text)
        for folder, name in self._named:
            text = folder.sub(partial(_joined, name), text)
        text = _WINDOWS.sub(lambda match: "…/" + re.split(r"[\\/]+", match[0])[-1], text)
        text = _UNIX.sub(_last_part, text)
        if self._user is not None:
            text = self._user.sub("~", text)
        return text

    def values(self, value: Any) -> Any:
        """The same for every text in JSON values."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self._field(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.values(item) for item in value]
        return value

    def _field(self, key: str, value: Any) -> Any:
        secret = re.fullmatch(r"(?i).*(token|secret|password|api_?key|authorization|cookie)", key)
        if secret and isinstance(value, str) and value:
            return HIDDEN
        return self.values(value)


def _folder(path: str) -> re.Pattern[str]:
    """Finds a folder, and what divides it from the rest. On Windows case says nothing; backslashes may be doubled."""
    windows = "\\" in path
    written = r"[\\/]+".join(map(re.escape, re.split(r"[\\/]+", path))) if windows else re.escape(path)
    return re.compile(rf"(?<![\w/]){written}([\\/]+|(?![\w-]|\.\w))", re.IGNORECASE if windows else 0)


def _joined(name: str, match: re.Match[str]) -> str:
    sign = match[1]
    if name:
        return name + ("/" if sign else "")
    return "" if sign else "the library"


def _hide(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}{HIDDEN}" if match.re.groups == 2 else HIDDEN


def _last_part(match: re.Match[str]) -> str:
    path = match[0]
    parts = [part for part in path.split("/") if part]
    if len(parts) < 2 or path in _ADDRESSES:
        return path
    return f"…/{parts[-1]}"


def _user() -> re.Pattern[str] | None:
    """The user's name as a part of a path; very common ones stand for nobody."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        return None
    if len(name) < 3 or name in ("root", "user", "admin", "runner", "home"):
        return None
    return re.compile(rf"(?<=[\\/]){re.escape(name)}(?=[\\/]|$)")
