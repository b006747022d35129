"""`plan` says what will happen, section by section: one row per section, a function each.

A section reads the `Subject` and returns a `Section`: lines for a person, facts for a program, findings. A line that is
not exact says why. Sections run in the order of the table, and each finds the facts of those before it in `subject.facts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from lorabridge.backends.base import Plan, Site
from lorabridge.backends.outlook import Forecast
from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.resolve import Resolved
from lorabridge.plan.steps.media import Found


@dataclass(frozen=True)
class Line:
    """One thing that is foretold. `exact=False` needs a `why`: what is not known, or what the number rests on."""

    label: str
    value: str
    exact: bool = True
    why: str = ""


@dataclass(frozen=True)
class Picture:
    """A drawing: SVG elements in a box of `width` x `height`, to be put below those of other sections."""

    width: int
    height: int
    body: str


@dataclass(frozen=True)
class Section:
    """What one section found. `facts` hold JSON values only; `text` is a block printed as it is below the lines."""

    lines: tuple[Line, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    text: str = ""
    picture: Picture | None = None


@dataclass
class Subject:
    """What is planned: the config, the trainer, the compiled files, the data.

    `forecast` holds buckets and steps, None where the trainer has no rules here; `options` are the command's own (`vram`, `gpu_price`, …);
    `facts` collects the facts of the sections that ran, by section name; `assumed` says what the data rests on where it was not read ("": it was);
    `found` is what the scan of the data told besides.
    """

    loaded: Loaded
    resolved: Resolved
    backend: str
    site: Site
    plan: Plan
    forecast: Forecast | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    assumed: str = ""
    found: Found | None = None


@dataclass(frozen=True)
class SectionRow:
    """One section: its name in JSON, its heading, and `module:function` of `(Subject) -> Section | None`."""

    name: str
    title: str
    entry: str

    def run(self, subject: Subject) -> Section | None:
        """The section for `subject`, None when it has nothing to say about it."""
        module, _, name = self.entry.partition(":")
        function: Callable[[Subject], Section | None] = getattr(import_module(module), name)
        return function(subject)


SECTIONS: tuple[SectionRow, ...] = (
    SectionRow("data", "Data", "lorabridge.plan.steps.data:section"),
    SectionRow("steps", "Steps", "lorabridge.plan.steps.steps:section"),
    SectionRow("disk", "Disk", "lorabridge.plan.steps.disk:section"),
    SectionRow("memory", "Memory", "lorabridge.plan.memory.section:section"),
    SectionRow("time", "Time", "lorabridge.plan.duration.section:section"),
    SectionRow("advice", "Advice", "lorabridge.plan.advice:section"),
)
"""In the order in which they are run and printed."""


def run_sections(subject: Subject, rows: tuple[SectionRow, ...] = SECTIONS) -> Iterator[tuple[SectionRow, Section]]:
    """Run the rows one after another; the facts of each are there for the next."""
    for row in rows:
        section = row.run(subject)
        if section is not None:
            subject.facts[row.name] = section.facts
            yield row, section
