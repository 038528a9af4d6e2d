"""Tells one process from another that later got the same number. Standard library only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def is_same_process(pid: int, birth: str) -> bool:
    """Whether the process that had this number and birth time is still running on this machine."""
    return birth != "" and birth_time(pid) == birth


def birth_time(pid: int) -> str:
    """When a running process began, as text that only serves for comparing; empty if it isn't running."""
    if sys.platform == "win32":
        return _birth_windows(pid)
    if Path("/proc/self/stat").exists():
        return _birth_linux(pid)
    return _birth_ps(pid)


def _birth_linux(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name, in brackets, may itself hold spaces and brackets
    return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _birth_ps(pid: int) -> str:
    plain = ["env", "LC_ALL=C", "ps", "-o", "lstart=", "-p", str(pid)]  # the same words whoever asks
    shown = subprocess.run(plain, capture_output=True, text=True, check=False)
    return shown.stdout.strip()


def _birth_windows(pid: int) -> str:
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return ""
    try:
        code = wintypes.DWORD()
        times = [wintypes.FILETIME() for _ in range(4)]
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        if code.value != 259 or not kernel.GetProcessTimes(handle, *(ctypes.byref(moment) for moment in times)):
            return ""  # 259 is STILL_ACTIVE
        return f"{times[0].dwHighDateTime}:{times[0].dwLowDateTime}"
    finally:
        kernel.CloseHandle(handle)


def own_identity() -> tuple[int, str]:
    """Number and birth time of this process."""
    return os.getpid(), birth_time(os.getpid())
