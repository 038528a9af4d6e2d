"""Tiny networks with the inputs and outputs of YuNet and SFace, written byte by byte, which OpenCV runs like those.

The stand-in for YuNet sees a face wherever there is a red square of 32 × 32 pixels, the one for SFace sees colours.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

FACE_CELLS = 4
"""The face found around a red square is so many squares wide and high."""
MARKS = ((-0.8, -0.6), (0.8, -0.6), (0.0, 0.2), (-0.6, 1.0), (0.6, 1.0))
"""Eyes, nose and corners of the mouth, in squares from the middle of the red one."""
_FLOAT, _INT64 = 1, 7


def yunet() -> bytes:
    """A model file with YuNet's twelve outputs."""
    nodes: list[bytes] = []
    values: list[bytes] = []
    outputs: list[bytes] = []
    bias = {
        "obj": [1.0],
        "bbox": [0.5, 0.5, math.log(FACE_CELLS), math.log(FACE_CELLS)],
        "kps": [0.5 + shift for mark in MARKS for shift in mark],
    }
    for stride in (8, 16, 32):
        pooled = f"mean_{stride}"
        nodes.append(_node("AveragePool", ["input"], pooled, kernel_shape=[stride] * 2, strides=[stride] * 2))
        red = [-1 / 255, -1 / 255, 1 / 255] if stride == 32 else [0.0, 0.0, 0.0]
        heads = {"cls": (red, [0.0]), **{name: ([0.0] * 3 * len(row), row) for name, row in bias.items()}}
        for name, (weights, row) in heads.items():
            out = f"{name}_{stride}"
            values += [_floats(f"w_{out}", [len(row), 3, 1, 1], weights), _floats(f"b_{out}", [len(row)], row)]
            values.append(_integers(f"s_{out}", [1, -1, len(row)]))
            nodes.append(_node("Conv", [pooled, f"w_{out}", f"b_{out}"], f"c_{out}", kernel_shape=[1, 1]))
            nodes.append(_node("Transpose", [f"c_{out}"], f"t_{out}", perm=[0, 2, 3, 1]))
            nodes.append(_node("Reshape", [f"t_{out}", f"s_{out}"], out))
            outputs.append(_value(out, [1, (640 // stride) ** 2, len(row)]))
    return _model(nodes, values, [_value("input", [1, 3, 640, 640])], outputs)


def sface() -> bytes:
    """A model file that turns a face of 112 × 112 pixels into numbers, alike for faces of one colour."""
    nodes = [
        _node("AveragePool", ["data"], "mean", kernel_shape=[56, 56], strides=[56, 56]),
        _node("Conv", ["mean", "w", "b"], "differences", kernel_shape=[1, 1]),
        _node("Flatten", ["differences"], "fc1", axis=1),
    ]
    weights = [1.0, -1.0, 0.0, 0.0, 1.0, -1.0, -1.0, 0.0, 1.0]
    values = [_floats("w", [3, 3, 1, 1], weights), _floats("b", [3], [0.01, 0.01, 0.01])]
    return _model(nodes, values, [_value("data", [1, 3, 112, 112])], [_value("fc1", [1, 12])])


def _model(nodes: list[bytes], values: list[bytes], inputs: list[bytes], outputs: list[bytes]) -> bytes:
    graph = b"".join(_bytes(1, node) for node in nodes) + _bytes(2, b"made")
    graph += b"".join(_bytes(5, value) for value in values)
    graph += b"".join(_bytes(11, one) for one in inputs) + b"".join(_bytes(12, one) for one in outputs)
    return _number(1, 7) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _number(2, 11))


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: list[int] | int) -> bytes:
    body = b"".join(_bytes(1, name.encode()) for name in inputs) + _bytes(2, output.encode())
    body += _bytes(3, output.encode()) + _bytes(4, kind.encode())
    for name, value in attributes.items():
        if isinstance(value, int):
            body += _bytes(5, _bytes(1, name.encode()) + _number(3, value) + _number(20, 2))
        else:
            numbers = b"".join(_number(8, one) for one in value)
            body += _bytes(5, _bytes(1, name.encode()) + numbers + _number(20, 7))
    return body


def _floats(name: str, shape: list[int], numbers: Sequence[float]) -> bytes:
    return _tensor(name, shape, _FLOAT, struct.pack(f"<{len(numbers)}f", *numbers))


def _integers(name: str, numbers: list[int]) -> bytes:
    return _tensor(name, [len(numbers)], _INT64, struct.pack(f"<{len(numbers)}q", *numbers))


def _tensor(name: str, shape: list[int], kind: int, data: bytes) -> bytes:
    return b"".join(_number(1, side) for side in shape) + _number(2, kind) + _bytes(8, name.encode()) + _bytes(9, data)


def _value(name: str, shape: list[int]) -> bytes:
    sides = b"".join(_bytes(1, _number(1, side)) for side in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, _FLOAT) + _bytes(2, sides)))


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes((value & 127 | 128,))
        value >>= 7
    return out + bytes((value,))
