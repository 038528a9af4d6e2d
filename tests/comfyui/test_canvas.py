"""The workflows on ComfyUI's own canvas, in a real browser: they load whole and become the prompt that tests run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from isengard import settings
from isengard.tests.comfyui.running import Running
from isengard.tests.comfyui.workflows import as_prompt

pytestmark = [pytest.mark.slow, pytest.mark.comfyui, pytest.mark.browser]
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_READY = "() => window.app?.graph && window.app?.extensionManager"
_LOAD = """async (name) => {
  const answer = await fetch(`/api/workflow_templates/isengard/${name}`)
  await app.loadGraphData(await answer.json())
  const prompt = (await app.graphToPrompt()).output
  for (const node of Object.values(prompt)) delete node._meta
  return { prompt, unknown: app.graph.nodes.filter((node) => node.has_errors).map((node) => node.type) }
}"""
_HELP = """async (node) => (await fetch(`/extensions/isengard/docs/${node}/en.md`)).status * 1000
  + (await fetch(`/extensions/isengard/docs/${node}.md`)).status"""


@pytest.fixture(scope="module")
def page(running: Running) -> Iterator[Any]:
    """ComfyUI's own page."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium was found: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        opened = browser.new_page()
        opened.goto(f"http://127.0.0.1:{running.port}/", timeout=180_000)
        opened.wait_for_function(_READY, timeout=180_000)
        yield opened
        browser.close()


@pytest.mark.parametrize("file", sorted(path.name for path in (settings.PACK / "workflows").glob("*.json")))
def test_a_workflow_becomes_the_prompt_that_is_tested(page: Any, running: Running, file: str) -> None:
    """Every widget gets its own value: ComfyUI's canvas and our tests read the file alike."""
    found = page.evaluate(_LOAD, file)
    assert found["unknown"] == []
    workflow = json.loads((settings.PACK / "workflows" / file).read_text(encoding="utf-8"))
    assert found["prompt"] == as_prompt(workflow, running.theirs.get("/object_info"))


def test_help_is_found_where_the_frontend_looks(page: Any) -> None:
    """First in the language, then in English."""
    assert page.evaluate(_HELP, "IsengardPrepare") == 404_200
