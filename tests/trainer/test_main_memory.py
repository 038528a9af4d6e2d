"""How much of the main memory is free: in a container, what its limit leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from isengard.trainer import main_memory
from isengard.trainer.main_memory import free_bytes, free_with_disk

GIB = 2**30


def group(folder: Path, names: tuple[str, str], most: str, used: int, droppable: int, stat: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{most}\n", encoding="ascii")
    (folder / names[1]).write_text(f"{used}\n", encoding="ascii")
    (folder / "memory.stat").write_text(f"anon 1\n{stat} {droppable}\n", encoding="ascii")


V2 = ("memory.max", "memory.current")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the system's own, with this process in /outer/inner of both versions."""
    own = tmp_path / "own"
    own.write_text("4:memory,cpu:/outer/inner\n1:cpu:/elsewhere\n0::/outer/inner\n", encoding="ascii")
    monkeypatch.setattr(main_memory, "_OWN", own)
    monkeypatch.setattr(main_memory, "_GROUPS", tmp_path / "groups")
    return tmp_path / "groups"


def test_without_a_limit_it_is_what_the_machine_has(groups: Path) -> None:
    import psutil

    group(groups / "outer", V2, "max", GIB, 0, "inactive_file")
    group(groups / "memory" / "outer", V1, str(2**63 - 4096), GIB, 0, "total_inactive_file")
    assert free_bytes() == pytest.approx(psutil.virtual_memory().available, rel=0.3)
    assert free_with_disk() >= 0.7 * free_bytes()


@pytest.mark.parametrize(("version", "stat"), [(V2, "inactive_file"), (V1, "total_inactive_file")])
@pytest.mark.parametrize("level", ["", "outer", "outer/inner"])
def test_the_narrowest_group_around_the_process_counts(
    groups: Path, version: tuple[str, str], stat: str, level: str
) -> None:
    """Files that the system can drop at any time are not in the way."""
    top = groups / "memory" if version is V1 else groups
    group(top / level, version, str(10_000_000), 7_000_000, 2_000_000, stat)
    assert free_bytes() == free_with_disk() == 5_000_000


def test_a_group_that_is_overfull_leaves_nothing(groups: Path) -> None:
    group(groups, V2, "1000", 5000, 0, "inactive_file")
    assert free_bytes() == 0


def test_where_there_are_no_groups_nothing_is_asked_of_them(groups: Path) -> None:
    main_memory._OWN.unlink()
    group(groups, V2, "1000", 5000, 0, "inactive_file")
    assert free_bytes() > 1000
