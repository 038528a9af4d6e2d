"""How the server holds under load: lists of 10,000 photos and 200 listeners while a training runs, and a large upload.

    python bench/server.py [--photos 10000] [--clients 50] [--listeners 200] [--seconds 30] [--gigabytes 2] [--explain]

The server is `python . serve` in a process of its own, on a library in a temporary folder. Each client asks for a page
of 100 photos once a second (steady), then without a pause (flat out: the time is then that of 50 requests in a queue).
The uploaded photos are small pictures in large files, so that the figure is about the server, not about decoding.
Clients, listeners and server are processes of their own on one machine, beside the trainer's. A client's time ends
when the answer lies in its socket (see pages.py); beside it stand when it picked the answer up, and the server's part:
from the request read to the answer written, how late its event loop was, and how long processes waited for one of the
cores. --explain also says where the loop was when it was late; that itself takes time.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import random
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

PACK = Path(__file__).resolve().parent.parent
runpy.run_path(str(PACK / "loader.py"))["load_package"](PACK)

import aiohttp  # noqa: E402
import psutil  # noqa: E402
from PIL import Image  # noqa: E402

from isengard.bench.library import fill  # noqa: E402
from isengard.bench.pages import Caller  # noqa: E402
from isengard.bench.phases import Late, Phase, share  # noqa: E402
from isengard.bench.streams import Listeners  # noqa: E402
from isengard.library import characters  # noqa: E402
from isengard.library.store import Library  # noqa: E402
from isengard.trainer.mini import CHARACTER_DIR  # noqa: E402

TRAINING = {"steps": 20_000, "sample_every": 0, "save_every": 1000, "log_every": 1}
"""Goes on for as long as the measuring takes."""


def main(argv: list[str]) -> int:
    """Runs all parts and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="isengard-bench-") as folder:
        figures = asyncio.run(_measure(Path(folder), options))
    for name, value in figures.items():
        print(f"{name:64} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


async def _measure(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    root, probed = folder / "library", folder / "probed.json"
    _make_library(root, options.photos)
    process, address = await asyncio.to_thread(_start, root, probed, options.explain)
    figures: dict[str, float] = {"photos": options.photos}
    phases: list[Phase] = []
    try:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(address, connector=connector) as session:
            await _get(session, "/isengard/images?limit=1")

            async def follow(count: int) -> None:
                await _until(session, "/isengard/system", lambda found: found["listeners"] >= count)

            listeners = await Listeners.start(address, options.listeners, follow)
            job = await _train(session)
            pids = {"server": process.pid, "clients": os.getpid(), "listeners": listeners.pid}
            for name, pause in (("steady", 1.0), ("flat out", 0.0)):
                with Phase(name, pids) as phase:
                    phases.append(phase)
                    await _lists(session, address, options, phase, job, pause)
            figures |= await listeners.stop()
            await session.post(f"/isengard/training/{job}/cancel")
            figures |= await _upload(session, process, folder, options.gigabytes)
    finally:
        process.terminate()
        process.wait(120)
    found = json.loads(probed.read_text(encoding="utf-8"))
    for phase in phases:
        figures |= phase.figures(found)
    return figures


def _make_library(root: Path, photos: int) -> None:
    library = Library.open(root)
    for number in range(20):
        characters.create(library, name=f"Person {number:03d}", trigger_word=f"zq{number:03d}x")
    fill(library, photos)
    for name, word in (("Ada", "ohwx"), ("Upload", "upld")):
        characters.create(library, name=name, trigger_word=word)
    shutil.copytree(CHARACTER_DIR, root / "characters" / "ada" / "images", dirs_exist_ok=True)
    library.close()


def _start(root: Path, probed: Path, explain: bool) -> tuple[subprocess.Popen[str], str]:
    program = [str(PACK / "bench" / "probed.py"), str(probed), str(int(explain))]
    process = subprocess.Popen(
        [sys.executable, *program, "--root", str(root), "--port", "0", "--log-level", "warning"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, line.split(" is at ")[1].strip()


async def _get(session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def _train(session: aiohttp.ClientSession) -> str:
    """Starts a training and waits until it makes steps."""
    body = {"character": "ada", "preset": "quick", "family": "mini", "settings": TRAINING}
    async with session.post("/isengard/training", json=body) as answer:
        assert answer.status == 201, await answer.text()
        job = str((await answer.json())["id"])
    await _until(session, f"/isengard/training/{job}/loss", lambda found: found["seen"] >= 20)
    return job


async def _until(session: aiohttp.ClientSession, path: str, seen: Callable[[Any], bool]) -> None:
    while not seen(await _get(session, path)):  # noqa: ASYNC110 (it happens in another process)
        await asyncio.sleep(0.5)


async def _lists(
    session: aiohttp.ClientSession, address: str, options: argparse.Namespace, phase: Phase, job: str, pause: float
) -> None:
    """What clients see, and how far the training got meanwhile."""
    there: list[float] = []
    picked_up: list[float] = []
    late = Late()
    watching = asyncio.ensure_future(late.watch())
    step = await _steps(session, job)
    end = time.monotonic() + options.seconds

    async def client(number: int) -> None:
        await asyncio.sleep(pause * number / options.clients)
        caller, cursor = Caller(address), ""
        while time.monotonic() < end:
            found, came, took = await caller.get(f"/isengard/images?limit=100&cursor={cursor}")
            there.append(came)
            picked_up.append(took)
            cursor = found["next"]
            await asyncio.sleep(max(0.0, pause - took))
        caller.close()

    await asyncio.gather(*(client(number) for number in range(options.clients)))
    watching.cancel()
    phase.pages = len(there)
    system, steps = await _get(session, "/isengard/system"), await _steps(session, job) - step
    phase.seen = {
        "pages a second": len(there) / options.seconds,
        "median, ms": share(there, 0.5) * 1000,
        "p99, ms": share(there, 0.99) * 1000,
        "worst, ms": max(there) * 1000,
        "p99 until the client had a core to pick it up, ms": share(picked_up, 0.99) * 1000,
        "clients' own loop late, p99, ms": share([seconds for _, seconds in late.found], 0.99) * 1000,
        "loop late at worst in a minute, as the server says, ms": system["loop_lag"] * 1000,
        "steps of the training a second": steps / options.seconds,
    }


async def _steps(session: aiohttp.ClientSession, job: str) -> int:
    return int((await _get(session, f"/isengard/training/{job}/loss?points=3"))["seen"])


async def _upload(
    session: aiohttp.ClientSession, process: subprocess.Popen[str], folder: Path, gigabytes: float
) -> dict[str, float]:
    """One form with many photos; the most memory that the server's own process and its children held."""
    server, count = psutil.Process(process.pid), max(1, round(gigabytes * 50))
    before, most, most_children, over = server.memory_info().rss, 0, 0, False

    async def watch() -> None:
        nonlocal most, most_children
        while not over:
            with suppress(psutil.Error):
                most = max(most, server.memory_info().rss)
                most_children = max(most_children, sum(c.memory_info().rss for c in server.children(recursive=True)))
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    started = time.perf_counter()
    headers = {"Content-Type": "multipart/form-data; boundary=photos"}
    timeout = aiohttp.ClientTimeout(total=None)
    async with session.post(
        "/isengard/characters/upload/images", data=_form(count), headers=headers, timeout=timeout
    ) as answer:
        assert answer.status == 201, await answer.text()
        taken = (await answer.json())["count"]
    seconds = time.perf_counter() - started
    over = True
    await watching
    system = await _get(session, "/isengard/system")
    assert taken == count, (taken, count)
    return {
        "upload: GB": count * 0.02,
        "upload: photos": count,
        "upload: MB a second": count * 20 / seconds,
        "upload: server's memory before, MB": before / 1e6,
        "upload: server's memory at most, MB": most / 1e6,
        "upload: its children's memory at most, MB": most_children / 1e6,
        "upload: loop late at worst, ms": system["loop_lag"] * 1000,
    }


async def _form(count: int) -> AsyncIterator[bytes]:
    """Photos of 20 MB each, made as they are sent."""
    for number in range(count):
        draw = random.Random(number)
        picture = Image.frombytes("RGB", (16, 16), draw.randbytes(768)).resize((512, 512))
        data = io.BytesIO()
        picture.save(data, "JPEG")
        head = f'--photos\r\nContent-Disposition: form-data; name="file"; filename="{number}.jpg"\r\n\r\n'
        yield head.encode() + data.getvalue()
        left = 20_000_000 - data.tell()
        while left > 0:
            size = min(left, 1 << 20)
            yield bytes(size)
            left -= size
            await asyncio.sleep(0)
        yield b"\r\n"
    yield b"--photos--\r\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
