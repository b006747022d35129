"""Saved logs: whose they are, their events, and the verdict at the end."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from lorabridge.backends import BACKENDS
from lorabridge.backends.events import Event, LogParser
from lorabridge.backends.outcome import Outcome

_HEAD = 1 << 20


def _logs(trainer: str) -> Any:
    """The `logs` module of a trainer: `parser`, `TRACES`, and `STAGES` with `stage_of` where it has more than one."""
    return import_module(f"{BACKENDS[trainer]}.logs")


def trainer_of(head: bytes) -> str | None:
    """The trainer that wrote a log, by the words that only it says; None where they do not tell."""
    counts = Counter({name: sum(1 for word in _logs(name).TRACES if word in head) for name in BACKENDS})
    (first, most), (_, second) = counts.most_common(2)
    return first if most > second else None


def stage_of(trainer: str, head: bytes) -> str:
    """The stage that wrote a log."""
    logs = _logs(trainer)
    stage: str = logs.stage_of(head) if hasattr(logs, "stage_of") else "train"
    return stage


def stages_of(trainer: str) -> tuple[str, ...]:
    """The stages that a trainer's logs can be of."""
    stages: tuple[str, ...] = getattr(_logs(trainer), "STAGES", ("train",))
    return stages


def log_parser(trainer: str, stage: str, text: bool = False) -> LogParser:
    """The parser of a trainer that comes with lorabridge."""
    found: LogParser = _logs(trainer).parser(stage, text)
    return found


def utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes as they are, or made UTF-8 where they begin as UTF-16: PowerShell's `>` writes that."""
    decoder: codecs.IncrementalDecoder | None = None
    first = b""
    started = False
    for chunk in chunks:
        data = chunk
        if not started:
            first += chunk
            if len(first) < 3:
                continue
            started, data = True, first
            if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                decoder = codecs.getincrementaldecoder("utf-16")("replace")
            data = data.removeprefix(codecs.BOM_UTF8)
        yield decoder.decode(data).encode("utf-8", "replace") if decoder else data
    if not started and first:
        yield first


def read_log(chunks: Iterable[bytes], parser: LogParser) -> Iterator[Event]:
    """The events of a log, the verdict last."""
    outcome = Outcome()
    for chunk in chunks:
        for event in parser.feed(chunk):
            outcome.feed(event)
            yield event
    for event in parser.close():
        outcome.feed(event)
        yield event
    yield outcome.verdict()


def head_of(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first megabyte, and the whole again."""
    source = iter(chunks)
    kept: list[bytes] = []
    size = 0
    for chunk in source:
        kept.append(chunk)
        size += len(chunk)
        if size >= _HEAD:
            break

    def again() -> Iterator[bytes]:
        yield from kept
        yield from source

    return b"".join(kept)[:_HEAD], again()
