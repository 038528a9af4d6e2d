"""How much of the main memory this process may still take: the machine's, and that of the container it runs in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def free_bytes() -> int:
    """Bytes that can be taken without anything being written out to disk."""
    import psutil

    return min([int(psutil.virtual_memory().available), *_limits(_GROUPS, _OWN)])


def free_with_disk() -> int:
    """Bytes that can be taken before the system ends somebody: slow ones, in the swap file, counted in."""
    import psutil

    whole = int(psutil.virtual_memory().available) + int(psutil.swap_memory().free)
    return min([whole, *_limits(_GROUPS, _OWN)])


def _limits(groups: Path, own: Path) -> Iterator[int]:
    """What the control groups around this process leave; file pages that can be dropped at any time count as free."""
    for folder, limit, used in _groups(groups, own):
        with suppress(OSError, ValueError):
            most = (folder / limit).read_text(encoding="ascii").strip()
            if most != "max" and int(most) < 1 << 60:  # older kernels write an enormous number for no limit
                yield max(0, int(most) - int((folder / used).read_text(encoding="ascii")) + _droppable(folder))


def _groups(groups: Path, own: Path) -> Iterator[tuple[Path, str, str]]:
    """Folder of each group, from this process's own outwards, with the names of its limit and of what it uses.

    Inside a container the path may be the host's: then only the outermost is there, which is the container's own.
    """
    with suppress(OSError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            place = PurePosixPath(path.lstrip("/"))
            for part in dict.fromkeys([place, *place.parents]):
                if not kinds:
                    yield groups / part, "memory.max", "memory.current"
                elif "memory" in kinds.split(","):
                    yield groups / "memory" / part, "memory.limit_in_bytes", "memory.usage_in_bytes"


def _droppable(folder: Path) -> int:
    for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0
