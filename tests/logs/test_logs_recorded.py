"""Every recorded log: the verdict, each step and loss in it, and the same events whatever the cuts."""

from __future__ import annotations

import math
import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabridge.backends.events import Event
from lorabridge.backends.reading import head_of, log_parser, read_log, stage_of, trainer_of, utf8
from tests.logs.recorded import LOGS, Log

IDS = [f"{log.trainer}-{log.name}" for log in LOGS]
recorded = pytest.mark.parametrize("log", LOGS, ids=IDS)
SMALL = [log for log in LOGS if len(log.data) < 12_000]


def parse(log: Log, data: bytes | None = None, cuts: tuple[int, ...] = (), text: bool = False) -> list[Event]:
    data = log.data if data is None else data
    ends = [*sorted(cuts), len(data)]
    chunks = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return list(read_log(chunks, log_parser(log.trainer, log.stage, text)))


def plain(events: list[Event]) -> list[dict[str, object]]:
    return [event.record() for event in events]


@recorded
def test_verdict_and_counts(log: Log) -> None:
    events = parse(log)
    verdict = events[-1]
    assert (verdict.event, verdict.text) == ("verdict", log.verdict)
    assert (verdict.cause or "").startswith(log.cause)
    assert bool(verdict.cause) == bool(log.cause)
    if log.code or log.verdict == "completed":
        assert verdict.code == log.code
    counts = Counter(event.event for event in events)
    if log.trainer != "embedded":
        assert (counts["save"], counts["sample"], counts["bucket"]) == (log.saves, log.samples, log.buckets)
    assert counts["warning"] == log.warnings
    assert counts["error"] == 0 or log.verdict == "failed", "a log that went well has no error"


@recorded
def test_every_step_once(log: Log) -> None:
    events = [event for event in parse(log) if event.event == "progress"]
    if log.steps:
        assert [event.step for event in events] == list(range(log.steps[0], log.steps[1] + 1))
        assert {event.total for event in events} == {log.total}
    elif log.trainer != "embedded":
        assert not events


@recorded
def test_every_loss(log: Log) -> None:
    """All losses that stand in the bytes, in their order, however the parser finds them."""
    text = log.data.decode("utf-8", "replace")
    words = re.findall(r"avr_loss=([\w.+-]+)|lr: \S+ loss: ([\d.e+-]+|nan)|steps: \d+ loss: (\S+)", text)
    said = [float("".join(word)) for word in words]
    found = [event.loss for event in parse(log) if event.event == "progress"]
    if log.trainer != "embedded":
        assert {str(loss) for loss in found} == {str(loss) for loss in said}


@recorded
def test_whose_log_it_is(log: Log) -> None:
    if log.name != "fail_accelerate_stdout":
        assert trainer_of(log.data) == log.trainer
    assert stage_of(log.trainer, log.data) == log.stage


@recorded
def test_random_cuts_and_byte_by_byte(log: Log) -> None:
    data, rng = log.data[-8_000:], random.Random(7)
    for text in (False, True):
        whole = plain(parse(log, data, text=text))
        for _ in range(4):
            assert plain(parse(log, data, tuple(rng.randrange(len(data)) for _ in range(40)), text)) == whole
        assert plain(parse(log, data, tuple(range(1, len(data))), text)) == whole


@pytest.mark.parametrize("log", SMALL, ids=lambda log: log.name)
def test_a_cut_at_every_byte(log: Log) -> None:
    data = log.data[-3000:]
    whole = plain(parse(log, data))
    for cut in range(0, len(data), 1 if len(data) < 1500 else 3):
        assert plain(parse(log, data, (cut,))) == whole


@recorded
def test_a_log_that_is_torn_off_is_never_completed_too_early(log: Log) -> None:
    """Cut in the middle, a run is incomplete, or failed where it had failed by then."""
    data = log.data
    for share in (0.3, 0.5, 0.7):
        verdict = parse(log, data[: int(len(data) * share)])[-1]
        # corrupt_image is torn within a traceback that it survived: nobody could tell
        if log.verdict == "completed" and log.code != "untrained" and log.name != "corrupt_image":
            assert verdict.text == "incomplete", share
            assert verdict.cause


@recorded
def test_line_ends_escapes_and_a_missing_last_newline(log: Log) -> None:
    if log.name == "run_with_samples":
        pytest.skip("holds escapes and lone carriage returns of its own")
    data = log.data
    whole = plain(parse(log, data))
    assert plain(parse(log, data.rstrip(b"\r\n"))) == whole
    assert plain(parse(log, data.replace(b"\n", b"\r\n"))) == whole
    assert plain(parse(log, b"\n".join(b"\x1b[2K\x1b[36m" + line + b"\x1b[0m" for line in data.split(b"\n")))) == whole


