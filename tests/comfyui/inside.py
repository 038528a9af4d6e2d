"""Runs a script as if it were part of ComfyUI: `python inside.py <ComfyUI's folder> <script> [arguments]`.

Standard library only; ComfyUI's own modules are first on the path, and its options say CPU before anything reads them.
"""

import runpy
import sys

folder, script = sys.argv[1:3]
sys.argv = [script, *sys.argv[3:]]
sys.path[0] = folder

from comfy.cli_args import args  # noqa: E402 (found through the path set above)

args.cpu = True
runpy.run_path(script, run_name="__main__")
