"""The generator that hands requests over to a ComfyUI, a prompt a picture."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ...errors import IsengardError
from ...sentences import Said, several
from ...trainer.job import BaseFiles
from ...trainer.pipelines import check_lora
from ..interface import Base, ComfyUIAt, Event, Readiness, filled_in
from ..request import TOGGLES, GenerationRequest
from . import bases, blocks, mini
from .blocks import lora
from .blocks.interface import Given
from .client import Client
from .graph import Prompt
from .listening import Ear
from .making import Making
from .offer import Offer, Offers
from .packs import PACKS, Pack

FAMILY = "flux1-dev"
GUIDES = "isengard"
"""Folder in ComfyUI's input folder for the pictures that steer."""
_NO_COMFYUI = Said(
    "comfyui.none",
    "There is no ComfyUI to ask: start one and set COMFYUI_URL to its address, for example http://127.0.0.1:8188.",
)
_ONLY_FLUX = Said(
    "comfyui.only_flux",
    "ComfyUI makes the pictures of FLUX.1; the embedded model has a generator of its own, “diffusers”.",
)


class ComfyUIGenerator:
    """Hands requests over to ComfyUI's queue, a prompt a picture, and fetches what comes of them."""

    name = "comfyui"
    own_queue = True

    def __init__(self, at: ComfyUIAt) -> None:
        self._client = Client(at)
        self._ear = Ear(self._client)
        self._offers = Offers(self._client, [*bases.NODES, *blocks.NODES])
        self._making = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._used = False

    def shares_device(self) -> bool:
        """Inside ComfyUI its own queue says what comes first."""
        return not self._client.at.inside and self._client.known and self._client.local

    async def readiness(self, family: str) -> dict[str, Readiness]:
        """From what ComfyUI says that it has."""
        offer, reason = await self._look() if family == FAMILY else (None, _ONLY_FLUX)
        if offer is None:
            return dict.fromkeys(("pictures", *TOGGLES), Readiness(ready=False, reason=reason))
        return {"pictures": await _of_base(offer), **blocks.readiness(offer)}

    async def packs(self) -> tuple[list[tuple[Pack, bool | None]], str]:
        """The packs that our graphs can use, each with whether ComfyUI has it; None and a reason if nobody knows."""
        offer, reason = await self._look()
        return [(pack, None) for pack in PACKS] if offer is None else [*blocks.packs_of(offer)], reason

    async def bases(self, family: str) -> list[Base]:
        """The FLUX.1 files that can be used at once."""
        if family != FAMILY or not self._client.known:
            return []
        try:
            found = await asyncio.to_thread(bases.find_all, await self._offers.look(), BaseFiles())
        except IsengardError:  # `readiness` says why
            return []
        return [files.as_base() for files in found if not files.lacks]

    async def complete(self, values: dict[str, Any]) -> dict[str, Any]:
        """The base model's files by ComfyUI's names, with steps and guidance that suit it."""
        self._check_known(str(values.get("family", FAMILY)))
        offer = await self._offers.look(0)
        base = await asyncio.to_thread(bases.choose, offer, BaseFiles(**(values.get("base") or {})))
        kept = filled_in(values, steps=base.kind.steps, guidance=base.kind.guidance)
        for toggle, setting in blocks.CHOSEN_BY.items():
            if isinstance(group := kept.get(toggle), dict):
                kept[toggle] = filled_in(group, **{setting: blocks.best_choice(offer, toggle)})
        return {**kept, "base": base.as_dict()}

    async def check(self, request: GenerationRequest) -> None:
        """Raises FEATURE_NOT_READY, MODEL_MISSING, LORA_NOT_SHARED, and what is wrong with a LoRA's file."""
        offer = await self._checked(request)
        for use in request.loras:
            await asyncio.to_thread(check_lora, Path(use.file), request.family)
        self._names_of_loras(offer, request)

    async def graph(self, request: GenerationRequest, *, upload: bool = True) -> Prompt:
        """The prompt for a request's first picture, to be opened on the canvas; files may be known by name alone.

        Raises FEATURE_NOT_READY, MODEL_MISSING, LORA_NOT_SHARED.
        """
        if request.family == "mini":
            return mini.graph_of(request)
        offer = await self._checked(request)
        given = await self._given(request, upload=upload)
        return blocks.compose(offer, given(0))

    async def run(
        self, request: GenerationRequest, folder: Path, cancelled: asyncio.Event, *, first: int = 0
    ) -> AsyncGenerator[Event, None]:
        """See the interface. All prompts are handed over at once: ComfyUI's queue shows and orders them."""
        self._making, self._used = self._making + 1, True
        self._idle.clear()
        try:
            await self.check(request)
            offer, given = await self._offers.look(), await self._given(request)
            graphs = {number: blocks.compose(offer, given(number)) for number in range(first, request.count)}
            making = Making(self._client, self._ear, request, folder)
            async with aclosing(making.make(graphs, cancelled)) as events:
                async for event in events:
                    yield event
        finally:
            self._making -= 1
            if not self._making:
                self._idle.set()
                await self._ear.close()

    async def rest(self) -> None:
        """Has a ComfyUI on this machine let go of its models, once nothing of ours runs there."""
        await self._idle.wait()
        if self._used and self.shares_device():
            self._used = False
            await self._client.free()

    async def close(self) -> None:
        """Ends the connections."""
        await self._ear.close()
        await self._client.close()

    async def _look(self) -> tuple[Offer | None, str]:
        """What is there, to be shown; or None, and why nobody knows."""
        if not self._client.known:
            return None, _NO_COMFYUI
        try:
            return await self._offers.look(), ""
        except IsengardError as problem:
            return None, several([problem.message, problem.hint])

    async def _checked(self, request: GenerationRequest) -> Offer:
        """What is there, after a look whether it suffices."""
        self._check_known(request.family)
        offer = await self._offers.look(0)
        if problems := list(blocks.problems(offer, request)):
            raise IsengardError("FEATURE_NOT_READY", several(problems), problems=problems)
        await asyncio.to_thread(bases.choose, offer, request.base)
        return offer

    def _check_known(self, family: str) -> None:
        if family != FAMILY or not self._client.known:
            reason = _ONLY_FLUX if family != FAMILY else _NO_COMFYUI
            raise IsengardError("FEATURE_NOT_READY", reason, problems=[reason])

    def _names_of_loras(self, offer: Offer, request: GenerationRequest) -> tuple[str, ...]:
        known = offer.choices(lora.LOADER, "lora_name")
        names = []
        for use in request.loras:
            file = Path(use.file)
            name = bases.of_name(known, f"{file.parent.name}/{file.name}")
            if not name:
                text = f"ComfyUI does not see the LoRA {file.name}."
                raise IsengardError("LORA_NOT_SHARED", Said("lora.not_shared", text, file=file.name))
            names.append(name)
        return tuple(names)

    async def _given(self, request: GenerationRequest, *, upload: bool = True) -> Callable[[int], Given]:
        """A function that gives picture n's `Given`; the pictures that steer are with ComfyUI then."""
        offer = await self._offers.look()
        base = await asyncio.to_thread(bases.choose, offer, request.base)
        names = self._names_of_loras(offer, request)
        pictures = {}
        for toggle in TOGGLES:
            if file := getattr(getattr(request, toggle), "image", ""):
                pictures[toggle] = await self._upload(Path(file)) if upload else f"{GUIDES}/{Path(file).name}"
        who = ", ".join(dict.fromkeys(use.character for use in request.loras if use.character)) or "Isengard"

        def given(number: int) -> Given:
            return Given(
                request=request, seed=request.seed + number, base=base, loras=names, pictures=pictures,
                title=f"{who}: picture {number + 1} of {request.count}",
            )  # fmt: skip

        return given

    async def _upload(self, file: Path) -> str:
        try:
            data = await asyncio.to_thread(file.read_bytes)
        except OSError as problem:
            raise IsengardError("GUIDE_MISSING", f"The picture {file.name} can't be read any more.") from problem
        return await self._client.upload(file.name, data, GUIDES)


async def _of_base(offer: Offer) -> Readiness:
    found = await asyncio.to_thread(bases.find_all, offer, BaseFiles())
    best = next(iter(found), None)
    gets = (bases.TRANSFORMER_GET,) if best is None else best.lacks
    return Readiness(ready=not gets, reason=bases.lacking(best), get=gets)
