"""The parser on bytes that the real trainer wrote."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from lorabridge.backends import musubi
from lorabridge.backends.events import Event

LOGS = Path(__file__).parent / "logs"
STAGE = {"cache_latents_qwen": "cache-latents", "cache_te_qwen": "cache-text"}
NAMES = sorted(path.stem for path in LOGS.glob("*.log"))


def read(name: str) -> bytes:
    return (LOGS / f"{name}.log").read_bytes()


def events(name: str, data: bytes | None = None, sizes: tuple[int, ...] = ()) -> list[Event]:
    data, parser = read(name) if data is None else data, musubi.parser(STAGE.get(name, "train"))
    found: list[Event] = []
    start = 0
    for size in sizes:
        found += parser.feed(data[start : start + size])
        start += size
    return [*found, *parser.feed(data[start:]), *parser.close()]


def of(kind: str, found: list[Event]) -> list[Event]:
    return [event for event in found if event.event == kind]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in STAGE])
def test_each_step_once_with_its_last_loss(name: str) -> None:
    text = read(name).decode().replace("\r", "\n")
    bars = {int(step): loss for step, loss in re.findall(r"steps: [^\n]*?\| (\d+)/\d+ \[[^\]]*?avr_loss=([\w.+-]+)\]", text)}
    found = of("progress", events(name))
    assert [event.step for event in found] == sorted(bars)
    for event in found:
        assert event.loss is not None
        assert math.isnan(event.loss) or event.loss == float(bars[event.step or 0])


@pytest.mark.parametrize("name", NAMES)
def test_any_cut_gives_the_same(name: str) -> None:
    whole, data = [event.record() for event in events(name)], read(name)
    for size in (1, 2, 7, 64, 1000):
        assert [event.record() for event in events(name, sizes=(size,) * (len(data) // size + 1))] == whole


def test_cut_at_every_byte() -> None:
    data = read("run_resume")[-2500:]
    whole = [event.record() for event in events("x", data)]
    for cut in range(0, len(data), 3):
        assert [event.record() for event in events("x", data, (cut,))] == whole


def test_a_whole_run() -> None:
    found = events("qwen_image_complete")
    assert [event.step for event in of("epoch", found)] == [0, 6, 12]
    assert [(event.step, Path(event.path or "").name) for event in of("save", found)] == [
        (5, "my_qwen_lora-step00000005.safetensors"),
        (6, "my_qwen_lora-000001.safetensors"),
        (10, "my_qwen_lora-step00000010.safetensors"),
        (12, "my_qwen_lora-000002.safetensors"),
        (15, "my_qwen_lora-step00000015.safetensors"),
        (18, "my_qwen_lora.safetensors"),
    ]
    assert len(of("state", found)) == 6
    assert [(event.text, event.step) for event in of("end", found)] == [("completed", 18)]
    assert of("progress", found)[0].total == 18
    assert not of("error", found)


def test_samples() -> None:
    assert [event.step for event in of("sample", events("run_with_samples"))] == [0, 4, 6]


def test_a_loss_that_is_no_number() -> None:
    found = of("progress", events("loss_nan"))
    assert found[0].loss == 1.05
    assert all(math.isnan(event.loss or 0) for event in found[1:])
    assert found[-1].record()["loss"] == "nan"


def test_a_crash() -> None:
    found = events("fail_accelerate")
    assert [event.text for event in of("error", found)][-1] == "RuntimeError: No LoRA modules found"
    assert [(event.text, event.code) for event in of("end", found)] == [("failed", "exit 1")]


def test_no_cache() -> None:
    found = events("no_te_cache")
    assert len(of("warning", found)) == 6
    assert [event.code for event in of("error", found)] == ["no-cache"]
    assert not of("end", found)


def test_caching() -> None:
    for name in STAGE:
        found = of("cache", events(name))
        assert [(event.step, event.total) for event in found] == [(number, 6) for number in range(1, 7)]


def test_out_of_memory() -> None:
    text = b'Traceback (most recent call last):\n  File "x.py", line 1\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n'
    assert [(event.event, event.code) for event in events("x", text)] == [("error", "oom")]


@pytest.mark.parametrize(
    "junk",
    [
        b"\xff\xfe\x00steps:",
        b"steps:  50%|#| 1/2 [00:0",
        b"\r\r\n\n",
        b"steps: 1%|x| 999999999999999999999999/1 [?<?, ?it/s]\n",
        b"epoch 1/",
        b"Traceback (most",
    ],
)
def test_junk_does_not_raise(junk: bytes) -> None:
    events("x", junk)


def test_accumulated_steps_are_told_once() -> None:
    bars = b"".join(
        b"\rsteps:  50%%|#| %d/2 [00:01<00:01,  1.0it/s, avr_loss=%s]" % (step, loss)
        for step, loss in ((1, b"1.1"), (1, b"1.2"), (2, b"1.2"), (2, b"1.3"), (2, b"1.4"))
    )
    assert [(event.step, event.loss) for event in of("progress", events("x", bars))] == [(1, 1.1), (2, 1.3)]
