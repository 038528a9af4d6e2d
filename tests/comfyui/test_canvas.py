"""The shared workflows on ComfyUI's own canvas, in a real browser and in more than one frontend: they open whole,
nothing lies over anything else, and they become prompts that ComfyUI accepts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isengard import settings
from isengard.tests.comfyui.canvas.browser import chromium, opened, ready
from isengard.tests.comfyui.canvas.make import as_text
from isengard.tests.comfyui.canvas.models import folder_of, names
from isengard.tests.comfyui.canvas.recipes import RECIPES, make
from isengard.tests.comfyui.canvas.standins import furnish, hold, release
from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.comfyui.running import SMALL, Running, training
from isengard.tests.comfyui.workflows import as_prompt

pytestmark = [pytest.mark.slow, pytest.mark.comfyui, pytest.mark.browser]
ANOTHER = (
    "set COMFYUI_FRONTEND to the folder `static` of another comfyui-frontend-package "
    "(pip download --no-deps, then unpack it) to test in that one, too"
)
OLDEST = "0.3.64"
TRAINING = settings.PACK / "workflows" / "train-a-character-on-flux.json"
FILES = sorted((settings.PACK / "workflows").glob("*.json"))
_LOAD = """async (name) => {
  const answer = await fetch(`/api/workflow_templates/isengard/${name}`)
  await app.loadGraphData(await answer.json())
  await new Promise((done) => setTimeout(done, 300))
  const box = (item) => Array.from(item.boundingRect ?? item.getBounding())
  const prompt = (await app.graphToPrompt()).output
  for (const node of Object.values(prompt)) delete node._meta
  return {
    prompt,
    unknown: app.graph.nodes.filter((node) => node.has_errors).map((node) => node.type),
    nodes: app.graph.nodes.map((node) => ({ name: node.title, box: box(node) })),
    groups: app.graph.groups.map((group) => ({ name: group.title, box: box(group) })),
    notes: app.graph.nodes.filter((node) => node.type === 'MarkdownNote').map((node) => node.widgets[0].value),
  }
}"""
_HELP = """async ([node, language]) => {
  const place = `/extensions/isengard/docs/${node}`
  const localised = await fetch(`${place}/${language}.md`)
  return (localised.ok ? localised : await fetch(`${place}.md`)).text()
}"""


@pytest.fixture(scope="module", params=["installed", "another"])
def host(
    request: pytest.FixtureRequest, comfyui: ComfyUI, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A ComfyUI with one frontend, stand-ins for the models, Ada, and a job of hers."""
    arguments: tuple[str, ...] = ()
    if request.param == "another":
        folder = Path(os.environ.get("COMFYUI_FRONTEND", ""))
        if folder == Path():
            pytest.skip(ANOTHER)
        assert (folder / "index.html").is_file(), f"COMFYUI_FRONTEND is {folder}, and there is no index.html."
        arguments = ("--front-end-root", str(folder))
    made = Running(comfyui, tmp_path_factory.mktemp("canvas"), arguments=arguments)
    furnish(made)
    try:
        made.start().run(training(4, SMALL))
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="module")
def page(host: Running) -> Iterator[Any]:
    """ComfyUI's own page. `page.complaints` is what its console has called an error since it was ready."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("no Chromium was found: apt-get install chromium")
    with opened(host.port) as found:
        found.complaints = []
        found.on("console", lambda said: found.complaints.append(said.text) if _is_ours(said) else None)
        found.on("pageerror", lambda error: found.complaints.append(str(error)))
        yield found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_opens_whole(page: Any, host: Running, file: Path) -> None:
    """No unknown node, no console error, nothing over anything else, every node in a titled group; the prompt is what
    our tests read in the file."""
    page.complaints.clear()
    found = page.evaluate(_LOAD, file.name)
    assert found["unknown"] == []
    assert page.complaints == []
    assert found["prompt"] == as_prompt(_read(file), host.theirs.get("/object_info"))
    assert_nothing_overlaps(found["nodes"], found["groups"])
    assert [note[:3] for note in found["notes"]] == ["## "]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_comfyui_accepts_what_run_would_send(page: Any, host: Running, file: Path) -> None:
    """All nodes, files and values are ones that this ComfyUI knows; after the tests that listen to the console, as a
    frontend that is newer than its server complains when the queue changes."""
    prompt = page.evaluate(_LOAD, file.name)["prompt"]
    choose_a_job(prompt, host)
    busy = hold(host)
    try:
        host.put(prompt)
    finally:
        release(host, busy)


def test_missing_files_are_offered(page: Any, host: Running) -> None:
    """The frontend lists each of them with a button to get it, in a dialog or, in newer ones, in a list to open."""
    sync_api = pytest.importorskip("playwright.sync_api")
    for name in names():
        (host.base / "models" / folder_of(name) / name).unlink()
    other = page.context.browser.new_page(viewport={"width": 1600, "height": 1000})
    try:
        ready(other, host.port, quiet=False)
        other.evaluate("async (workflow) => { await app.loadGraphData(workflow) }", _read(TRAINING))
        details = other.get_by_role("button", name="View details")
        buttons = other.get_by_role("button", name="Download")  # newer ones have one for all, too
        buttons.or_(details).first.wait_for(timeout=60_000)
        if details.count():
            details.first.click()
        wanted = [model["name"] for node in _read(TRAINING)["nodes"] for model in node["properties"].get("models", [])]
        assert len(wanted) == 4
        sync_api.expect(buttons.nth(len(wanted) - 1)).to_be_visible(timeout=60_000)
        for name in wanted:
            assert other.get_by_text(name).count() > 1, f"{name} stands in the note only"
    finally:
        other.close()
        furnish(host)


def _is_ours(said: Any) -> bool:
    """An error, and not that something of the frontend's own is not on this server or this machine is offline."""
    elsewhere = said.text.startswith("Failed to load resource") and "isengard" not in said.location.get("url", "")
    return said.type == "error" and not elsewhere


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def assert_nothing_overlaps(nodes: list[dict[str, Any]], groups: list[dict[str, Any]]) -> None:
    for items in (nodes, groups):
        for index, one in enumerate(items):
            for other in items[index + 1 :]:
                assert not _overlap(one["box"], other["box"]), (one, other)
    lonely = [node["name"] for node in nodes if not any(_inside(node["box"], group["box"]) for group in groups)]
    assert lonely == ["Read me"]


