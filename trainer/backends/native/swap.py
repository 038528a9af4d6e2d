"""Blocks whose frozen weights wait in the main memory and are brought to the device shortly before they are used.

Weights that never change need never travel back: a copy in one direction is all there is. Two places on the device
take turns: while one block computes, the next one is on its way, in forward and in backward order.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .... import log

_LOG = log.get("trainer.swap")
_PLACES = 2
_ALIGNED = 256


class Traffic(Protocol):
    """How copies and computing wait for each other."""

    def copy(self, target: Tensor, source: Tensor, *, after: Any) -> Any:
        """Begins a copy once what `after` stands for is done; returns what stands for its end."""

    def wait(self, copied: Any) -> None:
        """Lets what is computed from now on wait for a copy."""

    def computed(self) -> Any:
        """What stands for all that was computed so far."""


class NoStreams:
    """Where there are no streams, a copy is done when it is asked for."""

    def copy(self, target: Tensor, source: Tensor, *, after: Any) -> None:
        target.copy_(source)

    def wait(self, copied: Any) -> None:
        """Nothing is under way."""

    def computed(self) -> None:
        """Nothing is under way."""


class CudaStreams:
    """Copies run in a stream of their own; the host never waits."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._side = torch.cuda.Stream(device)

    def copy(self, target: Tensor, source: Tensor, *, after: Any) -> Any:
        if after is not None:
            self._side.wait_event(after)
        with torch.cuda.stream(self._side):
            target.copy_(source, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record(self._side)
        return copied

    def wait(self, copied: Any) -> None:
        torch.cuda.current_stream(self._device).wait_event(copied)

    def computed(self) -> Any:
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self._device))
        return event


@dataclass
class _Piece:
    """One frozen tensor of a block."""

    tensor: Tensor
    """The parameter or buffer itself, whose data is exchanged."""
    start: int
    size: int
    dtype: torch.dtype
    shape: torch.Size

    def inside(self, room: Tensor) -> Tensor:
        return room[self.start : self.start + self.size].view(self.dtype).view(self.shape)


@dataclass
class _Place:
    """Room for one block on the device."""

    room: Tensor
    holds: int = -1
    copied: Any = None
    free: Any = None
    """What stands for the end of the last computation with it."""
    in_use: bool = False
    """Whether something may have been computed with it since `free` was noted."""


@dataclass
class _Stored:
    """A block's weights in the main memory, in one piece."""

    room: Tensor
    pieces: list[_Piece] = field(default_factory=list)


class Swap:
    """`bring` a block before it computes; `left` when its forward or backward is over.

    A block that is swapped must be recomputed in the backward pass: what a forward pass keeps for its backward would
    point into room that belongs to another block by then.
    """

    def __init__(
        self,
        blocks: list[nn.Module],
        device: torch.device,
        first_backward: int,
        traffic: Traffic | None = None,
        *,
        pinned: bool = True,
    ) -> None:
        """`pinned`: whether the waiting weights' pages may be fixed in the main memory, which must have the room."""
        self._first_backward = first_backward
        """The first of the blocks that a backward pass needs."""
        self._traffic: Traffic = traffic or (CudaStreams(device) if device.type == "cuda" else NoStreams())
        self._stored = [_store(block) for block in blocks]
        for stored in self._stored if pinned and device.type == "cuda" else ():
            _pin(stored.room, device)
        largest = max(stored.room.numel() for stored in self._stored)
        count = min(_PLACES, len(blocks))
        self._places = [
            _Place(torch.empty(largest, dtype=torch.uint8, device=device), free=self._traffic.computed())
            for _ in range(count)
        ]
        self._expect(range(len(blocks)))

    @property
    def device_bytes(self) -> int:
        """Room on the device."""
        return sum(place.room.numel() for place in self._places)

    def bring(self, block: int) -> None:
        """Makes sure that a block's weights are on the device for what is computed next."""
        place = self._place_of(block)
        if place is None:
            place = min(self._places, key=lambda place: place.holds == self._last)
            self._load(block, place)
        self._traffic.wait(place.copied)
        place.in_use = True
        self._last = block

    def left_forward(self, block: int, *, backward_follows: bool) -> None:
        """A block's forward is over: others may use its room."""
        self._free(block)
        later: Iterable[int] = range(block + 1, len(self._stored))
        self._expect(chain(later, self._backwards(len(self._stored)) if backward_follows else (), self._again()))

    def left_backward(self, block: int) -> None:
        """A block's backward is over."""
        self._free(block)
        self._expect(chain(self._backwards(block), self._again()))

    _last: int = -1
    """The block that was brought last."""

    def _again(self) -> range:
        return range(len(self._stored))

    def _backwards(self, above: int) -> range:
        return range(above - 1, self._first_backward - 1, -1)

    def _free(self, block: int) -> None:
        place = self._place_of(block)
        if place is not None:
            place.free, place.in_use = self._traffic.computed(), False

    def _expect(self, upcoming: Iterable[int]) -> None:
        """Sends for the blocks that come next, as many as there is room for."""
        wanted: list[int] = []
        for block in upcoming:
            if block not in wanted:
                wanted.append(block)
            if len(wanted) == len(self._places):
                break
        for block in wanted:
            if self._place_of(block) is None:
                self._load(block, next(place for place in self._places if place.holds not in wanted))

    def _load(self, block: int, place: _Place) -> None:
        if place.holds >= 0:
            before = self._stored[place.holds]
            for piece in before.pieces:
                piece.tensor.data = piece.inside(before.room)
        if place.in_use:  # nobody says when the first trained block's backward is over: all that was asked for so far
            place.free, place.in_use = self._traffic.computed(), False
        stored = self._stored[block]
        place.copied = self._traffic.copy(place.room[: stored.room.numel()], stored.room, after=place.free)
        place.holds = block
        for piece in stored.pieces:
            piece.tensor.data = piece.inside(place.room)

    def _place_of(self, block: int) -> _Place | None:
        return next((place for place in self._places if place.holds == block), None)


def _store(block: nn.Module) -> _Stored:
    """Moves a block's frozen tensors into one piece of the main memory; they are then views of it."""
    frozen = [tensor for tensor in (*block.parameters(), *block.buffers()) if not tensor.requires_grad]
    starts, total = [], 0
    for tensor in frozen:
        starts.append(total)
        total += -(-tensor.nbytes // _ALIGNED) * _ALIGNED
    stored = _Stored(torch.empty(total, dtype=torch.uint8))
    for tensor, start in zip(frozen, starts, strict=True):
        piece = _Piece(tensor, start, tensor.nbytes, tensor.dtype, tensor.shape)
        kept = piece.inside(stored.room)
        kept.copy_(tensor.detach())
        tensor.data = kept
        stored.pieces.append(piece)
    return stored


def _pin(room: Tensor, device: torch.device) -> None:
    """Fixes the pages where they are. torch's own pinned memory comes in powers of two: up to twice as much.

    Where the system refuses, copies are slower and nothing else: the first launch afterwards takes up the error that
    the refusal left behind.
    """
    refused = torch.cuda.cudart().cudaHostRegister(room.data_ptr(), room.numel(), 0)
    if int(refused):
        _LOG.warning(
            "the system did not fix the pages of swapped blocks; copies to the GPU are slower", code=int(refused)
        )
        with suppress(RuntimeError):
            torch.zeros(1, device=device)
