"""The event stream: read while it is written, whole after every way of dying."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.tests.trainer.jobs import PATIENCE, SCRIPTS, until
from isengard.trainer.events import EventReader, EventWriter, read_events


def numbers(path: Path) -> list[int]:
    return [event["seq"] for event in read_events(path)]


def written(path: Path, count: int) -> EventWriter:
    writer = EventWriter(path)
    for number in range(count):
        writer.write("loss", step=number)
    return writer


def test_a_reader_beside_a_writing_process_misses_nothing(tmp_path: Path) -> None:
    """Every event comes once, in order and whole, over several reads while another process writes."""
    path = tmp_path / "events.jsonl"
    process = subprocess.Popen([sys.executable, str(SCRIPTS), "write_events", str(path)], stdin=subprocess.PIPE)
    reader, got = EventReader(path), []
    while len(got) < 3000:
        assert process.poll() is None
        got += itertools.islice(reader.read(), 200)
    process.communicate()
    got += reader.read()
    assert process.returncode == 0
    assert [event["seq"] for event in got] == list(range(1, len(got) + 1))
    assert [event["message"] for event in got] == [f"{n} " + "ü" * (n % 7 * 500) for n in range(len(got))]
    assert numbers(path) == [event["seq"] for event in got]


def test_a_torn_last_line_is_not_seen_and_is_cut_off_by_the_next_writer(tmp_path: Path) -> None:
    """Also for a reader that was there before; numbers go on without a gap."""
    path = tmp_path / "events.jsonl"
    written(path, 3).close()
    reader = EventReader(path)
    assert len(list(reader.read())) == 3
    with path.open("ab") as stream:
        stream.write(b'{"v": 1, "seq": 4, "type": "loss", "st')
    assert list(reader.read()) == []
    assert numbers(path) == [1, 2, 3]
    writer = EventWriter(path)
    writer.write("loss", step=9)
    writer.close()
    assert [(event["seq"], event["step"]) for event in reader.read()] == [(4, 9)]
    assert path.read_bytes().count(b"\n") == 4


def test_a_line_is_given_out_when_its_end_is_there(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert list(reader.read()) == []
    path.write_bytes(b'{"seq": 1, "type": "loss"')
    assert list(reader.read()) == []
    with path.open("ab") as stream:
        stream.write(b"}\n")
    assert [event["seq"] for event in reader.read()] == [1]
    assert list(reader.read()) == []


def test_after_a_kill_in_the_middle_of_a_line_the_numbers_go_on(tmp_path: Path) -> None:
    """kill -9 until a torn line is left at least once; the next writer goes on behind the last whole one."""
    path, torn = tmp_path / "events.jsonl", 0
    for _ in range(40):
        process = subprocess.Popen([sys.executable, str(SCRIPTS), "write_events_forever", str(path)])
        size = path.stat().st_size if path.exists() else 0
        until(lambda size=size: path.exists() and path.stat().st_size > size + 1_000_000, pause=0.0005)
        process.kill()
        process.wait()
        torn += not path.read_bytes().endswith(b"\n")
        found = numbers(path)
        assert found == list(range(1, len(found) + 1))
        if torn:
            break
    written(path, 2).close()
    assert numbers(path) == list(range(1, len(found) + 3))
    assert path.read_bytes().endswith(b"\n")


def test_a_reader_starts_behind_the_event_it_has(tmp_path: Path) -> None:
    """What a client asks for that reconnects with the last number it saw."""
    path = tmp_path / "events.jsonl"
    written(path, 5).close()
    assert [event["seq"] for event in read_events(path, after=3)] == [4, 5]
    assert read_events(path, after=5) == []
    reader = EventReader(path, after=5)
    assert list(reader.read()) == []
    written(path, 1).close()
    assert [event["seq"] for event in reader.read()] == [6]


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[]", b'{"type": "loss"}', b'{"seq": "2", "type": "loss"}', b"\xff\xfe"]
)
def test_a_whole_line_that_is_no_event_is_an_error_with_its_path(tmp_path: Path, line: bytes) -> None:
    """For readers anywhere, for a writer at the end; the file is left as it is."""
    path = tmp_path / "events.jsonl"
    written(path, 1).close()
    with path.open("ab") as stream:
        stream.write(line + b"\n")
    before = path.read_bytes()
    for action in (lambda: read_events(path), lambda: EventWriter(path)):
        with pytest.raises(IsengardError, match=r"events\.jsonl") as caught:
            action()
        assert caught.value.code == "JOB_CORRUPT"
    assert path.read_bytes() == before


def test_an_event_longer_than_any_buffer_is_taken_up(tmp_path: Path) -> None:
    """A writer finds the last number in a line of hundreds of kilobytes, torn line behind it or not."""
    path = tmp_path / "events.jsonl"
    writer = written(path, 1)
    writer.write("error", message="é" * 300_000, code="X", hint="")
    writer.close()
    with path.open("ab") as stream:
        stream.write(b"{" + b"x" * 200_000)
    written(path, 1).close()
    assert numbers(path) == [1, 2, 3]


def test_a_full_disk_leaves_the_stream_whole(tmp_path: Path) -> None:
    """DISK_FULL is raised, no half line stays, a shorter event still fits, and the numbers have no gap."""
    path = tmp_path / "events.jsonl"
    done = subprocess.run(
        [sys.executable, str(SCRIPTS), "fill_the_disk", str(path), "10400"],
        capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.stdout.split() == ["DISK_FULL"]
    data = path.read_bytes()
    assert len(data) <= 10400
    events = [json.loads(line) for line in data.decode().splitlines()]
    assert data.endswith(b"\n")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["message"][:5] for event in events[-2:]] == ["yyyyy", "short"]


def test_threads_take_turns(tmp_path: Path) -> None:
    """The loop and the thread that watches the GPU write into one stream."""
    from concurrent.futures import ThreadPoolExecutor

    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: writer.write("gpu", name="g" * number), range(400)))
    writer.close()
    assert numbers(path) == list(range(1, 401))


def test_every_event_says_when_and_in_which_format(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    before = time.time()
    written(path, 1).close()
    (event,) = read_events(path)
    assert (event["v"], event["type"]) == (1, "loss")
    from datetime import datetime

    assert before - 1 <= datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp() <= time.time() + 1
