"""Steps, saves and the learning rate as diffusion-pipe counts them.

Read at commit 8f83dbf; TR is train.py, SV utils/saver.py. One optimizer step takes one global batch of one bucket, so an epoch has as many steps
as there are whole batches (TR:838). A falling schedule is as long as `epochs` says, whatever `max_steps` (TR:843-845).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from lorabridge.backends import rates
from lorabridge.backends.diffusion_pipe.buckets import data_parallel, gpus
from lorabridge.backends.outlook import Event, Native, Timeline, bounded, due, most_at_once
from lorabridge.data.buckets import Bucketing


def timeline(native: Native, bucketing: Bucketing | None) -> Timeline:
    """The run of `main.toml`. Without data only `max_steps` bounds it."""
    main = native.files["main.toml"]
    share, accumulation = data_parallel(native), int(main.get("gradient_accumulation_steps", 1))
    per_epoch = _per_epoch(native, bucketing, accumulation * share) if bucketing else None
    steps = _steps(main, per_epoch)
    epochs = math.ceil(steps / per_epoch) if steps is not None and per_epoch else (None if "max_steps" in main else max(1, main["epochs"]))
    events, notes = bounded(_events(main, steps, per_epoch, _global_batch(main) * accumulation * share)) if steps else ((), ())
    low, high = _per_step(native, bucketing, accumulation * share)
    warmup = int(main.get("warmup_steps", 0))
    return Timeline(
        steps=steps,
        epochs=epochs,
        steps_per_epoch=per_epoch,
        per_step=(low, high),
        samples=_samples(bucketing, steps, per_epoch, low, high),
        accumulation=accumulation,
        processes=gpus(native),
        warmup=0 if "force_constant_lr" in main else warmup,
        schedule="constant" if "force_constant_lr" in main else str(main.get("lr_scheduler", "constant")),
        rate=_rate(main, per_epoch) if steps else None,
        events=events,
        kept=most_at_once(events, "checkpoint") if steps is not None else None,
        kept_states=most_at_once(events, "state") if steps is not None else None,
        notes=(*notes, *_unforeseen(main)),
    )


def _per_epoch(native: Native, bucketing: Bucketing, pieces: int) -> int:
    """Whole global batches, less what `subsample_ratio` leaves out (utils/dataset.py:986)."""
    batches = sum(bucket.batches for bucket in bucketing.buckets) // pieces
    ratio = native.files["dataset.toml"].get("subsample_ratio")
    return int(batches * ratio) if ratio else batches


def _steps(main: Mapping[str, Any], per_epoch: int | None) -> int | None:
    """`epochs = 0` still trains one epoch (SV:139); `max_steps` is looked at after each step (TR:957)."""
    most = max(1, int(main["max_steps"])) if "max_steps" in main else None
    if per_epoch is None:
        return None if most is None or int(main["epochs"]) < most else most
    whole = max(1, int(main["epochs"])) * per_epoch
    return whole if most is None else min(most, whole)


def _global_batch(main: Mapping[str, Any]) -> int:
    sizes = main.get("micro_batch_size_per_gpu", 1)
    return int(sizes if isinstance(sizes, int) else sizes[0][1])


def _per_step(native: Native, bucketing: Bucketing | None, pieces: int) -> tuple[int, int]:
    if bucketing is not None:
        sizes = {bucket.batch for bucket in bucketing.buckets if bucket.batches} or {0}
    else:
        main = native.files["main.toml"]
        written = [main.get("micro_batch_size_per_gpu", 1), main.get("image_micro_batch_size_per_gpu")]
        sizes = {size for one in written if one is not None for size in ([one] if isinstance(one, int) else [pair[1] for pair in one])}
    return min(sizes) * pieces, max(sizes) * pieces


def _samples(bucketing: Bucketing | None, steps: int | None, per_epoch: int | None, low: int, high: int) -> int | None:
    if steps is None or (low != high and bucketing is None):
        return None
    if low == high:
        return steps * low
    return steps // per_epoch * bucketing.seen if bucketing and per_epoch and not steps % per_epoch else None


def _rate(main: Mapping[str, Any], per_epoch: int | None) -> rates.Rate | None:
    """torch's schedulers (TR:840-852). The warm-up begins at 1/N, and the fall after it is not shortened."""
    warmup, kind = int(main.get("warmup_steps", 0)), main.get("lr_scheduler", "constant")
    if kind != "constant" and per_epoch is None:
        return None
    total, lr = int(main.get("epochs", 1)) * (per_epoch or 0), float(main.get("optimizer", {}).get("lr", 1e-3))
    least = 1e-6 / lr

    def after(done: int) -> float:
        if kind == "linear":
            return 1 - min(done, total) / total if total else 1.0
        if kind == "cosine":
            return least + (1 - least) * 0.5 * (1 + math.cos(math.pi * done / total)) if total else 1.0
        return 1.0

    if "force_constant_lr" in main:
        return lambda step: 1.0
    if warmup <= 0:
        return lambda step: after(step - 1)
    return lambda step: 1 / warmup + (1 - 1 / warmup) * (step - 1) / warmup if step <= warmup else after(step - 1 - warmup)


