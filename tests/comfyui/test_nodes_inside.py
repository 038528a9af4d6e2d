"""The nodes in a real ComfyUI: listed with help and translations, run as a graph, stopped, broken."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from isengard import settings
from isengard.tests.comfyui.running import LONG, PATIENCE, SMALL, Running, node, training
from isengard.tests.comfyui.workflows import as_prompt
from isengard.trainer.job import JobFolder

pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
IDS = {
    "IsengardCharacter", "IsengardTrainingSet", "IsengardJob", "IsengardPrepare", "IsengardTrainLoRA",
    "IsengardApplyCharacter", "IsengardPrompt", "IsengardAspectRatio", "IsengardCheckpointGrid", "IsengardMini",
}  # fmt: skip
"""Permanent: shared workflows name them."""


def test_every_node_is_listed_with_help_and_translations(running: Running) -> None:
    """Ids, category, description and tooltips; a help page; names and tooltips in three languages."""
    listed = {name: found for name, found in running.theirs.get("/object_info").items() if name.startswith("Isengard")}
    assert set(listed) == IDS
    words = running.theirs.get("/i18n")
    for name, found in listed.items():
        assert found["category"] == "Isengard"
        assert found["description"]
        inputs = {
            key: spec for group in ("required", "optional") for key, spec in found["input"].get(group, {}).items()
        }
        assert all(spec[1].get("tooltip") for spec in inputs.values()), name
        assert all(found["output_tooltips"]), name
        page = running.theirs.ask("GET", f"/extensions/isengard/docs/{name}.md")
        assert page.status == 200
        assert page.body.startswith(b"# ")
        for language in ("en", "de", "zh"):
            told = words[language]["nodeDefs"][name]
            assert told["display_name"]
            assert set(told["inputs"]) == set(inputs), (language, name)
            assert set(told["outputs"]) == {str(index) for index in range(len(found["output"]))}, (language, name)
        english = words["en"]["nodeDefs"][name]
        assert (english["display_name"], english["description"]) == (found["display_name"], found["description"])
        assert {key: told["tooltip"] for key, told in english["inputs"].items()} == {
            key: spec[1]["tooltip"] for key, spec in inputs.items()
        }


@pytest.mark.parametrize(
    "path", ["..%2F..%2Ferrors.py", "../../errors.py", "IsengardMini.md/..%2F..%2F..%2Fsettings.py", "x.md"]
)
def test_help_pages_lead_nowhere_else(running: Running, path: str) -> None:
    """Only the pages themselves are served."""
    assert running.theirs.ask("GET", f"/extensions/isengard/docs/{path}").status in (400, 403, 404)


def test_our_routes_answer_under_both_prefixes(running: Running) -> None:
    """/isengard and /api/isengard, errors in our form, the page, and no foreign origin."""
    for prefix in ("/isengard", "/api/isengard"):
        assert running.theirs.get(f"{prefix}/health") == {"status": "ok", "host": "comfyui"}
        assert running.theirs.ask("GET", f"{prefix}/nothing/here").code == "ROUTE_MISSING"
        assert running.theirs.ask("DELETE", f"{prefix}/health").code == "METHOD_WRONG"
        assert running.theirs.ask("GET", f"{prefix}/characters/nobody").code == "CHARACTER_MISSING"
        refused = running.theirs.ask("POST", f"{prefix}/characters", {"name": "Eve"}, Origin="http://evil.example")
        assert refused.status == 403
    assert running.ours.get("/system")["library"] == str(running.root)
    page = running.theirs.ask("GET", "/isengard")
    assert page.status == 200
    assert "text/html" in page.headers["content-type"]
    assert not any(item["name"] == "Eve" for item in running.ours.get("/characters")["characters"])


async def test_photos_are_uploaded_and_served_through_comfyui(running: Running) -> None:
    """A multipart upload, a thumbnail that no shared cache keeps, and the live stream of events."""
    base = f"http://127.0.0.1:{running.port}/api/isengard"
    photo = settings.PACK / "trainer" / "mini" / "character" / "photo_01.jpg"
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{base}/characters", json={"name": "Bea", "trigger_word": "b34"}) as answer:
            assert answer.status == 201, await answer.text()
        async with session.get(f"{base}/events") as stream:
            form = aiohttp.FormData()
            form.add_field("file", photo.read_bytes(), filename="bea.jpg", content_type="image/jpeg")
            async with session.post(f"{base}/characters/bea/images", data=form) as answer:
                assert answer.status in (200, 201), await answer.text()
            seen = b""
            while b"event: library" not in seen:
                seen += await asyncio.wait_for(stream.content.readany(), PATIENCE)
        async with session.get(f"{base}/characters/bea/images/bea.jpg", params={"size": "thumb"}) as answer:
            assert (answer.status, answer.headers["Cache-Control"].split(",")[0]) == (200, "private")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_try_out_workflow_runs_and_gives_a_lora_and_pictures(running: Running) -> None:
    """As in a fresh ComfyUI when Run is pressed, with fewer steps; run again, nothing is trained again."""
    file = settings.PACK / "workflows" / "try-out-on-the-embedded-model.json"
    prompt = as_prompt(json.loads(file.read_text(encoding="utf-8")), running.theirs.get("/object_info"))
    for step in prompt.values():
        if step["class_type"] == "IsengardPrepare":
            step["inputs"].update(steps=12, rank=4, settings=json.dumps(SMALL))
        if step["class_type"] == "IsengardMini":
            step["inputs"].update(steps=3, count=2)
    others = [lora["id"] for lora in running.ours.get("/loras")["loras"]]
    outputs = running.run(prompt)
    assert [len(outputs[name]["images"]) for name in ("7", "9")] == [2, 2]
    job = running.jobs()[0]
    assert (job["state"], job["step"], job["character"]) == ("done", 12, "ada")
    assert (running.loras / f"{job['lora']}.safetensors").is_file()
    assert {lora["id"] for lora in running.ours.get("/loras")["loras"]} - {*others} == {job["lora"]}
    events = JobFolder(running.root / "jobs" / job["id"]).events_file
    before, told = len(running.jobs()), events.read_bytes()
    running.theirs.ask("POST", "/free", {"unload_models": True, "free_memory": True})  # drops ComfyUI's own cache
    time.sleep(1.5)
    running.run({key: prompt[key] for key in ("2", "3", "4")})
    assert len(running.jobs()) == before
    assert events.read_bytes() == told, "something was done again"
    assert running.ours.get(f"/training/{job['id']}")["attempt"] == 1


def test_pressing_run_twice_trains_once(running: Running) -> None:
    """Also while the first still runs: the second gives the same LoRA and makes no step."""
    graph = training(30, {**SMALL, "seed": 71})
    ends = [running.end_of(prompt) for prompt in (running.put(graph), running.put(graph))]
    assert [end["status"]["status_str"] for end in ends] == ["success", "success"]
    jobs = [job for job in running.jobs() if job["steps"] == 30]
    assert len(jobs) == 1
    assert running.ours.get(f"/training/{jobs[0]['id']}")["attempt"] == 1


def test_training_begins_with_comfyuis_memory_free(run_in_comfyui: Callable[..., Any]) -> None:
    """All models that ComfyUI has loaded are let go."""
    found = run_in_comfyui(Path(__file__).parent / "scripts" / "free_memory.py", [settings.PACK])
    assert found == {"before": 1, "after": 0}


def test_train_again_makes_another_job(running: Running) -> None:
    """An explicit wish: the same photos and settings, a new job and a new LoRA."""
    running.run(training(8))
    first = running.jobs()[0]
    running.run(training(8, again=True))
    second = running.jobs()[0]
    assert (first["id"] != second["id"], first["lora"] != second["lora"]) == (True, True)
    assert second["state"] == "done"
    assert len(list(running.loras.glob("*.safetensors"))) >= 2


def test_latest_is_the_lora_trained_last_although_comfyui_keeps_outputs(running: Running) -> None:
    """A new training of the character makes a node with “latest” run again; without one nothing runs twice."""
    running.run(training(4, {**SMALL, "seed": 51}))
    graph = {
        "character": node("IsengardCharacter", character="ada"),
        "mini": node("IsengardMini", prompt="{trigger}", character=["character", 0], strength=2.0, width=64, height=64,
                     count=1, seed=1, steps=2),
        "shown": node("PreviewImage", images=["mini", 0]),
    }  # fmt: skip
    first = pictures(running, graph)
    running.run(training(12, {**SMALL, "seed": 52, "learning_rate": 5e-3}))
    assert (second := pictures(running, graph)) != first
    history = running.end_of(running.put(graph))
    kept = next(told["nodes"] for name, told in history["status"]["messages"] if name == "execution_cached")
    assert set(kept) == set(graph)
    assert pictures(running, graph) == second


def pictures(running: Running, graph: dict[str, Any]) -> bytes:
    """What a graph's preview shows."""
    shown = running.run(graph)["shown"]["images"]
    return b"".join((running.base / "temp" / image["subfolder"] / image["filename"]).read_bytes() for image in shown)


