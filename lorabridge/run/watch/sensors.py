"""Readings of GPUs and disks for the watchdogs: the only part of this folder that looks at the machine."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from lorabridge.run.watch.facts import DiskReading, GpuReading

_SLOWED = {0x08: "hardware slowdown", 0x20: "software thermal slowdown", 0x40: "hardware thermal slowdown", 0x80: "power brake"}
"""nvml.h, nvmlClocksEventReason*: those that cost speed and are no choice of the user. A power cap (0x04) is one."""
_LOST = ("NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_RESET_REQUIRED", "NVML_ERROR_GPU_NOT_FOUND")


class Sensors:
    """Reads the GPUs `indices` (NVML's numbers) and the disk of `folder`. Without NVML there are no readings of GPUs."""

    def __init__(self, indices: Sequence[int], folder: Path, nvml: Any = None) -> None:
        """`nvml` stands in for pynvml in tests."""
        self._folder = folder
        self._nvml = nvml or _loaded()
        self._indices = tuple(indices) if self._nvml is not None else ()
        self._lost = self._codes()

    def _codes(self) -> tuple[int, ...]:
        return tuple(getattr(self._nvml, name) for name in _LOST if hasattr(self._nvml, name))

    def read(self) -> list[GpuReading | DiskReading]:
        """One reading of everything; what cannot be read is left out."""
        found: list[GpuReading | DiskReading] = [self._gpu(index) for index in self._indices]
        with contextlib.suppress(OSError):
            found.append(DiskReading(shutil.disk_usage(self._folder).free))
        return found

    def _gpu(self, index: int) -> GpuReading:
        try:
            handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
            memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
        except Exception as error:
            return GpuReading(index, lost=getattr(error, "value", None) in self._lost)
        heat = self._ask("nvmlDeviceGetTemperature", handle, 0)
        load = self._ask("nvmlDeviceGetUtilizationRates", handle)
        mask = self._ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
        mask = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle) if mask is None else mask
        return GpuReading(
            index,
            used=int(memory.used),
            total=int(memory.total),
            utilization=None if load is None else int(load.gpu),
            temperature=None if heat is None else int(heat),
            throttled=tuple(name for bit, name in _SLOWED.items() if mask and mask & bit),
        )

    def _ask(self, name: str, *args: Any) -> Any:
        """One question; drivers answer not all."""
        with contextlib.suppress(Exception):
            return getattr(self._nvml, name)(*args)
        return None


def _loaded() -> Any:
    with contextlib.suppress(Exception):
        nvml = import_module("pynvml")
        nvml.nvmlInit()
        return nvml
    return None
