"""Where a run stands: a small file, replaced as a whole, that tells who works on it and what came of it."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from lorabridge.files import write_atomic
from lorabridge.run.folder import RunFolder
from lorabridge.run.system import Ident, ident, ident_of

Phase = Literal["prepared", "running", "paused", "ended"]
"""`prepared`: written down, not started. All else as it says; whether a `running` run still runs is for `settle` to find out."""


@dataclass(frozen=True)
class Trainer:
    """The process of a stage. `mark` is what its children carry in their environment."""

    process: Ident
    stage: str
    mark: str


@dataclass(frozen=True)
class State:
    """The contents of `state.json`. `since` is Unix milliseconds; `reason`, `code`, `cause` and `step` are those of the end."""

    phase: Phase = "prepared"
    since: int = 0
    supervisor: Ident | None = None
    trainer: Trainer | None = None
    gpus: tuple[int, ...] = ()
    reason: str = ""
    code: int | None = None
    cause: str = ""
    step: int | None = None

    def ended(self, since: int, reason: str, code: int, cause: str, step: int | None) -> State:
        """The state at the end."""
        return replace(self, phase="ended", since=since, trainer=None, reason=reason, code=code, cause=cause, step=step)


def write_state(folder: RunFolder, state: State) -> None:
    """Replace the state file; it is on the disk on return. Raises OSError."""
    write_atomic(folder.state, json.dumps(asdict(state), indent=1) + "\n")


def read_state(folder: RunFolder) -> State:
    """The state; one that cannot be read counts as `prepared`, and the event log tells the rest."""
    try:
        data = json.loads(folder.state.read_bytes())
    except (OSError, ValueError):
        return State()
    return _state(data) if isinstance(data, dict) else State()


def _state(data: dict[str, Any]) -> State:
    phase = data.get("phase")
    trainer = data.get("trainer") or {}
    leader = ident_of(trainer.get("process"))
    return State(
        phase if phase in ("prepared", "running", "paused", "ended") else "prepared",
        int(data.get("since") or 0),
        ident_of(data.get("supervisor")),
        Trainer(leader, str(trainer.get("stage", "")), str(trainer.get("mark", ""))) if leader else None,
        tuple(gpu for gpu in data.get("gpus") or () if isinstance(gpu, int)),
        str(data.get("reason") or ""),
        data.get("code"),
        str(data.get("cause") or ""),
        data.get("step"),
    )


class Keeper:
    """Keeps the state file of a run that this process supervises."""

    def __init__(self, folder: RunFolder, gpus: tuple[int, ...] = ()) -> None:
        self._folder = folder
        self._state = State(supervisor=ident(), gpus=gpus)

    def running(self) -> None:
        """The run has begun."""
        self._put(phase="running")

    def trains(self, pid: int, stage: str, mark: str) -> None:
        """A stage has begun as process `pid`."""
        self._put(phase="running", trainer=Trainer(ident(pid), stage, mark))

    def held(self, held: bool) -> None:
        """It is paused, or not."""
        phase: Phase = "paused" if held else "running"
        if phase != self._state.phase:
            with contextlib.suppress(OSError):  # the event log tells it too
                self._put(phase=phase)

    def ended(self, reason: str, code: int, cause: str, step: int | None) -> None:
        """The run is over."""
        self._state = self._state.ended(_now(), reason, code, cause, step)
        write_state(self._folder, self._state)

    def _put(self, **changes: Any) -> None:
        self._state = replace(self._state, since=_now(), **changes)
        write_state(self._folder, self._state)


def _now() -> int:
    return round(time.time() * 1000)