def test_what_was_taken_away_is_made_again_although_comfyui_keeps_outputs(running: Running) -> None:
    """A LoRA's file that is gone is put back without training; a job in the trash is made and trained anew."""
    graph = training(8, {**SMALL, "seed": 61})
    running.run(graph)
    job = running.jobs()[0]
    weights = (file := running.loras / f"{job['lora']}.safetensors").read_bytes()
    file.unlink()
    others = set(running.loras.iterdir())
    for _ in range(2):
        running.run(graph)
        (back,) = set(running.loras.iterdir()) - others
        assert back.read_bytes()[-10_000:] == weights[-10_000:]
    assert running.ours.get(f"/training/{job['id']}")["attempt"] == 1
    assert running.ours.ask("DELETE", f"/training/{job['id']}").status == 200
    running.run(graph)
    assert running.jobs()[0]["id"] != job["id"]
    assert running.jobs()[0]["state"] == "done"


def test_checkpoints_photos_sizes_and_prompts(running: Running) -> None:
    """The grid of a job's checkpoints, the training set's batches, an aspect's sizes and a prompt's words."""
    outputs = running.run(
        {
            **training(8),
            "grid": node("IsengardCheckpointGrid", job=["train", 3], strengths="0, 1", most=2, seed=7, steps=2,
                         prompt="{trigger}, smiling"),
            "set": node("IsengardTrainingSet", character=["character", 0], resolution=64),
            "photos": node("PreviewImage", images=["set", 1]),
            "captions": node("PreviewAny", source=["set", 2]),
            "size": node("IsengardAspectRatio", aspect="16:9", base_model="flux1-dev", batch_size=2),
            "width": node("PreviewAny", source=["size", 0]),
            "words": node("IsengardPrompt", prompt="a photo of {trigger}", character=["character", 0]),
            "text": node("PreviewAny", source=["words", 1]),
        }
    )  # fmt: skip
    assert len(outputs["grid"]["images"]) == 1
    assert len(outputs["photos"]["images"]) == 14
    assert outputs["width"]["text"] == ["1344"]
    assert outputs["text"]["text"] == ["a photo of ohwx"]
    assert "ohwx" in json.dumps(outputs["captions"]["text"])


