"""Why a stage failed, in one sentence: from its log and from what its parser understood."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from lorabridge.run.view import StageView

_TAIL = 256 * 1024
_NEAR = 16 * 1024
_MEMORY = re.compile(
    r"(?:CUDA|HIP|MPS backend|XPU)[^\n]{0,20} out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|not enough memory: you tried to allocate"
    r"|can't allocate memory|Cannot allocate memory|std::bad_alloc|^MemoryError\b",
    re.IGNORECASE | re.MULTILINE,
)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_RANK = re.compile(r"^\s?\[(?:rank|default)\d+\]:\s?")
_FINAL = re.compile(r"^[A-Za-z_][\w.]*(?:: .*|:)?$")
_BAR = re.compile(r"\d+%\||\d+it \[")
_WRAPPERS = (
    "subprocess.CalledProcessError",
    "CalledProcessError",
    "torch.distributed.elastic",
    "ChildFailedError",
    "SystemExit",
    "KeyboardInterrupt",
)


def read_tail(log: Path) -> list[str]:
    """The last lines of a log as plain text; progress bars that overwrite each other become lines."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            data = file.read()
    except OSError:
        return []
    text = _ANSI.sub("", data.decode("utf-8", "replace")).replace("\r", "\n")
    return [_RANK.sub("", line).rstrip() for line in text.split("\n") if line.strip()]


def exceptions(lines: list[str]) -> list[str]:
    """The last line of each traceback, without those that only tell of an interrupt or of a child that failed."""
    found: list[str] = []
    inside = False
    for line in lines:
        if "Traceback (most recent call last):" in line:
            inside = True
        elif inside and _FINAL.match(line):
            inside = False
            if not line.startswith(_WRAPPERS):
                found.append(line)
    return found


def out_of_memory(lines: list[str]) -> bool:
    """Whether the end of the log, or an exception in it, tells of memory that was not there."""
    near = "\n".join(lines)[-_NEAR:]
    return bool(_MEMORY.search("\n".join(exceptions(lines))) or _MEMORY.search(near))


def cause_of(stage: StageView, code: int | None, lines: list[str]) -> str:
    """The sentence, without the stage and the log."""
    found = exceptions(lines)
    if found:
        return _short(found[-1])
    if stage.error:
        return _short(stage.error)
    if code is not None and code < 0:
        return _by_signal(-code)
    words = [line for line in lines if not _BAR.search(line)]
    return f"exit code {code}, last words: {_short(words[-1])}" if words else f"exit code {code}, and nothing was said"


def _by_signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = "; when nobody did it, the system was out of memory (`dmesg` tells)" if name == "SIGKILL" else ""
    return f"ended by {name} from outside{hint}"


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= 300 else one[:299] + "…"