def choose_a_job(prompt: dict[str, Any], host: Running) -> None:
    for step in prompt.values():
        if step["class_type"] == "IsengardJob":
            step["inputs"]["job"] = host.jobs()[0]["id"]


@pytest.mark.parametrize("name", RECIPES)
def test_a_file_is_what_its_recipe_makes(host: Running, name: str) -> None:
    """`python tests/comfyui/canvas/make.py` writes them again, with the oldest ComfyUI that we support: newer ones have
    more slots on some nodes."""
    version = host.theirs.get("/system_stats")["system"]["comfyui_version"]
    if version != OLDEST:
        pytest.skip(f"the workflows are made with ComfyUI {OLDEST}, and this one is {version}")
    made = as_text(make(name, host.theirs.get("/object_info")))
    assert (settings.PACK / "workflows" / f"{name}.json").read_text(encoding="utf-8") == made


@pytest.mark.parametrize("language", ["en", "de", "zh", "fr"])
def test_help_is_found_where_the_frontend_looks(page: Any, language: str) -> None:
    """First in the language, then in English; what comes is the page itself."""
    folder = settings.PACK / "nodes" / "help"
    localised = folder / "IsengardPrepare" / f"{language}.md"
    expected = localised if localised.is_file() else folder / "IsengardPrepare.md"
    assert (expected == localised) == (language in ("de", "zh"))
    assert page.evaluate(_HELP, ["IsengardPrepare", language]) == expected.read_text(encoding="utf-8")


def _overlap(one: list[float], other: list[float]) -> bool:
    return all(one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2] for axis in (0, 1))


def _inside(one: list[float], other: list[float]) -> bool:
    return all(
        one[axis] >= other[axis] and one[axis] + one[axis + 2] <= other[axis] + other[axis + 2] for axis in (0, 1)
    )
