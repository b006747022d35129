"""Why a stage failed, in one sentence with the way out: from its log, from what its parser understood, and from the config."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabridge.backends.events import Event
from lorabridge.backends.outcome import root_of
from lorabridge.backends.tracebacks import Tracebacks, short
from lorabridge.backends.tracebacks import out_of_memory as says_memory
from lorabridge.run.causes import known
from lorabridge.run.view import StageView

_TAIL = 256 * 1024
_NEAR = 16 * 1024
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_BAR = re.compile(r"\d+%\||\d+it \[")
_RANK = re.compile(r"^\s?\[(?:rank|default)\d+\]:\s?")
_SHORTEST = 4


@dataclass(frozen=True)
class Cause:
    """Why: `text` is one sentence, `fix` the way out (empty where none is known), `name` the row of the table, `where` file:line."""

    text: str
    fix: str = ""
    name: str = ""
    where: str = ""


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
    return [line.rstrip() for line in text.split("\n") if line.strip()]


def raised(lines: Sequence[str]) -> list[Event]:
    """The exceptions of a log, without those of launchers and of interrupts."""
    traces, found = Tracebacks(), list[Event]()
    for line in lines:
        traces.feed(line, found)
    traces.close(found)
    return [event for event in found if event.event == "error"]


def exceptions(lines: Sequence[str]) -> list[str]:
    """Their last lines."""
    return [event.text or "" for event in raised(lines)]


def out_of_memory(lines: Sequence[str]) -> bool:
    """Whether the end of the log, or the exception that ended it, tells of memory that was not there."""
    found = raised(lines)
    near = "\n".join(lines)[-_NEAR:]
    return says_memory(near) or bool(found and says_memory(found[-1].text or ""))


def find_cause(stage: StageView, code: int | None, lines: Sequence[str], config: Any = None) -> Cause:
    """The cause of a failed stage. `config` is the config as data or as a model: a path in the error is looked up in it."""
    root = root_of(raised(lines))
    text = root.text if root is not None and root.text else stage.error or _without_traceback(code, lines)
    where = root.path or "" if root is not None else ""
    found = known(text) or (known(_by_signal(-code)) if code is not None and code < 0 and root is None else None)
    said = _said_where(config, text) if config is not None else ""
    if found is None or (root is None and code is not None and code < 0):  # a signal has its own words
        return Cause(short(text, 300) + said, found[2] if found else "", found[0].name if found else "", where)
    row, what, fix = found
    return Cause(f"{short(text, 300)} ({what}){said}", fix, row.name, where)


def cause_of(stage: StageView, code: int | None, lines: Sequence[str], config: Any = None) -> str:
    """One sentence, without the stage and the log: what happened, in the trainer's own words too, and the way out where it is known."""
    cause = find_cause(stage, code, lines, config)
    return f"{cause.text}; {cause.fix}" if cause.fix else cause.text


def _without_traceback(code: int | None, lines: Sequence[str]) -> str:
    if code is not None and code < 0:
        return _by_signal(-code)
    words = [_RANK.sub("", line) for line in lines if not _BAR.search(line)]
    return f"exit code {code}, last words: {short(words[-1], 300)}" if words else f"exit code {code}, and nothing was said"


def _by_signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = "; when nobody did it, the system was out of memory (`dmesg` tells)" if name == "SIGKILL" else ""
    return f"ended by {name} from outside{hint}"


def _said_where(config: Any, text: str) -> str:
    """The key of the config whose value stands in the error."""
    data = config.model_dump() if hasattr(config, "model_dump") else config
    hits = [(path, value) for path, value in _strings(data, "") if len(value) >= _SHORTEST and value in text]
    if not hits:
        return ""
    path, value = max(hits, key=lambda hit: len(hit[1]))
    return f"; the config says it at `{path}: {value}`"


def _strings(data: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _strings(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list | tuple):
        for index, value in enumerate(data):
            yield from _strings(value, f"{path}[{index}]")
    elif isinstance(data, str) and ("/" in data or "\\" in data or "." in data):
        yield path, data
