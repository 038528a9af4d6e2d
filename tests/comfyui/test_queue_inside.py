"""A training started through the API is a prompt in ComfyUI's queue; both sides agree whatever is pressed where."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from isengard.tests.comfyui.running import LONG, PATIENCE, SMALL, Running, node, training
from isengard.trainer.job import JobFolder

pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
SLOW = {**LONG, "steps": 50_000}


def add_ada(host: Running) -> None:
    """Puts the bundled character into the library, by the node that does so."""
    host.run({"c": node("IsengardCharacter", character="ada"), "shown": node("PreviewAny", source=["c", 1])})


def wish(settings: dict[str, Any]) -> dict[str, Any]:
    values = {"steps": 12, **settings}
    return {"character": "ada", "preset": "quick", "family": "mini", "settings": values}


def begin(host: Running, settings: dict[str, Any]) -> str:
    """Starts a training over HTTP; returns its id."""
    return str(host.ours.post("/training", wish(settings), status=201)["id"])


def state(host: Running, job: str) -> str:
    return str(host.ours.get(f"/training/{job}")["state"])


def reaches(host: Running, job: str, *wanted: str) -> None:
    host.until(lambda: state(host, job) in wanted, f"the job never became {wanted}, it is {state(host, job)}")


def occupy(host: Running) -> str:
    """Has ComfyUI busy with a training of its own graph, so that others wait; returns its prompt's id."""
    prompt = host.put(training(60_000, {**LONG, "seed": int(time.time())}))
    host.until(lambda: any(j["state"] == "training" and j["steps"] == 60_000 for j in host.jobs()), "never busy")
    return prompt


def release(host: Running, prompt: str) -> None:
    host.theirs.ask("POST", "/interrupt", {"prompt_id": prompt})
    host.end_of(prompt)


@pytest.fixture
def host(running: Running) -> Running:
    """The running ComfyUI, with Ada in its library and nothing in its queue."""
    add_ada(running)
    running.until(lambda: not running.prompts(), "something is left in the queue")
    return running


def test_a_training_started_with_http_is_a_prompt(host: Running) -> None:
    """It stands in ComfyUI's queue with the job's id, and its LoRA is where ComfyUI finds LoRAs."""
    busy = occupy(host)
    job = begin(host, {**SMALL, "seed": 1})
    queue = host.theirs.get("/queue")
    prompts = [item for item in [*queue["queue_running"], *queue["queue_pending"]] if job in json.dumps(item[2])]
    assert len(prompts) == 1
    release(host, busy)
    reaches(host, job, "done")
    done = host.until(lambda: found if (found := host.ours.get(f"/training/{job}"))["lora"] else None, "no LoRA")
    assert f"isengard/{done['lora']}.safetensors" in host.theirs.get("/models/loras")
    same = host.ours.ask("POST", "/training", wish({**SMALL, "seed": 1}))
    assert (same.status, same.json()["id"]) == (200, job)


def test_pause_lets_waiting_prompts_run_and_resume_goes_on_behind_them(host: Running) -> None:
    """The paused training's prompt ends; what waited runs; the training goes on from its step."""
    job = begin(host, {**SLOW, "seed": 2})
    folder = JobFolder(host.root / "jobs" / job)
    reaches(host, job, "training")
    host.until(lambda: b'"checkpoint"' in folder.events_file.read_bytes(), "no step was saved")
    waiting = host.put({"a": node("IsengardAspectRatio", aspect="1:1", base_model="mini", batch_size=1),
                        "b": node("PreviewAny", source=["a", 0])})  # fmt: skip
    host.ours.post(f"/training/{job}/pause")
    assert host.end_of(waiting)["status"]["status_str"] == "success"
    reaches(host, job, "paused")
    step = folder.state().step
    assert step >= 20
    host.ours.post(f"/training/{job}/resume")
    reaches(host, job, "training")
    host.ours.post(f"/training/{job}/cancel")
    reaches(host, job, "cancelled")
    assert folder.state().step >= step
    host.until(lambda: not host.prompts(), "the prompt of a cancelled job stayed")