def _unforeseen(main: Mapping[str, Any]) -> tuple[str, ...]:
    minutes = main.get("checkpoint_every_n_minutes")
    return (f"a training state each {minutes} minutes, none of them ever deleted, is not counted",) if minutes else ()


def _every(main: Mapping[str, Any], name: str, batch: int) -> int | None:
    """`…_examples` goes before `…_steps`, rounded down to whole global batches (TR:617-622)."""
    examples = main.get(f"{name}_every_n_examples")
    if examples:
        return int(examples) // batch or None
    return int(main.get(f"{name}_every_n_steps", 0) or 0) or None


def _events(main: Mapping[str, Any], steps: int, per_epoch: int | None, batch: int) -> Iterator[Event]:
    """In the order of the loop (TR:905-971): the end of an epoch before the step's own saves, and both at the end if not just done."""
    save, look = _every(main, "save", batch), _every(main, "eval", batch)
    watched = bool(main.get("eval_datasets"))
    if watched and main.get("eval_before_first_step", True):
        yield Event(0, "evaluation")
    stops = bool(per_epoch) and steps == max(1, int(main["epochs"])) * (per_epoch or 0)
    for step in due(steps, save, look if watched else None, per_epoch):
        epoch = step // per_epoch if per_epoch and step % per_epoch == 0 else None
        done = list(_epoch_saves(main, step, epoch)) if epoch else []
        yield from done
        if watched and ((look and step % look == 0) or (epoch and _hits(main, "eval_every_n_epochs", epoch))):
            yield Event(step, "evaluation")
        if not (step == steps and stops):
            done = [Event(step, "checkpoint", f"step{step}")] if save and step % save == 0 else []
            yield from done
        if step == steps:
            yield from _end(done, step, f"epoch{epoch}" if stops and epoch else f"step{step}")


def _hits(main: Mapping[str, Any], key: str, epoch: int) -> bool:
    return bool(main.get(key)) and epoch % int(main[key]) == 0


def _epoch_saves(main: Mapping[str, Any], step: int, epoch: int) -> Iterator[Event]:
    if _hits(main, "checkpoint_every_n_epochs", epoch):
        yield Event(step, "state", f"global_step{step}")
    if _hits(main, "save_every_n_epochs", epoch):
        yield Event(step, "checkpoint", f"epoch{epoch}")


def _end(done: list[Event], step: int, name: str) -> Iterator[Event]:
    if not any(event.kind == "state" for event in done):
        yield Event(step, "state", f"global_step{step}")
    if not any(event.kind == "checkpoint" for event in done):
        yield Event(step, "checkpoint", name)
