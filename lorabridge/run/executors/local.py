"""Runs on this machine, each under a supervisor of its own."""

from __future__ import annotations

from lorabridge.run.desk import write_request
from lorabridge.run.executors import Problem, Status
from lorabridge.run.folder import RunFolder
from lorabridge.run.settle import settle, supervised
from lorabridge.run.start import NoGpuError, StartError, start


class Local:
    """The executor of one machine."""

    def start(self, folder: RunFolder) -> Problem | None:
        """Start the supervisor. The lock of the run sees to it that there is only one."""
        try:
            start(folder)
        except NoGpuError as error:
            return Problem(str(error), later=True)
        except (StartError, OSError) as error:
            return Problem(str(error))
        return None

    def status(self, folder: RunFolder) -> Status:
        """What is true, even when the supervisor died."""
        if not folder.path.is_dir():
            return "gone"
        phase = settle(folder).phase
        if phase == "ended":
            return "ended"
        return "running" if phase != "prepared" or supervised(folder) else "waiting"

    def stop(self, folder: RunFolder, by: str) -> None:
        """Put the request on its desk."""
        write_request(folder, "stop", by)
