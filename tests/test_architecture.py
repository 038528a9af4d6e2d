"""The pack's sources keep the rules of the house, and the checker that says so catches what breaks them."""

import textwrap

import pytest

from isengard.tests.architecture.rules import violations
from isengard.tests.architecture.sources import ROOT, read_pack

BREACHES = {
    "a room imports a floor above": ({"library/photos.py": "from ..web.api import photos"}, "imports point down"),
    "a room imports a door": ({"trainer/run.py": "from ..demo import main", "demo.py": ""}, "imports point down"),
    "log imports a room": ({"log.py": "from .trainer import job", "trainer/job.py": ""}, "imports point down"),
    "nodes and web import each other": ({"nodes/train.py": "from ..web.api import jobs"}, "imports point down"),
    "a relative import hides in a function": (
        {"library/a.py": "def f():\n    from ..web import b"},
        "imports point down",
    ),
    "a relative import hides in a string": (
        {"library/a.py": "import_module('..web.api', __package__)"},
        "imports point down",
    ),
    "errors imports something of ours": ({"errors.py": "from . import log", "log.py": ""}, "stands at the bottom"),
    "sentences imports something of ours": (
        {"sentences.py": "from .errors import KINDS", "errors.py": ""},
        "stands at the bottom",
    ),
    "a room takes the trainer's inside": (
        {"web/a.py": "from ..trainer import loop", "trainer/loop.py": ""},
        "take only",
    ),
    "a room takes a name from the trainer's inside": ({"library/a.py": "from ..trainer.loop import run"}, "take only"),
    "rooms on one line meet": ({"generator/a.py": "from ..library import photos"}, "rooms on one line"),
    "the pack is imported by name": ({"web/a.py": "from isengard.library import photos"}, "imports are relative"),
    "the library knows ComfyUI": ({"library/a.py": "import folder_paths"}, "know ComfyUI"),
    "the generator knows comfy": ({"generator/a.py": "def f():\n    from comfy.utils import load"}, "know ComfyUI"),
    "a door takes ComfyUI's nodes": ({"__init__.py": "import nodes"}, "know ComfyUI"),
    "a string names ComfyUI": ({"web/a.py": "importlib.import_module('comfy.sd')"}, "know ComfyUI"),
    "the trainer names a family": ({"trainer/run.py": "from .families.flux1 import FAMILY"}, "through their registry"),
    "a registry names its family": ({"trainer/families/__init__.py": "from .a import A"}, "through their registry"),
    "the loop names a family": (
        {"trainer/backends/native/loop.py": "from ...families import flux1", "trainer/families/flux1.py": ""},
        "through their registry",
    ),
    "a family takes a backend's inside": (
        {"trainer/families/a.py": "from ..backends.native.loop import b", "trainer/backends/native/loop.py": ""},
        "through their registry",
    ),
    "the library imports torch when called": ({"library/a.py": "def f():\n    import torch"}, "stays light"),
    "the server imports diffusers": ({"web/api/a.py": "from diffusers import FluxPipeline"}, "stays light"),
    "a child's program is imported": (
        {"library/a/b.py": "def f():\n    from .children import c", "library/a/children/c.py": "import torch"},
        "started, never imported",
    ),
    "a child's program is imported by a string": (
        {"library/a/b.py": "import_module('.children.c', __package__)", "library/a/children/c.py": "import torch"},
        "started, never imported",
    ),
    "a child's program imports something of ours": (
        {"library/a/children/c.py": "from ..b import d", "library/a/b.py": ""},
        "stands alone",
    ),
    "a child's program is not exempt from safety": (
        {"library/a/children/c.py": "a.from_pretrained(b, trust_remote_code=True)"},
        "trust_remote_code",
    ),
    "a file called like children is no program": ({"library/a/my_children.py": "import torch"}, "stays light"),
    "the pack's import leads to torch": (
        {"__init__.py": "from .nodes import a", "nodes/a.py": "", "nodes/__init__.py": "from torch import nn"},
        "importing it imports torch",
    ),
    "job.py needs a package": ({"trainer/job.py": "import numpy"}, "trainer/job.py leads here"),
    "what job.py imports needs a package": (
        {"trainer/job.py": "from .files import a", "trainer/files.py": "def f():\n    from psutil import g"},
        "trainer/job.py → trainer/files.py",
    ),
    "job.py's package needs a package": (
        {"trainer/job.py": "from .files import a", "trainer/files.py": "", "trainer/__init__.py": "import yaml"},
        "trainer/__init__.py:1",
    ),
    "a module reads os.environ": ({"web/a.py": "import os\nos.environ.get('A')"}, "only settings.py"),
    "a module imports getenv": ({"log.py": "from os import getenv"}, "only settings.py"),
    "eval": ({"nodes/a.py": "eval('1')"}, "calls eval"),
    "exec": ({"dev.py": "exec(text)"}, "calls exec"),
    "os.system": ({"bench/a.py": "os.system('ls')"}, "calls os.system"),
    "a shell": ({"trainer/a.py": "subprocess.run(text, shell=True)"}, "a shell"),
    "a shell that a variable turns on": ({"trainer/a.py": "subprocess.run(text, shell=wanted)"}, "a shell"),
    "an asyncio shell": ({"web/a.py": "asyncio.create_subprocess_shell(text)"}, "create_subprocess_shell"),
    "pip as a command": ({"install.py": "run([sys.executable, '-m', 'pip', 'install', 'a'])"}, "with pip"),
    "pip as a module": ({"install.py": "import pip"}, "no pip at run time"),
    "pickle": ({"trainer/a.py": "def f():\n    import pickle"}, "no pickles"),
    "torch.load as it comes": ({"trainer/a.py": "torch.load(path)"}, "weights_only=True"),
    "torch.load with code": ({"trainer/a.py": "torch.load(path, weights_only=False)"}, "weights_only=True"),
    "numpy with pickles": ({"trainer/a.py": "np.load(path, allow_pickle=True)"}, "allow_pickle"),
    "trust_remote_code": ({"trainer/a.py": "a.from_pretrained(b, trust_remote_code=True)"}, "trust_remote_code"),
}

