"""The queue: nobody is overtaken on a GPU, a crash loses nothing, runs begin when their GPUs are free."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabridge.config.load import load
from lorabridge.run import system
from lorabridge.run.executors import Problem
from lorabridge.run.folder import RunFolder
from lorabridge.run.gpus import Gpu
from lorabridge.run.leases import Wish
from lorabridge.run.prepare import Request, prepare
from lorabridge.run.queue import Item, Queue, Runner, turn
from lorabridge.run.state import State, write_state

from . import fake_backend
from .supervised import end_all, ended, until
from .test_run_on_runs import lb

TWO = [Gpu(0, "a", 0, 1), Gpu(1, "b", 0, 1)]


def item(number: int) -> Item:
    return Item(number, RunFolder(Path(f"/{number}")), "waiting", 0)


def begins(*wishes: Wish, free: list[int], present: bool = True, cpu: bool = True) -> list[int]:
    return [found.id for found in turn([(item(n), wish) for n, wish in enumerate(wishes)], free, present, cpu)]


def test_in_order():
    one, two, first = Wish(count=1), Wish(count=2), Wish((0,), 1)
    assert begins(one, one, one, free=[0, 1]) == [0, 1]
    assert begins(two, one, free=[1]) == [], "the second must not take what the first waits for"
    assert begins(first, one, free=[1]) == [1], "what the first does not want is free for the second"
    assert begins(Wish((0, 1), 2), Wish((2,), 1), free=[1, 2]) == [1]
    assert begins(Wish(), Wish(), one, free=[0]) == [0, 2], "runs without a GPU go one at a time"
    assert begins(one, one, free=[], present=False) == [0], "on a machine without a GPU all are such runs"
    assert begins(one, free=[], present=False, cpu=False) == []


wishes = st.lists(st.one_of(st.sets(st.integers(0, 3), min_size=1).map(lambda s: Wish(tuple(sorted(s)), len(s))), st.integers(1, 4).map(lambda n: Wish(count=n))), max_size=8)  # fmt: skip


@given(wishes, st.sets(st.integers(0, 3)))
def test_no_gpu_twice_and_nobody_overtaken(wanted, free):
    begun = set(begins(*wanted, free=sorted(free)))
    need = sum(wish.count for n, wish in enumerate(wanted) if n in begun)
    assert need <= len(free)
    named = [index for n, wish in enumerate(wanted) if n in begun for index in wish.pinned]
    assert len(named) == len(set(named))
    assert set(named) <= free
    for n, wish in enumerate(wanted):
        if n not in begun and not wish.pinned:
            assert not [m for m in begun if m > n], "any GPU would have done for the one that waits"
        if n not in begun:
            later = [index for m in begun if m > n for index in wanted[m].pinned]
            assert not set(later) & set(wish.pinned)


class FakeExecutor:
    """Starts nothing; says what it was told to say."""

    def __init__(self) -> None:
        self.status_of: dict[str, str] = {}
        self.started: list[str] = []
        self.problem: Problem | None = None

    def start(self, folder):
        self.started.append(folder.path.name)
        self.status_of[folder.path.name] = "waiting" if self.problem else "running"
        return self.problem

    def status(self, folder):
        return self.status_of.get(folder.path.name, "waiting")

    def stop(self, folder, by):
        self.status_of[folder.path.name] = "ended"


@pytest.fixture
def queue(tmp_path):
    with Queue(tmp_path / "queue.db") as found:
        yield found


@pytest.fixture
def put(queue, tmp_path):
    def add(name: str, **gpus) -> int:
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        folder.plan.write_text(json.dumps({"gpus": gpus}))
        return queue.add(folder)

    return add


def test_runs_begin_when_gpus_are_free(queue, put, tmp_path):
    executor = FakeExecutor()
    runner = Runner(queue, executor, lambda: TWO)
    for name in "abc":
        put(name, count=1)
    assert runner.step() == 3
    for name, gpu in (("a", 0), ("b", 1)):
        write_state(RunFolder(tmp_path / name), State("running", gpus=(gpu,)))
    runner.step()
    assert executor.started == ["a", "b"]
    executor.status_of["a"] = "ended"
    write_state(RunFolder(tmp_path / "a"), State("ended", reason="completed"))
    runner.step()
    assert executor.started == ["a", "b", "c"]
    assert [(i.folder.path.name, i.state, i.told) for i in queue.items()] == [
        ("a", "done", "completed"),
        ("b", "started", ""),
        ("c", "started", ""),
    ]


def test_a_gpu_that_another_run_has_is_waited_for(queue, put):
    executor, free = FakeExecutor(), [False]
    runner = Runner(queue, executor, lambda: TWO[:1], lambda index: free[0])
    put("a", count=1)
    assert runner.step() == 1
    assert executor.started == []
    free[0] = True
    runner.step()
    assert executor.started == ["a"]


def test_a_lease_that_was_lost_to_another_is_tried_again(queue, put):
    executor = FakeExecutor()
    runner = Runner(queue, executor, lambda: TWO)
    put("a", count=1)
    executor.problem = Problem("taken", later=True)
    runner.step()
    assert [(i.state, i.told) for i in queue.items()] == [("waiting", "taken")]
    executor.problem = Problem("no python")
    runner.step()
    assert [(i.state, i.told) for i in queue.items()] == [("refused", "no python")]


def test_what_can_never_be_is_refused_and_holds_up_nobody(queue, put):
    executor = FakeExecutor()
    put("a", count=5)
    put("b", pinned=[7], count=1)
    put("c", count=1)
    Runner(queue, executor, lambda: TWO).step()
    assert [(i.state, i.told) for i in queue.items()] == [
        ("refused", "it wants 5 GPUs, this machine has 2"),
        ("refused", "it wants GPU 7, this machine has 2"),
        ("started", ""),
    ]


def test_a_runner_that_died_between_note_and_start(queue, put):
    number = put("a", count=1)
    assert queue.become(number, "waiting", "started")
    executor = FakeExecutor()
    runner = Runner(queue, executor, lambda: TWO)
    runner.step()
    assert executor.started == ["a"]


def test_the_order_can_be_changed(queue, put):
    a, b, c = (put(name, count=1) for name in "abc")
    assert queue.move(c, None)
    assert [i.id for i in queue.items()] == [c, a, b]
    assert queue.move(b, a)
    assert [i.id for i in queue.items()] == [c, b, a]
    assert not queue.move(99, None)


def test_many_hands_at_once(tmp_path):
    """Every run that was added is there once, in some order, whoever added it."""
    path = tmp_path / "queue.db"
    Queue(path).close()

    def add(hand: int) -> None:
        with Queue(path) as mine:
            for n in range(10):
                mine.add(RunFolder(tmp_path / f"{hand}-{n}"))

    hands = [threading.Thread(target=add, args=(hand,)) for hand in range(4)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    with Queue(path) as after:
        names = [i.folder.path.name for i in after.items()]
    assert sorted(names) == sorted(f"{hand}-{n}" for hand in range(4) for n in range(10))


@pytest.mark.skipif(not system.LINUX, reason="the supervisor is for Linux first")
def test_a_queue_from_the_command_line(begin, tmp_path, monkeypatch):
    monkeypatch.setenv("LORABRIDGE_QUEUE_PAUSE", "0.05")
    monkeypatch.setattr(fake_backend, "SETTINGS", fake_backend.SETTINGS | {"script": "steps(1, 10); lora()"})
    config = str(tmp_path / "cat.yaml")
    for _ in range(3):
        lb("queue", "add", config, "-b", "musubi", "--no-start")
    items = json.loads(lb("queue", "list", "--format", "json"))
    assert [i["state"] for i in items] == ["waiting"] * 3
    lb("queue", "cancel", str(items[1]["id"]))
    lb("queue", "move", str(items[2]["id"]))
    lb("queue", "run")
    done = {i["id"]: (i["state"], i["told"]) for i in json.loads(lb("queue", "list", "--all", "--format", "json"))}
    assert list(done.values()) == [("done", "completed"), ("done", "completed"), ("cancelled", "")]
    began = [json.loads((Path(i["path"]) / "events.jsonl").read_text().splitlines()[0])["time"] for i in (items[2], items[0])]
    assert began == sorted(began)
    assert "is not in the queue: done" in lb("queue", "cancel", str(items[0]["id"]), code=1)


@pytest.mark.skipif(not system.LINUX, reason="the supervisor is for Linux first")
def test_the_runner_is_started_by_adding(begin, tmp_path, monkeypatch):
    monkeypatch.setenv("LORABRIDGE_QUEUE_PAUSE", "0.05")
    monkeypatch.setattr(fake_backend, "SETTINGS", fake_backend.SETTINGS | {"script": "steps(1, 10); lora()"})
    lb("queue", "add", str(tmp_path / "cat.yaml"), "-b", "musubi")
    (found,) = json.loads(lb("queue", "list", "--all", "--format", "json"))
    run = RunFolder(Path(found["path"]))
    assert ended(run)["reason"] == "completed"
    home = Path(os.environ["LORABRIDGE_STATE_HOME"])
    until(lambda: not system.locked(home / "queue.lock"), "the runner to go home")


@pytest.mark.skipif(not system.LINUX, reason="the supervisor is for Linux first")
def test_run_is_refused_when_the_gpu_is_leased(begin, tmp_path, monkeypatch):
    (tmp_path / "cat.yaml").write_text((tmp_path / "cat.yaml").read_text() + "hardware: {gpus: [0]}\n")
    run = begin("loop()")
    told = lb("run", str(tmp_path / "cat.yaml"), "-b", "musubi", code=1)
    assert "LB709" in told
    assert f"GPU 0 is leased by {run.path}" in told
    end_all(run)
    folder = prepare(load(tmp_path / "cat.yaml"), Request(tmp_path / "cat.yaml", "musubi"), os.environ)
    assert isinstance(folder, RunFolder)
