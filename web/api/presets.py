"""Presets, and every setting of a training with its unit, range, default and a line of help."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ... import settings
from ...library import basemodels
from ...trainer.presets import PRESETS, describe_settings
from ..call import Call
from ..models import Family, Out, Query
from ..routing import Routes

routes = Routes("presets")


class PresetsQuery(Query):
    """Which base model."""

    family: Family | None = Field(default=None, description="The mode's default if it is left out.")


class PresetOut(Out):
    """One preset."""

    name: str
    title: str
    summary: str
    steps_for_20_photos: int
    settings: dict[str, Any] = Field(description="What it sets apart from the defaults.")


class SettingOut(Out):
    """One setting of a training."""

    name: str
    type: str
    default: Any
    help: str
    unit: str
    least: float | None
    most: float | None
    choices: list[str]


class PresetList(Out):
    """The presets of a family, and all settings."""

    family: str
    families: list[str]
    presets: list[PresetOut]
    settings: list[SettingOut]


@routes.get("/presets")
async def index(call: Call, query: PresetsQuery) -> PresetList:
    """Quick, Balanced and High Quality, and what else can be set."""
    family = query.family or settings.default_family()
    found = [named[family] for named in PRESETS.values()]
    return PresetList(
        family=family,
        families=list(basemodels.PARTS),
        presets=[
            PresetOut(
                name=preset.name, title=preset.title, summary=preset.summary, steps_for_20_photos=preset.steps(20),
                settings=preset.settings,
            )
            for preset in found
        ],
        settings=[SettingOut(**values) for values in describe_settings()],
    )  # fmt: skip
