"""Pictures of FLUX.1 asked for over HTTP: prompts in ComfyUI's queue, pictures in our gallery; in it and beside it."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from isengard.media.png import KEY
from isengard.tests.comfyui.canvas.standins import WAITER, hold, release
from isengard.tests.comfyui.flux_host import add_ada, flux_lora, flux_models, furnish, small_flux
from isengard.tests.comfyui.running import Running
from isengard.tests.comfyui.small_flux import furnish_more, more_models
from isengard.tests.web.server import Client, Server, running

__all__ = ["flux_lora", "flux_models", "more_models", "small_flux"]
pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
SMALL = {"width": 64, "height": 64, "steps": 2, "prompt": "{trigger} woman (in rain)", "character": "ada"}
LONG = {**SMALL, "steps": 100, "count": 3}


@pytest.fixture(scope="module")
def inside(
    comfyui: Any, flux_models: Path, more_models: Path, flux_lora: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A ComfyUI with small files of FLUX.1, ControlNet, Redux and an upscaler, and Ada in its library."""
    host = Running(comfyui, tmp_path_factory.mktemp("inside"), arguments=("--preview-method", "auto"))
    furnish(host, flux_models)
    furnish_more(host, more_models)
    (host.base / "custom_nodes" / "hold_the_queue.py").write_text(WAITER, encoding="utf-8")
    add_ada(host.root, host.loras, flux_lora)
    try:
        yield host.start()
    finally:
        host.kill()
        shutil.rmtree(host.base, ignore_errors=True)


@pytest.fixture
def beside(inside: Running, flux_lora: Path, tmp_path: Path) -> Iterator[Server]:
    """A standalone server for that ComfyUI, with a library of its own and a LoRA folder that both see."""
    shared = inside.base / "models" / "loras" / "shared"
    weights = tmp_path / "ada_beside_1.safetensors"
    shutil.copy(flux_lora, weights)
    add_ada(tmp_path / "library", shared, weights)
    address = {"COMFYUI_URL": f"http://127.0.0.1:{inside.port}", "ISENGARD_LORAS": str(shared), "COMFYUI_PATH": ""}
    yield from running(Server(tmp_path / "library", environment=address))


def ends(client: Client, generation: str, host: Running) -> dict[str, Any]:
    """Waits for a generation's end."""
    found: dict[str, Any] = host.until(
        lambda: (
            one if (one := client.get(f"/generate/{generation}"))["state"] in ("done", "failed", "cancelled") else None
        ),
        "the generation never ended",
    )
    return found


def pixels(client: Client, picture: str) -> Image.Image:
    return Image.open(io.BytesIO(client.ask("GET", f"/gallery/{picture}").body))


def ask(client: Client, **changes: Any) -> str:
    """Asks for pictures; gives the generation's id."""
    return str(client.post("/generate", {**SMALL, **changes}, status=201)["id"])


def reaches(host: Running, client: Client, generation: str, state: str) -> dict[str, Any]:
    """Waits for a state."""
    found: dict[str, Any] = host.until(
        lambda: one if (one := client.get(f"/generate/{generation}"))["state"] == state else None,
        f"it never became {state}",
    )
    return found


def guide(client: Client) -> str:
    """Uploads a picture to steer by."""
    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(buffer, format="PNG")
    answer = client.ask("POST", "/guides", data=buffer.getvalue(), Content_Type="image/png")
    return str(answer.json()["id"])