@pytest.mark.parametrize(
    "log", [log for log in LOGS if log.name in ("zimage_complete", "save_dtype_bad", "loss_nan")], ids=lambda log: log.name
)
def test_powershell_writes_utf16(log: Log) -> None:
    data = log.data.decode("utf-8", "replace").encode("utf-16")
    chunks = [data[at : at + 777] for at in range(0, len(data), 777)]
    head, again = head_of(utf8(chunks))
    assert trainer_of(head) == log.trainer
    assert plain(list(read_log(again, log_parser(log.trainer, log.stage)))) == plain(parse(log))


@pytest.mark.parametrize("trainer", ["musubi", "diffusion-pipe", "ai-toolkit", "embedded"])
@given(data=st.binary(max_size=600), cuts=st.lists(st.integers(0, 600), max_size=5))
@settings(max_examples=60)
def test_no_bytes_raise(trainer: str, data: bytes, cuts: list[int]) -> None:
    log = Log(trainer, "x", "incomplete")
    cut = tuple(min(at, len(data)) for at in cuts)
    assert plain(parse(log, data, cut, text=True)) == plain(parse(log, data, text=True))


PIECES = [
    b"steps:  50%|#####     | 9/18 [00:02<00:17,  1.12s/it, avr_loss=2.25]", b"x:  50%|##| 2/4 [00:00<?, ?it/s, lr: 1.0e-04 loss: 1.492e+00]",
    b"steps: 3 loss: nan iter time (s): 0.100 samples/sec: 10.000", b"\r", b"\n", b"\x1b[A", b"Traceback (most recent call last):\n", b'  File "a.py", line 3, in f\n',
    b"ValueError: a\n", b"[rank1]: ", b"\xe2\x96\x88", b"100%|", b" 99999999999999999999999/1 [", b"it [00:0", b"Error running job: ", b"KeyboardInterrupt\n",
    b"[2026-11-21 02:11:19,737] [WARNING] [a.py:1:f] ", b"0it [00:00, ?it/s]", b"epoch 1/", b"bucket: (1, 2), count: 3", b"caching latents: (1.0, 64, 64, 1)\n",
    b"subprocess.CalledProcessError: Command 'x' died with <Signals.SIGKILL: 9>.\n", b"{\"event\": \"progress\", \"step\": 1e999}\n", b"10.0%|", b"loss is nan",
]  # fmt: skip


@pytest.mark.parametrize("trainer", ["musubi", "diffusion-pipe", "ai-toolkit", "embedded"])
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=25), seed=st.integers(0, 9999))
@settings(max_examples=60)
def test_no_words_of_the_trainers_raise_in_any_order(trainer: str, pieces: list[bytes], seed: int) -> None:
    data, rng, log = b"".join(pieces), random.Random(seed), Log(trainer, "x", "incomplete")
    cuts = tuple(rng.randrange(len(data) + 1) for _ in range(6))
    for text in (False, True):
        assert plain(parse(log, data, cuts, text)) == plain(parse(log, data, text=text))


def test_a_line_without_an_end_is_bounded() -> None:
    log = Log("ai-toolkit", "x", "incomplete")
    data = b"y" * (5 << 20) + b"\n" + b"x: 50%|##| 2/4 [00:00<00:00, 1.0it/s, lr: 1.0e-04 loss: 1.5e+00]\n"
    cuts = tuple(range(0, len(data), 300_000))
    events = parse(log, data, text=True)
    assert plain(parse(log, data, cuts, text=True)) == plain(events)
    assert [event.loss for event in events if event.event == "progress"] == [1.5]
    assert max(len(event.text or "") for event in events) <= 1 << 20


def test_what_is_not_understood_is_kept_as_text() -> None:
    for log in LOGS:
        kept = [event.text for event in parse(log, text=True) if event.event == "text"]
        assert all(kept)
        assert [event.record() for event in parse(log, text=True) if event.event != "text"] == plain(parse(log))


def test_not_finite_losses_are_numbers_in_events_and_words_in_json() -> None:
    log = next(log for log in LOGS if log.name == "loss_nan")
    events = [event for event in parse(log) if event.event == "progress"]
    assert all(math.isnan(event.loss or 0) for event in events[1:])
    assert events[-1].record()["loss"] == "nan"
