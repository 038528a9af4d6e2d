"""Looks at the GPU every few seconds, in a thread beside the loop."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

import torch

from ....errors import IsengardError
from ...reporter import Reporter

SECONDS = 5.0


class Monitor:
    """A context manager; without NVIDIA's library it tells nothing. `device_index` is torch's number of the GPU."""

    def __init__(self, reporter: Reporter, device_index: int | None) -> None:
        self._reporter = reporter
        self._index = device_index
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)

    def __enter__(self) -> Monitor:
        if self._index is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        assert self._index is not None
        name = unique_id(self._index)
        gpu = name if name and read_gpu(name) else self._index
        while not self._over.wait(SECONDS):
            reading = read_gpu(gpu)
            if reading is None:
                return
            try:
                self._reporter.emit("gpu", **reading)
            except IsengardError:  # a full disk: whoever trains meets it, too, and says so
                continue


def unique_id(index: int) -> str:
    """NVIDIA's own name of the GPU that torch gives this number; empty where torch is too old to tell.

    The library that tells loads and temperatures counts all GPUs of the machine in the order of their slots, torch
    those that it may see, the fastest first.
    """
    found = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    return f"GPU-{found}" if found else ""


def read_gpu(gpu: int | str) -> dict[str, Any] | None:
    """Name, load (0…1), memory (bytes), temperature (°C) and power (W) of a GPU; None without NVIDIA's library.

    A value that the GPU does not tell is None.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        by_name = pynvml.nvmlDeviceGetHandleByUUID
        handle = by_name(gpu) if isinstance(gpu, str) else pynvml.nvmlDeviceGetHandleByIndex(gpu)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        load = _ask(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
        power = _ask(lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000)
        temperature = _ask(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU))
        name = pynvml.nvmlDeviceGetName(handle)
        return {
            "name": name, "load": load, "memory_used": memory.used, "memory_total": memory.total,
            "temperature": temperature, "power": power,
        }  # fmt: skip
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def _ask(question: Any) -> float | None:
    import pynvml

    try:
        return float(question())
    except pynvml.NVMLError:
        return None
