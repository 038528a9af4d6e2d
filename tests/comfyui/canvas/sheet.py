"""Lays nodes out as ComfyUI's canvas saves them: a recipe says what is connected, this says where it stands."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
_TITLE, _SLOT, _WIDGET, _TEXT, _GAP, _PAD = 30, 20, 24, 92, 60, 24
"""Heights in the canvas's pixels: a node's title, a slot, a widget, a text field; between nodes; inside a group."""
_FOOT = 40
"""What a group has below its last node: the newer canvas puts the pack's name there."""
_HEAD = 44
"""A group's title."""
_BETWEEN = 70
"""Between two groups side by side."""
_NOTE_WIDTH, _NOTE_LETTERS, _NOTE_LINE = 460, 82, 15
"""Of a note: letters that fit side by side, and what a line is high."""
_NOTE = {"color": "#432", "bgcolor": "#653"}


class Out(NamedTuple):
    """An output of a node that stands on the sheet."""

    node: Placed
    name: str


@dataclass(eq=False)
class Placed:
    """A node on the sheet; `node["name"]` is one of its outputs."""

    id: int
    type: str
    title: str
    width: int
    height: int
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    values: list[Any]
    models: list[dict[str, str]]
    colours: dict[str, str] = field(default_factory=dict)
    at: tuple[int, int] = (0, 0)

    def __getitem__(self, output: str) -> Out:
        return Out(self, output)

    def saved(self, order: int) -> dict[str, Any]:
        """As it stands in the file."""
        named = {"title": self.title} if self.title else {}
        offered = {"models": self.models} if self.models else {}
        return {
            "id": self.id, "type": self.type, **named, "pos": list(self.at), "size": [self.width, self.height],
            "flags": {}, "order": order, "mode": 0, "inputs": self.inputs, "outputs": self.outputs,
            "properties": {"Node name for S&R": self.type, **offered}, "widgets_values": self.values, **self.colours,
        }  # fmt: skip


