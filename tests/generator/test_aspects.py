"""The seven aspects are what their names say, and what the families' own samples use."""

from __future__ import annotations

import pytest

from isengard.generator.aspects import ASPECTS, SIZES, UNITS, size_of
from isengard.trainer.families import load_family
from isengard.trainer.mini.architecture import SHAPES


@pytest.mark.parametrize("family", SIZES)
def test_the_sizes_are_those_of_the_family(family: str) -> None:
    """One table in the light room, one beside the model: they agree."""
    assert SIZES[family] == tuple(load_family(family).sample_sizes())
    assert UNITS[family] == load_family(family).unit


@pytest.mark.parametrize("family", SIZES)
@pytest.mark.parametrize("aspect", ASPECTS)
def test_a_size_is_near_its_name(family: str, aspect: str) -> None:
    """Upright stays upright, and the shape is off by an eighth at most."""
    width, height = size_of(family, aspect)
    across, down = (int(part) for part in aspect.split(":"))
    assert width / height == pytest.approx(across / down, rel=0.125)
    assert width % UNITS[family] == height % UNITS[family] == 0


@pytest.mark.parametrize("aspect", ASPECTS)
def test_flux_gets_about_a_megapixel_in_multiples_of_64(aspect: str) -> None:
    """What FLUX.1 was trained on."""
    width, height = size_of("flux1-dev", aspect)
    assert width % 64 == height % 64 == 0
    assert width * height == pytest.approx(2**20, rel=0.04)


def test_the_embedded_model_is_asked_only_for_shapes_it_knows() -> None:
    """It was pretrained on these and paints patches at others."""
    assert set(SIZES["mini"]) <= set(SHAPES)
