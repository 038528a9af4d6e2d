"""How much of the body a picture shows, and where the head is turned, told from the face."""

from __future__ import annotations

import math

from .faces import Face
from .thresholds import limit

CLOSE_UP, HEAD_AND_SHOULDERS, HALF_BODY, FULL_BODY = "close-up", "head and shoulders", "half body", "full body"
FRAMINGS = (CLOSE_UP, HEAD_AND_SHOULDERS, HALF_BODY, FULL_BODY)
"""From near to far."""
FRONT, LEFT, RIGHT = "to the camera", "to the left", "to the right"
"""Left and right as one looks at the picture."""


def framing(face: Face) -> str:
    """How much of a standing person fits between the chin and the lower edge, in heights of the face.

    A body is some seven and a half heads tall, and what finders take for the face is about three quarters of a head.
    """
    below = (1 - face.top - face.height) / face.height
    if below < limit("framing_close_up"):
        return CLOSE_UP
    if below < limit("framing_shoulders"):
        return HEAD_AND_SHOULDERS
    return HALF_BODY if below < limit("framing_full_body") else FULL_BODY


def yaw(face: Face, width: int, height: int) -> float | None:
    """How far the nose is off the middle between the eyes, in distances between the eyes; above 0 to the right.

    0 looks into the camera; from about 0.5 on one half of the face is hidden. None without landmarks.
    """
    if face.landmarks is None:
        return None
    (x1, y1), (x2, y2), (x3, y3) = ((x * width, y * height) for x, y in face.landmarks[:3])
    apart = math.hypot(x2 - x1, y2 - y1)
    size = max(face.width * width, 1.0)
    if apart < 0.08 * size:  # the eyes are one behind the other: a profile
        return math.copysign(1.0, x3 - (x1 + x2) / 2)
    along = ((x3 - (x1 + x2) / 2) * (x2 - x1) + (y3 - (y1 + y2) / 2) * (y2 - y1)) / apart
    return round(max(-1.0, min(1.0, along / apart)), 3)


def pose(turned: float) -> str:
    """Where the head is turned, from its yaw."""
    if abs(turned) < limit("pose_turned"):
        return FRONT
    return RIGHT if turned > 0 else LEFT
