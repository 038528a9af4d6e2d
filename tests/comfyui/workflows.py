"""Turns a workflow as the canvas saves it into a prompt, as ComfyUI's frontend does when Run is pressed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isengard.tests.comfyui.canvas.sheet import WIDGETS, extra_values, inputs_of

_ON_THE_CANVAS_ONLY = ("MarkdownNote", "Note", "Reroute")


def as_prompt(workflow: dict[str, Any], object_info: dict[str, Any]) -> dict[str, Any]:
    """The prompt. Raises KeyError for a node that ComfyUI does not have, AssertionError for values that don't fit."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] in _ON_THE_CANVAS_ONLY:
            continue
        inputs = dict(_widget_values(node, object_info[node["type"]]))
        for slot in node["inputs"]:
            if slot.get("link") is not None:
                inputs[slot["name"]] = sources[slot["link"]]
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def _widget_values(node: dict[str, Any], known: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    values = list(node.get("widgets_values", []))
    for name, kind, option in inputs_of(known):
        if kind not in WIDGETS or option.get("forceInput"):
            continue
        assert values, f"{node['type']} has no value for {name}"
        yield name, values.pop(0)
        for follows in extra_values(option):
            assert values.pop(0) in (follows, "randomize", "increment", "decrement")
    assert values == [], f"{node['type']} has values left over: {values}"
