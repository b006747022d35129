"""The ladder: runs of 1, 20, 100 and, if asked, 500 steps; it stops at the first that does not pass its gates."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from lorabridge.backends.base import Artifacts
from lorabridge.config.schema import Config
from lorabridge.files import write_atomic
from lorabridge.run.folder import RunFolder
from lorabridge.run.ladder_gates import Climb, Gate, gates
from lorabridge.run.pictures import Sample, collect, shrunk
from lorabridge.run.record import Record

RUNGS = (1, 20, 100)
LONG = 500
_DRAWN_FROM = 100
"""Shorter rungs draw no samples: nothing is to be seen yet."""


@dataclass(frozen=True)
class Rung:
    """A rung that was climbed: its run folder, its gates, and its sample pictures before and after."""

    steps: int
    folder: RunFolder
    gates: tuple[Gate, ...]
    pictures: tuple[tuple[Path, Path], ...] = ()

    @property
    def failed(self) -> Gate | None:
        """The first gate that it did not pass."""
        return next((gate for gate in self.gates if gate.passed is False), None)


def rungs(long: bool) -> tuple[int, ...]:
    """The lengths to climb."""
    return (*RUNGS, LONG) if long else RUNGS


def overrides_for(config: Config, steps: int) -> list[str]:
    """What `--set` must say so that the config trains `steps` steps and leaves something to judge."""
    said = [
        f"train.for={steps} steps",
        "save.every=never",
        "save.keep_last=unlimited",
        "save.state=false",
        f"name={config.name}-ladder-{steps}",
    ]
    warm = config.scheduler.warmup
    if warm not in ("off", None):
        said.append("scheduler.warmup=off")
    if config.evaluate is not None:
        said.append("evaluate=null")
    if config.sample.prompts:
        said.append(f"sample.every={steps} steps" if steps >= _DRAWN_FROM else "sample.every=never")
        said.append(f"sample.before={'true' if steps >= _DRAWN_FROM else 'false'}")
    return said


def climb(lengths: Sequence[int], run: Callable[[int], tuple[RunFolder, Climb, Artifacts]]) -> Iterator[Rung]:
    """The rungs one after the other, until one fails. `run` trains that many steps."""
    for steps in lengths:
        folder, seen, artifacts = run(steps)
        rung = Rung(steps, folder, tuple(gates(seen)), tuple(pairs(seen.records, artifacts.samples)))
        yield rung
        if rung.failed is not None:
            return


def pairs(told: Sequence[Record], samples: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """The first and the last picture of each prompt: the base model's and the LoRA's."""
    by_prompt: dict[int, list[Sample]] = {}
    drawn = [record for record in told if record.get("event") == "sample" and record.get("path")]
    passed = [(int(r["time"]), int(r["step"])) for r in told if r.get("event") == "progress" and r.get("step") is not None]
    for sample in collect(drawn, samples, passed, []):
        by_prompt.setdefault(sample.index, []).append(sample)
    for _, found in sorted(by_prompt.items()):
        ordered = sorted(found, key=lambda sample: sample.step)
        if ordered[0].step < ordered[-1].step:
            yield ordered[0].path, ordered[-1].path


def write_page(path: Path, name: str, climbed: Sequence[Rung]) -> None:
    """The report: each rung with its gates, and the pictures side by side. Raises OSError."""
    body = [f"<h1>{escape(name)}: the ladder</h1>"]
    for rung in climbed:
        body.append(f"<h2>{rung.steps} step{'s' if rung.steps > 1 else ''}: {'failed' if rung.failed else 'passed'}</h2><table>")
        for gate in rung.gates:
            mark = {True: "✓", False: "✗", None: "–"}[gate.passed]
            body.append(
                f"<tr><td>{mark}</td><td>{escape(gate.name)}</td><td>{escape(gate.seen)}<br><i>{escape(gate.diagnosis)}</i></td></tr>"
            )
        body.append(f"</table><p><code>{escape(str(rung.folder.path))}</code></p>")
        body += [f'<div class="p">{_figure("base", first)}{_figure("LoRA", last)}</div>' for first, last in rung.pictures]
    style = "body{font:15px system-ui;margin:2em auto;max-width:900px}td{padding:.2em .6em;vertical-align:top}.p{display:flex;gap:1em}img{max-width:100%}"
    write_atomic(path, f"<!doctype html><meta charset=utf-8><title>{escape(name)}</title><style>{style}</style>" + "\n".join(body) + "\n")


def _figure(label: str, path: Path) -> str:
    try:
        data, kind = shrunk(path)
    except OSError:
        return f"<figure><figcaption>{label}: {escape(path.name)} cannot be read</figcaption></figure>"
    uri = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return f'<figure><img src="{uri}" alt="{label}"><figcaption>{label}: {escape(path.name)}</figcaption></figure>'
