"""The run from its first step to its last: rhythm of saves and samples, requests from outside, resume."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from . import lora
from .control import CHECKPOINT, SAMPLE, Control
from .errors import TrainerError
from .events import Emit, Progress
from .families import Drawing
from .files import write_atomic
from .job import Every, Job
from .setup import Session, prepare, sample_prompts
from .state import newest_state, prune, read_state, state_folder, write_state
from .step import Outcome, train_step


def run(job: Job, emit: Emit) -> str:
    """Train a job; returns `completed` or `stopped`, which is also the reason in the last event.

    Raises:
        TrainerError: with what the person can do. Also DataError, NotFiniteError, and torch.OutOfMemoryError.
    """
    output = Path(job.output)
    output.mkdir(parents=True, exist_ok=True)
    control = Control(output)
    control.clear_stop()
    with control.signals():
        session = prepare(job, emit)
        step = _resume(session, emit)
        _start(session, step, emit)
        if step == 0 and job.sample.at_start:
            draw_samples(session, 0, emit)
        return _loop(session, control, step, emit)


def _loop(session: Session, control: Control, step: int, emit: Emit) -> str:
    job, total, began = session.job, session.total_steps, time.monotonic()
    session.denoiser.train()
    lora.activate(session.denoiser, session.adapters)
    while step < total:
        if control.paused and not control.stop:
            _pause(session, control, step, emit)
        if control.stop:
            save_checkpoint(session, step, emit, state=True)
            emit({"event": "end", "step": step, "reason": "stopped"})
            return "stopped"
        outcome = train_step(session, step)
        step += 1
        emit(_progress(session, outcome, step, round(time.monotonic() - began, 3)))
        _between(session, control, step, emit)
    save_checkpoint(session, total, emit, state=job.save.state, final=True)
    if job.sample.at_end:
        draw_samples(session, total, emit)
    emit({"event": "end", "step": total, "reason": "completed"})
    return "completed"


def _progress(session: Session, outcome: Outcome, step: int, seconds: float) -> Progress:
    event: Progress = {
        "event": "progress",
        "step": step,
        "total": session.total_steps,
        "epoch": (step - 1) // session.order.steps_per_epoch + 1,
        "loss": outcome.loss,
        "lr": outcome.rate,
        "grad_norm": outcome.norm,
        "seconds": seconds,
    }
    if outcome.preservation is not None:
        event["preservation"] = outcome.preservation
    return event


def _between(session: Session, control: Control, step: int, emit: Emit) -> None:
    """What is due after a step that is not the last; the end of the run saves and draws by itself."""
    job, last = session.job, step >= session.total_steps
    asked = control.asked(CHECKPOINT)
    if (_due(job.save.every, step, session) or asked) and not last:
        save_checkpoint(session, step, emit, state=job.save.state or asked)
    control.done(CHECKPOINT)
    asked = control.asked(SAMPLE)
    if (_due(job.sample.every, step, session) or asked) and not (last and job.sample.at_end):
        draw_samples(session, step, emit)
    control.done(SAMPLE)


def _due(every: Every | None, step: int, session: Session) -> bool:
    if every is None:
        return False
    if every.steps is not None:
        return step % every.steps == 0
    assert every.epochs is not None
    return step % (every.epochs * session.order.steps_per_epoch) == 0


def _pause(session: Session, control: Control, step: int, emit: Emit) -> None:
    """Hold. What was reached is saved first: who pauses may also switch off."""
    if step > 0:
        save_checkpoint(session, step, emit, state=True)
    emit({"event": "pause", "paused": True, "step": step})
    control.hold()
    emit({"event": "pause", "paused": False, "step": step})


def _start(session: Session, step: int, emit: Emit) -> None:
    total, per_epoch = session.total_steps, session.order.steps_per_epoch
    emit(
        {
            "event": "start",
            "name": session.job.name,
            "family": session.family.name,
            "device": str(session.device),
            "step": step,
            "total_steps": total,
            "total_epochs": -(-total // per_epoch),
            "steps_per_epoch": per_epoch,
            "images": len({item.path for item in session.items}),
            "modules": len(session.modules),
            "parameters": sum(p.numel() for p in session.parameters.values()),
            "seed": session.job.train.seed,
        }
    )


def _resume(session: Session, emit: Emit) -> int:
    wanted = session.job.resume
    if wanted is None:
        return 0
    folder = newest_state(session.output) if wanted == "auto" else Path(wanted)
    if folder is None:
        return 0
    if not (folder / "state.json").is_file():
        raise TrainerError(f"resume: {folder} holds no complete state")
    step, scaler = read_state(folder, session.parameters, session.optimizer, session.average, session.marks)
    if scaler:
        session.scaler.load_state_dict(scaler)
    emit({"event": "resume", "path": str(folder), "step": step})
    return step


@contextmanager
def _as_delivered(session: Session) -> Iterator[None]:
    """The LoRA as it is saved and drawn: averaged if there is an average."""
    if session.average is None:
        yield
    else:
        with session.average.swapped(session.parameters):
            yield


def save_checkpoint(session: Session, step: int, emit: Emit, state: bool, final: bool = False) -> None:
    """Write the LoRA file, and with `state` the state; remove what `keep_last` lets go."""
    job = session.job
    name = f"{job.name}.safetensors" if final else f"{job.name}-{step:08d}.safetensors"
    path = session.output / name
    with _as_delivered(session):
        lora.save(session.family, session.pipe, session.denoiser, path, dtype=job.save.dtype, metadata=_header(session, step))
    emit({"event": "save", "path": str(path), "step": step, "final": final})
    if state:
        folder = state_folder(session.output, step)
        scaler: dict[str, Any] = session.scaler.state_dict()
        write_state(folder, step, session.parameters, session.optimizer, session.average, scaler=scaler, marks=session.marks)
        emit({"event": "state", "path": str(folder), "step": step})
    prune(sorted(session.output.glob(f"{job.name}-{'[0-9]' * 8}.safetensors")), job.save.keep_last)
    prune(sorted((session.output / "state").glob(f"step-{'[0-9]' * 8}")), job.save.keep_last)


def _header(session: Session, step: int) -> dict[str, str]:
    adapter, model = session.job.adapter, session.job.model
    # a folder of this machine says nothing elsewhere, its last part does
    base = Path(model.path).name if Path(model.path).exists() else model.path
    return {
        "lorabridge_family": session.family.name,
        "lorabridge_name": session.job.name,
        "lorabridge_step": str(step),
        "lorabridge_rank": str(adapter.rank),
        "lorabridge_alpha": str(adapter.alpha if adapter.alpha is not None else adapter.rank),
        "lorabridge_base": base if model.revision is None else f"{base}@{model.revision}",
        "lorabridge_trigger": session.job.trigger or "",
    }


def draw_samples(session: Session, step: int, emit: Emit) -> None:
    """Draw every prompt with the LoRA as it is; training goes on afterwards as if nothing had been drawn."""
    job, denoiser = session.job, session.denoiser
    settings = job.sample
    drawing = Drawing(settings.width, settings.height, settings.steps, settings.guidance, settings.seed)
    lora.activate(denoiser, [lora.TRAINED])
    denoiser.eval()
    devices = [session.device] if session.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices), torch.no_grad(), session.autocast(), _as_delivered(session):
            for index, text, has_trigger in sample_prompts(job):
                picture = session.family.draw(session.pipe, session.prompt(text), session.prompt(settings.negative), drawing)
                path = session.output / "samples" / f"step-{step:08d}-{index:02d}.png"
                write_atomic(path, partial(picture.save, format="PNG"))
                emit(
                    {
                        "event": "sample",
                        "path": str(path),
                        "step": step,
                        "index": index,
                        "prompt": text,
                        "trigger": has_trigger,
                    }
                )
    finally:
        denoiser.train()
        lora.activate(denoiser, session.adapters)