def test_pictures_of_a_character_come_from_the_queue(inside: Running) -> None:
    """The whole way: a prompt a picture, every LoRA key loads, the PNG says what made it, the LoRA changes it."""
    holding = hold(inside)  # until somebody listens: previews are told live only
    made = inside.ours.post("/generate", {**SMALL, "seed": 7, "count": 2, "steps": 4}, status=201)
    assert made["settings"]["generator"] == "comfyui"
    assert made["settings"]["base"]["transformer"] == "flux1-dev.safetensors"
    assert made["settings"]["guidance"] == 3.5
    stream = inside.ours.events(f"/generate/{made['id']}/stream")
    release_one(inside, holding)
    stream.wait_end()
    told = [(event.kind, event.data) for event in stream.seen]
    done = ends(inside.ours, made["id"], inside)
    assert (done["state"], done["error"], len(done["pictures"])) == ("done", None, 2)
    assert "lora key not loaded" not in inside.log
    kinds = [kind for kind, _ in told]
    assert kinds[-2:] == ["done", "end"]
    assert [data["seed"] for kind, data in told if kind == "picture"] == [7, 8]
    assert ("progress", {"picture": 0, "step": 4, "steps": 4, "count": 2}) in told
    preview = next(data["image"] for kind, data in told if kind == "preview")
    assert Image.open(io.BytesIO(base64.b64decode(preview))).format == "JPEG"
    first = pixels(inside.ours, done["pictures"][0])
    assert first.size == (64, 64)
    noted = json.loads(first.info[KEY])
    assert (noted["seed"], noted["sent"]) == (7, "ohwx woman (in rain)")
    assert "prompt" not in first.info
    graphs = [entry["prompt"][2] for entry in inside.theirs.get("/history").values() if "noise" in entry["prompt"][2]]
    assert {graph["noise"]["inputs"]["noise_seed"] for graph in graphs} >= {7, 8}
    assert graphs[0]["prompt"]["inputs"]["text"] == r"ohwx woman \(in rain\)"
    one = {"seed": 7, "steps": 4}
    other, same = (
        pixels(inside.ours, ends(inside.ours, ask(inside.ours, **one, **more), inside)["pictures"][0])
        for more in ({"strength": 0.0}, {})
    )
    assert first.tobytes() != other.tobytes()
    assert first.tobytes() == same.tobytes()


def test_what_steers_a_picture_runs(inside: Running) -> None:
    """ControlNet, Redux and upscaling with core's nodes, at once; guides are put into ComfyUI's input folder."""
    picture = guide(inside.ours)
    wish = {"controlnet": {"guide": picture}, "image_prompt": {"guide": picture}, "upscale": {"factor": 2}}
    steered = ask(inside.ours, **wish)
    done = ends(inside.ours, steered, inside)
    assert done["error"] is None
    assert done["settings"]["image_prompt"]["method"] == "redux"
    assert pixels(inside.ours, done["pictures"][0]).size == (128, 128)
    assert [file.name for file in (inside.base / "input" / "isengard").iterdir()] == [f"{picture}.png"]
    opened = inside.ours.get(f"/gallery/{done['pictures'][0]}/graph")["prompt"]
    history = inside.theirs.get("/history").values()
    ran = next(entry["prompt"][2] for entry in history if "controlled" in entry["prompt"][2])
    assert {name: step["inputs"] for name, step in opened.items()} == {
        name: step["inputs"] for name, step in ran.items()
    }
    asked = {**SMALL, **wish, "seed": done["settings"]["seed"]}
    assert inside.ours.post("/generate/graph", asked)["prompt"] == opened


def test_a_nodes_failure_is_told_with_its_name(inside: Running) -> None:
    """And the next request is carried out."""
    folder = inside.base / "models" / "controlnet"
    for file in folder.iterdir():
        file.rename(inside.base / file.name)
    (folder / "flux-canny-damaged.safetensors").write_bytes(b"nothing")
    failed = ends(inside.ours, ask(inside.ours, controlnet={"guide": guide(inside.ours)}, count=2), inside)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "COMFYUI_FAILED")
    assert "ControlNetLoader" in failed["error"]["message"]
    inside.until(lambda: not inside.prompts(), "the second picture's prompt stayed")
    assert ends(inside.ours, ask(inside.ours), inside)["state"] == "done"


def test_both_sides_agree_whatever_is_pressed_where(inside: Running) -> None:
    """What waits says for what; cancelling here takes the prompts away there, deleting there cancels here."""
    holding = hold(inside)
    first, second = ask(inside.ours, count=2), ask(inside.ours)
    inside.until(lambda: len(inside.prompts()) == 4, "the prompts are not in ComfyUI's queue")
    waiting = inside.until(
        lambda: one if (one := inside.ours.get(f"/generate/{first}"))["reason"] else None, "nobody said why it waits"
    )
    assert waiting["state"] == "queued"
    assert waiting["reason"] == "ComfyUI works on something else first"
    assert "2 other prompts" not in waiting["reason"]
    pending = sorted(inside.theirs.get("/queue")["queue_pending"], key=lambda item: item[0])
    assert [item[3]["isengard"]["generation"] for item in pending] == [first, first, second]
    inside.ours.post(f"/generate/{first}/cancel")
    reaches(inside, inside.ours, first, "cancelled")
    inside.until(lambda: len(inside.prompts()) == 2, "the prompts of a cancelled request stayed")
    inside.theirs.ask("POST", "/queue", {"delete": [pending[2][1]]})
    reaches(inside, inside.ours, second, "cancelled")
    release(inside, holding)
    running_one = ask(inside.ours, steps=100, count=3)
    reaches(inside, inside.ours, running_one, "running")
    inside.until(lambda: inside.theirs.get("/queue")["queue_running"], "nothing runs")
    inside.theirs.ask("POST", "/interrupt", {})
    reaches(inside, inside.ours, running_one, "cancelled")
    inside.until(lambda: not inside.prompts(), "the prompts of an interrupted request stayed")
    again = ask(inside.ours, steps=100, count=3)
    inside.until(lambda: inside.theirs.get("/queue")["queue_running"], "nothing runs")
    inside.ours.post(f"/generate/{again}/cancel")
    reaches(inside, inside.ours, again, "cancelled")
    inside.until(lambda: not inside.prompts(), "the prompts of a cancelled request stayed")


