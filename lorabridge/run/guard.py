"""The watchdogs at work: every sign of a run goes to them, and what they want is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from lorabridge.backends.base import Stage
from lorabridge.backends.events import Event
from lorabridge.run.desk import Desk
from lorabridge.run.job import Job
from lorabridge.run.verdict import EXIT, Reason, Verdict
from lorabridge.run.watch import Alarm, Facts, Sign, StageEnded, StageStarted, Watchdogs
from lorabridge.run.watch.facts import GpuReading
from lorabridge.run.watch.sensors import Sensors

_EVERY = 1.0
_READ_EVERY = 10.0
_KNOWN = ("lr", "schedule", "warmup", "save_every", "first_step", "save_bytes")


class Guard:
    """Feeds the watchdogs of one run. `verdict` is what the one that ended the run says; None while none did.

    `retry`: after an out-of-memory another attempt is made, because the run was told so or a watchdog wants it.
    """

    def __init__(self, job: Job, tell: Callable[[str | None, Mapping[str, Any]], None], desk: Desk) -> None:
        self._job, self._tell, self._desk = job, tell, desk
        self._dogs = Watchdogs(_facts(job), {"out-of-memory": "retry"} if job.retries else None)
        self._sensors = Sensors(job.gpus, job.folder.output)
        self._read_at = 0.0
        self._stage: str | None = None
        self._ticked_at = 0.0
        self.verdict: Verdict | None = None
        self.retry = job.retries

    @property
    def _now(self) -> float:
        """Seconds without those that the run was paused."""
        return time.monotonic() - self._desk.paused_seconds

    def started(self, stage: Stage) -> None:
        """A stage begins."""
        self._stage = stage.name
        self._feed(StageStarted(stage.name, self._job.trains(stage)))

    def ended(self, stage: Stage, code: int | None) -> None:
        """A stage is over."""
        self._feed(StageEnded(stage.name, code, bool(self._desk.stopping)))

    def hear(self, event: Event) -> None:
        """The trainer said something."""
        self._feed(event)

    def alive(self) -> None:
        """The trainer wrote something, be it an event or not."""
        self._dogs.heard(self._now)

    def tick(self) -> None:
        """Time passes; while the run is paused it does not."""
        now = time.monotonic()
        if not self._desk.held and now - self._ticked_at >= _EVERY:
            self._ticked_at = now
            self._act(self._dogs.tick(self._now))
            if now - self._read_at >= _READ_EVERY:
                self._read_at = now
                for reading in self._sensors.read():
                    if isinstance(reading, GpuReading):
                        self._tell(
                            None,
                            {
                                "event": "gpu",
                                **{
                                    name: value
                                    for name, value in asdict(reading).items()
                                    if value is not None and value is not False and value != ()
                                },
                            },
                        )
                    self._feed(reading)

    def _feed(self, sign: Sign) -> None:
        self._act(self._dogs.feed(sign, self._now))

    def _act(self, alarms: tuple[Alarm, ...]) -> None:
        for alarm in alarms:
            record = {"event": "alarm", "code": alarm.code, "text": alarm.text, "action": alarm.action, "evidence": list(alarm.evidence)}
            self._tell(self._stage, record | ({"watchdog": alarm.watchdog} if alarm.watchdog else {}))
            if alarm.action == "retry":
                self.retry = True  # the trainer ends by itself; what comes then is settled when the verdict is known
            elif alarm.action != "warn" and self.verdict is None and not self._desk.stopping:
                self.verdict = Verdict(_reason(alarm), alarm.text, self._stage)
                self._desk.ask("stop", f"the watchdog `{alarm.watchdog or alarm.code}`", hard=alarm.action == "stop")


def _reason(alarm: Alarm) -> Reason:
    return next((word for word in EXIT if word == alarm.reason), "failed")


def _facts(job: Job) -> Facts:
    """What the plan knows that a watchdog may hold against the trainer."""
    known = {key: value for key, value in job.facts.items() if key in _KNOWN}
    return Facts(job.plan.backend, total_steps=job.plan.total_steps, folder=job.folder.output, **known)
