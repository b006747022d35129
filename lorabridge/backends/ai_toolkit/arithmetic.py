"""Steps, saves and the learning rate as ai-toolkit counts them.

Read at commit 27a03a91; BP is jobs/process/BaseSDTrainProcess.py, SC toolkit/scheduler.py. The loop counts from 0 and acts on a number after it was
trained: the checkpoint called 250 holds 251 steps (BP:2533-2716). It knows no epochs; batches are drawn in turn, over and over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from lorabridge.backends import rates
from lorabridge.backends.ai_toolkit.buckets import is_regularization
from lorabridge.backends.outlook import Event, Native, Timeline, bounded, due, most_at_once
from lorabridge.data.buckets import Bucketing


def timeline(native: Native, bucketing: Bucketing | None) -> Timeline:
    """The run of `job.yaml`. Steps and saves do not depend on the data."""
    config = native.files["job.yaml"]["config"]
    process = config["process"][0]
    train = process.get("train", {})
    steps, accumulation = int(train.get("steps", 1000)), int(train.get("gradient_accumulation", 1))
    ordinary = steps - _regular_steps(process, steps)
    batches = _batches(process, bucketing)
    epochs = ordinary * accumulation / batches if batches else None
    events, notes = bounded(_events(process, str(config.get("name", "")), steps))
    return Timeline(
        steps=steps,
        epochs=math.ceil(epochs) if epochs is not None else None,
        steps_per_epoch=_plain(batches / accumulation) if batches else None,
        per_step=_per_step(process, accumulation),
        samples=_samples(process, steps, accumulation),
        accumulation=accumulation,
        warmup=_warmup(train),
        schedule=str(train.get("lr_scheduler", "constant")),
        rate=_rate(train, steps),
        events=events,
        kept=most_at_once(events, "checkpoint"),
        kept_states=most_at_once(events, "state"),
        notes=notes,
    )


def _plain(value: float) -> float:
    return int(value) if value == int(value) else value


def _batches(process: Mapping[str, Any], bucketing: Bucketing | None) -> int | None:
    """Batches of one pass over what is not for regularization. Without buckets all datasets are batched together (DL:768)."""
    if bucketing is None:
        return None
    tables = process.get("datasets", ())
    ordinary = [one for one in bucketing.buckets if not is_regularization(tables[one.datasets[0]])]
    if any(not tables[one.datasets[0]].get("buckets", True) for one in ordinary):
        return math.ceil(sum(one.samples for one in ordinary) / int(process.get("train", {}).get("batch_size", 1)))
    return sum(one.batches for one in ordinary)


def _regular_steps(process: Mapping[str, Any], steps: int) -> int:
    """Every second step is for regularization pictures where there are any, unless it saves or samples (BP:2569)."""
    if not any(is_regularization(table) for table in process.get("datasets", ())):
        return 0
    save, sample, start = _intervals(process)

    def acts(number: int) -> bool:
        return bool((save and number % save == 0) or (sample and number >= start and number % sample == 0))

    return sum(not acts(number) for number in range(0, steps, 2))


def _intervals(process: Mapping[str, Any]) -> tuple[int, int, int]:
    save = int(process.get("save", {}).get("save_every", 1000) or 0)
    sample = process.get("sample") or {}
    if not sample or process.get("train", {}).get("disable_sampling"):
        return save, 0, 0
    return save, int(sample.get("sample_every", 100) or 0), int(sample.get("sample_start_step", 0) or 0)


def _sizes(process: Mapping[str, Any]) -> set[int]:
    usual = int(process.get("train", {}).get("batch_size", 1))
    return {int(table.get("batch_size") or usual) for table in process.get("datasets", ())} or {usual}


def _per_step(process: Mapping[str, Any], accumulation: int) -> tuple[int, int]:
    sizes = _sizes(process)
    return min(sizes) * accumulation, max(sizes) * accumulation


def _samples(process: Mapping[str, Any], steps: int, accumulation: int) -> int | None:
    """Batches are always filled up, so a step's size is fixed where all datasets have one batch size."""
    sizes = _sizes(process)
    whole = all(table.get("buckets", True) for table in process.get("datasets", ()))
    return steps * accumulation * sizes.pop() if len(sizes) == 1 and whole else None


def _warmup(train: Mapping[str, Any]) -> int:
    if train.get("lr_scheduler") != "constant_with_warmup":
        return 0
    return int(train.get("lr_scheduler_params", {}).get("num_warmup_steps", 1000))


def _rate(train: Mapping[str, Any], steps: int) -> rates.Rate | None:
    """SC:6-60; the length is that of the run, whatever `total_iters` says (BP:2234)."""
    kind, given = train.get("lr_scheduler", "constant"), train.get("lr_scheduler_params", {})
    total, lr = steps, float(train.get("lr", 1e-4)) or 1.0
    least = float(given.get("eta_min", 0.0)) / lr

    def fall(done: int) -> float:
        return least + (1 - least) * 0.5 * (1 + math.cos(math.pi * done / total))

    if kind == "constant":
        return lambda step: 1.0
    if kind == "linear":
        first, last = given.get("start_factor", 1 / 3), given.get("end_factor", 1.0)
        return lambda step: first + (last - first) * min(step - 1, total) / total
    if kind == "cosine":
        return lambda step: fall(step - 1)
    if kind == "cosine_with_restarts":
        return lambda step: fall_in_cycles(step - 1, total, int(given.get("T_mult", 1)), least)
    warmed = rates.constant(_warmup(train))
    return (lambda step: warmed(step - 1)) if kind == "constant_with_warmup" else None


def fall_in_cycles(done: int, first: int, growth: int, least: float) -> float:
    """Cosine falls of `first` steps, each `growth` times as long as the one before."""
    length = first
    while done >= length:
        done -= length
        length *= growth
    return least + (1 - least) * 0.5 * (1 + math.cos(math.pi * done / length))


def _events(process: Mapping[str, Any], name: str, steps: int) -> Iterator[Event]:
    """BP:2471-2822. Only numbered files are counted and deleted; `optimizer.pt` is one file, written again each time."""
    save, sample, start = _intervals(process)
    keep = int(process.get("save", {}).get("max_step_saves_to_keep", 5))
    drawing = bool(process.get("sample")) and not process.get("train", {}).get("disable_sampling")
    if drawing and not process.get("train", {}).get("skip_first_sample"):
        yield Event(0, "sample")
    written: list[str] = []
    for number in due(steps - 1, save or None, sample or None):
        if save and number and number % save == 0:
            written.append(f"{name}_{number:09d}.safetensors")
            gone = tuple(written[:-keep]) if keep else ()
            written = written[-keep:] if keep else written
            yield Event(number + 1, "checkpoint", written[-1], gone)
            yield Event(number + 1, "state", "optimizer.pt")
        if sample and number and number >= start and number % sample == 0:
            yield Event(number + 1, "sample")
    yield Event(steps, "checkpoint", f"{name}.safetensors")
    yield Event(steps, "state", "optimizer.pt")
    if drawing:
        yield Event(steps, "sample")
