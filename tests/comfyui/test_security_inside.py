"""Every text and list of every node of ours takes the security corpus, in a real ComfyUI, through its own /prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from isengard.errors import KINDS
from isengard.tests.comfyui.running import SMALL, Running, node
from isengard.tests.web.hostile import CANARY, PATHS
from isengard.tests.web.test_guard import tree

pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
FEEDERS = {
    "ISENGARD_CHARACTER": ("IsengardCharacter", {"character": "ada"}),
    "ISENGARD_JOB": ("IsengardJob", {"go_on": False}),
}
"""Nodes of ours that give what others need."""
TEXTS = ["../../../etc/passwd", "a\0b", f"$(touch {CANARY})", "{0.__class__}"]
"""For texts that are prompts: whatever is written there is a text, and each takes seconds."""


@pytest.fixture
def host(running: Running) -> Iterator[Running]:
    """The running ComfyUI, with Ada and a job; what lies around its folders is the same afterwards."""
    running.run({"c": node("IsengardCharacter", character="ada"), "shown": node("PreviewAny", source=["c", 1])})
    CANARY.unlink(missing_ok=True)
    outside = running.base.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "secret.safetensors").write_bytes(b"the-secret")
    before = tree(outside)
    yield running
    assert tree(outside) == before
    assert not CANARY.exists(), "a text was run as a command"
    assert running.answers()


def nodes(host: Running) -> dict[str, dict[str, Any]]:
    """Our nodes as ComfyUI lists them."""
    return {name: found for name, found in host.theirs.get("/object_info").items() if name.startswith("Isengard")}


def inputs(found: dict[str, Any]) -> dict[str, list[Any]]:
    return {key: spec for group in ("required", "optional") for key, spec in found["input"].get(group, {}).items()}


def kind(spec: list[Any]) -> str:
    return "COMBO" if isinstance(spec[0], list) else str(spec[0])


def graph(name: str, found: dict[str, Any], changed: dict[str, Any], job: str) -> dict[str, Any] | None:
    """The node with its defaults, what it needs before it and a change; None if it needs a model."""
    values: dict[str, Any] = {}
    before: dict[str, Any] = {}
    for key, spec in found["input"].get("required", {}).items():
        if kind(spec) in FEEDERS:
            feeder, given = FEEDERS[kind(spec)]
            before[key] = node(feeder, **given, **({"job": job} if feeder == "IsengardJob" else {}))
            values[key] = [key, 0]
        elif kind(spec) in ("MODEL", "VAE", "CLIP", "CONDITIONING", "LATENT", "IMAGE"):
            return None
        else:
            options = spec[1] if len(spec) > 1 else {}
            first = spec[0][0] if isinstance(spec[0], list) and spec[0] else options.get("options", [""])[0]
            values[key] = options.get("default", first)
    for key in inputs(found):
        if key in ("steps", "count", "most", "width", "height"):
            values[key] = {"steps": 1, "count": 1, "most": 1}.get(key, 64)
    made = {**before, "n": node(name, **{**values, **changed})}
    if not found["output_node"]:
        made["shown"] = node("PreviewAny", source=["n", 0])
    return made


def test_lists_take_nothing_that_is_not_in_them(host: Running) -> None:
    """Every list of every node: refused before anything runs, or by us when it does; ComfyUI itself checks old nodes'
    lists only."""
    job = _job(host)
    tried = 0
    for name, found in nodes(host).items():
        for key, spec in inputs(found).items():
            if kind(spec) != "COMBO":
                continue
            for value in PATHS:
                made = graph(name, found, {key: value.replace("\ud800", "?")}, job)
                if made is None:
                    continue
                tried += 1
                answer = host.theirs.ask("POST", "/prompt", {"prompt": made})
                assert b"root:x:0" not in answer.body
                if answer.status != 400:
                    _is_an_error_of_ours(host.end_of(answer.json()["prompt_id"]), (name, key, value))
    assert tried > 100


def test_texts_lead_nowhere(host: Running) -> None:
    """Every text of every node that runs without a large model: an error of ours or a plain text, nothing else."""
    job = _job(host)
    tried = set()
    for name, found in nodes(host).items():
        for key, spec in inputs(found).items():
            if "STRING" not in kind(spec).split(","):
                continue
            words = TEXTS if "prompt" in key else [value.replace("\ud800", "?") for value in PATHS]
            for value in words:
                made = graph(name, found, {key: value}, job)
                if made is None:
                    continue
                tried.add((name, key))
                answer = host.theirs.ask("POST", "/prompt", {"prompt": made})
                if answer.status == 400:
                    continue
                history = host.end_of(answer.json()["prompt_id"])
                if history["status"]["status_str"] != "success":
                    _is_an_error_of_ours(history, (name, key, value))
    assert {("IsengardMini", "lora"), ("IsengardPrepare", "settings"), ("IsengardCheckpointGrid", "strengths")} <= tried


@pytest.mark.parametrize(
    "settings",
    [
        {"base": {"transformer": "/etc/passwd"}},
        {"base": {"tokenizers": "../outside"}},
        {"family": "../../mini"},
        {"name": "../../x"},
        {"backend": "os"},
        {"device": f"; touch {CANARY}"},
        {"optimizer": "builtins.exec"},
        {"targets": "../../x"},
    ],
)
def test_settings_name_no_files_and_no_code(host: Running, settings: dict[str, Any]) -> None:
    """What a training is told in JSON chooses among what there is; paths and programs are refused with the setting's
    name."""
    made = {
        "character": node("IsengardCharacter", character="ada"),
        "n": node("IsengardPrepare", character=["character", 0], preset="quick", base_model="mini", steps=1, rank=4,
                  settings=json.dumps({**SMALL, **settings})),
    }  # fmt: skip
    before = len(host.jobs())
    history = host.end_of(host.put(made))
    message = history["status"]["messages"][-1][1]["exception_message"]
    assert message.startswith(("CONFIG_INVALID", "BACKEND_NOT_READY")), message
    assert next(iter(settings)) in message
    assert len(host.jobs()) == before


@pytest.mark.parametrize("settings", ["[" * 100_000, '{"a":' * 50_000, "nul\0", "NaN", '{"rank": 1e999}', "{}{}"])
def test_settings_that_wear_one_out_are_refused(host: Running, settings: str) -> None:
    """Said plainly, whatever is in the text."""
    made = {
        "character": node("IsengardCharacter", character="ada"),
        "n": node("IsengardPrepare", character=["character", 0], preset="quick", base_model="mini", steps=1, rank=4,
                  settings=settings),
    }  # fmt: skip
    history = host.end_of(host.put(made))
    assert history["status"]["messages"][-1][1]["exception_message"].startswith("CONFIG_INVALID")


def _is_an_error_of_ours(history: dict[str, Any], what: Any) -> None:
    """It says what is wrong, with a code of ours."""
    told, values = history["status"]["messages"][-1]
    assert told == "execution_error", (what, told)
    code = values["exception_message"].partition(":")[0]
    assert code in KINDS, (what, values["exception_message"])
    assert code != "INTERNAL", (what, values["exception_message"])
    assert "root:x:0" not in json.dumps(values["exception_message"])


def _job(host: Running) -> str:
    """A job that is there; made of Ada, not trained."""
    if not host.jobs():
        host.run({
            "character": node("IsengardCharacter", character="ada"),
            "n": node("IsengardPrepare", character=["character", 0], preset="quick", base_model="mini", steps=1,
                      rank=4, settings=json.dumps(SMALL)),
        })  # fmt: skip
    return str(host.jobs()[0]["id"])
