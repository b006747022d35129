"""The parser on logs that real runs wrote, whole and in pieces."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabridge.backends.ai_toolkit import parser
from lorabridge.backends.events import Event

LOGS = Path(__file__).parent / "logs"


def parse(data: bytes, size: int | None = None) -> list[Event]:
    reader = parser("train")
    pieces = [data] if size is None else [data[i : i + size] for i in range(0, len(data), size)]
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events + reader.close()


def read(name: str) -> bytes:
    return (LOGS / f"{name}.log").read_bytes()


def only(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event.event == kind]


def test_a_whole_run():
    events = parse(read("zimage_complete"))
    steps = only(events, "progress")
    assert [event.step for event in steps] == list(range(1, 13))
    losses = [1.137, 1.172, 2.302, 1.320, 1.196, 1.103, 1.203, 1.207, 1.697, 2.132, 2.126, 1.624]
    assert [event.loss for event in steps] == losses
    assert {event.total for event in steps} == {12}
    assert {event.lr for event in steps} == {1e-4}
    assert steps[5].rate == pytest.approx(1 / 3.70)
    assert steps[5].eta == 25
    saves = [(event.step, event.path.rpartition("/")[2]) for event in only(events, "save") if event.path]
    assert saves == [(5, "zi_tiny_000000004.safetensors"), (9, "zi_tiny_000000008.safetensors"), (12, "zi_tiny.safetensors")]
    assert [event.step for event in only(events, "state")] == [5, 9, 12]
    assert [event.step for event in only(events, "sample")] == [0, 5, 9, 12]
    assert only(events, "cache")[-1].total == 6
    assert [event.text for event in only(events, "end")] == ["completed"]
    assert not only(events, "error")


ENDS = {
    "zimage_complete": (12, "completed"),
    "sigint": (21, "stopped"),
    "ui_stop": (41, "stopped"),
    "loss_nan_lr": (4, "completed"),
    "corrupt_image": (4, "completed"),
    "save_dtype_bad": (3, "failed"),
    "res2_again_done": (0, "completed"),
    "caption_ext_wrong": (None, "completed"),
    "model_path_missing": (0, "failed"),
    "sample_neg_default": (0, "failed"),
    "trigger_int": (0, "failed"),
}


@pytest.mark.parametrize(("name", "steps", "end"), [(name, *rest) for name, rest in ENDS.items()])
def test_every_step_and_the_end(name, steps, end):
    events = parse(read(name))
    numbers = [event.step for event in only(events, "progress")]
    assert numbers == list(range(1, len(numbers) + 1))
    if steps is not None:
        assert len(numbers) == steps
    assert [event.text for event in only(events, "end")] == [end]


def test_a_loss_that_is_not_a_number_is_told_at_its_step():
    events = parse(read("loss_nan_lr"))
    # of the third it is not known yet whether it was drawn before or after the save: two bars say the same
    assert [event.step for event in only(events, "warning")] == [1, 2, 2]
    assert [event.loss for event in only(events, "progress")] == [1.456, 0.0, 0.0, 0.0]


def test_errors_are_found_where_they_are_glued_to_the_bar():
    glued = b"\rx:  50%|#####     | 2/4 [00:00<00:00,  9.92it/s, lr: 1.0e-04 loss: 1.492e+00]Error running job: boom\n"
    events = parse(glued)
    assert [event.text for event in only(events, "error")] == ["boom"]
    assert [event.text for event in only(parse(read("save_dtype_bad")), "error")] == ["Invalid device string: 'fp12'"]


def test_oom_that_is_skipped_is_a_warning():
    events = parse(b"# OOM during training step, skipping batch 1/3 #\n")
    assert [event.text for event in only(events, "warning")] == ["OOM during training step, skipping batch 1/3"]


def test_equal_losses_are_told_apart_by_what_follows():
    line = "\rx:   0%|   | {n}/4 [00:00<00:00,  9.92it/s, lr: 1.0e-04 loss: {loss}]"
    run = [(0, "1.0"), (1, "1.0"), (2, "1.0"), (3, "1.0"), (4, "1.0")]
    events = parse("".join(line.format(n=n, loss=loss) for n, loss in run).encode())
    assert [event.step for event in only(events, "progress")] == [1, 2, 3, 4]
    twice = [(0, "1.0"), (1, "1.0"), (1, "1.0"), (2, "1.0"), (2, "2.0")]
    events = parse("".join(line.format(n=n, loss=loss) for n, loss in twice).encode())
    assert [(event.step, event.loss) for event in only(events, "progress")] == [(1, 1.0), (2, 1.0), (3, 2.0)]


@pytest.mark.parametrize("name", sorted(ENDS))
def test_the_same_events_for_any_pieces(name):
    data = read(name)
    whole = parse(data)
    for size in (1, 7, 100, 4096):
        assert parse(data, size) == whole


def test_the_same_events_for_a_cut_at_every_byte():
    data = read("loss_nan_lr")
    whole = parse(data)
    for cut in range(len(data)):
        reader = parser("train")
        assert reader.feed(data[:cut]) + reader.feed(data[cut:]) + reader.close() == whole


def test_garbage_never_raises():
    junk = bytes(range(256)) * 64 + b"x: 5%|| 1/0 [1<2, 3it/s, lr: a loss: b]\n" + b": 100%|\xff| 9/9 [::<??, ?it/s]\r"
    parse(junk)
