"""The fold over records, and the displays that read it."""

from __future__ import annotations

import io
import json
import math

import pytest

from lorabridge.run.display import Guarded, JsonLines, Plain, choose, sparkline
from lorabridge.run.live import Live
from lorabridge.run.record import EventLog, read_events
from lorabridge.run.view import View, duration, view_of, where


def progress(time, step, **fields):
    return {"seq": 1, "time": time, "stage": "train", "event": "progress", "step": step, "total": 100, **fields}


def test_rate_and_eta_follow_the_recent_steps():
    slow = [progress(step * 10_000, step, loss=1.0) for step in range(1, 8)]
    fast = [progress(70_000 + (step - 7) * 1000, step, loss=1.0) for step in range(8, 81)]
    view = view_of(slow + fast)
    assert view.rate == pytest.approx(1.0, rel=0.05)
    assert view.eta == pytest.approx(20, rel=0.05)


def test_nothing_is_guessed():
    view = view_of([progress(0, 1)])
    assert (view.rate, view.eta, view.loss) == (None, None, None)
    assert where(View()) == "before the first step"
    assert view_of([progress(5, 1), progress(5, 1)]).rate is None


def test_a_step_told_twice_counts_once():
    view = view_of([progress(0, 1, loss=4.0), progress(1, 1, loss=2.0), progress(2, 2, loss=2.0)])
    assert view.points[1].loss == 2.0
    assert view.smooth == pytest.approx(3.0)


def test_a_loss_that_is_no_number_is_seen_and_left_out_of_the_average():
    view = view_of([progress(0, 1, loss=1.0), progress(1, 2, loss="nan"), progress(2, 3, loss=1.0)])
    assert view.not_finite_at == 2
    assert view.smooth == 1.0
    assert math.isnan(view.points[2].loss or 0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "unknown"), (4.4, "4 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (97200, "1 d 3 h")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_plain_lines_are_few():
    screen, clock = io.StringIO(), [0.0]
    view, display = View(), Plain(screen, clock=lambda: clock[0])
    for step in range(1, 101):
        record = progress(step * 500, step, loss=0.5, lr=1e-4)
        clock[0] += 0.5
        view.feed(record)
        display.show(record, view)
    lines = screen.getvalue().splitlines()
    assert 15 <= len(lines) <= 21
    assert lines[0].startswith("train 1/100 (1 %)  loss 0.5000  lr 1.00e-04")
    assert "2.00 steps/s  about " in lines[5]
    assert lines[-1].startswith("train 100/100 (100 %)")
    assert "left" not in lines[-1]


def test_a_quick_run_prints_its_first_and_last_step():
    screen, view = io.StringIO(), View()
    display = Plain(screen, clock=lambda: 7.0)
    for step in range(1, 101):
        view.feed(progress(step, step))
        display.show(progress(step, step), view)
    assert [line.split()[1] for line in screen.getvalue().splitlines()] == ["1/100", "100/100"]


def test_each_thing_that_is_counted_has_its_own_lines():
    screen, view = io.StringIO(), View()
    display = Plain(screen, clock=lambda: 7.0)
    cache = {"time": 1, "stage": "train", "event": "cache", "total": 2}
    for record in (cache | {"step": 2, "text": "latents"}, cache | {"step": 2, "text": "prompts"}, progress(1, 1), progress(2, 100)):
        view.feed(record)
        display.show(record, view)
    lines = [line.partition("  ")[0] for line in screen.getvalue().splitlines()]
    assert lines == ["train latents 2/2 (100 %)", "train prompts 2/2 (100 %)", "train 1/100 (1 %)", "train 100/100 (100 %)"]


def test_no_control_characters_reach_the_terminal():
    screen, view = io.StringIO(), View()
    Plain(screen).show({"event": "error", "stage": "train", "text": "\x1b[2Jgone\nnext"}, view)
    assert screen.getvalue() == "error:  [2Jgone next\n"


def test_json_lines():
    screen = io.StringIO()
    display = choose("jsonl", screen)
    display.show(progress(1, 1, loss="nan"), View())
    assert json.loads(screen.getvalue())["loss"] == "nan"


def test_a_lost_terminal_silences_the_display_only():
    class Lost(io.StringIO):
        written = 0

        def write(self, text):
            self.written += 1
            raise BrokenPipeError

    stream = Lost()
    display = Guarded(JsonLines(stream), stream)
    display.show(progress(1, 1), View())
    display.show(progress(2, 2), View())
    assert stream.written == 1


def test_the_live_screen_draws(monkeypatch):
    from lorabridge.run.live import Live

    screen = io.StringIO()
    live = Live(screen)
    view = View()
    records = [
        {
            "time": 0,
            "stage": None,
            "event": "start",
            "name": "x",
            "total": 10,
            "stages": [{"name": "cache", "title": "cache"}, {"name": "train"}],
        },
        {"time": 1, "stage": "cache", "event": "stage", "state": "started"},
        {"time": 900, "stage": "cache", "event": "stage", "state": "ended", "code": 0},
        {"time": 1000, "stage": "train", "event": "stage", "state": "started"},
        progress(2000, 1, loss=0.5, lr=1e-4),
        progress(3000, 2, loss=0.5, lr=1e-4),
        {"time": 3001, "stage": "train", "event": "save", "path": "/a/b/x-2.safetensors", "step": 2},
        {"time": 3002, "stage": "train", "event": "warning", "text": "[bold]hot[/]\x1b[2J"},
        {"time": 3003, "stage": "train", "event": "stage", "state": "ended", "code": 1},
    ]
    for record in records:
        view.feed(record)
        live.show(record, view)
    live.close()
    text = screen.getvalue()
    for part in ("✓", "✗", "2/100", "loss 0.5000", "saved x-2.safetensors (step 2)", ": [bold]hot[/] [2J", "1 warning"):
        assert part in text


def test_a_torn_line_is_passed_over_and_the_next_one_is_whole(tmp_path, monkeypatch):
    import os

    path = tmp_path / "events.jsonl"
    write = os.write
    with EventLog(path, clock=lambda: 1.5) as log:
        log.write(None, {"event": "start"})

        def full(file, data):
            write(file, data[:10])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="space"):
            log.write("train", {"event": "info", "text": "lost"})
        monkeypatch.setattr(os, "write", write)
        log.write("train", {"event": "info", "text": "\udc80 kept"})
        log.sync()
    records = list(read_events(path))
    assert [(r["seq"], r["time"], r["event"]) for r in records] == [(1, 1500, "start"), (2, 1500, "info")]
    assert path.read_bytes().count(b"\n") == 3