def test_a_server_of_its_own_makes_pictures_in_that_comfyui(inside: Running, beside: Server) -> None:
    """With a LoRA that both see; a kill loses nothing: what was made meanwhile is fetched, not made again."""
    client = beside.start()
    listed = client.get("/generators?family=flux1-dev")["generators"][0]
    assert (listed["name"], listed["ready"]) == ("comfyui", True)
    assert [base["name"] for base in listed["bases"]] == ["flux1-dev.safetensors"]
    done = ends(client, ask(client, count=2), inside)
    assert (done["state"], len(done["pictures"])) == ("done", 2)
    holding = hold(inside)
    cut_off = ask(client, count=2, seed=31)
    inside.until(lambda: len(inside.prompts()) == 3, "the prompts are not in ComfyUI's queue")
    before = set(inside.prompts()) - {holding}
    beside.kill()
    release_one(inside, holding)
    client = beside.start()
    done = ends(client, cut_off, inside)
    assert (done["state"], len(done["pictures"])) == ("done", 2)
    ours = [key for key, entry in inside.theirs.get("/history").items()
            if entry["prompt"][3].get("isengard", {}).get("generation") == cut_off]  # fmt: skip
    assert set(ours) == before


def release_one(host: Running, prompt: str) -> None:
    """Lets the others run."""
    host.theirs.ask("POST", "/interrupt", {"prompt_id": prompt})
    host.until(lambda: not host.prompts(), "the queue never became empty")


def test_packs_are_those_of_the_comfyui_that_makes_the_pictures(
    inside: Running, beside: Server, tmp_path: Path
) -> None:
    """What lies in the folders of a ComfyUI on this machine says nothing of another; one that is gone is unknown."""
    (tmp_path / "ComfyUI" / "custom_nodes" / "ComfyUI-Impact-Pack").mkdir(parents=True)
    (tmp_path / "ComfyUI" / "models").mkdir()
    beside.environment["COMFYUI_PATH"] = str(tmp_path / "ComfyUI")
    client = beside.start()
    found = client.get("/packs")
    assert (found["comfyui"], found["reason"]) == (beside.environment["COMFYUI_URL"], "")
    assert {pack["present"] for pack in found["packs"]} == {False}
    assert {**inside.ours.get("/packs"), "comfyui": found["comfyui"]} == found
    toggles = client.get("/generators?family=flux1-dev")["generators"][0]["toggles"]
    asked = [get for toggle in toggles for get in toggle["get"] if get["folder"] == "custom_nodes"]
    assert {get["what"] for get in asked} <= {pack["name"] for pack in found["packs"] if not pack["present"]}
    beside.end()
    beside.environment["COMFYUI_URL"] = "http://127.0.0.1:9"
    gone = beside.start().get("/packs")
    assert {pack["present"] for pack in gone["packs"]} == {None}
    assert "127.0.0.1:9" in gone["reason"]


def test_a_lora_that_comfyui_does_not_see_is_told(inside: Running, beside: Server, tmp_path: Path) -> None:
    """With what to do; nothing is queued."""
    beside.environment["ISENGARD_LORAS"] = str(tmp_path / "elsewhere")
    shutil.move(inside.base / "models" / "loras" / "shared", tmp_path / "elsewhere")
    answer = beside.start().ask("POST", "/generate", SMALL)
    assert (answer.status, answer.code) == (422, "LORA_NOT_SHARED")
    assert "models/loras" in answer.json()["error"]["hint"]
    assert inside.prompts() == []
