"""Presets: complete configs from a name, a family and a number of photos."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.trainer.config import FAMILIES, BaseFiles, TrainingConfig, config_from_dict
from isengard.trainer.presets import PRESETS, find_preset, preset_config

ROOT = Path(__file__).resolve().parents[2]
ALL = [(preset, family) for preset in PRESETS for family in FAMILIES]


def made(
    preset: str = "balanced", family: str = "flux1-dev", photos: int = 15, /, **overrides: object
) -> TrainingConfig:
    return preset_config(preset, family, photos, name="Ada", trigger_word="ohwx", class_word="woman", **overrides)


@pytest.mark.parametrize(("preset", "family"), ALL)
@pytest.mark.parametrize("photos", [1, 2, 5, 15, 30, 500])
def test_every_preset_gives_a_valid_config_for_any_number_of_photos(preset: str, family: str, photos: int) -> None:
    config = made(preset, family, photos)
    row = PRESETS[preset][family]
    assert (config.preset, config.family, config.name, config.trigger_word) == (preset, family, "Ada", "ohwx")
    assert row.fewest_steps <= config.steps <= row.most_steps
    assert config.alpha == config.rank
    assert config.save_every == config.sample_every, "every sample that is shown has its LoRA"
    assert config_from_dict(config.as_dict()) == config


@pytest.mark.parametrize(("preset", "family"), ALL)
def test_more_photos_never_mean_fewer_steps(preset: str, family: str) -> None:
    steps = [find_preset(preset, family).steps(photos) for photos in range(1, 101)]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]


@pytest.mark.parametrize("family", FAMILIES)
def test_presets_grow_from_quick_to_high_quality(family: str) -> None:
    configs = [made(preset, family) for preset in ("quick", "balanced", "high-quality")]
    assert configs[0].steps < configs[1].steps < configs[2].steps
    assert configs[0].rank <= configs[1].rank <= configs[2].rank
    assert configs[0].learning_rate >= configs[1].learning_rate >= configs[2].learning_rate


@pytest.mark.parametrize(("preset", "family"), ALL)
def test_every_preset_says_why_in_a_sentence(preset: str, family: str) -> None:
    row = find_preset(preset, family)
    assert row.title
    assert 40 < len(row.summary) < 300
    assert row.summary.endswith(".")


@pytest.mark.parametrize("family", FAMILIES)
def test_sample_prompts_test_likeness_obedience_and_drift(family: str) -> None:
    prompts = made("balanced", family).prompts
    assert len(prompts) == 4
    assert all("ohwx woman" in prompt for prompt in prompts[:3])
    assert "ohwx" not in prompts[3]
    assert "woman" in prompts[3]
    assert not any("{" in prompt for prompt in prompts)


def test_minis_prompts_use_only_words_of_its_world() -> None:
    from isengard.trainer.mini.captions import vocabulary

    known = {*vocabulary(), "ohwx"}
    for prompt in made("quick", "mini").prompts:
        unknown = {word for word in prompt.replace(",", " ").replace("-", " ").split() if word not in known}
        assert not unknown


def test_what_hangs_on_an_overridden_value_follows_it() -> None:
    config = made(steps=8, rank=4)
    assert (config.steps, config.rank, config.alpha) == (8, 4, 4)
    assert config.warmup_steps == 0
    assert config.save_every == config.sample_every == 1


def test_what_is_given_stays_as_it_is_given() -> None:
    config = made(
        steps=600, save_every=7, sample_every=0, warmup_steps=3, alpha=2.0, resolutions=[256],
        sample_prompts=["{trigger}!"], base=BaseFiles(transformer="flux.safetensors"),
    )  # fmt: skip
    assert (config.save_every, config.sample_every, config.warmup_steps, config.alpha) == (7, 0, 3, 2.0)
    assert config.resolutions == (256,)
    assert config.prompts == ("ohwx!",)
    assert config.base.transformer == "flux.safetensors"


def test_base_files_may_be_plain_values() -> None:
    assert made(base={"vae": "ae.safetensors"}).base == BaseFiles(vae="ae.safetensors")


@pytest.mark.parametrize("name", ["High Quality", "high_quality", "HIGH-QUALITY"])
def test_titles_are_found_like_names(name: str) -> None:
    assert find_preset(name, "mini").name == "high-quality"


def test_unknown_names_are_refused_together_with_the_nearest_known_one() -> None:
    with pytest.raises(IsengardError) as caught:
        find_preset("balancd", "flux1")
    assert caught.value.code == "CONFIG_INVALID"
    assert len(caught.value.details["problems"]) == 2
    assert "did you mean balanced?" in caught.value.message
    assert "did you mean flux1-dev?" in caught.value.message


def test_all_problems_of_overrides_are_reported_at_once() -> None:
    with pytest.raises(IsengardError) as caught:
        made(rank=0, steps="many", learning_rat=1e-3)
    problems = caught.value.details["problems"]
    assert any("rank must be 1–256" in problem for problem in problems)
    assert any("steps must be a whole number" in problem for problem in problems)
    assert any("did you mean learning_rate" in problem for problem in problems)
    assert len(problems) == 3


@pytest.mark.parametrize("nonsense", ["soon", None, [1], 2.5])
def test_a_warm_up_of_nonsense_is_one_of_the_problems(nonsense: object) -> None:
    """What would follow the number of steps stays as it was given."""
    with pytest.raises(IsengardError) as caught:
        made(warmup_steps=nonsense)
    assert [problem.split(",")[0] for problem in caught.value.details["problems"]] == [
        "warmup_steps must be a whole number"
    ]


@pytest.mark.parametrize(
    ("name", "said"), [("family", "chosen first"), ("preset", "chosen first"), ("photos", "not a")]
)
def test_what_a_preset_is_chosen_by_is_no_setting(name: str, said: str) -> None:
    with pytest.raises(IsengardError, match=said) as caught:
        made(**{name: "mini"})
    assert caught.value.code == "CONFIG_INVALID"


def test_presets_import_the_standard_library_only() -> None:
    """Other rooms read the presets, so that import must stay light."""
    code = (
        "import runpy, sys, pathlib; root = pathlib.Path(sys.argv[1]);"
        "runpy.run_path(str(root / 'loader.py'))['load_package'](root);"
        "import isengard.trainer.presets, isengard.trainer.plan, isengard.trainer.order;"
        "print(sorted({'torch', 'PIL', 'numpy', 'diffusers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True, check=True, timeout=240
    )
    assert done.stdout.strip() == "[]"
