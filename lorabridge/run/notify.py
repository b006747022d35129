"""Notifications: a command or a webhook is told when a run starts, ends, raises an alarm, or writes a LoRA.

Both are set in the environment of the run, so that no secret is in a config, a record or an argument list:

    LORABRIDGE_NOTIFY_COMMAND='["notify-send", "lorabridge"]'    a JSON list, no shell; the message is the last argument
    LORABRIDGE_NOTIFY_URL=https://hooks.example/xyz               gets the record as JSON by POST

A notifier never holds up a run: messages wait in a bounded queue for a thread of its own, each has ten seconds, and one that fails is
forgotten.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lorabridge.run.display import Display
from lorabridge.run.record import Record
from lorabridge.run.view import View, duration, latest, where

COMMAND, URL = "LORABRIDGE_NOTIFY_COMMAND", "LORABRIDGE_NOTIFY_URL"
_SECONDS = 10.0
_WAITING = 64
_LAST = 15.0


@dataclass(frozen=True)
class Hooks:
    """What is called: an argument list, a URL, either or both."""

    command: tuple[str, ...] = ()
    url: str = ""


def hooks_in(environ: Mapping[str, str]) -> Hooks:
    """The hooks that an environment names. Raises ValueError, with words for the user, for what cannot be used."""
    command: tuple[str, ...] = ()
    if said := environ.get(COMMAND, "").strip():
        try:
            parts = json.loads(said)
        except ValueError:
            parts = None
        if not isinstance(parts, list) or not parts or not all(isinstance(part, str) and part for part in parts):
            raise ValueError(f'{COMMAND} is a JSON list of strings, as in ["notify-send", "lorabridge"]; no shell is involved')
        command = tuple(parts)
    url = environ.get(URL, "").strip()
    if url and not url.startswith(("https://", "http://")):
        raise ValueError(f"{URL} is an http or https address")
    return Hooks(command, url)


def message(record: Record, view: View) -> str:
    """One line for a person; empty for what is not worth one."""
    name = view.name or "a run"
    match record["event"]:
        case "start":
            return f"{name} started"
        case "alarm":
            return f"{name}, {where(view)}: {record.get('text', '')} ({str(record.get('action', 'warn')).replace('_', ' ')})"
        case "save":
            return f"{name}, {where(view)}: saved {latest([record])}"
        case "end":
            cause = f": {record['cause']}" if record.get("cause") else ""
            return f"{name} {record.get('reason', 'ended')} at {where(view)} after {duration(view.seconds)}{cause}"
    return ""


class Notifier:
    """A display that tells others. `close` waits a little for what is under way, so that the last word goes out."""

    def __init__(self, hooks: Hooks, seconds: float = _SECONDS) -> None:
        self._hooks, self._seconds = hooks, seconds
        self._waiting: queue.Queue[tuple[str, Record] | None] = queue.Queue(maxsize=_WAITING)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def show(self, record: Record, view: View) -> None:
        """Tell it, if it is worth a message; never waits."""
        text = message(record, view)
        if text:
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait((text, record))

    def tick(self, view: View) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Send what waits, within its time."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=1.0)
        self._thread.join(min(_LAST, 2 * self._seconds))

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            text, record = item
            if self._hooks.command:
                call((*self._hooks.command, text), self._seconds)
            if self._hooks.url:
                post(self._hooks.url, {"text": text, "record": record}, self._seconds)


class Both:
    """Two displays as one."""

    def __init__(self, first: Display, second: Display) -> None:
        self._both = (first, second)

    def show(self, record: Record, view: View) -> None:
        """Pass on."""
        for display in self._both:
            display.show(record, view)

    def tick(self, view: View) -> None:
        """Pass on."""
        for display in self._both:
            display.tick(view)

    def close(self) -> None:
        """Pass on."""
        for display in self._both:
            display.close()


def notifying(display: Display, environ: Mapping[str, str]) -> Display:
    """`display`, and whoever the environment says is to be told. Hooks that cannot be used are refused before a run begins."""
    try:
        hooks = hooks_in(environ)
    except ValueError:
        return display
    return Both(display, Notifier(hooks)) if hooks != Hooks() else display


def call(argv: Sequence[str], seconds: float) -> bool:
    """Run a command, its output thrown away; whether it ended well in time."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def post(url: str, body: Mapping[str, object], seconds: float) -> bool:
    """POST JSON; whether it was taken in time."""
    import urllib.request  # costs memory that a supervisor without a webhook need not have

    data = json.dumps(body, ensure_ascii=False, default=str).encode()
    try:
        request = urllib.request.Request(url, data, {"Content-Type": "application/json", "User-Agent": "lorabridge"})
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return 200 <= int(answer.status) < 300
    except (OSError, ValueError):
        return False
