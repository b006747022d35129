"""Steps, saves and the learning rate as musubi-tuner counts them.

Read at commit 30c658c; TB is training/trainer_base.py, TU utils/train_utils.py, SP training/sampling_prompts.py. Several processes: accelerate
shards the batches and repeats the first ones where they do not come out even, so each process has the same number (TB:1796).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lorabridge.backends import rates
from lorabridge.backends.outlook import Event, Native, Timeline, bounded, due, most_at_once
from lorabridge.data.buckets import Bucketing


def timeline(native: Native, bucketing: Bucketing | None) -> Timeline:
    """The run of `train.toml`. Without data only a length in steps is known."""
    train, processes = dict(native.files["train.toml"]), _processes(native)
    train["sample_prompts"] = "--sample_prompts" in native.stages.get("train", ())
    accumulation = int(train.get("gradient_accumulation_steps", 1))
    batches = bucketing.batches if bucketing else None
    per_epoch = _per_epoch(batches, processes, accumulation) if batches is not None else None
    steps = _steps(train, batches, processes, accumulation)
    epochs = math.ceil(steps / per_epoch) if steps is not None and per_epoch else _asked_epochs(train)
    events, notes = bounded(_events(train, steps, per_epoch, epochs)) if steps is not None else ((), ())
    warmup = _part(train.get("lr_warmup_steps", 0), steps, processes)
    return Timeline(
        steps=steps,
        epochs=epochs,
        steps_per_epoch=per_epoch,
        per_step=_per_step(native, bucketing, accumulation, processes),
        samples=_samples(bucketing, steps, per_epoch, accumulation, processes),
        accumulation=accumulation,
        processes=processes,
        warmup=math.ceil(warmup / processes) if warmup is not None else 0,
        schedule=str(train.get("lr_scheduler", "constant")),
        rate=_rate(train, steps, processes) if steps else None,
        events=events,
        kept=most_at_once(events, "checkpoint") if steps is not None else None,
        kept_states=most_at_once(events, "state") if steps is not None else None,
        notes=notes,
    )


def _processes(native: Native) -> int:
    return int(native.files.get("accelerate.yaml", {}).get("num_processes", 1))


def _per_epoch(batches: int, processes: int, accumulation: int) -> int:
    """Optimizer steps of one pass; the last of a pass may hold fewer batches (TB:1796)."""
    return math.ceil(math.ceil(batches / processes) / accumulation)


def _asked_epochs(train: Mapping[str, Any]) -> int | None:
    return int(train["max_train_epochs"]) if train.get("max_train_epochs") is not None else None


def _steps(train: Mapping[str, Any], batches: int | None, processes: int, accumulation: int) -> int | None:
    """TB:1640. Epochs go before steps where both are set."""
    epochs = _asked_epochs(train)
    if epochs is None:
        return int(train.get("max_train_steps", 1600))
    return None if batches is None else epochs * math.ceil(batches / processes / accumulation)


def _per_step(native: Native, bucketing: Bucketing | None, accumulation: int, processes: int) -> tuple[int, int]:
    """A step may be as small as one last partial batch, since a pass ends where its batches end."""
    tables = native.files["dataset.toml"].get("datasets", ())
    largest = max((int(table.get("batch_size", 1)) for table in tables), default=1) * accumulation * processes
    if bucketing is None or not bucketing.batches:
        return min(largest, processes), largest
    per_process = math.ceil(bucketing.batches / processes)
    smallest = min(bucket.partial or bucket.batch for bucket in bucketing.buckets)
    whole = all(not bucket.partial for bucket in bucketing.buckets) and len({bucket.batch for bucket in bucketing.buckets}) == 1
    if whole:
        return smallest * (per_process % accumulation or accumulation) * processes, largest
    return smallest * processes if processes == 1 else processes, largest


def _samples(bucketing: Bucketing | None, steps: int | None, per_epoch: int | None, accumulation: int, processes: int) -> int | None:
    """Exact for whole passes on one GPU, and for any number of steps when all batches are equally large."""
    if bucketing is None or steps is None or not per_epoch:
        return None
    passes, rest = divmod(steps, per_epoch)
    sizes = {bucket.batch for bucket in bucketing.buckets} | {bucket.partial for bucket in bucketing.buckets if bucket.partial}
    per_process = math.ceil(bucketing.batches / processes)
    if len(sizes) == 1:
        return (passes * per_process + min(per_process, rest * accumulation)) * processes * sizes.pop()
    return passes * bucketing.seen if not rest and processes == 1 else None


def _part(value: Any, steps: int | None, processes: int) -> float | None:
    """A float is a part of the schedule's steps, which are those of all processes together (TB:287)."""
    if isinstance(value, float):
        return int(value * steps * processes) if steps is not None else None
    return int(value or 0)


