"""The folder of one run: what lies where, and how it is written."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_RESERVE = 1 << 16


@dataclass(frozen=True)
class RunFolder:
    """The names inside a run folder; `path` is absolute."""

    path: Path

    @property
    def source(self) -> Path:
        """The user's file, byte by byte."""
        return self.path / "source.yaml"

    @property
    def resolved(self) -> Path:
        """The config with every open question answered."""
        return self.path / "resolved.yaml"

    @property
    def compiled(self) -> Path:
        """The trainer's own files."""
        return self.path / "compiled"

    @property
    def plan(self) -> Path:
        """The stages, the translation notes and what the run stands on."""
        return self.path / "plan.json"

    @property
    def held(self) -> Path:
        """The lock of the run: config, trainer, weights and data as they were when it began."""
        return self.path / "run.lock"

    @property
    def events(self) -> Path:
        """The event log."""
        return self.path / "events.jsonl"

    @property
    def state(self) -> Path:
        """Where the run stands; see `run.state`."""
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.path / ".supervisor.lock"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor itself says: nothing, unless lorabridge has a defect."""
        return self.path / "logs" / "supervisor.log"

    @property
    def reserve(self) -> Path:
        """Room for the last words on a full disk; given back when it is needed, or at the end."""
        return self.path / ".reserve"

    @property
    def output(self) -> Path:
        """What the trainer makes."""
        return self.path / "output"

    @property
    def curve(self) -> Path:
        """Loss and learning rate as a picture."""
        return self.path / "learning_curve.svg"

    @property
    def report(self) -> Path:
        """The page to look at."""
        return self.path / "report.html"

    def log(self, stage: str) -> Path:
        """The raw bytes of a stage."""
        return self.path / "logs" / f"{re.sub(r'[^A-Za-z0-9._-]', '_', stage)}.log"

    def create(self) -> None:
        """Make the folders. Raises FileExistsError when another run was quicker."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.mkdir()
        for part in (self.compiled, self.path / "logs", self.output):
            part.mkdir()
        self.reserve.write_bytes(b"\0" * _RESERVE)

    def request(self, name: str) -> Path:
        """The file by which somebody asks the run for something: `stop`, `pause`, `checkpoint`, `sample`."""
        return self.path / f".{name}"

    def spend_reserve(self) -> None:
        """Make room."""
        with contextlib.suppress(OSError):
            self.reserve.unlink()


def fresh(parent: Path, name: str, now: float) -> Iterator[RunFolder]:
    """Folders for a run that begins at `now`: `<name>-<date>-<time>`, then with `-2`, `-3`; the first that `create` can make is the run's."""
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"
    number = 1
    while True:
        yield RunFolder(parent / (stem if number == 1 else f"{stem}-{number}"))
        number += 1
