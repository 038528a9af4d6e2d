"""Graphs over HTTP: how a picture is made in ComfyUI, for its canvas."""

from __future__ import annotations

from isengard.tests.generator.made import Painter
from isengard.tests.web.studio import Studio


async def test_graphs_need_a_comfyui(studio: Studio) -> None:
    """Without one it is said what to do."""
    status, answer = await studio.post("/generate/graph", {"prompt": "x", "family": "flux1-dev"})
    assert (status, answer["error"]["code"]) == (422, "FEATURE_NOT_READY")
    assert "COMFYUI_URL" in answer["error"]["message"]
    assert (await studio.get("/gallery/none/graph"))[0] == 404


async def test_pictures_of_the_embedded_model_have_a_graph_wherever_they_are_made(studio: Studio) -> None:
    """Our own node with all that made the picture, the LoRA by its id; what the node can't do is refused."""
    studio.paint_with(Painter())
    wish = {"prompt": "at the sea", "character": "ada", "seed": 10, "count": 2, "aspect": "3:4", "guidance": 3.5}
    made = [await studio.made_by(body) for body in ({**wish, "strength": 0.7}, {**wish, "guidance": 2})]
    status, answer = await studio.get(f"/gallery/{made[0][1]}/graph")
    graph = answer["prompt"]
    assert status == 200
    assert graph["mini"]["inputs"] == {
        "prompt": "ohwx, at the sea", "strength": 0.7, "width": 112, "height": 144, "count": 1, "seed": 11, "steps": 3,
        "lora": ["lora", 0],
    }  # fmt: skip
    assert graph["lora"]["inputs"] == {"value": studio.lora}
    status, answer = await studio.get(f"/gallery/{made[1][0]}/graph")
    assert (status, answer["error"]["code"]) == (422, "FEATURE_NOT_READY")
    assert "guidance" in answer["error"]["message"]
