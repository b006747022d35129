"""Every watchdog sees its fault within two updates, with evidence, and is silent on what is well."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from lorabridge.backends.events import Event
from lorabridge.backends.reading import log_parser
from lorabridge.diagnostics.codes import CODES
from lorabridge.run.watch import WATCHDOGS, Alarm, DiskReading, Facts, GpuReading, StageEnded, StageStarted, Watchdogs
from lorabridge.run.watch.sensors import Sensors
from tests.logs.recorded import LOGS


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


FACTS = Facts("ai-toolkit", total_steps=100, lr=1e-4, schedule="constant", save_bytes=10**9)
GOOD = [step(number, 1.0 + (number * 7 % 10) / 10, lr=1e-4) for number in range(1, 46)]


@dataclass(frozen=True)
class Fault:
    """A fault injected after a run that was well: the signs, and what the first two of them must have raised."""

    watchdog: str
    signs: list[object]
    words: str
    facts: Facts = FACTS


FAULTS = [
    Fault("loss-not-finite", [step(46, math.nan)], "nan, not a finite number at step 46"),
    Fault("loss-not-finite", [Event("warning", 45, text="loss is nan", code="nan")], "loss is nan"),
    Fault("loss-not-finite", [Event("error", 46, text="the loss is nan in step 46", code="not_finite")], "step 46"),
    Fault("loss-zero", [step(46, 0.0), step(47, 0.0)], "exactly 0 at step 47"),
    Fault("divergence", [step(46, 99.0), step(47, 99.0)], "jumped to 99 at step 47"),
    Fault("no-training", [StageEnded("train", 0)], "after step 45 of 100"),
    Fault("steps-backwards", [step(7)], "step 7 comes after step 45"),
    Fault("out-of-memory", [Event("error", text="torch.OutOfMemoryError: CUDA out of memory", code="oom")], "CUDA out of memory"),
    Fault("oom-skipped", [Event("warning", 45, text="OOM during training step, skipping batch 1/3", code="oom")], "left out after step 45"),
    Fault("disk-full", [DiskReading(5 * 10**8)], "500.0 MB are free and the next save takes about 1.0 GB"),
    Fault("disk-low", [DiskReading(2 * 10**9)], "fewer than three"),
    Fault("disk-low", [DiskReading(5 * 10**8)], "500.0 MB", Facts(total_steps=100)),
    Fault("gpu-lost", [GpuReading(1, lost=True)], "GPU 1 does not answer"),
    Fault("gpu-lost", [GpuReading(0, xid=79)], "Xid 79 (fallen off the bus)"),
    Fault(
        "gpu-lost", [Event("error", text="RuntimeError: CUDA error: unspecified launch failure", code="RuntimeError")], "unspecified launch"
    ),
    Fault("gpu-hot", [GpuReading(0, temperature=93)], "93 °C"),
    Fault("gpu-hot", [GpuReading(0, temperature=80, throttled=("hardware thermal slowdown",))] * 2, "slows GPU 0 down at 80 °C"),
    Fault("wrong-rate", [step(46, lr=1e-6), step(47, lr=1e-6)], "1e-06 at step 47, and the plan says 0.0001"),
    Fault("wrong-rate", [step(46, lr=5e-4), step(47, lr=5e-4)], "at most", Facts(total_steps=100, lr=1e-4, schedule="cosine")),
    Fault("wrong-total", [Event("progress", 46, 1000, loss=1.0)], "1000 steps, and the plan says 100"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.watchdog}-{fault.words[:12]}")
def test_a_fault_is_told_within_two_updates_and_once(fault: Fault):
    assert len(fault.signs) <= 2
    well: list[object] = list(GOOD)
    assert not fed(well, fault.facts), "nothing is told while all is well"
    found = [alarm for alarm in fed([*well, *fault.signs, *fault.signs], fault.facts) if alarm.watchdog == fault.watchdog]
    row = next(dog for dog in WATCHDOGS if dog.name == fault.watchdog)
    assert [(alarm.code, alarm.action) for alarm in found] == [(row.code, row.action)]
    assert fault.words in found[0].text
    assert found[0].evidence
    assert not [alarm for alarm in fed([*well, *fault.signs], fault.facts, **{fault.watchdog: "off"}) if alarm.watchdog == fault.watchdog]


def test_every_watchdog_has_a_test():
    assert {fault.watchdog for fault in FAULTS} | {"stall", "hang", "loss-frozen"} == {dog.name for dog in WATCHDOGS}


@pytest.mark.parametrize(("sign", "window"), [(None, 1800.0), (Event("cache", 1, 9), 900.0), (step(1), 600.0)])
def test_silence(sign: Event | None, window: float):
    dogs = Watchdogs(FACTS)
    dogs.feed(StageStarted("train"), 100.0)
    if sign is not None:
        dogs.feed(sign, 100.0)
    assert not dogs.tick(100.0 + window - 1)
    (alarm,) = dogs.tick(100.0 + window)
    assert (alarm.watchdog, alarm.code, alarm.action, alarm.reason) == ("stall", "LB723", "stop", "stalled")
    assert not dogs.tick(100.0 + window + 1)


def test_any_byte_is_a_sign_of_life_and_long_steps_are_none_of_death():
    dogs = Watchdogs(FACTS)
    dogs.feed(step(1), 0.0)
    dogs.heard(590.0)
    assert not dogs.tick(1000.0)
    dogs.feed(step(2), 1100.0)
    assert not dogs.tick(1100.0 + 5400), "one step took 1100 s: the window is five of them"
    assert dogs.tick(1100.0 + 5600)


def test_the_window_can_be_set():
    dogs = Watchdogs(Facts(stall={"train": 30.0}))
    dogs.feed(step(1), 0.0)
    assert not dogs.tick(29.0)
    assert dogs.tick(30.0)


def test_a_trainer_that_failed_and_does_not_end():
    """The recorded log of diffusion-pipe, which hung for ever after these bytes."""
    log = next(log for log in LOGS if log.name == "exception_in_caching_child_hangs")
    dogs = Watchdogs(Facts("diffusion-pipe"))
    for event in log_parser(log.trainer, "train").feed(log.data):
        assert not dogs.feed(event, 5.0)
    assert not dogs.tick(60.0)
    (alarm,) = dogs.tick(66.0)
    assert (alarm.watchdog, alarm.action) == ("hang", "stop")
    assert "had no images/videos" in alarm.text


def test_a_loss_that_never_moves():
    assert not fed([step(number, 0.5) for number in range(1, 50)])
    (alarm,) = fed([step(number, 0.5) for number in range(1, 60)])
    assert (alarm.watchdog, alarm.action) == ("loss-frozen", "warn")


def test_a_slow_rise_is_divergence_too():
    rising = [step(number, 0.1 * 1.05**number) for number in range(1, 100)]
    assert [alarm.watchdog for alarm in fed(list(rising))] == ["divergence"]


@pytest.mark.parametrize(
    ("signs", "facts"),
    [
        ([step(1, lr=1e-6), step(2, lr=5e-6), step(3, lr=1e-5)], Facts(lr=1e-4, warmup=10, schedule="constant_with_warmup")),
        ([step(n, 1 + n % 3, lr=1e-4 * (1 - n / 100)) for n in range(1, 100)], Facts(lr=1e-4, schedule="linear")),
        ([step(1), StageEnded("train", 0, asked=True)], FACTS),
        ([step(1), StageEnded("train", 1)], FACTS),
        ([step(100), StageEnded("train", 0)], FACTS),
        ([step(3), Event("end", text="completed"), StageEnded("train", 0)], FACTS),
        ([step(501), step(502)], Facts(first_step=500)),
        ([step(2, 0.0), step(3, 1.0), step(4, 0.0)], FACTS),
        ([GpuReading(0, temperature=70), GpuReading(0, temperature=88, throttled=("power brake",)), GpuReading(0, temperature=70)], FACTS),
    ],
)
def test_what_is_no_fault(signs, facts):
    assert not fed(signs, facts)


def test_a_resume_that_began_again():
    (alarm,) = fed([step(1)], Facts(first_step=500))
    assert (alarm.watchdog, alarm.text) == ("steps-backwards", "the run was to go on from step 500 and began at step 1")


def test_losses_as_noisy_as_those_of_a_batch_of_one():
    """Flow matching at random timesteps: log-normal, sigma 1. No alarm in 100 runs of 500 steps."""
    for seed in range(100):
        rng = random.Random(seed)
        assert not fed([step(n, rng.lognormvariate(-1.5, 1.0)) for n in range(1, 501)], Facts())


CLEAN = [log for log in LOGS if log.verdict in ("completed", "stopped") and log.code is None]


@pytest.mark.parametrize("log", CLEAN, ids=lambda log: log.name)
def test_clean_logs_raise_no_alarm(log):
    signs: list[object] = [*log_parser(log.trainer, log.stage).feed(log.data)]
    assert not fed(signs, Facts(log.trainer), every=0.5)


@pytest.mark.parametrize(("name", "watchdogs"), [("loss_nan_lr", {"loss-not-finite", "loss-zero"}), ("res2_again_done", {"no-training"})])
def test_logs_with_a_fault_raise_theirs(name, watchdogs):
    log = next(log for log in LOGS if log.name == name)
    signs: list[object] = [*log_parser(log.trainer, log.stage).feed(log.data), StageEnded("train", 0)]
    assert {alarm.watchdog for alarm in fed(signs, Facts(log.trainer))} == watchdogs


def test_each_stage_begins_anew():
    dogs = Watchdogs(FACTS)
    dogs.feed(StageStarted("train"), 0.0)
    assert dogs.feed(step(1, math.nan), 1.0)
    dogs.feed(StageStarted("train"), 2.0)
    assert dogs.feed(step(1, math.nan), 3.0)


class Nvml:
    """Stands in for pynvml: GPU 0 is well, 1 is hot, 2 is lost."""

    NVML_ERROR_GPU_IS_LOST = 15

    class Error(Exception):
        value = 15

    def nvmlDeviceGetHandleByIndex(self, index):
        if index == 2:
            raise self.Error
        return index

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=10, total=20)

    def nvmlDeviceGetTemperature(self, handle, kind):
        return 60 + 33 * handle

    def nvmlDeviceGetUtilizationRates(self, handle):
        return SimpleNamespace(gpu=98)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle):
        return 0x44 * handle


def test_sensors(tmp_path):
    *found, disk = Sensors((0, 1, 2), tmp_path, Nvml()).read()
    assert found == [
        GpuReading(0, used=10, total=20, utilization=98, temperature=60),
        GpuReading(1, used=10, total=20, utilization=98, temperature=93, throttled=("hardware thermal slowdown",)),
        GpuReading(2, lost=True),
    ]
    assert isinstance(disk, DiskReading)
    assert disk.free > 0
    assert [type(reading) for reading in Sensors((), tmp_path, Nvml()).read()] == [DiskReading]
    assert Sensors((), tmp_path / "gone").read() == []
