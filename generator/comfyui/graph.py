"""A graph that grows node by node, in the format that ComfyUI's queue takes, and what flows through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .offer import Offer, options

Link = tuple[str, int]
"""A node and the number of its output."""
Prompt = dict[str, dict[str, Any]]
"""ComfyUI's prompt format: node → class and inputs."""


@dataclass
class Graph:
    """Nodes under names that say what they are for."""

    offer: Offer
    nodes: Prompt = field(default_factory=dict)

    def add(self, name: str, node: str, title: str, **inputs: Any) -> Link:
        """Adds a node and gives its first output. What it needs and isn't given gets the node's own default: packs add
        inputs from version to version. What this version does not know is left out."""
        groups = self.offer.groups(node)
        known = {**groups["optional"], **groups["required"]}
        given = {key: _as_json(value) for key, value in inputs.items() if key in known}
        for key, declared in groups["required"].items():
            if key not in given and (default := _default(declared)) is not None:
                given[key] = default
        self.nodes[name] = {"class_type": node, "inputs": given, "_meta": {"title": title}}
        return name, 0


@dataclass
class Flow:
    """What one block leaves to the next."""

    model: Link = ("", 0)
    clip: Link = ("", 0)
    vae: Link = ("", 0)
    plain_model: Link = ("", 0)
    """The model with the characters' LoRAs and nothing else, for what is painted again afterwards."""
    words: Link = ("", 0)
    """The prompt alone, as conditioning."""
    positive: Link = ("", 0)
    """The prompt with all that steers beside it."""
    nothing: Link = ("", 0)
    """Empty conditioning, for nodes that ask for a negative prompt."""
    image: Link = ("", 0)


def output(link: Link, number: int) -> Link:
    """Another output of the same node."""
    return link[0], number


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _default(declared: Any) -> Any:
    """None for what only a link can give."""
    more = declared[1] if isinstance(declared, list | tuple) and len(declared) > 1 else {}
    if isinstance(more, dict) and "default" in more:
        return more["default"]
    found = options(declared)
    return found[0] if found else {"STRING": "", "BOOLEAN": False}.get(declared[0] if declared else "")
