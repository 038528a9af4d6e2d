"""install.py as ComfyUI Manager runs it: a process of its own, in packs that lack this or that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from isengard import settings

ENTRIES = ("extension.js", "panel.mjs", "page.mjs", "panel.css", "index.html")
NPM = """#!/bin/sh
echo "$@" >> "{log}"
{then}
"""
Install = Callable[..., tuple[int, str]]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack in a ComfyUI's custom_nodes, as far as install.py looks at it: its sources, no built panel."""
    folder = tmp_path / "Comfy UI" / "custom_nodes" / "isengard"
    folder.mkdir(parents=True)
    for name in ("install.py", "requirements.txt"):
        shutil.copy(settings.PACK / name, folder / name)
    panel = folder / "web" / "panel"
    (panel / "src").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "vite.config.ts", "tsconfig.json"):
        shutil.copyfile(settings.PACK / "web" / "panel" / name, panel / name)
    (panel / "src" / "page.ts").write_text("export {}\n", encoding="utf-8")
    return folder


@pytest.fixture
def install(pack: Path, tmp_path: Path) -> Install:
    """Runs it with these programs on the PATH; gives exit code and output."""

    def run(*, path: Path | None = None, options: tuple[str, ...] = (), **environment: str) -> tuple[int, str]:
        (tmp_path / "empty").mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, *options, str(pack / "install.py")], cwd=tmp_path, capture_output=True, encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1", "PATH": str(path or tmp_path / "empty"), **environment},
            timeout=900, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


def build(pack: Path) -> None:
    """A panel that is built."""
    (pack / "web" / "dist").mkdir(parents=True, exist_ok=True)
    for name in ENTRIES:
        (pack / "web" / "dist" / name).write_text("built", encoding="utf-8")