def _rate(train: Mapping[str, Any], steps: int, processes: int) -> rates.Rate:
    """The schedule moves once per process and step (accelerate/scheduler.py)."""
    curve = _curve(train, steps * processes, steps, processes)
    return lambda step: curve((step - 1) * processes)


def _curve(train: Mapping[str, Any], total: int, steps: int, processes: int) -> rates.Rate:
    name = str(train.get("lr_scheduler", "constant")).lower()
    warmup, decay = (_part(train.get(key, 0), steps, processes) or 0 for key in ("lr_warmup_steps", "lr_decay_steps"))
    cycles, least = train.get("lr_scheduler_num_cycles", 1), train.get("lr_scheduler_min_lr_ratio")
    curves: dict[str, Callable[[], rates.Rate]] = {
        "linear": lambda: rates.linear(warmup, total),
        "cosine": lambda: rates.cosine(warmup, total),
        "cosine_with_min_lr": lambda: rates.cosine(warmup, total, cycles / 2, least or 0.0),
        "cosine_with_restarts": lambda: rates.restarts(warmup, total, cycles),
        "polynomial": lambda: rates.polynomial(
            warmup, total, train.get("lr_scheduler_power", 1.0), float(train.get("learning_rate", 2e-6))
        ),
        "inverse_sqrt": lambda: rates.inverse_sqrt(warmup, train.get("lr_scheduler_timescale")),
        "warmup_stable_decay": lambda: rates.stable_then_decay(warmup, total - warmup - decay, decay, cycles / 2, least or 0.0),
        "rex": lambda: rates.reflected_exponential(int(warmup), total, 0.01 if least is None else least),
    }
    return curves.get(name, lambda: rates.constant(warmup))()


def _events(train: Mapping[str, Any], steps: int, per_epoch: int | None, epochs: int | None) -> Iterator[Event]:
    """In the order of the loop (TB:1998-2175). What happens by epochs is unknown without data."""
    name, state = train.get("output_name", "last"), bool(train.get("save_state"))
    if train.get("sample_prompts") and train.get("sample_at_first"):
        yield Event(0, "sample")
    every, sample = train.get("save_every_n_steps"), train.get("sample_every_n_steps") if train.get("sample_prompts") else None
    for step in due(steps, every, sample, per_epoch):
        if sample and step % sample == 0:
            yield Event(step, "sample")
        if every and step % every == 0:
            yield from _step_save(train, name, step, state)
        if per_epoch and (step % per_epoch == 0 or step == steps):
            yield from _epoch_end(train, name, step, math.ceil(step / per_epoch), epochs or 0, state)
    if state or train.get("save_state_on_train_end"):
        yield Event(steps, "state", f"{name}-state")
    yield Event(steps, "checkpoint", f"{name}.safetensors")


def _step_save(train: Mapping[str, Any], name: str, step: int, state: bool) -> Iterator[Event]:
    """The checkpoint `keep` steps back, rounded down to one that was saved, is deleted (TU:99-109)."""
    every, keep = train["save_every_n_steps"], train.get("save_last_n_steps")

    def gone(last: int | None, least: int) -> int | None:
        number = step - last - 1 if last is not None else -1
        number -= number % every
        return number if number >= least else None

    old = gone(keep, 0)
    yield Event(step, "checkpoint", f"{name}-step{step:08d}.safetensors", () if old is None else (f"{name}-step{old:08d}.safetensors",))
    if state:
        old = gone(train.get("save_last_n_steps_state") or keep, 1)
        yield Event(step, "state", f"{name}-step{step:08d}-state", () if old is None else (f"{name}-step{old:08d}-state",))


def _epoch_end(train: Mapping[str, Any], name: str, step: int, epoch: int, epochs: int, state: bool) -> Iterator[Event]:
    """The last epoch has no save of its own (TB:2142-2156); samples are made here too when the step is one for it (SP:131-143)."""
    every, keep = train.get("save_every_n_epochs"), train.get("save_last_n_epochs")
    if every and epoch % every == 0 and epoch < epochs:
        old = epoch - every * keep if keep is not None else -1
        yield Event(step, "checkpoint", f"{name}-{epoch:06d}.safetensors", () if old < 0 else (f"{name}-{old:06d}.safetensors",))
        if state:
            last = train.get("save_last_n_epochs_state") or keep
            old = epoch - every * last if last is not None else -1
            yield Event(step, "state", f"{name}-{epoch:06d}-state", () if old < 0 else (f"{name}-{old:06d}-state",))
    by_epoch, by_step = train.get("sample_every_n_epochs"), train.get("sample_every_n_steps")
    if train.get("sample_prompts") and ((by_epoch and epoch % by_epoch == 0) or (by_step and step % by_step == 0)):
        yield Event(step, "sample")
