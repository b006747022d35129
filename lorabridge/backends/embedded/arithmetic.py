"""Steps, saves and the learning rate of the embedded trainer: the rules of `trainer/loop.py`, `data.py` and `optim.py`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from lorabridge.backends.outlook import Event, Native, Timeline, bounded, due, most_at_once
from lorabridge.backends.rates import Rate
from lorabridge.data.buckets import Bucketing


def timeline(native: Native, bucketing: Bucketing | None) -> Timeline:
    """The run of `job.json`. Without data a length in epochs stays open."""
    job = native.files["job.json"]
    train, scheduler = job["train"], job.get("scheduler", {})
    batch, accumulation = int(train.get("batch_size", 1)), int(train.get("gradient_accumulation", 1))
    per_epoch = _per_epoch(bucketing, batch, accumulation) if bucketing is not None else None
    steps = _steps(train["length"], per_epoch, batch * accumulation)
    events, notes = bounded(_events(job, steps, per_epoch)) if steps else ((), ())
    epochs = math.ceil(steps / per_epoch) if steps is not None and per_epoch else train["length"].get("epochs")
    whole = bucketing is not None and all(bucket.samples % (batch * accumulation) == 0 for bucket in bucketing.buckets)
    return Timeline(
        steps=steps,
        epochs=epochs,
        steps_per_epoch=per_epoch,
        per_step=(batch * accumulation if whole else 1, batch * accumulation),
        samples=_samples(bucketing, steps, per_epoch, batch * accumulation if whole else None),
        accumulation=accumulation,
        warmup=int(scheduler.get("warmup_steps", 0)),
        schedule=str(scheduler.get("type", "constant")),
        rate=_rate(scheduler, steps) if steps else None,
        events=events,
        kept=most_at_once(events, "checkpoint") if steps is not None else None,
        kept_states=most_at_once(events, "state") if steps is not None else None,
        notes=notes,
    )


def _per_epoch(bucketing: Bucketing, batch: int, accumulation: int) -> int:
    """Whole steps of each size, and steps gathered from what remains of all (trainer/data.py, `Order`)."""
    size = batch * accumulation
    whole = sum(bucket.samples // size for bucket in bucketing.buckets)
    left = sum(math.ceil(bucket.samples % size / batch) for bucket in bucketing.buckets)
    return whole + math.ceil(left / accumulation)


def _steps(length: Mapping[str, Any], per_epoch: int | None, per_step: int) -> int | None:
    if length.get("steps") is not None:
        return int(length["steps"])
    if length.get("samples") is not None:
        return max(1, math.ceil(int(length["samples"]) / per_step))
    return None if per_epoch is None else int(length["epochs"]) * per_epoch


def _samples(bucketing: Bucketing | None, steps: int | None, per_epoch: int | None, fixed: int | None) -> int | None:
    if steps is None or bucketing is None or not per_epoch:
        return None
    if fixed is not None:
        return steps * fixed
    return steps // per_epoch * bucketing.seen if steps % per_epoch == 0 else None


def _rate(scheduler: Mapping[str, Any], steps: int) -> Rate:
    """`rate_factor` of trainer/optim.py."""
    warmup, kind = int(scheduler.get("warmup_steps", 0)), scheduler.get("type", "constant")
    least = float(scheduler.get("min_lr_ratio", 0.0))

    def shape(done: float) -> float:
        if kind == "linear":
            return 1 - done
        if kind == "polynomial":
            return float((1 - done) ** scheduler.get("power", 2.0))
        within = done if kind == "cosine" else (done * scheduler.get("cycles", 1) % 1.0 if done < 1 else 1.0)
        return 0.5 * (1 + math.cos(math.pi * within))

    def rate(step: int) -> float:
        if step <= warmup:
            return step / warmup
        if kind == "constant":
            return 1.0
        return least + (1 - least) * shape(min(1.0, (step - 1 - warmup) / max(1, steps - 1 - warmup)))

    return rate


def _interval(every: Mapping[str, Any] | None, per_epoch: int | None) -> int | None:
    if not every:
        return None
    if every.get("steps") is not None:
        return int(every["steps"])
    return int(every["epochs"]) * per_epoch if per_epoch else None


def _events(job: Mapping[str, Any], steps: int, per_epoch: int | None) -> Iterator[Event]:
    """`_loop` and `_between`: the last step saves and draws at the end only."""
    save, sample, name = job.get("save", {}), job.get("sample", {}), job["name"]
    saving, drawing = _interval(save.get("every"), per_epoch), _interval(sample.get("every"), per_epoch)
    keep, state, prompts = save.get("keep_last"), save.get("state", True), bool(sample.get("prompts"))
    files: list[str] = []
    folders: list[str] = []
    if prompts and sample.get("at_start", True):
        yield Event(0, "sample")
    for step in due(steps, saving, drawing):
        if saving and step % saving == 0 and step < steps:
            yield Event(step, "checkpoint", f"{name}-{step:08d}.safetensors", _kept(files, f"{name}-{step:08d}.safetensors", keep))
        if state and (step == steps or (saving and step % saving == 0)):
            yield Event(step, "state", f"state/step-{step:08d}", _kept(folders, f"state/step-{step:08d}", keep))
        if step == steps:
            yield Event(steps, "checkpoint", f"{name}.safetensors")
        if prompts and ((drawing and step % drawing == 0 and step < steps) or (step == steps and _draws_at_end(sample, drawing, steps))):
            yield Event(step, "sample")


def _draws_at_end(sample: Mapping[str, Any], drawing: int | None, steps: int) -> bool:
    return bool(sample.get("at_end", True)) or bool(drawing and steps % drawing == 0)


def _kept(names: list[str], name: str, keep: int | None) -> tuple[str, ...]:
    """Adds a name and returns those that go."""
    names.append(name)
    gone = tuple(names[:-keep]) if keep is not None else ()
    del names[: len(gone)]
    return gone
