"""`python -m lorabridge.run.supervise RUN`: the process that owns a run, and the warden that outlives it.

The warden forks the supervisor before anything heavy is imported. It holds the lock of the run and the leases of its GPUs, adopts
every process below it that loses its parent, and waits: when the supervisor dies in whatever way, it ends what is left and writes
down what happened. Only then are the leases free.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lorabridge.run import system
from lorabridge.run.folder import RunFolder

if TYPE_CHECKING:
    from lorabridge.run.leases import Lease, Taken

EXIT_NO_GPU = 8
"""The GPUs that it wants are leased by others; the run was not begun."""
EXIT_TAKEN = 9
"""Somebody supervises this run already."""


def main(argv: list[str]) -> int:
    """Supervise the run folder that `argv` names."""
    folder = RunFolder(Path(argv[0]).absolute())
    held = system.lock(folder.lock)
    if held is None:
        return EXIT_TAKEN
    from lorabridge.run.leases import Taken

    lease = _lease(folder)
    if isinstance(lease, Taken):
        print(lease, file=sys.stderr)
        return EXIT_NO_GPU
    if not hasattr(os, "fork"):
        return _supervise(folder, lease)
    system.adopt_orphans()
    while True:
        code = _guarded(folder, lease)
        after = _following(folder)
        if after is None or (handle := system.lock(after.lock)) is None:
            return code
        os.close(held)  # only now: between the two locks nobody must take the next attempt for one that nobody supervises
        folder, held = after, handle


def _guarded(folder: RunFolder, lease: Lease) -> int:
    """Have a run supervised by a child, to its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        system.adopt_orphans()
        os._exit(_code(folder, lease))
    return _ward(folder, child)


def _following(folder: RunFolder) -> RunFolder | None:
    """The next attempt, which goes on with the GPUs that are leased: one that has ended with an out-of-memory may have one."""
    from lorabridge.run.state import read_state

    if read_state(folder).reason != "out of memory":
        return None
    from lorabridge.run.attempts import following

    return following(folder)


def _lease(folder: RunFolder) -> Lease | Taken:
    from lorabridge.run.gpus import gpus
    from lorabridge.run.leases import acquire, wish_of
    from lorabridge.run.places import lease_home

    wish = wish_of(folder)
    return acquire(lease_home(), wish, gpus() if wish.count else [], str(folder.path))


def _code(folder: RunFolder, lease: Lease) -> int:
    try:
        return _supervise(folder, lease)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 2


def _ward(folder: RunFolder, supervisor: int) -> int:
    """Wait for the supervisor, reaping what is orphaned; then see to it that the record is true and nothing is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            status = 0
            break
        if pid == supervisor:
            break
    from lorabridge.run.settle import settle_held

    code = os.waitstatus_to_exitcode(status)
    settle_held(folder, _how(code), warden=True)
    return max(code, 0)


def _how(code: int) -> str:
    if code >= 0:
        return f"the supervisor ended with code {code} before the run did"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the supervisor was ended by {name} from outside"


def _supervise(folder: RunFolder, lease: Lease) -> int:
    from lorabridge.run.supervisor import supervise

    return supervise(folder, lease)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
