"""A page that hears that a training is done can use its LoRA that moment; a trainer that runs grants wishes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard import settings
from isengard.tests.warm.interpreter import taken_for
from isengard.tests.web.server import LONG, PATIENCE, SMALL, Client, Event

pytestmark = pytest.mark.slow
MakeAda = Callable[[Client], str]


def wish(character: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"character": character, "preset": "quick", "family": "mini", "settings": given}


def is_done(event: Event) -> bool:
    return event.data.get("state") == "done"


def picture_of(client: Client, character: str) -> str:
    """The LoRA that a picture asked for now is made with."""
    made = client.post("/generate", {"character": character, "prompt": "x", "steps": 1}, status=201)
    client.post(f"/generate/{made['id']}/cancel")
    return str(made["settings"]["loras"][0]["lora"])


def test_done_means_that_the_lora_is_there(client: Client, with_photos: MakeAda) -> None:
    """Seen in the job, in its own stream and on the common one, by three who do not wait a moment."""
    ada = with_photos(client)
    page = client.events("/events")
    page.until(lambda event: event.kind == "hello")
    job = client.post("/training", wish(ada, SMALL))["id"]
    stream = client.events(f"/training/{job}/stream")
    found: dict[str, Any] = {}

    def look() -> None:
        deadline = time.monotonic() + PATIENCE
        while (seen := client.get(f"/training/{job}"))["state"] != "done":
            assert time.monotonic() < deadline
            time.sleep(0.1 if seen["step"] < 10 else 0)
        found["job"] = seen["lora"]

    def listen(name: str, wanted: Callable[[], Event]) -> None:
        wanted()
        found[name] = [lora["id"] for lora in client.get(f"/loras?character={ada}")["loras"]]
        found[f"{name}'s picture"] = picture_of(client, ada)

    threads = [
        threading.Thread(target=look),
        threading.Thread(target=listen, args=("stream", lambda: stream.until(is_done))),
        threading.Thread(target=listen, args=("page", lambda: page.until(is_done))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    (lora,) = client.get("/loras")["loras"]
    wanted = {"job": lora["id"]}
    for name in ("stream", "page"):
        wanted |= {name: [lora["id"]], f"{name}'s picture": lora["id"]}  # type: ignore[dict-item]
    assert found == wanted
    assert (lora["job"], lora["step"], lora["scores"]) == (job, 12, None)


def test_a_job_that_the_command_line_trained_gives_its_lora_as_well(
    client: Client, with_photos: MakeAda, root: Path
) -> None:
    """The server only sees the job's files change."""
    ada = with_photos(client)
    first = client.post("/training", wish(ada, LONG))["id"]
    job = client.post("/training", wish(ada, SMALL))["id"]
    client.post(f"/training/{job}/pause")
    client.post(f"/training/{first}/cancel")
    client.state(first, "cancelled")
    page = client.events("/events")
    page.until(lambda event: event.kind == "hello")
    train = subprocess.run(
        [taken_for(sys.executable), str(settings.PACK), "train", str(root / "jobs" / job), "--quiet"],
        env={"OMP_NUM_THREADS": "1", **os.environ}, check=False, capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
    assert train.returncode == 0, train.stderr
    assert picture_of(client, ada) == client.get(f"/training/{job}")["lora"]
    page.until(lambda event: event.kind == "job" and event.data["job"] == job and is_done(event))


def test_samples_and_a_checkpoint_are_made_when_somebody_asks(client: Client, with_photos: MakeAda) -> None:
    """Out of turn, while it trains; a wish to pause that comes with them is not lost. A job that waits can't."""
    ada = with_photos(client)
    settings_ = {**LONG, "save_every": 5000}
    job = client.post("/training", wish(ada, settings_))["id"]
    waiting = client.post("/training", wish(ada, SMALL))["id"]
    for what in ("sample", "save"):
        refused = client.ask("POST", f"/training/{waiting}/{what}")
        assert (refused.status, refused.code) == (409, "JOB_STATE")
        assert client.ask("POST", f"/training/none/{what}").code == "JOB_MISSING"
    stream = client.events(f"/training/{job}/stream")
    stream.until(lambda event: event.kind == "loss")
    assert not any(event.kind == "checkpoint" for event in stream.seen)
    assert client.ask("POST", f"/training/{job}/sample").status == 200
    assert client.ask("POST", f"/training/{job}/save").status == 200
    sample = stream.until(lambda event: event.kind == "sample")
    saved = stream.until(lambda event: event.kind == "checkpoint")
    client.post(f"/training/{waiting}/cancel")  # or it would begin when this one is paused
    names = {item["name"] for item in client.get(f"/jobs/{job}/artifacts")["artifacts"]}
    assert Path(sample.data["file"]).name in names
    assert client.post(f"/training/{job}/loras", {"step": saved.data["step"]}, status=201)["character"] == ada
    client.ask("POST", f"/training/{job}/sample")
    client.post(f"/training/{job}/pause")
    client.ask("POST", f"/training/{job}/save")
    client.state(job, "paused")
