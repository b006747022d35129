"""The GPUs of this machine, by NVML where it is installed (`pip install nvidia-ml-py`). A machine without one is an ordinary machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Gpu:
    """One GPU. `index` is NVML's; `busy` are the processes that compute on it, whoever started them. Memory in bytes."""

    index: int
    name: str
    used: int
    total: int
    busy: tuple[int, ...] = ()


def gpus(nvml: Any = None) -> list[Gpu]:
    """All GPUs in NVML's order; none where there is no NVML, no driver or no GPU. `nvml` stands in for pynvml in tests."""
    found = nvml or _nvml()
    if found is None:
        return []
    try:
        found.nvmlInit()
    except Exception:
        return []
    try:
        return [_read(found, index) for index in range(found.nvmlDeviceGetCount())]
    except Exception:  # a GPU that fell off answers with an error of the driver
        return []
    finally:
        with contextlib.suppress(Exception):
            found.nvmlShutdown()


def _nvml() -> Any:
    with contextlib.suppress(ImportError):
        return import_module("pynvml")
    return None


def _read(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    name = nvml.nvmlDeviceGetName(handle)
    busy: tuple[int, ...] = ()
    with contextlib.suppress(Exception):  # not every driver tells
        busy = tuple(sorted(process.pid for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle)))
    return Gpu(index, name.decode() if isinstance(name, bytes) else str(name), int(memory.used), int(memory.total), busy)


def visible(found: Sequence[Gpu], environ: Mapping[str, str] | None = None) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES leaves, in its order. Names other than numbers (UUIDs, MIG) leave all."""
    said = (os.environ if environ is None else environ).get("CUDA_VISIBLE_DEVICES")
    if said is None:
        return list(found)
    words = [word.strip() for word in said.split(",") if word.strip()]
    if not all(word.lstrip("-").isdigit() for word in words):
        return list(found)
    by_index = {gpu.index: gpu for gpu in found}
    return [by_index[int(word)] for word in words if int(word) in by_index]
