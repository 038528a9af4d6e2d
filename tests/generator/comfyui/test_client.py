"""Addresses of a ComfyUI, and what its answers mean."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from isengard import settings
from isengard.errors import IsengardError
from isengard.generator import load_generator
from isengard.generator.comfyui import following
from isengard.generator.comfyui.answers import End, end_of, refusal
from isengard.generator.comfyui.blocks.sampling import SAMPLES
from isengard.generator.comfyui.client import Client, is_loopback
from isengard.generator.comfyui.listening import Inbox
from isengard.generator.comfyui.offer import Offers
from isengard.generator.interface import ComfyUIAt


@pytest.mark.parametrize(
    ("given", "taken", "shown"),
    [
        ("", "", ""),
        ("127.0.0.1:8188", "http://127.0.0.1:8188", "http://127.0.0.1:8188"),
        (
            " https://me:secret@studio.example/comfy/ ",
            "https://me:secret@studio.example/comfy",
            "https://studio.example/comfy",
        ),
    ],
)
def test_an_address_is_taken_as_people_write_it(
    given: str, taken: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http where nothing else is said; a password is used and never shown; a path stays in front of the routes."""
    monkeypatch.setenv("COMFYUI_URL", given)
    assert settings.comfyui_url() == taken
    assert settings.without_password(taken) == shown
    client = Client(ComfyUIAt())
    assert client.known == bool(taken)
    assert client.url("/prompt") == taken + "/prompt"


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.168.1.4", False), ("studio", False)],
)
def test_this_machine_is_known(host: str, here: bool) -> None:
    """A ComfyUI on it shares its device with trainings."""
    assert is_loopback(host) == here
    client = Client(ComfyUIAt(address=lambda: f"http://[{host}]:1" if ":" in host else f"http://{host}:1"))
    assert client.local == here


@pytest.mark.parametrize(
    ("address", "inside", "shared"),
    [
        ("http://127.0.0.1:8188", False, True),
        ("http://127.0.0.1:8188", True, False),
        ("https://studio.example", False, False),
        ("", False, False),
    ],
)
async def test_pictures_wait_for_a_training_only_where_both_use_one_device(
    address: str, inside: bool, shared: bool, tmp_path: Path
) -> None:
    """Beside us on this machine; not elsewhere, and not inside ComfyUI, whose queue puts both in order."""
    generator = load_generator("comfyui", tmp_path, ComfyUIAt(address=lambda: address, inside=inside))
    assert generator.shares_device() == shared
    await generator.rest()
    await generator.close()


async def test_nobody_who_answers_is_told_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the address but without its password; who shows it again a moment later does not ask again."""
    monkeypatch.setattr(Offers.look, "__defaults__", (3600.0,))  # a busy machine's moment is long
    asked = 0

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    generator = load_generator("comfyui", tmp_path, ComfyUIAt(address=lambda: f"http://me:secret@127.0.0.1:{port}"))
    try:
        for _ in range(2):
            found = await generator.readiness("flux1-dev")
            assert not any(ready.ready for ready in found.values())
            assert f"127.0.0.1:{port}" in found["pictures"].reason
            assert "secret" not in found["pictures"].reason
        assert await generator.bases("flux1-dev") == []
        once = asked
        with pytest.raises(IsengardError) as caught:
            await generator.complete({"prompt": "x", "family": "flux1-dev"})
        assert caught.value.code == "COMFYUI_UNREACHABLE"
        assert asked == 2 * once
    finally:
        await generator.close()
        server.close()


def test_an_end_is_read_from_the_history() -> None:
    """Success with its pictures, an interrupt, a failure with its node, and memory that ran out by its kind."""
    image = {"filename": "a.png", "subfolder": "", "type": "temp"}
    done = end_of({"status": {"messages": [["execution_start", {}]]}, "outputs": {"picture": {"images": [image]}}})
    assert done is not None
    assert (done.how, done.images("picture"), done.images("other")) == ("success", [image], [])
    stopped = end_of({"status": {"messages": [["execution_interrupted", {}]]}})
    assert stopped is not None
    assert stopped.how == "interrupted"
    for kind, code in (("ValueError", "COMFYUI_FAILED"), ("torch.OutOfMemoryError", "OUT_OF_MEMORY")):
        values = {"node_type": "VAELoader", "exception_message": "no such file\n", "exception_type": kind}
        failed = end_of({"status": {"messages": [["execution_error", values]]}})
        assert failed is not None
        assert failed.error().code == code
        assert "VAELoader: no such file" in failed.error().message
    assert end_of(None) is None


def test_a_refusal_names_the_node() -> None:
    """And falls back on the status for what is no JSON."""
    complaint = {"message": "Value not in list", "details": "unet_name: 'a' not in []"}
    body = {"error": {"message": "Prompt outputs failed validation"},
            "node_errors": {"base": {"class_type": "UNETLoader", "errors": [complaint]}}}  # fmt: skip
    assert "UNETLoader: Value not in list (unet_name" in refusal(400, json.dumps(body).encode())
    assert refusal(502, b"<html>") == "status 502."


@pytest.mark.parametrize("body", [b"[]", b'{"devices": 3}', b"<html>", b"3"])
async def test_something_else_at_the_address_is_no_comfyui(body: bytes, tmp_path: Path) -> None:
    """Another program that speaks JSON, too: what it lacks is told, and is no failure of ours."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    generator = load_generator("comfyui", tmp_path, ComfyUIAt(address=lambda: f"http://127.0.0.1:{port}"))
    found = (await generator.readiness("flux1-dev"))["pictures"]
    assert not found.ready
    assert "is no ComfyUI" in found.reason
    client = Client(ComfyUIAt(address=lambda: f"http://127.0.0.1:{port}"))
    with pytest.raises(IsengardError, match="COMFYUI_REFUSED"):
        await client.queue()
    await client.close()
    await generator.close()
    server.close()


async def test_a_proxy_without_a_comfyui_behind_it_is_nobody_who_answers() -> None:
    """Somebody who follows a picture waits for it to come back; a refusal would end it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    client = Client(ComfyUIAt(address=lambda: f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    with pytest.raises(IsengardError, match=r"COMFYUI_UNREACHABLE.*status 502"):
        await client.end_of("a")
    await client.close()
    server.close()


def test_only_the_pictures_own_steps_are_its_progress() -> None:
    """Faces and tiles that are painted afterwards count steps of their own: the picture is not begun again by them."""
    prompt = following.Followed(id="a", picture=0, count=1, steps=20, titles={}, mine=frozenset({"a"}))
    inbox: Inbox = asyncio.Queue()
    for node, step in ((SAMPLES, 20), ("faces", 1), ("refined", 3)):
        inbox.put_nowait(("progress", {"prompt_id": "a", "node": node, "value": step, "max": 20}))

    class Done:
        """A ComfyUI that works, then has ended."""

        async def end_of(self, _prompt: str) -> End | None:
            return End(how="success") if inbox.empty() else None

        async def queue(self) -> tuple[list[str], list[str]]:
            return ["a"], []

    async def steps() -> list[int]:
        events = following.follow(Done(), prompt, inbox, asyncio.Event())  # type: ignore[arg-type]
        return [event["step"] async for event in events if not isinstance(event, End) and event["type"] == "progress"]

    assert asyncio.run(steps()) == [20]