def test_an_interrupt_saves_the_step_and_run_goes_on(running: Running) -> None:
    """ComfyUI's stop ends the training after its step; pressing Run again resumes the same job."""
    prompt = running.put(training(40_000, LONG, rank=5))
    job = running.until(lambda: next((j for j in running.jobs() if j["steps"] == 40_000), None), "no job was made")
    running.until(lambda: running.ours.get(f"/training/{job['id']}")["state"] == "training", "it never trained")
    folder = JobFolder(running.root / "jobs" / job["id"])
    running.until(lambda: b'"loss"' in folder.events_file.read_bytes(), "no step was made")
    running.theirs.ask("POST", "/interrupt", {"prompt_id": prompt})
    messages = [name for name, _ in running.end_of(prompt)["status"]["messages"]]
    assert "execution_interrupted" in messages
    stopped = folder.state()
    assert (stopped.state, stopped.step > 0) == ("interrupted", True)
    assert b"TRAINER_DIED" not in folder.events_file.read_bytes(), "it did not end by itself and had to be killed"
    assert (folder.checkpoints / f"step_{stopped.step:06d}" / "state.pt").is_file()
    assert folder.owner() is None
    second = running.put(training(40_000, LONG, rank=5))
    running.until(lambda: folder.state().state == "training", "it was not resumed")
    assert folder.state().attempt == 2
    running.theirs.ask("POST", "/interrupt", {"prompt_id": second})
    running.end_of(second)
    assert folder.state().step >= stopped.step


