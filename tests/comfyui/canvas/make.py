"""Makes the shared workflows and their pictures: `python tests/comfyui/canvas/make.py`. Needs a ComfyUI and a Chromium.

The pictures are ComfyUI's own canvas with the workflow on it, as small as the template browser shows them.
"""

from __future__ import annotations

import io
import json
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

_PACK = Path(__file__).resolve().parents[3]
_WIDTH, _HEIGHT = 3200, 2000
"""Large enough that the canvas draws words, which it leaves out when it is far away."""
_SHOWN = (1120, 700)
_LOAD = """async (workflow) => {
  await app.loadGraphData(workflow)
  const boxes = [...app.graph.nodes, ...app.graph.groups].map((item) => item.boundingRect ?? item.getBounding())
  const left = Math.min(...boxes.map((box) => box[0])), top = Math.min(...boxes.map((box) => box[1]))
  const right = Math.max(...boxes.map((box) => box[0] + box[2]))
  const bottom = Math.max(...boxes.map((box) => box[1] + box[3]))
  const view = app.canvas.canvas.getBoundingClientRect()
  const scale = Math.min(1.2, (view.width - 60) / (right - left), (view.height - 60) / (bottom - top))
  app.canvas.ds.scale = scale
  app.canvas.ds.offset[0] = (view.width / scale - (right - left)) / 2 - left
  app.canvas.ds.offset[1] = (view.height / scale - (bottom - top)) / 2 - top
  app.canvas.show_info = false
  app.canvas.setDirty(true, true)
}"""
_CLEAN = """.comfyui-body-top, .comfyui-body-left, .side-tool-bar-container, .p-toast, .graph-canvas-menu,
.p-buttongroup, .p-dialog-mask, .workflow-tabs-container, .actionbar, .comfyui-menu, [class*=minimap] {
  display: none !important
}"""


def write_files(known: dict[str, Any]) -> list[Path]:
    """Writes the workflows; gives their files."""
    from isengard.tests.comfyui.canvas.recipes import RECIPES, make

    files = []
    for name in RECIPES:
        files.append(_PACK / "workflows" / f"{name}.json")
        files[-1].write_text(as_text(make(name, known)), encoding="utf-8")
    return files


def as_text(workflow: dict[str, Any]) -> str:
    """As the file holds it: two spaces deep, so that changes can be read line by line."""
    return json.dumps(workflow, indent=2, ensure_ascii=False) + "\n"


def photograph(page: Any, workflow: dict[str, Any]) -> bytes:
    """The canvas with a workflow on it, as JPEG."""
    from PIL import Image

    page.evaluate(_LOAD, workflow)
    page.add_style_tag(content=_CLEAN)
    page.wait_for_timeout(1500)
    shot = page.screenshot(type="png")
    kept = io.BytesIO()
    with Image.open(io.BytesIO(shot)) as picture:
        picture.convert("RGB").resize(_SHOWN, Image.Resampling.LANCZOS).save(kept, "JPEG", quality=85, optimize=True)
    return kept.getvalue()


def main() -> None:
    """Starts a ComfyUI of its own for it."""
    runpy.run_path(str(_PACK / "loader.py"))["load_package"](_PACK)
    from isengard.tests.comfyui.canvas.browser import opened
    from isengard.tests.comfyui.host import find_comfyui
    from isengard.tests.comfyui.running import Running

    found = find_comfyui(_PACK)
    if found is None:
        sys.exit("There is no ComfyUI: set COMFYUI_PATH and COMFYUI_PYTHON.")
    with tempfile.TemporaryDirectory() as base:
        host = Running(found, Path(base)).start()
        try:
            files = write_files(host.theirs.get("/object_info"))
            with opened(host.port, width=_WIDTH, height=_HEIGHT) as page:
                for file in files:
                    workflow = json.loads(file.read_text(encoding="utf-8"))
                    file.with_suffix(".jpg").write_bytes(photograph(page, workflow))
                    print(file.name)
        finally:
            host.kill()


if __name__ == "__main__":
    main()
