"""The parser on recorded logs of the trainer, cut anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabridge.backends.embedded import parser
from lorabridge.backends.events import Event

LOGS = Path(__file__).parent / "logs"
NAMES = sorted(path.stem for path in LOGS.glob("*.log"))


def events(data: bytes, *cuts: int) -> list[Event]:
    reader, found, last = parser("train"), [], 0
    for cut in (*sorted(cuts), len(data)):
        found += reader.feed(data[last:cut])
        last = cut
    return [*found, *reader.close()]


def read(name: str) -> bytes:
    return (LOGS / f"{name}.log").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_the_trainer_is_understood(name: str) -> None:
    said = [json.loads(line) for line in read(name).splitlines() if line.startswith(b"{")]
    found = events(read(name))
    for kind in ("progress", "save", "state", "sample", "end"):
        mine = [event for event in found if event.event == kind]
        theirs = [entry for entry in said if entry["event"] == kind]
        assert [event.step for event in mine] == [entry["step"] for entry in theirs]
        assert [event.path for event in mine] == [entry.get("path") for entry in theirs]
        for field in ("loss", "lr", "grad_norm", "epoch"):
            assert [getattr(event, field) for event in mine] == [entry.get(field) for entry in theirs]
    assert [event.text for event in found if event.event == "end"] == ["completed"]


def test_a_run_from_cache_to_end() -> None:
    found = events(read("sana"))
    assert [event.epoch for event in found if event.event == "epoch"] == [1, 2, 3, 4]
    cached = [event for event in found if event.event == "cache"]
    assert {event.text for event in cached} == {"prompts", "latents"}
    progress = [event for event in found if event.event == "progress"]
    assert [event.step for event in progress] == list(range(1, 25))
    assert {event.total for event in progress} == {24}
    assert progress[-1].eta == 0.0
    assert progress[-1].rate is not None


def test_a_resumed_run_counts_its_speed_from_where_it_began() -> None:
    found = events(read("qwen_resumed"))
    progress = [event for event in found if event.event == "progress"]
    assert progress[0].step == 49
    assert progress[0].rate is not None
    assert progress[0].rate < 50
    assert any(event.text and event.text.startswith("resumed from") for event in found)


def test_words_of_libraries_are_kept() -> None:
    reader = parser("train", text=True)
    found = [*reader.feed(read("sdxl_warnings")), *reader.close()]
    assert [event.code for event in found if event.event == "warning"] == ["mask_missing"]
    assert len([event for event in found if event.event == "text" and "requires torchvision" in str(event.text)]) == 2


@pytest.mark.parametrize("name", NAMES)
def test_any_two_cuts(name: str) -> None:
    data = read(name)[:6000]
    whole = events(data)
    for cut in range(0, len(data), 7):
        assert events(data, cut, cut + 3) == whole


@given(st.lists(st.integers(0, 20_000), max_size=30))
def test_many_cuts(cuts: list[int]) -> None:
    data = read("sana")
    assert events(data, *(min(cut, len(data)) for cut in cuts)) == events(data)


@given(
    st.one_of(
        st.binary(max_size=400),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: st.dictionaries(
                st.sampled_from(["event", "step", "total", "loss", "seconds", "epoch", "message"]),
                inner | st.sampled_from(["progress", "start", "error", "end", "cache"]),
            ),
        ).map(lambda tree: json.dumps(tree).encode() + b"\n"),
    )
)
def test_never_raises(data: bytes) -> None:
    events(data)


def test_errors() -> None:
    memory = b'{"event": "error", "code": "out_of_memory", "message": "CUDA out of memory", "time": 1.0}\n'
    assert events(memory) == [Event("error", text="CUDA out of memory", code="out_of_memory"), Event("end", text="failed")]
    diverged = b'{"event": "error", "code": "not_finite", "message": "the loss is nan in step 3", "step": 3, "time": 1.0}\n'
    assert events(diverged)[0] == Event("error", 3, text="the loss is nan in step 3", code="not_finite")


def test_a_traceback_is_one_error() -> None:
    text = (
        b"Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\n    run()\nKeyError: 'a'\n"
        b'{"event": "error", "code": "failed", "message": "KeyError: \'a\'", "time": 1.0}\n'
    )
    assert events(text) == [Event("error", path="x.py:1", text="KeyError: 'a'", code="KeyError"), Event("end", text="failed")]


def test_a_loss_that_json_cannot_say_and_a_run_that_was_killed() -> None:
    line = b'{"event": "progress", "step": 1, "total": 5, "epoch": 1, "loss": null, "lr": 0.1, "grad_norm": NaN, "seconds": 0.0}\n'
    found = events(line)
    assert [event.event for event in found] == ["epoch", "progress"]
    assert found[1].loss is None
    assert found[1].rate is None
    assert events(b"") == []
