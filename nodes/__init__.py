"""ComfyUI's nodes: thin. This room and settings.py alone know ComfyUI; `extension.py` lists the nodes."""
