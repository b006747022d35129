"""The sample pictures of a run, ordered by prompt and step, as data URIs."""

from __future__ import annotations

import base64
import io
import mimetypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lorabridge.run.record import Record

_KINDS = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif"))
_SIDE = 512
_MOST_STEPS = 6
_MOST_PROMPTS = 8
_BUDGET = 24_000_000
"""Bytes of all pictures in one report, before base64."""


@dataclass(frozen=True)
class Sample:
    """One picture: of which prompt (its place in the list), after which step."""

    path: Path
    step: int
    index: int
    prompt: str = ""


@dataclass(frozen=True)
class Cell:
    """A picture as the report shows it. `uri` is empty where the picture is only linked."""

    uri: str
    link: str


@dataclass(frozen=True)
class Row:
    """The pictures of one prompt, one for each shown step, None where there is none."""

    prompt: str
    trigger: bool | None
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Gallery:
    """Prompts against steps. `total` counts all steps with pictures, `steps` are the shown ones."""

    steps: tuple[int, ...]
    rows: tuple[Row, ...]
    total: int
    hidden_prompts: int = 0


def collect(told: Sequence[Record], found: Sequence[Path], progress: Sequence[tuple[int, int]], prompts: Sequence[str]) -> list[Sample]:
    """All pictures. `told` are sample events; files nobody told about get the step that `progress` had reached at their time.

    `progress` lists (Unix milliseconds, step) in order.
    """
    steps: dict[Path, tuple[int, str]] = {path: (_step_at(path, progress), "") for path in found}
    for record in told:
        if record.get("path"):
            path = Path(str(record["path"]))
            known = steps.pop(path, (0, ""))[0]
            steps[path] = (int(record.get("step", known)), str(record.get("text") or ""))
    counts: dict[int, int] = {}
    samples: list[Sample] = []
    for path, (step, prompt) in steps.items():
        if path.suffix.lower() in _KINDS and path.is_file():
            index = counts.get(step, 0)
            counts[step] = index + 1
            known_prompt = prompts[index] if not prompt and index < len(prompts) else prompt
            samples.append(Sample(path, step, index, known_prompt))
    return samples


def gallery(samples: Sequence[Sample], trigger: str, root: Path) -> Gallery:
    """The table to show: at most six steps, first and last among them, and eight prompts."""
    every = sorted({sample.step for sample in samples})
    steps = _spread(every)
    keys = list(dict.fromkeys((sample.prompt or sample.index) for sample in sorted(samples, key=lambda s: (s.step, s.index))))
    budget = _BUDGET
    rows: list[Row] = []
    for key in keys[:_MOST_PROMPTS]:
        by_step = {sample.step: sample for sample in samples if (sample.prompt or sample.index) == key}
        cells: list[Cell | None] = []
        for step in steps:
            cell = _cell(by_step[step].path, root, budget) if step in by_step else None
            budget -= len(cell.uri) * 3 // 4 if cell else 0
            cells.append(cell)
        prompt = key if isinstance(key, str) else f"prompt {key + 1}"
        rows.append(Row(prompt, trigger in prompt if trigger and isinstance(key, str) else None, tuple(cells)))
    return Gallery(tuple(steps), tuple(rows), len(every), max(0, len(keys) - _MOST_PROMPTS))


def _step_at(path: Path, progress: Sequence[tuple[int, int]]) -> int:
    try:
        at = path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0
    return next((step for time, step in reversed(progress) if time <= at), 0)


def _spread(steps: list[int]) -> list[int]:
    if len(steps) <= _MOST_STEPS:
        return steps
    return [steps[round(i * (len(steps) - 1) / (_MOST_STEPS - 1))] for i in range(_MOST_STEPS)]


def _cell(path: Path, root: Path, budget: int) -> Cell | None:
    try:
        data, kind = shrunk(path)
    except OSError:
        return None
    link = quote(Path(os.path.relpath(path, root)).as_posix())
    return Cell(f"data:{kind};base64,{base64.b64encode(data).decode()}" if len(data) <= budget else "", link)


def shrunk(path: Path) -> tuple[bytes, str]:
    """The bytes and media type of a picture; large ones are made smaller where Pillow is installed."""
    data = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "image/png"
    if len(data) < 100_000:
        return data, kind
    try:
        from PIL import Image

        with Image.open(io.BytesIO(data)) as picture:
            small = picture.convert("RGB")
            small.thumbnail((_SIDE, _SIDE))
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=85)
    except (ImportError, ValueError, SyntaxError, OSError):
        return data, kind
    return buffer.getvalue(), "image/jpeg"
