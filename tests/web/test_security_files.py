"""Files from strangers: uploads that lie about what they are, archives, links, and what a browser is given back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient
from yarl import URL

from isengard.library import characters
from isengard.tests.library.test_gallery import add
from isengard.tests.trainer.jobs import empty_job
from isengard.tests.web.hostile import CANARY, FILES, HTML, SVG, zipped
from isengard.tests.web.test_guard import ROUTES, tree
from isengard.tests.web.test_images import picture
from isengard.tests.web.test_security import canary
from isengard.web import pages
from isengard.web.downloads import TYPES
from isengard.web.services import Services

__all__ = ["canary"]
Here = TestClient[Any, Any]
SHOWN = {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "image/heic", "application/json",
         "text/plain", "application/zip", "application/octet-stream"}  # fmt: skip
"""Types that no browser runs; all that files may be answered with."""
API = "/isengard"


@pytest.fixture
async def host(here: Here, services: Services) -> Here:
    """A host with the character Ada."""
    await services.run(characters.create, services.library, name="Ada", trigger_word="ohwx")
    return here


def form(name: str, data: bytes, kind: str = "image/jpeg") -> FormData:
    """A file as a browser's form sends it, with a type that it claims."""
    made = FormData(quote_fields=False)
    made.add_field("file", data, filename=name, content_type=kind)
    return made


@pytest.mark.parametrize("name", FILES)
async def test_what_is_no_photo_is_refused_as_a_photo(name: str, host: Here, root: Path) -> None:
    """Told by content whatever name and type say; nothing of it stays, and nothing in it runs."""
    async with host.post(f"{API}/characters/ada/images", data=form(name, FILES[name])) as answer:
        told = await answer.json()
        assert answer.status == 201
        assert told["count"] == 0
        assert told["added"][0]["code"].startswith("PHOTO_")
    async with host.get(f"{API}/characters/ada/images") as answer:
        assert (await answer.json())["total"] == 0
    for place in ("images", "originals", "rejected"):
        assert not list((root / "characters" / "ada").glob(f"{place}/*"))


@pytest.mark.parametrize("name", FILES)
async def test_what_is_no_picture_is_refused_as_a_guide(name: str, host: Here, root: Path) -> None:
    """The other route that takes pictures."""
    route = next(route for route in ROUTES if route.path == "/guides")
    data: Any = FILES[name] if route.upload != "multipart/form-data" else form(name, FILES[name])
    headers = {} if isinstance(data, FormData) else {"Content-Type": route.upload}
    async with host.post(f"{API}/guides", data=data, headers=headers) as answer:
        assert 400 <= answer.status < 500, await answer.text()
    assert [name for name in tree(root) if name.startswith("guides/")] == []


def nested(levels: int = 40) -> bytes:
    """An archive in an archive in an archive."""
    data = zipped({"photo.jpg": picture(1)})
    for number in range(levels):
        data = zipped({f"{number}.zip": data})
    return data


def stretched() -> bytes:
    """An archive of 200 kB that unpacks to 200 MB."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("photo.jpg", b"\0" * 200_000_000)
    return data.getvalue()


ARCHIVES = {
    "upwards": (lambda: zipped({"../../../outside/photo.jpg": picture(1)}), ("ARCHIVE_UNSAFE",)),
    "absolute": (lambda: zipped({str(CANARY): b"x"}), ("ARCHIVE_UNSAFE",)),
    "a drive": (lambda: zipped({"C:\\x.jpg": picture(1)}), ("ARCHIVE_UNSAFE",)),
    "backslashes": (lambda: zipped({"a\\..\\..\\x.jpg": picture(1)}), ("ARCHIVE_UNSAFE",)),
    "a bomb": (stretched, ("ARCHIVE_UNSAFE", "ARCHIVE_TOO_LARGE")),
    "archives in archives": (nested, ("ARCHIVE_FOREIGN", "PHOTOS_NONE")),
    "no photo at all": (lambda: zipped({"index.html": HTML, "a.svg": SVG}), ("ARCHIVE_FOREIGN", "PHOTOS_NONE")),
    "no archive": (lambda: b"MZ" + b"\0" * 1000, ("ARCHIVE_UNREADABLE",)),
}


@pytest.mark.parametrize("what", ARCHIVES)
async def test_archives_that_do_harm_are_refused(what: str, host: Here, root: Path) -> None:
    """By the route that imports; the library has nobody new, and nothing lies beside it."""
    make, codes = ARCHIVES[what]
    around = sorted(root.parent.iterdir())
    headers = {"Content-Type": "application/zip"}
    async with host.post(f"{API}/characters/import", data=make(), headers=headers) as answer:
        assert 400 <= answer.status < 500
        assert (await answer.json())["error"]["code"] in codes
    async with host.get(f"{API}/characters") as answer:
        assert len((await answer.json())["characters"]) == 1
    assert sorted(root.parent.iterdir()) == around
    assert not [path for path in (root / ".scratch").glob("*") if path.name.startswith("import")]


async def test_a_photo_that_is_a_page_as_well_is_served_as_a_photo(host: Here) -> None:
    """A true picture with a page behind it, sent as a page: a clean photo's bytes are kept, its claims are not."""
    data = picture(5) + HTML
    async with host.post(f"{API}/characters/ada/images", data=form("both.png", data, "text/html")) as answer:
        file = (await answer.json())["added"][0]["file"]
    async with host.get(f"{API}/characters/ada/images/{file}") as answer:
        assert answer.content_type == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_files_put_there_by_hand_are_never_run_by_a_browser(host: Here, services: Services, root: Path) -> None:
    """Pages, drawings and scripts in every folder that files are served from: not found, or to be saved."""
    job = empty_job(root / "jobs" / "job")
    job.cancel()
    await services.run(add, services.library, "somebody", "ada")
    month = next((root / "gallery").glob("*/"))
    folders = [root / "characters" / "ada" / "images", root / "characters" / "ada" / "originals", job.photos,
               job.samples, job.lora, month, root / "guides"]  # fmt: skip
    names = ["page.html", "drawing.svg", "program.js", "page.jpg", "page.xhtml", "step_000001_0.png"]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).write_bytes(SVG if "svg" in name else HTML)
    asked = 0
    for route in ROUTES:
        if route.method != "GET" or "stream" in route.path or route.path == "/events":
            continue
        for name in (*names, "ada", "job"):
            values = {"character": "ada", "job": "job", "file": name, "picture": name.partition(".")[0]}
            path = route.path.format(**{key: values.get(key, name) for key in route.parameters})
            async with host.get(API + path) as answer:
                await answer.read()
                asked += 1
                assert answer.content_type in SHOWN, (path, answer.content_type)
                assert answer.headers["X-Content-Type-Options"] == "nosniff", path
                if answer.status == 200 and answer.content_type not in ("application/json", "application/zip"):
                    assert "sandbox" in answer.headers["Content-Security-Policy"], path
    assert asked > 100


