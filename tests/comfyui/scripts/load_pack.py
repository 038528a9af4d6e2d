"""Runs in ComfyUI: loads the pack as ComfyUI does, and tells what that took and what it imported.

Argument: the pack's folder.
"""

import asyncio
import json
import sys
import time
from importlib import import_module

import_module("utils.install_util")  # first, as in main.py: later another `utils` is on the path
nodes, server = import_module("nodes"), import_module("server")

loop = asyncio.new_event_loop()
server.PromptServer(loop)
loop.run_until_complete(nodes.init_builtin_extra_nodes())
known = set(sys.modules)
wall, cpu = time.perf_counter(), time.process_time()
loaded = loop.run_until_complete(nodes.load_custom_node(sys.argv[1], module_parent="custom_nodes"))
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({"loaded": loaded, "wall": wall, "cpu": cpu, "new": sorted(set(sys.modules) - known)}))
