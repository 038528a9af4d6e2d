"""What the pack asks for and what development pins fit together, on every supported Python."""

from collections import Counter

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from isengard.tests.architecture.sources import ROOT

PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def read(name: str) -> list[Requirement]:
    """The requirements of a file; ComfyUI Manager reads line by line, so each is one and options are none."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_the_pack_never_asks_for_torch() -> None:
    """ComfyUI brings the torch that fits the machine."""
    names = {canonicalize_name(item.name) for item in read("requirements.txt")}
    assert names.isdisjoint({"torch", "torchvision", "torchaudio"})


def test_the_pack_asks_loosely() -> None:
    """Lower bounds only: the environment is shared with other packs."""
    for item in read("requirements.txt"):
        assert [bound.operator for bound in item.specifier] == [">="], item
        assert item.url is None


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_development_pins_each_package_once(python: str, platform: str) -> None:
    """One exact version for each package wherever we run, within what the pack asks for."""
    environment = {"python_version": python, "python_full_version": f"{python}.5", "sys_platform": platform}
    pins = [item for item in read("requirements-dev.txt") if item.marker is None or item.marker.evaluate(environment)]
    assert [name for name, count in Counter(canonicalize_name(pin.name) for pin in pins).items() if count > 1] == []
    versions = {}
    for pin in pins:
        (exact,) = pin.specifier
        assert exact.operator == "==", pin
        assert pin.url is None
        versions[canonicalize_name(pin.name)] = exact.version
    for item in read("requirements.txt"):
        assert versions[canonicalize_name(item.name)] in item.specifier
    assert "torch" in versions
