"""The speed of recorded runs: their event logs, and whether their settings are those of the plan."""

from __future__ import annotations

import itertools
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from lorabridge.config.load import load
from lorabridge.config.paths import show, split_path
from lorabridge.families.resolve import Resolved, get, resolve

LEAST = 5
"""Steps that must have been timed: fewer say nothing."""
_LONGEST = 200 << 20
"""Bytes of an event log that are read at most."""
DECIDE = (
    "model.family",
    "model.variant",
    "model.dtype",
    "model.quantize.transformer",
    "train.batch_size",
    "train.gradient_accumulation",
    "train.mixed_precision",
    "adapter.type",
    "adapter.targets.layers",
    "adapter.text_encoder",
    "memory.gradient_checkpointing",
    "memory.checkpoint_offload",
    "memory.blocks_to_swap",
    "memory.layer_offload",
    "memory.attention",
    "memory.compile",
    "cache.latents.to",
    "cache.text.to",
    "hardware.device",
    "hardware.pipeline_stages",
    "preservation.type",
    "preservation.every",
)
"""Settings that decide how long a step takes; rank and optimizer hardly do. The datasets' sizes, frames and batches count too."""


@dataclass(frozen=True)
class Speed:
    """Seconds of one step: fast, over the whole run with its pauses, slow; seconds before the first step; how many steps were timed."""

    low: float
    mid: float
    high: float
    before: float
    steps: int
    source: str


def speeds(folders: Sequence[Path], resolved: Resolved, backend: str) -> list[Speed]:
    """The speeds of the runs below `folders` with the plan's settings, on this system. Folders that are no runs are passed over."""
    wanted = signature(resolved)
    return [speed for folder in _runs(folders) if _same(folder, wanted, backend) and (speed := speed_of(folder)) is not None]


def _runs(folders: Sequence[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for folder in folders:
        try:
            found = [folder, *sorted(item for item in folder.iterdir() if item.is_dir())]
        except OSError:
            continue
        for run in found:
            if run not in seen and (run / "events.jsonl").is_file():
                seen.add(run)
                yield run


def signature(resolved: Resolved) -> dict[str, str]:
    """What decides the speed, as text."""
    config = resolved.config
    found = {path: str(get(config, path)) for path in DECIDE}
    for index, data in enumerate(config.datasets):
        frames = (data.video.frames, data.video.extract) if data.video else ()
        found[show(split_path(f"datasets[{index}]"))] = f"{data.resolution} {data.batch_size} {frames} {len(data.control)} {data.bucket}"
    return found


def _same(folder: Path, wanted: dict[str, str], backend: str) -> bool:
    try:
        record = json.loads((folder / "plan.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(record, dict) or record.get("backend") != backend or record.get("system") != platform.platform():
        return False
    loaded = load(folder / "resolved.yaml", environ={})
    found = resolve(loaded.config, backend) if loaded.config is not None else None
    return isinstance(found, Resolved) and signature(found) == wanted


def speed_of(folder: Path) -> Speed | None:
    """The speed that a run's event log tells; None where too few steps were timed."""
    started: float | None = None
    stages: dict[Any, list[tuple[int, float]]] = {}
    for record in _records(folder / "events.jsonl"):
        at = record.get("time")
        if not isinstance(at, int | float):
            continue
        started = at / 1000 if started is None else started
        step = record.get("step")
        if record.get("event") == "progress" and isinstance(step, int) and step > 0:
            stages.setdefault(record.get("stage"), []).append((step, at / 1000))
    times = max(stages.values(), key=len, default=[])
    return _speed(_first_seen(times), started or 0.0, folder.name)


def _first_seen(times: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """When each step was first reported, as long as they rise: a resumed run counts to where it was cut."""
    found: list[tuple[int, float]] = []
    for step, at in times:
        if not found or (step > found[-1][0] and at >= found[-1][1]):
            found.append((step, at))
    return found


def _speed(times: list[tuple[int, float]], started: float, name: str) -> Speed | None:
    if len(times) < 2 or times[-1][0] - times[0][0] < LEAST:
        return None
    each = [(two[1] - one[1]) / (two[0] - one[0]) for one, two in itertools.pairwise(times)]
    whole = (times[-1][1] - times[0][1]) / (times[-1][0] - times[0][0])
    if whole <= 0:
        return None
    deciles = quantiles(each, n=10, method="inclusive") if len(each) > 1 else [whole, whole]
    before = max(0.0, times[0][1] - started - whole * times[0][0])
    return Speed(min(deciles[0], whole), whole, max(deciles[-1], whole), before, times[-1][0] - times[0][0], name)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            read = 0
            for line in file:
                read += len(line)
                if read > _LONGEST:
                    return
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    yield record
    except OSError:
        return


def together(found: Sequence[Speed]) -> Speed:
    """Several runs as one: the middle of their speeds, the fastest and the slowest of any."""
    source = found[0].source if len(found) == 1 else f"{len(found)} runs"
    return Speed(
        min(one.low for one in found),
        median(one.mid for one in found),
        max(one.high for one in found),
        median(one.before for one in found),
        sum(one.steps for one in found),
        source,
    )