GOOD = {
    "errors.py": "from dataclasses import dataclass",
    "settings.py": "import os\nimport folder_paths\nfrom . import errors\nos.environ.get('A')",
    "__init__.py": "from .nodes import train\nfrom .web import api",
    "__main__.py": "from loader import load_package\ndef train():\n    from isengard_run import x",
    "demo.py": "from .trainer import loop\nfrom .web import api",
    "nodes/train.py": "from comfy_api.latest import io\nfrom ..trainer import supervisor\nfrom ..library import photos",
    "web/api/__init__.py": "from ...library import photos\nfrom ...trainer.job import Job\nfrom .. import standalone",
    "web/standalone.py": "from aiohttp import web",
    "library/photos.py": "from ..errors import KINDS\nfrom ..trainer import job",
    "library/captions/children/florence2.py": "import torch\nfrom transformers import a",
    "trainer/__init__.py": "",
    "trainer/job.py": "import json, typing\nif typing.TYPE_CHECKING:\n    import numpy\nfrom . import states",
    "trainer/states.py": "from ..errors import KINDS",
    "trainer/supervisor.py": "import asyncio",
    "trainer/loop.py": "import torch\nfrom .families import load_family\nfrom .families.interface import Family",
    "trainer/families/__init__.py": "from importlib import import_module\nimport_module(NAMES[name], __package__)",
    "trainer/families/interface.py": "",
    "trainer/families/flux1.py": "from pickle import UnpicklingError\ntorch.load(path, weights_only=True)",
    "trainer/families/mini.py": "from .flux1 import Flux\nmodel.eval()",
    "trainer/backends/native/__init__.py": "from .loop import run",
    "trainer/backends/native/loop.py": "from ...families import load_family\nsubprocess.run(a, shell=False)",
    "generator/diffusers.py": "def f():\n    import torch",
    "bench/step.py": "from isengard.trainer.backends.native import loop\nimport os\nos.environ['A'] = '1'",
}


def test_the_pack_keeps_the_rules() -> None:
    """Every rule holds in every source of the pack."""
    assert "\n".join(violations(read_pack(ROOT))) == ""


def test_all_rooms_are_read() -> None:
    """The check sees the files it is for: at the root, in a room and deeper."""
    assert {"errors.py", "trainer/job.py", "trainer/families/interface.py"} <= read_pack(ROOT).keys()


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_found(breach: str) -> None:
    """Sources with one fault give that fault, in the file where it stands."""
    sources, complaint = BREACHES[breach]
    found = violations({path: textwrap.dedent(text) for path, text in sources.items()})
    assert len(found) >= 1, found
    assert any(complaint in problem for problem in found), found


def test_good_sources_are_left_alone() -> None:
    """What the design allows is not complained about."""
    assert violations(GOOD) == []


def test_a_complaint_names_file_line_and_reason() -> None:
    """A person who reads a complaint can go to the place and knows what is wrong."""
    assert violations({"library/photos.py": "import json\nimport torch\n"}) == [
        "library/photos.py: importing it imports torch (library/photos.py)",
        "library/photos.py:2: imports torch: library stays light",
    ]