def test_waiting_trainings_are_ordered_paused_and_cancelled(host: Running) -> None:
    """Order, pause and cancel of jobs that wait change ComfyUI's queue."""
    busy = occupy(host)
    first, second, third = (begin(host, {**SMALL, "seed": seed}) for seed in (11, 12, 13))
    assert host.ours.get("/training")["order"] == [first, second, third]
    assert host.ours.post("/training/order", {"order": [third, first]})["order"] == [third, first, second]
    pending = sorted(host.theirs.get("/queue")["queue_pending"], key=lambda item: item[0])
    assert [next(job for job in (first, second, third) if job in json.dumps(item[2])) for item in pending] == [
        third, first, second,
    ]  # fmt: skip
    host.ours.post(f"/training/{first}/cancel")
    host.ours.post(f"/training/{second}/pause")
    assert (state(host, first), state(host, second)) == ("cancelled", "paused")
    assert len(host.theirs.get("/queue")["queue_pending"]) == 1
    host.ours.post(f"/training/{second}/resume")
    assert host.ours.get("/training")["order"] == [third, second]
    release(host, busy)
    reaches(host, third, "done")
    reaches(host, second, "done")


def test_what_is_pressed_in_comfyui_is_seen_by_the_api(host: Running) -> None:
    """A prompt deleted from the queue cancels its job; an interrupted one leaves its job to be resumed."""
    busy = occupy(host)
    waiting = begin(host, {**SMALL, "seed": 21})
    pending = host.theirs.get("/queue")["queue_pending"]
    host.theirs.ask("POST", "/queue", {"delete": [pending[0][1]]})
    reaches(host, waiting, "cancelled")
    release(host, busy)
    job = begin(host, {**SLOW, "seed": 22})
    reaches(host, job, "training")
    host.theirs.ask("POST", "/interrupt", {})
    reaches(host, job, "interrupted")
    assert host.ours.get(f"/training/{job}")["can_resume"]


def test_a_training_of_a_graph_is_paused_and_resumed_by_the_api(host: Running) -> None:
    """One that was begun with Run: pausing ends its prompt without an error, resuming makes it a prompt of its own."""
    prompt = host.put(training(60_001, LONG))
    job = host.until(lambda: next((j["id"] for j in host.jobs() if j["steps"] == 60_001), None), "no job was made")
    reaches(host, job, "training")
    host.ours.post(f"/training/{job}/pause")
    messages = [name for name, _ in host.end_of(prompt)["status"]["messages"]]
    assert "execution_error" not in messages
    assert state(host, job) == "paused"
    host.ours.post(f"/training/{job}/resume")
    reaches(host, job, "training")
    host.ours.post(f"/training/{job}/cancel")
    reaches(host, job, "cancelled")
    host.until(lambda: not host.prompts(), "the prompt of a cancelled job stayed")


def test_a_job_that_waits_is_deleted_with_its_prompt(host: Running) -> None:
    """In ComfyUI's queue it would fail when its turn comes; taken out of the trash it waits for a person."""
    busy = occupy(host)
    job = begin(host, {**SMALL, "seed": 6})
    assert any(job in json.dumps(item[2]) for item in host.theirs.get("/queue")["queue_pending"])
    answer = host.ours.ask("DELETE", f"/training/{job}")
    assert answer.status == 200
    assert not any(job in json.dumps(item[2]) for item in host.theirs.get("/queue")["queue_pending"])
    host.ours.post(f"/trash/{answer.json()['trash']}/restore")
    assert state(host, job) == "paused"
    release(host, busy)


def test_a_killed_comfyui_loses_nothing(another: Callable[..., Running]) -> None:
    """After kill -9 the trainer ends by itself; the next ComfyUI offers what ran and what waited for resuming."""
    host = another().start()
    add_ada(host)
    job, waiting = begin(host, {**SLOW, "seed": 31}), begin(host, {**SMALL, "seed": 32})
    folder = JobFolder(host.root / "jobs" / job)
    reaches(host, job, "training")
    host.until(lambda: b'"checkpoint"' in folder.events_file.read_bytes(), "no step was saved")
    host.kill()
    deadline = time.monotonic() + PATIENCE
    while folder.owner() is not None:
        assert time.monotonic() < deadline, "the trainer outlived ComfyUI"
        time.sleep(0.2)
    host.start()
    assert {found["id"]: found["state"] for found in host.jobs()} == {job: "interrupted", waiting: "paused"}
    assert host.prompts() == []
    step = folder.state().step
    assert step >= 20
    host.ours.post(f"/training/{waiting}/resume")
    reaches(host, waiting, "done")
    host.ours.post(f"/training/{job}/resume")
    reaches(host, job, "training")
    host.until(lambda: folder.state().attempt == 2, "it did not begin again")
    host.ours.post(f"/training/{job}/cancel")
    reaches(host, job, "cancelled")
    assert folder.state().step >= step
