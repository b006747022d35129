"""One question in, one answer out: JSON on stdin and stdout, whatever the trainer prints goes to stderr."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

MARK = "LORABRIDGE-ANSWER "
"""What the line with the answer begins with."""
LONGEST = 2000
"""Characters of one value or message that are handed over."""


def serve(reply: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer each line of stdin with one line of stdout. What a reply raises is its `error`."""
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        if not line.strip():
            continue
        question = json.loads(line)
        try:
            found = reply(question)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            found = {"error": said(error)}
        print(MARK + json.dumps({"id": question.get("id"), **plain(found)}), file=out, flush=True)


def said(error: BaseException) -> str:
    """An exception in one line, with the trainer's own place that raised it."""
    place = ""
    with contextlib.suppress(Exception):
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        if frame is not None:
            place = f" ({PurePath(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno})"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST] + place


def plain(value: Any) -> Any:
    """The value as JSON can hold it: tuples are lists, types and foreign objects their names, non-finite floats text."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, str | PurePath | float):
        return str(value)[:LONGEST]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    return repr(value)[:LONGEST]
