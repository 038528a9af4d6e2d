"""`python . serve` as a person meets it: what it prints, what it refuses, and the page that stands there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isengard import settings
from isengard.tests.web.server import PATIENCE, Client, Server

pytestmark = pytest.mark.slow


def refused(*arguments: str, **environment: str) -> str:
    """What a server says that does not start."""
    done = subprocess.run(
        [sys.executable, str(settings.PACK), "serve", *arguments],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_it_refuses(tmp_path: Path, server: Server, root: Path) -> None:
    """A port in use, an address that is not ours, the network without a secret, a library that is being served."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "PORT_IN_USE" in refused("--root", str(tmp_path / "a"), "--port", port)
    assert "ADDRESS_UNUSABLE" in refused(
        "--root", str(tmp_path / "a"), "--host", "192.0.2.1", "--port", "0", ISENGARD_TOKEN="x" * 20
    )
    assert "--port must be 0–65535" in refused("--root", str(tmp_path / "a"), "--port", "99999")
    assert "TOKEN_NEEDED" in refused("--root", str(tmp_path / "a"), "--host", "0.0.0.0", ISENGARD_TOKEN="")
    server.start()
    assert "SERVER_RUNNING" in refused("--root", str(root), "--port", "0")


def test_a_folder_that_is_a_file_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert "can't" in refused("--root", str(tmp_path / "file" / "library"), "--port", "0")


def test_nonsense_in_the_environment_is_told_plainly() -> None:
    assert "ISENGARD_PORT" in refused(ISENGARD_PORT="http")
    assert "ISENGARD_MODE" in refused(ISENGARD_MODE="fast")


def test_a_page_says_how_to_build_the_panel_or_is_the_panel(client: Client) -> None:
    """With a policy that lets it load its own things only."""
    here = Client(client.port, prefix="")
    for path in ("/", "/isengard"):
        answer = here.ask("GET", path)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert here.ask("GET", "/", Host="evil.example").status == 403
    long = f"/{'x' * 300}.js"
    for path in ("/../settings.py", "/%2e%2e/settings.html", "/..%2f..%2fREADME.html", "/nothing.mjs", long):
        assert here.ask("GET", path).status == 404, path


def test_a_secret_of_any_signs_lets_in_by_the_address_that_is_printed(server: Server) -> None:
    """Those of base64 mean something else in an address: a plus is a space there."""
    server.environment = {"ISENGARD_TOKEN": "a+b/c=d&e#f%20 geheim"}
    here = Client(server.start().port, prefix="")
    printed = next(line.split()[-1] for line in server.output if "Isengard is at" in line)
    path = printed.partition(f":{here.port}")[2]
    answer = here.ask("GET", path)
    assert answer.status == 303, printed
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert here.ask("GET", "/isengard/characters", Cookie=cookie).status == 200
    assert here.ask("GET", "/isengard/characters").status == 401


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_a_server_outlives_its_terminal_if_it_was_told_to(server: Server) -> None:
    """`nohup python . serve`, and a log-out: what nohup has the server ignore stays ignored. Else it ends in order."""
    server.warm = False
    for handler, code in ((signal.SIG_IGN, None), (signal.SIG_DFL, 0)):
        before = signal.signal(signal.SIGHUP, handler)  # a process that is started takes over what is ignored
        try:
            client = server.start()
        finally:
            signal.signal(signal.SIGHUP, before)
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        if code is None:
            time.sleep(1)
            assert client.get("/health")["status"] == "ok"
            server.stop()
        else:
            assert server.process.wait(PATIENCE) == code


def test_the_system_says_what_is_there_and_what_is_missing(client: Client) -> None:
    found = client.get("/system")
    models = {model["family"]: model for model in found["base_models"]}
    assert models["mini"]["ready"]
    for part in models["flux1-dev"]["parts"]:
        assert part["usable"] or (part["get"] and part["put"] and part["names"])
    assert found["memory"]["total"] > found["memory"]["free"] > 0
    assert found["versions"]["torch"]
    assert len(client.get("/presets?family=mini")["presets"]) == 3
    helps = {item["name"]: item for item in client.get("/presets")["settings"]}
    assert helps["rank"]["least"] == 1
    assert helps["rank"]["help"]


def test_the_servers_log_names_the_request(client: Client, server: Server, root: Path) -> None:
    """With debug lines, each request is one, with its correlation id."""
    server.stop()
    server.arguments = ("--log-level", "debug")
    again = server.start()
    again.ask("GET", "/characters", X_Correlation_ID="find-me-in-the-log")
    server.stop()
    assert "find-me-in-the-log" in (root / "logs" / "server.jsonl").read_text(encoding="utf-8")
