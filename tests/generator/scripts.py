"""What another process does in the tests beside: `python scripts.py hold FOLDER`."""

from __future__ import annotations

import asyncio
import runpy
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]


def hold(folder: str) -> None:
    """Makes pictures without end and says, in the midst of the first, the number of the process that paints."""
    from isengard import log
    from isengard.generator.diffusers import DiffusersGenerator
    from isengard.tests.generator.made import mini

    log.configure("error")

    async def work() -> None:
        generator = DiffusersGenerator(Path(folder))
        async for event in generator.run(mini(count=16, steps=100), Path(folder), asyncio.Event()):
            if event["type"] == "progress" and event["step"] == 2 and generator._process is not None:
                print(generator._process.pid, flush=True)

    asyncio.run(work())


if __name__ == "__main__":
    runpy.run_path(str(PACK / "loader.py"))["load_package"](PACK)
    globals()[sys.argv[1]](*sys.argv[2:])
