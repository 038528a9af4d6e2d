"""ComfyUI's door: nodes, routes and the folder with the panel's files."""

from .nodes import door
from .web import mounting

WEB_DIRECTORY = "./web/dist"
comfy_entrypoint = door.comfy_entrypoint

mounting.mount(
    door.routes(),
    mounting.Surroundings(address=door.address, on_network=door.on_network, folder=door.folder()),
    door.problem(),
)
