"""ComfyUI's queue as the API sees it where ComfyUI answers badly: a login page, a refusal amid a change."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from isengard.errors import IsengardError
from isengard.library.jobs import Jobs
from isengard.library.store import Library
from isengard.tests.trainer.jobs import empty_job
from isengard.web.app import make_app
from isengard.web.comfy_api import ComfyApi
from isengard.web.guard import LOOPBACK, Guard
from isengard.web.prompt_queue import PromptQueue
from isengard.web.services import make_services


class Desk(ThreadingHTTPServer):
    """The part of ComfyUI that keeps a queue, and can be told to refuse."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.waiting: dict[str, float] = {}
        self.puts_left = 1000
        self.login = False
        self.last = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def say(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """What ComfyUI would."""
        if path == "/queue" and method == "GET":
            waiting = [[number, prompt] for prompt, number in self.waiting.items()]
            return 200, {"queue_running": [], "queue_pending": waiting}
        if path == "/prompt":
            if not self.puts_left:
                return 400, {"error": {"message": "a file is missing"}, "node_errors": {}}
            self.puts_left -= 1
            self.last += 1
            self.waiting[body["prompt_id"]] = body.get("number", self.last)
            return 200, {"prompt_id": body["prompt_id"]}
        for prompt in body.get("delete", []) if path == "/queue" else []:
            self.waiting.pop(prompt, None)
        return 200, {}


class _Answers(BaseHTTPRequestHandler):
    server: Desk

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}"))

    def _answer(self, body: Any) -> None:
        if self.server.login:
            status, data = 302, b"302: Found"
        else:
            status, told = self.server.say(self.command, self.path, body)
            data = json.dumps(told).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/login")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def listening() -> Iterator[Desk]:
    desk = Desk()
    threading.Thread(target=desk.serve_forever, daemon=True).start()
    try:
        yield desk
    finally:
        desk.shutdown()
        desk.server_close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with listening() as found:
        yield found


@pytest.fixture
def jobs(root: Path) -> Jobs:
    """Three that wait."""
    library = Library.open(root)
    for name in ("one", "two", "three"):
        empty_job(library.jobs / name)
    return Jobs(library)


def test_a_login_page_in_place_of_comfyui_is_told(desk: Desk, jobs: Jobs) -> None:
    """As ERROR_LIST.md says; the job is paused and can be resumed, not left waiting for a queue that it isn't in."""
    desk.login = True
    with pytest.raises(IsengardError, match="COMFYUI_UNREACHABLE"):
        ComfyApi(lambda: desk.address).queue()
    queue = PromptQueue(jobs, lambda: desk.address)
    with pytest.raises(IsengardError, match="COMFYUI_UNREACHABLE"):
        queue.enqueue("one")
    assert jobs.get("one").state.state == "paused"
    desk.login = False
    queue.resume("one")
    assert (jobs.get("one").state.state, queue.order()) == ("queued", ["one"])


def test_a_refusal_while_jobs_are_put_in_order_cancels_none(desk: Desk, jobs: Jobs) -> None:
    """They were taken out to be put back in another order: what ComfyUI doesn't take any more is paused."""
    queue = PromptQueue(jobs, lambda: desk.address)
    for name in ("one", "two", "three"):
        queue.enqueue(name)
    assert queue.order() == ["one", "two", "three"]
    desk.puts_left = 1
    with pytest.raises(IsengardError, match=r"COMFYUI_REFUSED.*a file is missing"):
        queue.reorder(["three", "one", "two"])
    assert {name: jobs.get(name).state.state for name in ("one", "two", "three")} == {
        "three": "queued", "one": "paused", "two": "paused",
    }  # fmt: skip
    assert queue.order() == ["three"]
    desk.puts_left = 10
    queue.resume("two")
    assert queue.order() == ["three", "two"]


def test_an_order_is_given_to_comfyui(desk: Desk, jobs: Jobs) -> None:
    """The jobs share the places that they had."""
    queue = PromptQueue(jobs, lambda: desk.address)
    for name in ("one", "two", "three"):
        queue.enqueue(name)
    places = sorted(desk.waiting.values())
    assert queue.reorder(["three"]) == ["three", "one", "two"]
    assert sorted(desk.waiting.values()) == places


async def test_a_job_is_paused_whether_comfyui_answers_or_not(desk: Desk, jobs: Jobs) -> None:
    """What was asked for is done, and is not answered with an error; the order follows when ComfyUI tells it."""
    queue = PromptQueue(jobs, lambda: desk.address)
    await queue.start()
    for name in ("one", "two"):
        await asyncio.to_thread(queue.resume, name)
    desk.login = True
    await asyncio.to_thread(queue.pause, "one")
    await asyncio.to_thread(queue.cancel, "two")
    assert [jobs.get(name).state.state for name in ("one", "two")] == ["paused", "cancelled"]
    desk.login = False

    async def settled() -> None:
        while queue.order():  # noqa: ASYNC110 (it is ComfyUI that changes)
            await asyncio.sleep(0.05)

    await asyncio.wait_for(settled(), 20)
    await queue.stop()


async def test_a_job_that_waits_is_deleted_with_its_prompts(desk: Desk, root: Path) -> None:
    """They would fail when their turn comes. Restored, it is paused: nothing waits for it in ComfyUI any more."""
    services = make_services(root, make_queue=lambda jobs, changed: PromptQueue(jobs, lambda: desk.address))
    async with TestClient(TestServer(make_app(services, Guard(hosts=LOOPBACK)))) as here:
        empty_job(root / "jobs" / "one")
        await services.run(services.queue.enqueue, "one")
        assert len(desk.waiting) == 1
        async with here.delete("/isengard/training/one") as answer:
            entry = (await answer.json())["trash"]
        assert (answer.status, desk.waiting, services.queue.order()) == (200, {}, [])
        async with here.post(f"/isengard/trash/{entry}/restore") as answer:
            assert answer.status == 200
        async with here.get("/isengard/training/one") as answer:
            found = await answer.json()
        assert (found["state"], found["can_resume"]) == ("paused", True)
