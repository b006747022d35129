"""Where runs are executed: this machine. Other places (clusters) would be other modules here, with the same three functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from lorabridge.run.folder import RunFolder

Status = Literal["waiting", "running", "ended", "gone"]
"""`waiting`: prepared and not started. `gone`: its folder is not there any more."""


@dataclass(frozen=True)
class Problem:
    """Why a run was not started; `later`: it may be tried again."""

    text: str
    later: bool = False


class Executor(Protocol):
    """Starts runs, tells about them, and ends them."""

    def start(self, folder: RunFolder) -> Problem | None:
        """Start a prepared run; returns why it cannot be, None when it was. Starting one twice starts it once."""

    def status(self, folder: RunFolder) -> Status:
        """What is true of the run now."""

    def stop(self, folder: RunFolder, by: str) -> None:
        """Ask it to end."""
