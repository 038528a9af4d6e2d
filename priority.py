"""Work in the background goes behind whoever waits: trainings, pictures, captions and the reading of photos are jobs of
minutes, a page that is open beside them is looked at now."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

_STEPS = 10
"""How much nicer than its parent a process becomes, of 19: about a tenth of a core that both want at the same time."""
_NICEST = 19


def step_back(pid: int) -> None:
    """Puts a process that was started just now, and all that it will start, behind everybody else.

    It is as fast as ever on a core that nobody else wants. Where the system doesn't allow it, nothing changes.
    """
    import psutil

    with suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        if sys.platform == "win32":
            if process.nice() == psutil.NORMAL_PRIORITY_CLASS:  # else its parent is further back
                process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            process.nice(min(_NICEST, process.nice() + _STEPS))
            _lower_session(pid)


def _lower_session(pid: int) -> None:
    """On Linux desktops sessions share the processor first, and niceness counts among the processes of one: a process
    that leads a session of its own lowers it as well."""
    if os.getsid(pid) == pid:
        Path(f"/proc/{pid}/autogroup").write_text(str(_STEPS), encoding="ascii")