def test_a_row_of_blocks():
    assert sparkline([]) == sparkline([1.0]) == ""
    assert sparkline([0.0, 1.0]) == "▁█"
    assert sparkline([1.0, 1.0, 1.0]) == "▁▁▁"
    assert sparkline([3.0, float("nan"), 0.0]) == "█▁"
    assert len(sparkline([float(n) for n in range(1000)])) <= 40


def test_the_screen_shows_curves_gpus_and_alarms():
    view = View()
    view.feed({"event": "start", "time": 0, "stage": None, "name": "cat", "total": 9, "stages": [{"name": "train"}]})
    for step in range(1, 9):
        view.feed(
            {"event": "progress", "time": step * 1000, "stage": "train", "step": step, "total": 9, "loss": 1 / step, "lr": 1e-4 / step}
        )
    view.feed(
        {
            "event": "gpu",
            "time": 9000,
            "stage": "train",
            "index": 1,
            "used": 61_200_000_000,
            "total": 80_000_000_000,
            "utilization": 98,
            "temperature": 67,
        }
    )
    view.feed({"event": "alarm", "time": 9000, "stage": "train", "code": "LB733", "text": "GPU 1 is hot", "action": "warn"})
    stream = io.StringIO()
    screen = Live(stream)
    screen.show({"event": "stage", "stage": "train", "state": "started"}, view)
    screen.close()
    text = stream.getvalue()
    assert "loss █" in text
    assert "lr   █" in text
    assert "GPU 1  61.2 of 80.0 GB  98 %  67 °C" in text
    assert "alarm LB733: GPU 1 is hot" in text