def test_a_killed_trainer_is_told_and_leaves_comfyui_usable(running: Running) -> None:
    """The node shows our error with what to do; the job can be resumed; the next prompt runs."""
    prompt = running.put(training(40_001, LONG, rank=6))
    job = running.until(lambda: next((j for j in running.jobs() if j["steps"] == 40_001), None), "no job was made")
    folder = JobFolder(running.root / "jobs" / job["id"])
    running.until(lambda: folder.state().state == "training", "it never trained")
    owner = folder.owner()
    assert owner is not None
    os.kill(owner.pid, signal.SIGKILL)
    name, told = running.end_of(prompt)["status"]["messages"][-1]
    assert name == "execution_error"
    assert told["exception_message"].startswith("TRAINER_DIED: ")
    assert folder.state().state == "interrupted"
    running.run({"size": node("IsengardAspectRatio", aspect="1:1", base_model="mini", batch_size=1),
                 "shown": node("PreviewAny", source=["size", 0])})  # fmt: skip
    assert running.ours.get(f"/training/{job['id']}")["can_resume"]


async def test_progress_previews_and_text_reach_the_browser(running: Running) -> None:
    """Over ComfyUI's websocket: steps in the bar, a sample as preview, a line of text on the node."""
    kinds: dict[str, Any] = {"progress": set(), "binary": set()}
    url = f"http://127.0.0.1:{running.port}/ws?clientId=watcher"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        graph = training(12, {**SMALL, "seed": 99})
        body = {"prompt": graph, "client_id": "watcher"}
        await asyncio.to_thread(running.theirs.ask, "POST", "/prompt", body)
        async for message in socket:
            if message.type == aiohttp.WSMsgType.BINARY:
                kinds["binary"].add(int.from_bytes(message.data[:4], "big"))
            else:
                told = json.loads(message.data)
                if told["type"] == "progress" and told["data"]["node"] == "train":
                    kinds["progress"].add((told["data"]["value"], told["data"]["max"]))
                assert told["type"] != "execution_error", told
                if told["type"] == "execution_success":
                    break
    assert {total for _, total in kinds["progress"]} >= {12}
    assert max(value for value, total in kinds["progress"] if total == 12) == 12
    assert {1, 3} <= kinds["binary"]  # a preview picture, and text


def test_what_can_not_be_done_is_said_before_it_runs(running: Running) -> None:
    """A character, LoRA or job that is not there, and half of the encoders."""
    answer = running.theirs.ask("POST", "/prompt", {"prompt": {
        "c": node("IsengardCharacter", character="../../etc"),
        "s": node("IsengardTrainingSet", character=["c", 0], resolution=64),
        "p": node("PreviewImage", images=["s", 1]),
    }})  # fmt: skip
    assert answer.status == 400
    assert "There is no character" in answer.body.decode()
    history = running.end_of(running.put({"p": node("IsengardPrepare", preset="quick", base_model="mini", steps=0,
                                                    rank=0, settings="")}))  # fmt: skip
    assert history["status"]["messages"][-1][1]["exception_message"].startswith("GRAPH_INCOMPLETE: ")
    graph = training(8)
    graph["prepare"]["inputs"]["settings"] = json.dumps({"no_such": 1})
    history = running.end_of(running.put(graph))
    assert "no_such is not a setting" in history["status"]["messages"][-1][1]["exception_message"]


@pytest.mark.parametrize("text", ["../../etc", "..\\..\\x", "/etc/passwd", "C:\\x", "a\0b", "x" * 5000, "", ".", "con"])
def test_no_text_leads_out_of_our_folders(running: Running, text: str) -> None:
    """Names of characters, jobs, versions and LoRAs that are no names: refused before or when they run."""
    shown = node("PreviewAny", source=["n", 0])
    for name, inputs in (("IsengardCharacter", {"character": text}), ("IsengardJob", {"job": text, "go_on": True})):
        graph = {"n": node(name, **inputs), "shown": shown}
        assert running.theirs.ask("POST", "/prompt", {"prompt": graph}).status == 400
    made = node("IsengardMini", prompt="a", lora=text + ".safetensors", strength=1.0, width=64, height=64, count=1,
                seed=1, steps=1)  # fmt: skip
    history = running.end_of(running.put({"n": made, "shown": shown}))
    name, told = history["status"]["messages"][-1]
    assert name == "execution_error"
    assert told["exception_message"].split(":")[0] in ("LORA_MISSING", "NAME_INVALID")
