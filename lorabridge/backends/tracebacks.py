"""Tracebacks and last words: which line of a log tells why a process died, in which process, and where in the code.

Several processes may speak at once; each line of theirs then begins with `[rank0]: `. Each traceback gives one `error` event
with its final line. A launcher that only repeats that its child died gives none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lorabridge.backends.events import Event

_RANK = re.compile(r"\[(?:rank|default)(\d+)\]:? ?")
_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* (?:(?:stdout|stderr) [FP] )?")
_HEAD = "Traceback (most recent call last)"
_FRAME = re.compile(r'^\s+File "(.+?)", line (\d+)(?:, in (\S+))?')
_FINAL = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: (.*)|:)?$")
_NAME = re.compile(r"(?:^|\.)(?:[A-Z]\w*[a-z]\w*|error|timeout|gaierror)$")
_PLAIN = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt)): (.*)$")
_DIED = re.compile(r"died with <Signals\.(\w+): \d+>")
_STATUS = re.compile(r"returned non-zero exit status (-?\d+)")
_WRAPPERS = ("CalledProcessError", "ChildFailedError", "RemoteTraceback", "SystemExit", "ProcessRaisedException", "ProcessExitedException")
_SECONDARY = re.compile(
    r"DistBackendError|DistNetworkError|DistStoreError|Connection (?:closed by peer|reset)|ConnectionResetError|BrokenPipeError|EOFError|"
    r"ncclRemoteError|remote process exited|NCCL (?:communicator was aborted|timeout)|Watchdog caught collective"
)
_MEMORY = re.compile(
    r"OutOfMemoryError|(?:CUDA|HIP|XPU|MPS backend)[^\n]{0,20} out of memory|CUBLAS_STATUS_ALLOC_FAILED|not enough memory: you tried to allocate"
    r"|[Cc]an(?:'t|not) allocate memory|std::bad_alloc|\bMemoryError\b|\bOOM during"
)
FATAL = re.compile(
    r"^(?:Killed|Terminated|Bus error.*|Segmentation fault.*|Fatal Python error: .*|terminate called after throwing.*|Illegal instruction.*"
    r"|\S+: error: .+|(?:\S+: )?(?:line \d+: )?\S+: (?:command not found|No such file or directory)"
    r"|\S*python\S*: can't open file .*|\S*python\S*: No module named .*|\S*python\S*: Error while finding module specification.*)$"
)
"""Last words without a traceback: of the shell, of argparse, of the interpreter."""
STOPPING = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")


@dataclass(slots=True)
class _Open:
    """A traceback that has begun and not ended. `pending`: its final line announced more."""

    where: str = ""
    pending: str = ""
    name: str = ""


class Tracebacks:
    """Lines in; True and perhaps an event for those that belong to a traceback."""

    def __init__(self) -> None:
        self._open: dict[int | None, _Open] = {}
        self.status: str | None = None
        """How a launcher says that its child ended: an exit status or the name of a signal."""
        self.interrupted = False

    @property
    def busy(self) -> bool:
        """Whether a traceback is open."""
        return bool(self._open)

    def feed(self, line: str, out: list[Event]) -> bool:
        """Take a line; True when it was part of a traceback."""
        line = _STAMP.sub("", line)
        rank, body = _ranked(line)
        if _HEAD in body:
            self._flush(rank, out)
            self._open[rank] = _Open()
            return True
        frame = _FRAME.match(body)
        if frame and (rank in self._open or frame[3]):
            self._open.setdefault(rank, _Open()).where = f"{frame[1]}:{frame[2]}"
            return True
        if rank is not None and rank not in self._open and None in self._open:
            rank = None  # the head was printed before the process knew its rank
        return rank in self._open and self._inside(rank, body, out)

    def close(self, out: list[Event]) -> None:
        """The stream has ended."""
        for rank in list(self._open):
            self._flush(rank, out)

    def _flush(self, rank: int | None, out: list[Event]) -> None:
        """Let go of a traceback; what its final line announced never came."""
        opened = self._open.pop(rank, None)
        if opened is not None and opened.pending:
            self._tell(opened.name, opened.pending, opened.where, rank, out)

    def _inside(self, rank: int | None, body: str, out: list[Event]) -> bool:
        opened = self._open[rank]
        if opened.pending:
            if body.strip():
                del self._open[rank]
                self._tell(opened.name, f"{opened.pending} {body.strip()}", opened.where, rank, out)
            return True
        if body[:1] in (" ", "\t", "") or body.startswith(('"""', "  |", "+-", "During handling", "The above exception")):
            return True
        final = _FINAL.match(body.rstrip())
        if final is None or not (_NAME.search(final[1]) or (final[2] is None and "." in final[1])):
            return False
        if body.rstrip().endswith(":") and not any(word in final[1] for word in _WRAPPERS):
            opened.name, opened.pending = final[1], body.strip()
            return True
        del self._open[rank]
        self._tell(final[1], body.strip(), opened.where, rank, out)
        return True

    def _tell(self, name: str, text: str, where: str, rank: int | None, out: list[Event]) -> None:
        last = name.rpartition(".")[2]
        if last in _WRAPPERS:
            found = _DIED.search(text) or _STATUS.search(text)
            self.status = found[1] if found else self.status
            return
        if last in ("KeyboardInterrupt", "SignalException"):
            self.interrupted = True
            out.append(Event("info", text=text, code="interrupted", rank=rank))
            return
        out.append(Event("error", path=where or None, text=short(text), code=code_of(last, text), rank=rank))


def _ranked(line: str) -> tuple[int | None, str]:
    at = line.find("]", 0, 14)
    if at < 0 or not line.startswith(("[rank", "[default")):
        at = line.find("[rank")
        if at < 0 or _HEAD not in line:
            return None, line
        line = line[at:]
    match = _RANK.match(line)
    return (int(match[1][:9]), line[match.end() :]) if match else (None, line)


def code_of(name: str, text: str) -> str:
    """`oom`, `peer` (another process died first), or the name of the exception."""
    if out_of_memory(text):
        return "oom"
    return "peer" if _SECONDARY.search(text) else name


def out_of_memory(text: str) -> bool:
    """Whether a message tells of memory that was not there."""
    return bool(_MEMORY.search(text))


def plain_error(text: str) -> re.Match[str] | None:
    """`SomeError: message` without a traceback around it."""
    return _PLAIN.match(text)


def stopped_by(status: str | None) -> bool:
    """Whether a launcher's status tells that somebody asked the trainer to end."""
    return status in (*STOPPING, "-15", "-2", "-1", "-3", "130", "143", "129", "131", "241", "254")


def short(text: str, most: int = 600) -> str:
    """One line of bounded length."""
    one = " ".join(text.split())
    return one if len(one) <= most else one[: most - 1] + "…"
