"""What the trainer says on standard output: one JSON object per line, flushed. No torch here.

Standard error carries free text. Every event has `event` and `time` (seconds since the epoch). Exit codes: 0 completed or
stopped on request, 2 the job file is not usable, 3 the training failed, 4 out of memory, 5 a loss was not finite.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, NotRequired, TypedDict

EXIT_OK, EXIT_JOB, EXIT_FAILED, EXIT_MEMORY, EXIT_DIVERGED = 0, 2, 3, 4, 5

ErrorCode = Literal["job", "failed", "out_of_memory", "not_finite"]


class Start(TypedDict):
    """Before the first step. `step` is where a resumed run begins; `parameters` counts trained numbers."""

    event: Literal["start"]
    name: str
    family: str
    device: str
    step: int
    total_steps: int
    total_epochs: int
    steps_per_epoch: int
    images: int
    modules: int
    parameters: int
    seed: int


class Cache(TypedDict):
    """`done` of `total` entries are ready; `computed` of them were made now, the rest found."""

    event: Literal["cache"]
    kind: Literal["latents", "prompts"]
    done: int
    total: int
    computed: int


class Progress(TypedDict):
    """After a step. `loss` is without the preservation part; `seconds` since training began in this process.

    `grad_norm` is the norm before clipping.
    """

    event: Literal["progress"]
    step: int
    total: int
    epoch: int
    loss: float
    lr: float
    grad_norm: float
    seconds: float
    preservation: NotRequired[float]


class Save(TypedDict):
    """A LoRA file is complete on disk."""

    event: Literal["save"]
    path: str
    step: int
    final: bool


class State(TypedDict):
    """A state folder is complete on disk."""

    event: Literal["state"]
    path: str
    step: int


class Sample(TypedDict):
    """A picture is complete on disk. `trigger` is false for the drawing without the trigger word."""

    event: Literal["sample"]
    path: str
    step: int
    index: int
    prompt: str
    trigger: bool


class Pause(TypedDict):
    """`paused` true: waiting for `.pause` to go away; false: going on."""

    event: Literal["pause"]
    paused: bool
    step: int


class Resume(TypedDict):
    """A state was loaded."""

    event: Literal["resume"]
    path: str
    step: int


class Warning(TypedDict):
    """Something that the person should know and that does not end the run."""

    event: Literal["warning"]
    code: str
    message: str


class Error(TypedDict):
    """The run ends; the exit code follows from `code`."""

    event: Literal["error"]
    code: ErrorCode
    message: str
    step: NotRequired[int]


class End(TypedDict):
    """The last line of a run that did not fail."""

    event: Literal["end"]
    step: int
    reason: Literal["completed", "stopped"]


Event = Start | Cache | Progress | Save | State | Sample | Pause | Resume | Warning | Error | End
Emit = Callable[[Event], None]


def emit_to_stdout(event: Mapping[str, Any]) -> None:
    """Write one event as a line. Numbers that JSON cannot say become null."""
    line = json.dumps({**event, "time": round(time.time(), 3)}, ensure_ascii=False, default=str, allow_nan=True)
    if "NaN" in line or "Infinity" in line:
        cleaned = {key: None if isinstance(value, float) and value - value != 0 else value for key, value in event.items()}
        line = json.dumps({**cleaned, "time": round(time.time(), 3)}, ensure_ascii=False, default=str)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def warn(emit: Emit, code: str, message: str) -> None:
    """Emit a warning."""
    emit({"event": "warning", "code": code, "message": message})
