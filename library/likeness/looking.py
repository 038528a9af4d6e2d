"""Turns pictures of people into vectors, in a process of its own: `python <pack folder> _face_vectors FOLDER`.

Lines of JSON: first `{"ready": true}`, or `{"missing": […]}` what can't be used; then for every `{"file": …}` a
`{"vector": [...]}` of unit length, or null where no face was found. The folder holds the face models.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ...errors import IsengardError
from ...media.pixels import decode, flat_rgb, read_bytes
from ...sentences import to_json
from ..report.faces import FaceFinder, face_finder

_LONG_SIDE = 1280
"""Pixels; a face is found and told as well in a picture of this size as in a larger one."""


def main(argv: list[str]) -> int:
    """Serves until standard input closes."""
    answers, sys.stdout = sys.stdout, sys.stderr
    faces = face_finder(Path(argv[0]))
    if not faces.embeds:
        print(json.dumps({"missing": [to_json(note) for note in faces.notes]}), file=answers, flush=True)
        return 0
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_look(faces, Path(json.loads(line)["file"]))), file=answers, flush=True)
    return 0


def _look(faces: FaceFinder, file: Path) -> dict[str, Any]:
    """The largest face's vector."""
    try:
        picture, _ = flat_rgb(decode(read_bytes(file), file, long_side=_LONG_SIDE))
    except IsengardError as problem:
        return {"vector": None, "problem": problem.code}
    found = faces.find(picture)
    return {"vector": list(found[0].embedding) if found and found[0].embedding else None}
