"""The datasets of a configuration as a trainer finds them: what `data check`, `check --data` and `plan` look at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lorabridge.backends import get_backend
from lorabridge.config.load import Loaded
from lorabridge.config.schema.data import Dataset
from lorabridge.data.items import Scan
from lorabridge.data.judge import copies
from lorabridge.data.problems import each, grouped
from lorabridge.data.rules import GENERIC, Rules
from lorabridge.data.scan import Frame, scan
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.resolve import Missing, resolve

ENOUGH = 20
"""Pictures. The guide to domain LoRAs asks for 20 to 50, the Z-Image plan is made for 20."""


def rules_of(backend: str) -> Rules:
    """How a trainer looks for data; what holds for all of them where it does not say, or for no name. Raises KeyError for an unknown one."""
    if not backend:
        return GENERIC
    package: Any = get_backend(backend)
    try:
        rules: Rules = import_module(f"{package.__name__}.scan").RULES
    except ModuleNotFoundError:
        return GENERIC
    return rules


@dataclass(frozen=True)
class Looked:
    """All datasets of a config as one trainer finds them; `held_out` are those of `evaluate`."""

    rules: Rules
    datasets: tuple[Dataset, ...]
    scans: tuple[Scan, ...]
    held_out: tuple[Scan, ...] = ()

    @property
    def count(self) -> int:
        return sum(len(item.items) for item in self.scans)


def scan_config(loaded: Loaded, backend: str = "", *, remember: bool = True) -> Looked:
    """Scan every dataset. Empty where the config is broken (its own findings say so) or the family is unknown."""
    rules = rules_of(backend)
    if loaded.config is None:
        return Looked(rules, (), ())
    resolved = resolve(loaded.config, backend)
    config = loaded.config if isinstance(resolved, Missing) else resolved.config
    family, side = ("", 1024) if isinstance(resolved, Missing) else (resolved.family.name, resolved.family.resolution)

    def look(base: str, datasets: Sequence[Dataset]) -> tuple[Scan, ...]:
        frames = [
            Frame(f"{base}[{at}]", data.trigger or "", side, family, loaded.place(f"{base}[{at}]"), remember)
            for at, data in enumerate(datasets)
        ]
        return tuple(scan(data, rules, loaded.root, frame) for data, frame in zip(datasets, frames, strict=True))

    held_out = look("evaluate.datasets", config.evaluate.datasets) if config.evaluate else ()
    return Looked(rules, tuple(config.datasets), look("datasets", config.datasets), held_out)


def _seen(loaded: Loaded, looked: Looked, every: bool) -> list[Diagnostic]:
    """Held-out pictures that are trained as well: the loss on them says nothing."""
    trained = [item for one in looked.scans for item in one.items]
    known = {item.path for item in trained}
    found: list[Diagnostic] = []
    for one in looked.held_out:
        problems = [problem for problem in copies([*trained, *one.items]) if problem.path not in known]
        own = {problem.path for problem in one.problems if problem.kind == "duplicate"}
        fresh = [problem for problem in problems if problem.path not in own]
        span = loaded.place(one.here)
        found += each(fresh, looked.rules, span, one.here) if every else grouped(fresh, looked.rules, len(one.items), span, one.here)
    return found


def data_findings(loaded: Loaded, backend: str = "", *, every: bool = False, looked: Looked | None = None) -> list[Diagnostic]:
    """The findings of a scan; `every` gives one per file instead of one per kind."""
    looked = looked or scan_config(loaded, backend)
    found = []
    for item in (*looked.scans, *looked.held_out):
        if every:
            found += [finding for finding in item.findings if finding.code in ("LB401", "LB402")]
            found += each(item.problems, looked.rules, loaded.place(item.here), item.here)
        else:
            found += item.findings
    return list(dict.fromkeys([*found, *_seen(loaded, looked, every), *_few(loaded, looked)]))


def _few(loaded: Loaded, looked: Looked) -> list[Diagnostic]:
    pairs = [(data, item) for data, item in zip(looked.datasets, looked.scans, strict=True) if not data.regularization]
    count = sum(len(item.items) for _, item in pairs)
    if not 0 < count < ENOUGH or any(item.kind == "video" for _, scan_ in pairs for item in scan_.items):
        return []
    return [
        Diagnostic(
            "LB439",
            f"{count} picture{'s' if count > 1 else ''} to train on",
            loaded.place("datasets"),
            "hint",
            "guides recommend 20 to 50 for a subject or domain; with few, the model soon repeats them",
            "add pictures that differ in pose, light and background, or train fewer steps and look at samples early",
            "datasets",
        )
    ]


def check_data(loaded: Loaded, backends: Sequence[str], *, every: bool = False) -> list[Diagnostic]:
    """The findings for each trainer, without duplicates."""
    return list(dict.fromkeys(item for name in (backends or ("",)) for item in data_findings(loaded, name, every=every)))


def summary_line(looked: Looked) -> str:
    """`2 datasets, 412 pictures, 3 clips; 7 left out`."""
    items = [item for scan_ in looked.scans for item in scan_.items]
    clips = sum(item.kind == "video" for item in items)
    left = sum(len(scan_.left) for scan_ in looked.scans)
    parts = [f"{len(looked.scans)} dataset{'s' if len(looked.scans) != 1 else ''}", f"{len(items) - clips:,} pictures"]
    if clips:
        parts.append(f"{clips:,} clips")
    who = f"{looked.rules.title}: " if looked.rules.trainer else ""
    return who + ", ".join(parts) + (f"; {left:,} left out" if left else "")


def as_json(value: Mapping[str, Any]) -> str:
    """JSON for machines; names that are no UTF-8 are escaped."""
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def deepen(loaded: Loaded, looked: Looked, *, remember: bool = True) -> tuple[Looked, list[Diagnostic]]:
    """The same scans with what only decoding tells: broken pixels and near duplicates, across the datasets too. A note where Pillow is missing."""
    from dataclasses import replace

    from lorabridge.data import similar
    from lorabridge.data.facts import Memory
    from lorabridge.data.problems import Problem

    if not similar.installed():
        note = "near duplicates and broken pixels were not looked for: Pillow is not installed"
        return looked, [Diagnostic("LB447", note, None, "warning", fix="pip install 'lorabridge[data]'")]
    prints: dict[str, similar.Print] = {}
    extra: dict[str, list[Problem]] = {}
    for item in looked.scans:
        memory = Memory("pixels", "/".join(sorted({entry.path.rpartition("/")[0] for entry in item.items})), use=remember)
        extra[item.here], more = similar.look(item.items, memory)
        memory.save()
        prints |= more
    same = frozenset(problem.path for item in looked.scans for problem in item.problems if problem.kind == "duplicate")
    owner = {entry.path: item.here for item in looked.scans for entry in item.items}
    for problem in similar.near(prints, same):
        extra[owner[problem.path]].append(problem)
    scans = []
    for item in looked.scans:
        more_found = grouped(extra[item.here], looked.rules, len(item.items), loaded.place(item.here), item.here)
        scans.append(replace(item, problems=(*item.problems, *extra[item.here]), findings=(*item.findings, *more_found)))
    return replace(looked, scans=tuple(scans)), []


def write_sheet(path: str, title: str, looked: Looked) -> None:
    """Write the contact sheet. Raises OSError."""
    from pathlib import Path

    from lorabridge.data.sheet import sheet
    from lorabridge.files import write_atomic

    write_atomic(Path(path), sheet(title, looked.scans, looked.rules))
