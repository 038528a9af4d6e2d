"""The published archive holds what it should, and works in an environment of its own, from the first request to a
picture of the trained character; in a ComfyUI that has seen no other, test_first_hour.py goes the way."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from isengard import settings
from isengard.tests.release.conftest import unpack
from isengard.tests.web.server import Client, Server

pytestmark = pytest.mark.slow
NEVER = ("tests/", "bench/", "web/panel/", ".git", ".ci/", "build/", "dev.py", "requirements-dev.txt", "demo-out/")
SHORT: dict[str, Any] = {
    "resolutions": [64], "steps": 8, "batch_size": 2, "warmup_steps": 2, "rank": 4, "save_every": 4, "sample_every": 0,
    "device": "cpu",
}  # fmt: skip


def flow(client: Client) -> bytes:
    """Health, a character, photos, the report, a training to its end, a picture. Gives the picture's bytes."""
    assert client.get("/health")["status"] == "ok"
    assert client.get("/system")["versions"]["isengard"] == settings.version()
    ada = client.post("/characters", {"name": "Ada", "class_word": "woman"}, status=201)["id"]
    body, kind = photos(settings.PACK / "trainer" / "mini" / "character")
    sent = client.ask("POST", f"/characters/{ada}/images", data=body, Content_Type=kind)
    assert sent.status in (200, 201), sent.body
    assert client.get(f"/characters/{ada}/report")
    wish = {"character": ada, "preset": "quick", "family": "mini", "settings": SHORT}
    job = client.post("/training", wish, status=201)["id"]
    assert client.state(job, "done", "failed")["state"] == "done"
    client.until(f"/training/{job}", lambda found: found["lora"])
    asked = {"character": ada, "prompt": "smiling, grey background", "steps": 2, "seed": 1}
    made = client.post("/generate", asked, status=(200, 201, 202))["id"]
    done = client.until(f"/generate/{made}", lambda found: found["state"] in ("done", "failed"))
    assert done["state"] == "done", done
    picture = client.ask("GET", f"/gallery/{done['pictures'][0]}")
    assert picture.status == 200
    return picture.body


def photos(folder: Path) -> tuple[bytes, str]:
    """Five photos as a browser's form sends them."""
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\nContent-Type: image/jpeg\r\n\r\n%s\r\n'
        % (path.name.encode(), path.read_bytes())
        for path in sorted(folder.glob("*.jpg"))[:5]
    ]
    return b"".join(parts) + b"--x--\r\n", "multipart/form-data; boundary=x"


def is_picture(data: bytes) -> bool:
    """Whether these bytes are a picture with more than one colour."""
    with Image.open(io.BytesIO(data)) as picture:
        extrema = picture.convert("L").getextrema()
    return extrema[0] != extrema[1]


def test_the_archive_holds_what_is_needed_and_no_more(archive: Path) -> None:
    """The panel is in it, what is for developers is not, and no path points outside."""
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        assert opened.testzip() is None
    assert [name for name in names if name.startswith(NEVER) or name.startswith("/") or ".." in name] == []
    for wanted in ("__init__.py", "install.py", "requirements.txt", "pyproject.toml", "LICENSE", "README.md",
                   "web/dist/index.html", "web/dist/extension.js", "web/dist/panel.mjs"):  # fmt: skip
        assert wanted in names
    assert [name for name in names if name.startswith("web/dist/") and name.endswith(".js")] == [
        "web/dist/extension.js"
    ], "ComfyUI imports every .js by itself"
    assert archive.stat().st_size < 40 * 2**20
    assert not [name for name in names if len(name) > 120], "Windows' paths are short"


def test_what_the_readme_shows_is_in_the_archive(archive: Path) -> None:
    """Files that its links and pictures point to."""
    with zipfile.ZipFile(archive) as opened:
        names = set(opened.namelist())
        text = opened.read("README.md").decode()
    linked = {link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link}
    assert sorted(link for link in linked if link not in names and not link.startswith("bench/")) == []


def test_in_an_environment_of_its_own(archive: Path, tmp_path: Path) -> None:
    """A new virtual environment, install.py, `serve`, and the flow, in a folder with a space and an umlaut."""
    pack = unpack(archive, tmp_path / "Meine Ordner ü" / "isengard-0")
    python = environment(tmp_path / "venv")
    installed = subprocess.run(
        [str(python), "install.py"], cwd=pack, capture_output=True, encoding="utf-8", timeout=900, check=False
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr
    assert "ready" in installed.stdout
    told = subprocess.run(
        [str(python), str(pack)], capture_output=True, encoding="utf-8", timeout=240, check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert "serve" in told.stdout
    assert "run all checks" not in told.stdout, "what the archive leaves out is not offered"
    server = Server(tmp_path / "library", python=str(python), pack=pack, warm=False)
    try:
        client = server.start()
        page = Client(client.port, prefix="").ask("GET", "/")
        assert b"page.mjs" in page.body
        assert is_picture(flow(client))
    finally:
        server.end()


def environment(folder: Path) -> Path:
    """A new virtual environment that sees this one's packages; gives its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([str(python), "-c", asked], capture_output=True, text=True, check=True, timeout=240)
    packages = Path(site.stdout.strip())
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python
