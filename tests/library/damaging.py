"""Damages an index in every way that one was seen in."""

from __future__ import annotations

import sqlite3
from pathlib import Path

WAYS = ("gone", "garbage", "empty", "older version", "truncated", "tables", "rows")


def damage_index(path: Path, how: str) -> None:
    """All that was written is in the file before, and nothing of it beside the file afterwards."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if how == "older version":
            connection.execute("PRAGMA user_version = 99")
    connection.close()
    data = path.read_bytes()
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    if how == "gone":
        path.unlink()
    elif how != "older version":
        damaged = {
            "garbage": b"x" * 5000,
            "empty": b"",
            "truncated": data[: len(data) // 2],
            "tables": data[:100] + b"x" * 900 + data[1000:],
            "rows": data[:4096] + b"\x0d" + b"\xff" * (len(data) - 4097),
        }
        path.write_bytes(damaged[how])
