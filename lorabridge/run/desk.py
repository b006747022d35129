"""Requests to a run: files in its folder, signals, watchdogs. Each is passed to the trainer in its own way, and what came of it is told."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lorabridge.backends.control import Ask, Control, Place, Refusal
from lorabridge.run.folder import RunFolder
from lorabridge.run.process import Patience, Process

Request = Literal["stop", "pause", "continue", "save", "sample"]
FILES: Mapping[Request, str] = {"stop": "stop", "pause": "pause", "save": "checkpoint", "sample": "sample"}
"""The file of each request, with a dot before it. `.pause` holds for as long as it is there; the others are taken and removed."""

_LOOK = 0.25
Tell = Callable[[str | None, Mapping[str, Any]], None]


@dataclass
class _Now:
    """The stage that runs. `own_until` and `save_until` are deadlines of its own way to end; `steps` whether it has taken one."""

    process: Process
    stage: str
    trains: bool
    steps: bool = False
    own_until: float | None = None
    save_until: float | None = None


class Desk:
    """Takes requests and answers them. `look` is called often; a stage is announced by `enter` and `leave`.

    `stopping` names who asked for the end of the run, empty while nobody did; `held` tells that the trainer is paused.
    """

    def __init__(
        self, folder: RunFolder, control: Control, place: Place, tell: Tell, patience: Patience, on_hold: Callable[[bool], None]
    ) -> None:
        """`on_hold` hears of a pause, and of its end, before anybody else does."""
        self._folder, self._control, self._place, self._tell, self._patience = folder, control, place, tell, patience
        self._on_hold = on_hold
        self._now: _Now | None = None
        self._looked_at = 0.0
        self._waiting: list[tuple[Request, Ask]] = []
        self._by = ""
        self.stopping = ""
        self.held = False
        self.paused_seconds = 0.0
        self._held_at = 0.0

    def enter(self, process: Process, stage: str, trains: bool) -> None:
        """A stage has begun."""
        self._now = _Now(process, stage, trains)

    def leave(self) -> None:
        """The stage has ended; what it was asked for and did not do is told."""
        for request, _ in self._waiting:
            if request in ("save", "sample"):
                self._say(request, "refused", "", "the trainer ended before it did so")
        self._waiting.clear()
        self._set_held(False)
        self._now = None

    def hear(self, event: str) -> None:
        """The trainer said something: it may be the answer to a request."""
        if self._now and event == "progress":
            self._now.steps = True
        for item in [item for item in self._waiting if event in item[1].answers]:
            self._waiting.remove(item)
            if item[0] != "stop":
                self._say(item[0], "done", "", "")

    def look(self) -> None:
        """Take what is on the desk, and keep the deadlines."""
        now = time.monotonic()
        self._keep_time(now)
        if now - self._looked_at < _LOOK:
            return
        self._looked_at = now
        for request in ("stop", "save", "sample"):
            path = self._folder.request(FILES[request])
            if self._now is not None and path.exists():
                by, hard = _take(path)
                self.ask(request, by or f"the file `{path.name}`", hard)
        self._hold_or_go(self._folder.request(FILES["pause"]))

    def ask(self, request: Request, by: str, hard: bool = False) -> None:
        """Pass one request on. `hard`: a stop without the trainer's own way, at once."""
        if request == "stop":
            self._stop(by, hard)
        elif request in ("save", "sample"):
            self._once(request, self._control.save if request == "save" else self._control.sample, by)

    def _once(self, request: Request, way: Ask | Refusal, by: str) -> None:
        if isinstance(way, Refusal):
            self._say(request, "refused", by, way.why + (f"; {way.fix}" if way.fix else ""))
        elif not (self._now and self._now.trains and self._now.steps):
            self._say(request, "refused", by, "it has not taken a step yet; ask again when it trains")
        elif self.held:
            self._say(request, "refused", by, "it is paused; continue it first")
        elif why := self._send(way):
            self._say(request, "refused", by, why)
        else:
            self._waiting.append((request, way))
            self._say(request, "asked", by, way.text)

    def _send(self, way: Ask) -> str:
        try:
            return way.send(self._place)
        except OSError as error:
            return f"it cannot be passed on: {error.strerror or error}"

    def _stop(self, by: str, hard: bool) -> None:
        now = self._now
        if now is None:
            self.stopping = self.stopping or by
            return
        self._thaw()
        if self.stopping:
            now.process.kill()
            self._say("stop", "asked", by, f"{by} again: killed the trainer")
            return
        self.stopping = by
        own = self._control.stop
        if hard or isinstance(own, Refusal) or not (now.trains and now.steps):
            self._signal(now, by)
        elif self._control.save_before_stop and isinstance(self._control.save, Ask) and not self._send(self._control.save):
            self._waiting.append(("stop", self._control.save))
            now.save_until = time.monotonic() + self._patience.own
            self._say("stop", "asked", by, f"{by}: asked the trainer for a checkpoint, then it ends; once more to kill it")
        else:
            self._own_stop(now, by)

    def _own_stop(self, now: _Now, by: str) -> None:
        own = self._control.stop
        why = self._send(own) if isinstance(own, Ask) else "it has no way of its own"
        if why or not isinstance(own, Ask):
            self._signal(now, by)
            return
        now.own_until = time.monotonic() + self._patience.own
        self._say("stop", "asked", by, f"{by}: asked the trainer to stop: {own.text}; once more to kill it")

    def _signal(self, now: _Now, by: str) -> None:
        now.save_until = now.own_until = None
        now.process.stop()
        self._say("stop", "asked", by, f"{by}: asked the trainer to stop ({self._control.signals}); once more to kill it")

    def _keep_time(self, moment: float) -> None:
        now = self._now
        if now is None:
            return
        if now.save_until is not None:
            saved = not any(request == "stop" for request, _ in self._waiting)
            if saved or moment > now.save_until:
                now.save_until = None
                self._waiting = [item for item in self._waiting if item[0] != "stop"]
                self._own_stop(now, self.stopping)
        elif now.own_until is not None and moment > now.own_until:
            self._signal(now, "its time is up")

    def _hold_or_go(self, file: Path) -> None:
        wanted = file.exists()
        if wanted == self.held or self._now is None:
            return
        if wanted and self.stopping:
            with contextlib.suppress(OSError):
                file.unlink()
            self._say("pause", "refused", "", "the run is ending")
        elif wanted:
            self._by = _author(file)[0] or f"the file `{file.name}`"
            self._pause(self._now, self._by)
        else:
            self._thaw()

    def _pause(self, now: _Now, by: str) -> None:
        own = self._control.pause
        if own is not None and now.trains and now.steps and not self._send(own):
            text = own.text
        else:
            now.process.hold()
            text = "its processes are frozen where they are; its memory, also the GPU's, stays taken"
        self._set_held(True)
        self._say("pause", "done", by, text)

    def _thaw(self) -> None:
        if not self.held or self._now is None:
            return
        if self._control.go_on is not None:
            self._send(self._control.go_on)
        self._now.process.go_on()
        self._set_held(False)
        with contextlib.suppress(OSError):
            self._folder.request(FILES["pause"]).unlink()
        self._say("continue", "done", "", "it goes on")

    def _set_held(self, held: bool) -> None:
        if held and not self.held:
            self._held_at = time.monotonic()
        elif self.held and not held:
            self.paused_seconds += time.monotonic() - self._held_at
        if held != self.held:
            self._on_hold(held)
        self.held = held

    def _say(self, request: Request, state: str, by: str, text: str) -> None:
        event = {"event": "control", "request": request, "state": state, "by": by, "text": text}
        self._tell(self._now.stage if self._now else None, {key: value for key, value in event.items() if value})


def write_request(folder: RunFolder, request: Request, by: str, hard: bool = False) -> None:
    """Put a request on the desk of a run. Raises OSError."""
    path = folder.request(FILES[request])
    partial = path.with_name(path.name + ".new")
    partial.write_text(json.dumps({"by": by, "now": hard}), encoding="utf-8")
    partial.replace(path)


def _take(path: Path) -> tuple[str, bool]:
    """Take a request away, so that one made while this one is answered is another one."""
    taken = path.with_name(path.name + ".taken")
    try:
        path.replace(taken)
        return _author(taken)
    except OSError:
        return "", False
    finally:
        taken.unlink(missing_ok=True)


def _author(path: Path) -> tuple[str, bool]:
    """Who wrote a request, and whether at once is meant; a file that was only touched says neither."""
    try:
        said = json.loads(path.read_bytes() or b"{}")
    except (OSError, ValueError):
        return "", False
    return (str(said.get("by") or ""), bool(said.get("now"))) if isinstance(said, dict) else ("", False)
