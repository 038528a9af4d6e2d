"""The extension that ComfyUI asks for its nodes: a new module with nodes is one line here."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import aspect, character, grid, mini, train, training_set

_MODULES = (character, training_set, train, grid, aspect, mini)


class IsengardExtension(ComfyExtension):
    """All nodes of the pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """See ComfyUI."""
        return [node for module in _MODULES for node in module.NODES]