def test_no_type_that_runs_is_ever_given() -> None:
    """The table of types itself: no page, drawing or script, whatever ending a file has."""
    assert {kind.partition(";")[0] for kind in TYPES.values()} <= SHOWN


async def test_links_in_the_library_lead_nowhere(host: Here, services: Services, root: Path) -> None:
    """A link in place of a photo, caption, record, sample or picture: its target is neither shown nor changed."""
    outside = root.parent / "outside"
    outside.mkdir()
    secret = b"\x89PNG\r\n\x1a\n" + b"the-secret-of-somebody-else"
    for name in ("secret.png", "secret.txt", "secret.json", "secret.safetensors"):
        (outside / name).write_bytes(secret)
    (outside / "photo.png").write_bytes(picture(9))
    job = empty_job(root / "jobs" / "job")
    job.cancel()
    await services.run(add, services.library, "somebody", "ada")
    month = next((root / "gallery").glob("*/"))
    ada = root / "characters" / "ada"
    links = {
        ada / "images" / "a.png": "photo.png", ada / "images" / "b.png": "secret.png", ada / "images" / "b.txt":
        "secret.txt", ada / "originals" / "a.png": "secret.png", ada / "records" / "a.png.json": "secret.json",
        job.photos / "a.png": "secret.png", job.samples / "step_000001_0.png": "secret.png",
        job.lora / "a.safetensors": "secret.safetensors", month / "0123456789abcdef.png": "secret.png",
        root / "guides" / "guide-0123456789abcdef.png": "secret.png",
    }  # fmt: skip
    for link, target in links.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(outside / target)
    before = tree(outside)
    for _ in range(2):  # the second time what was put there by hand has been looked at
        async with host.get(f"{API}/characters/ada/report") as answer:
            await answer.read()
        addresses = [f"/characters/ada/images/{name}" for name in ("a.png", "b.png", "a.png?size=thumb")]
        addresses += [f"/jobs/job/artifacts/{name}" for name in ("a.png", "step_000001_0.png", "a.safetensors")]
        addresses += [
            "/gallery/0123456789abcdef",
            "/gallery",
            "/characters/ada/export",
            "/jobs/job/debug-bundle?photos=true",
        ]
        for path in addresses:
            async with host.get(API + path) as answer:
                data = await answer.read()
                assert b"the-secret" not in data, path
                if data.startswith(b"PK"):
                    with zipfile.ZipFile(io.BytesIO(data)) as opened:
                        assert not [name for name in opened.namelist() if b"the-secret" in opened.read(name)], path
    async with host.delete(f"{API}/characters/ada") as answer:
        assert answer.status == 200
    async with host.post(f"{API}/trash/empty", json={}) as answer:
        assert answer.status < 500
    assert tree(outside) == before


@pytest.mark.parametrize(
    "path",
    ["/..%2f..%2fsettings.py", "/%2e%2e/%2e%2e/settings.py", "/chunks/..%2f..%2f..%2fsettings.json",
     "/..%5c..%5cpyproject.json", "/chunks/../../../pyproject.json", "//etc/passwd.html", "/x%00.html",
     "/index.html/..%2f..%2fdist%2findex.html", "/.git/config.json", "/%252e%252e/settings.json"],
)  # fmt: skip
async def test_the_panels_files_lead_nowhere_else(path: str, host: Here) -> None:
    """Only what is in web/dist is served."""
    async with host.session.get(URL(str(host.make_url("/")) + path[1:], encoded=True)) as answer:
        text = await answer.text()
        assert answer.status in (400, 404), (answer.status, text[:200])
        assert "import" not in text


async def test_a_link_out_of_the_panels_folder_is_not_followed(
    host: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "secret.json").write_text("the-secret", encoding="utf-8")
    (tmp_path / "dist" / "data.json").symlink_to(tmp_path / "secret.json")
    monkeypatch.setattr(pages, "DIST", tmp_path / "dist")
    async with host.get("/data.json") as answer:
        assert answer.status == 404