class Sheet:
    """One workflow. Groups stand side by side, each with a column of nodes or several."""

    def __init__(self, name: str, known: dict[str, Any]) -> None:
        self.name, self._known = name, known
        self._nodes: list[Placed] = []
        self._links: list[list[Any]] = []
        self._groups: list[dict[str, Any]] = []
        self._right, self._row = 0, 0

    def note(self, text: str) -> None:
        """What to do, at the left."""
        lines = sum(1 + len(line) // _NOTE_LETTERS for line in text.splitlines())
        note = self._add("MarkdownNote", "Read me", _NOTE_WIDTH, 60 + lines * _NOTE_LINE, [text])
        note.colours = _NOTE
        self._stand([[note]], 0)

    def node(
        self, type_: str, *, title: str = "", width: int = 320, height: int = 0,
        models: list[dict[str, str]] | None = None, **given: Any,
    ) -> Placed:  # fmt: skip
        """Adds a node. What is given for an input is its value, or the output that leads there."""
        about = self._known[type_]
        placed = self._add(type_, title, width, 0, [])
        placed.models = models or []
        for name, kind, option in inputs_of(about):
            is_widget = kind in WIDGETS and not option.get("forceInput")
            if is_widget:
                placed.values += _saved_values(option, given.get(name))
            linked = given.pop(name, None)
            if isinstance(linked, Out) or not is_widget:
                marked = {"widget": {"name": name}} if is_widget else {}
                placed.inputs.append({"name": name, "type": kind, **marked, "link": None})
            if isinstance(linked, Out):
                self._link(linked, placed, len(placed.inputs) - 1)
        assert not given, f"{type_} has no {', '.join(given)}"
        placed.outputs = [
            {"name": name, "type": kind, "links": []}
            for name, kind in zip(about["output_name"], about["output"], strict=True)
        ]
        placed.height = max(height, _least_height(about, placed))
        return placed

    def group(self, title: str, *columns: list[Placed], below: bool = False, colour: str = "#3f789e") -> None:
        """Puts a titled frame around nodes, to the right of what stands there, or under the last group."""
        if below:
            last = self._groups[-1]["bounding"]
            self._right, self._row = last[0], last[1] + last[3] + _GAP
        else:
            self._row = 0
        left, top = self._right, self._row
        right, bottom = self._stand([list(column) for column in columns], top + _HEAD, inside=True)
        bounding = [left, top, right - left, bottom - top]
        self._groups.append({"id": len(self._groups) + 1, "title": title, "bounding": bounding, "color": colour,
                             "font_size": 24, "flags": {}})  # fmt: skip
        self._right = max(group["bounding"][0] + group["bounding"][2] for group in self._groups) + _BETWEEN

    def saved(self) -> dict[str, Any]:
        """The file. Its id is made of its name, so that the same recipe gives the same file."""
        return {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"isengard/workflows/{self.name}")), "revision": 0,
            "last_node_id": len(self._nodes), "last_link_id": len(self._links),
            "nodes": [node.saved(order) for order, node in enumerate(self._nodes)], "links": self._links,
            "groups": self._groups, "config": {}, "extra": {"ds": {"scale": 0.7, "offset": [130, 130]}}, "version": 0.4,
        }  # fmt: skip

    def _add(self, type_: str, title: str, width: int, height: int, values: list[Any]) -> Placed:
        placed = Placed(len(self._nodes) + 1, type_, title, width, height, [], [], values, [])
        self._nodes.append(placed)
        return placed

    def _link(self, source: Out, target: Placed, slot: int) -> None:
        names = [output["name"] for output in source.node.outputs]
        index, number = names.index(source.name), len(self._links) + 1
        kind = source.node.outputs[index]["type"]
        self._links.append([number, source.node.id, index, target.id, slot, kind])
        source.node.outputs[index]["links"].append(number)
        target.inputs[slot]["link"] = number

    def _stand(self, columns: list[list[Placed]], top: int, *, inside: bool = False) -> tuple[int, int]:
        """Places columns from the left; gives where they end, with the frame's margin if they are inside of one."""
        margin = _PAD if inside else 0
        left, lowest = self._right + margin, top
        for column in columns:
            at = top
            for node in column:
                node.at = (left, at + _TITLE)
                at += _TITLE + node.height + _GAP
            lowest = max(lowest, at - _GAP)
            left += max(node.width for node in column) + _GAP
        self._right = left - _GAP + margin + (0 if inside else _BETWEEN)
        return self._right, lowest + (_FOOT if inside else 0)


def inputs_of(about: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, kind and options of a node's inputs, in the order of its slots and widgets; lists are kind COMBO."""
    for group in ("required", "optional"):
        for name, (kind, *options) in about["input"].get(group, {}).items():
            listed = {"options": kind} if isinstance(kind, list) else {}
            yield name, "COMBO" if listed else kind, {**listed, **(options[0] if options else {})}


def extra_values(option: dict[str, Any]) -> list[Any]:
    """What the canvas saves behind a widget's own value: the rule for the next seed, the button of an upload."""
    follows = ["fixed"] if option.get("control_after_generate") else []
    return [*follows, "image"] if option.get("image_upload") else follows


def _saved_values(option: dict[str, Any], given: Any) -> list[Any]:
    first = next(iter(option.get("options", [])), "")
    value = option.get("default", first) if given is None or isinstance(given, Out) else given
    return [value, *extra_values(option)]


def _least_height(about: dict[str, Any], placed: Placed) -> int:
    slots = max(sum("widget" not in slot for slot in placed.inputs), len(placed.outputs))
    fields = [option for _, kind, option in inputs_of(about) if kind in WIDGETS and not option.get("forceInput")]
    texts = sum(bool(option.get("multiline")) for option in fields)
    rows = sum(1 + len(extra_values(option)) for option in fields) - texts
    return slots * _SLOT + rows * _WIDGET + texts * _TEXT + 14
