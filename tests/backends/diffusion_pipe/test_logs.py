"""The parser on recorded logs of the real trainer (see the evidence page)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabridge.backends.diffusion_pipe import parser
from lorabridge.backends.events import Event

LOGS = Path(__file__).parent / "logs"


def events(name: str, cuts: int = 0) -> list[Event]:
    data, reader = (LOGS / name).read_bytes(), parser("train")
    if not cuts:
        return reader.feed(data) + reader.close()
    return [event for at in range(0, len(data), cuts) for event in reader.feed(data[at : at + cuts])] + reader.close()


def of(found: list[Event], kind: str) -> list[Event]:
    return [event for event in found if event.event == kind]


@pytest.mark.parametrize(
    ("name", "steps", "saves", "states", "end"),
    [
        ("sdxl_complete.log", [1, 2, 3, 4, 5, 6], ["epoch1", "epoch2"], [3, 6], "completed"),
        ("resume.log", [7, 8, 9, 10], ["epoch3"], [10], "completed"),
        ("save_file.log", list(range(1, 21)), [], [4, 20], "stopped"),
        ("sigterm_to_group.log", [1, 2], [], [], "stopped"),
        ("crash_at_step_1.log", [1], [], [], "failed"),
        ("exception_in_caching_child_hangs.log", [], [], [], "failed"),
    ],
)
def test_recorded_runs(name: str, steps: list[int], saves: list[str], states: list[int], end: str | None) -> None:
    found = events(name)
    assert [event.step for event in of(found, "progress")] == steps
    assert [event.path for event in of(found, "save")] == saves
    assert [event.step for event in of(found, "state")] == states
    assert [event.text for event in of(found, "end")] == ([end] if end else [])


def test_numbers_of_a_step() -> None:
    first, second, *_ = of(events("sdxl_complete.log"), "progress")
    assert (first.step, first.epoch, first.loss, first.lr) == (1, 1, 1.0685, None)
    assert (second.loss, second.lr) == (1.1552, 3.0000000000000004e-05), "the printed rate is that of the next step"
    assert first.rate == pytest.approx(1 / 0.498)


def test_epochs() -> None:
    assert [event.epoch for event in of(events("save_file.log"), "progress")] == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3 + [5] * 3 + [
        6
    ] * 3 + [7] * 2


def test_a_traceback_while_caching_is_a_hang() -> None:
    (error,) = of(events("exception_in_caching_child_hangs.log"), "error")
    assert error.code == "hang"
    assert "had no images/videos" in str(error.text)


def test_a_crash_names_the_exception() -> None:
    assert [event.code for event in of(events("crash_at_step_1.log"), "error")] == ["ZeroDivisionError", "1"]


def test_out_of_memory() -> None:
    text = b"[rank0]: Traceback (most recent call last):\n[rank0]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB\n"
    assert [(event.event, event.code or event.text) for event in parser("train").feed(text)] == [("error", "oom"), ("end", "failed")]


def test_too_many_sizes_is_an_end_without_training() -> None:
    text = b"WARNING: You have set a lot of resolutions in the dataset config. Please read\n"
    assert [event.event for event in parser("train").feed(text)] == ["error", "end"]


def test_skipped_pictures_are_warnings_even_behind_a_bar() -> None:
    found = [event.text for event in of(events("sdxl_complete.log"), "warning")]
    assert any("img04.png. Skipping image" in str(text) for text in found)
    assert any("completely dropped" in str(text) for text in found)
    assert not any("hostfile" in str(text) for text in found)


def test_caching_counts() -> None:
    bars = [event for event in of(events("sdxl_complete.log"), "cache") if event.total]
    assert bars
    assert all(event.step is not None and event.total is not None and event.step <= event.total for event in bars)


def test_a_loss_that_is_not_a_number() -> None:
    line = b"steps: 3 loss: nan iter time (s): 0.100 samples/sec: 10.000\n"
    (found,) = parser("train").feed(line)
    assert found.loss != found.loss
    assert found.record()["loss"] == "nan"


@pytest.mark.parametrize("name", sorted(path.name for path in LOGS.glob("*.log")))
@pytest.mark.parametrize("cuts", [1, 7, 4096])
def test_any_cut_gives_the_same_events(name: str, cuts: int) -> None:
    assert events(name, cuts) == events(name)