def tools(folder: Path, then: str, *, node: str = "v20.20.0") -> Path:
    """A folder with programs called npm and node: the npm writes down what it is asked and does `then`."""
    folder.mkdir()
    for name, text in (
        ("npm", NPM.format(log=folder / "asked", then=then)),
        ("node", f"#!/bin/sh\necho {node}\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    for name in ("mkdir", "touch", "sh", "sleep"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return folder


def test_nothing_to_do_is_said_in_a_line(pack: Path, install: Install) -> None:
    build(pack)
    assert install() == (0, "Isengard: ready. Start ComfyUI again, or reload its page if it has started since.\n")


def test_it_needs_nothing_but_itself(pack: Path, install: Install) -> None:
    """Portable Pythons ignore the script's folder, the environment and the user's packages (-I)."""
    build(pack)
    assert install(options=("-I",))[0] == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read as Linux tells it")
def test_it_is_quick_when_nothing_is_to_be_done(pack: Path, install: Install) -> None:
    """ComfyUI Manager runs it at every start after an update; CPU time, because a busy machine's clock says little."""
    build(pack)
    install()
    before = os.times()
    install()
    after = os.times()
    used = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    assert used < 0.5


def test_without_npm_it_says_where_the_panel_comes_from(install: Install) -> None:
    """The installation goes on: nodes work without the panel."""
    code, told = install()
    assert code == 0
    assert "is not built yet, and npm is not installed" in told
    assert "ready, but for the panel" in told
    assert "Comfy Registry" in told
    assert "Node.js 20.19" in told
    assert sys.executable in told


def test_a_package_without_sources_is_taken_as_it_is(pack: Path, install: Install) -> None:
    """What the registry publishes has the built panel and no sources."""
    shutil.rmtree(pack / "web" / "panel")
    code, told = install()
    assert (code, "files are missing" in told) == (0, True)
    build(pack)
    assert install()[1].startswith("Isengard: ready")


def test_missing_and_old_packages_are_named(pack: Path, install: Install) -> None:
    """With the command that installs them into this very Python."""
    build(pack)
    (pack / "requirements.txt").write_text("# why\nnumpy>=99.1\nno-such-package>=1\npillow>=10\n\n", encoding="utf-8")
    code, told = install()
    assert code == 1
    assert "no-such-package, " in told or ", no-such-package." in told
    assert "numpy (there is " in told
    assert "needed is 99.1 or newer" in told
    assert "pillow" not in told
    assert f'"{sys.executable}" -m pip install -r "{pack / "requirements.txt"}"' in told
    assert "ready" not in told


def test_a_package_that_is_half_removed_is_missing(pack: Path, install: Install, tmp_path: Path) -> None:
    """Its folder of metadata is there and empty, as an interrupted pip leaves it."""
    build(pack)
    (tmp_path / "site" / "half-1.0.dist-info").mkdir(parents=True)
    (pack / "requirements.txt").write_text("half>=1\n", encoding="utf-8")
    code, told = install(PYTHONPATH=str(tmp_path / "site"))
    assert code == 1
    assert "Packages are missing: half." in told


def test_an_old_comfyui_is_told(pack: Path, install: Install) -> None:
    build(pack)
    version = pack.parent.parent / "comfyui_version.py"
    version.write_text('__version__ = "0.3.9"\n', encoding="utf-8")
    assert "This ComfyUI is 0.3.9; Isengard needs 0.3.64" in install()[1]
    version.write_text('__version__ = "0.3.64"\n', encoding="utf-8")
    assert "This ComfyUI" not in install()[1]


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for npm is a shell script")
class TestBuilding:
    """What npm is asked, and what becomes of it; the true build is in test_package.py."""

    MAKE = "mkdir -p ../dist; for f in extension.js panel.mjs page.mjs panel.css index.html; do touch ../dist/$f; done"

    def test_it_builds_once(self, pack: Path, install: Install, tmp_path: Path) -> None:
        """The second run finds all done; after an update of the sources it builds again, without new tools."""
        path = tools(tmp_path / "tools", f"mkdir -p node_modules; touch node_modules/.package-lock.json; {self.MAKE}")
        code, told = install(path=path)
        assert (code, "The panel is built." in told) == (0, True)
        asked = (path / "asked").read_text(encoding="utf-8").splitlines()
        assert [line.split()[0] for line in asked] == ["ci", "run"]
        assert install(path=path)[1].startswith("Isengard: ready")
        assert len((path / "asked").read_text(encoding="utf-8").splitlines()) == 2
        built = (pack / "web" / "dist" / "index.html").stat().st_mtime
        os.utime(pack / "web" / "panel" / "src" / "page.ts", (built + 5, built + 5))
        assert "is older than its sources: building it" in install(path=path)[1]
        asked = (path / "asked").read_text(encoding="utf-8").splitlines()
        assert [line.split()[0] for line in asked] == ["ci", "run", "run"]

    def test_a_failed_build_is_no_failed_installation(self, install: Install, tmp_path: Path) -> None:
        """npm's last words are shown, with what works nevertheless and how to try again."""
        path = tools(tmp_path / "tools", "echo 'getaddrinfo ENOTFOUND'; exit 1")
        code, told = install(path=path)
        assert code == 0
        assert "ENOTFOUND" in told
        assert "npm ci failed" in told
        assert "The nodes work without it" in told

    def test_an_old_node_is_not_tried(self, install: Install, tmp_path: Path) -> None:
        path = tools(tmp_path / "tools", "exit 1", node="v18.19.1")
        code, told = install(path=path)
        assert code == 0
        assert "Node.js 18.19.1 is too old" in told
        assert not (path / "asked").exists()


@pytest.mark.slow
def test_the_true_panel_is_built(pack: Path, install: Install) -> None:
    """With the real npm, the real sources and the build tools that are there already."""
    npm = shutil.which("npm")
    tools_there = settings.PACK / "web" / "panel" / "node_modules"
    if npm is None or not (tools_there / ".package-lock.json").is_file():
        pytest.skip("npm or the panel's build tools are not installed: make panel")
    panel = pack / "web" / "panel"
    shutil.rmtree(panel)
    shutil.copytree(settings.PACK / "web" / "panel", panel, symlinks=True)
    shutil.copytree(settings.PACK / "trainer" / "mini" / "character", pack / "trainer" / "mini" / "character")
    code, told = install(path=os.environ["PATH"])
    assert (code, "The panel is built." in told) == (0, True), told
    assert sorted(path.name for path in (pack / "web" / "dist").glob("*.js")) == ["extension.js"]
    for name in ENTRIES:
        assert (pack / "web" / "dist" / name).stat().st_size > 0, name
    licences = (pack / "web" / "dist" / "licenses.md").read_text(encoding="utf-8")
    assert "vue" in licences
    assert "uplot" in licences.lower()


@pytest.mark.slow
def test_without_a_network_the_installation_goes_on(pack: Path, install: Install, tmp_path: Path) -> None:
    """The real npm with nothing to ask and nothing kept: it gives up soon, and the reason is shown."""
    if shutil.which("npm") is None:
        pytest.skip("npm was not found: install Node.js 20")
    nowhere = {"npm_config_registry": "http://127.0.0.1:9", "npm_config_cache": str(tmp_path / "cache")}
    code, told = install(path=os.environ["PATH"], **nowhere)
    assert code == 0
    assert "ECONNREFUSED" in told
    assert "ready, but for the panel" in told
    assert len(told.splitlines()) < 20, "npm's traces help nobody"
