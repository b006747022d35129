"""Every watchdog sees its fault within two updates, with evidence, and is silent on what is well."""

from __future__ import annotations

import math

import pytest

from lorabridge.backends.events import Event
from lorabridge.diagnostics.codes import CODES
from lorabridge.run.watch import WATCHDOGS, Alarm, Facts, StageStarted, Watchdogs


def step(number: int, loss: float | None = 1.0, **more: object) -> Event:
    return Event("progress", number, 100, loss=loss, **more)  # type: ignore[arg-type]


def fed(signs: list[object], facts: Facts | None = None, every: float = 1.0, **policies: str) -> list[Alarm]:
    """The alarms of `signs`, one each `every` seconds."""
    dogs = Watchdogs(facts or Facts(total_steps=100), policies)
    found = list(dogs.feed(StageStarted("train"), 0.0))
    for number, sign in enumerate(signs, 1):
        found += dogs.feed(sign, number * every)  # type: ignore[arg-type]
        found += dogs.tick(number * every)
    return found


def test_every_row_has_a_code_of_its_own():
    assert len({dog.name for dog in WATCHDOGS}) == len(WATCHDOGS)
    assert {dog.code for dog in WATCHDOGS} <= set(CODES)


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite(loss):
    (alarm,) = fed([step(1), step(2, loss), step(3, loss)])
    assert (alarm.code, alarm.watchdog, alarm.action) == ("LB720", "loss-not-finite", "stop")
    assert "step 2" in alarm.text
    assert "step=2" in alarm.evidence[-1]


def test_the_trainers_words_for_it():
    (alarm,) = fed([step(1), Event("warning", 1, text="loss is nan", code="nan"), step(2, 0.0)])
    assert alarm.code == "LB720"


def test_policies():
    assert not fed([step(1, math.nan)], **{"loss-not-finite": "off"})
    assert fed([step(1, math.nan)], **{"loss-not-finite": "warn"})[0].action == "warn"
