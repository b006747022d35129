"""The plan of one config for one trainer: data, subject, sections, findings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorabridge.backends.base import Site
from lorabridge.backends.outlook import MediaOf
from lorabridge.config.load import Loaded
from lorabridge.data.buckets import Media
from lorabridge.diagnostics import Diagnostic, sort_key
from lorabridge.plan.sections import SECTIONS, Section, SectionRow, Subject, run_sections
from lorabridge.plan.steps.convert import Reload, convert
from lorabridge.plan.steps.media import Found, gather
from lorabridge.plan.subject import subject_of

_SIZE = re.compile(r"([1-9][0-9]{0,5})[xX]([1-9][0-9]{0,5})")


PLANNED = frozenset(f"LB{number}" for number in (*range(460, 470), *range(601, 608)))
"""Codes of findings that only a plan makes."""
SQUARE = (1024, 1024)
"""Size of declared pictures when none is stated."""


@dataclass(frozen=True)
class Asked:
    """What the command was told besides the config. `options` are those of single sections, by name."""

    folders: tuple[str, ...] = ()
    pictures: int | None = None
    size: tuple[int, int] | None = None
    frames: int | None = None
    required: bool = False
    reload: Reload | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        folders: Sequence[str] = (),
        pictures: int | None = None,
        size: str | None = None,
        frames: int | None = None,
        reload: Reload | None = None,
        **rest: Any,
    ) -> Asked:
        """From the command line. Raises ValueError with a sentence for the user."""
        match = _SIZE.fullmatch(size.strip()) if size is not None else None
        if size is not None and match is None:
            raise ValueError(f"`--size {size}` is not a size; write it as 1024x768")
        if pictures is None and (size is not None or frames is not None):
            raise ValueError("`--size` and `--frames` describe declared pictures; add `--pictures N`")
        if pictures is not None and folders:
            raise ValueError("`--data` and `--pictures` exclude each other: the data is at hand or it is declared")
        return cls(tuple(folders), pictures, (int(match[1]), int(match[2])) if match else None, frames, reload=reload, options=rest)

    def assumption(self) -> str:
        """What is taken for granted about the data; "" when it was read."""
        if self.pictures is None:
            return ""
        size = f"all {self.size[0]}x{self.size[1]}" if self.size else "all square and large, since no --size is given"
        return f"declared: {self.pictures} in each dataset, {size}, each with a caption"


@dataclass(frozen=True)
class Told:
    """A finished plan. `subject` is None when the config does not compile; `found` then says why."""

    subject: Subject | None
    ran: tuple[tuple[SectionRow, Section], ...]
    found: tuple[Diagnostic, ...]

    def refusal(self) -> dict[str, Any]:
        """The JSON of a plan that could not be made."""
        return {
            "version": 1,
            "sections": {},
            "diagnostics": [
                {"code": item.code, "severity": item.severity, "message": item.message, "why": item.why, "fix": item.fix, "path": item.path}
                for item in self.found
            ],
        }


def foretell(
    loaded: Loaded,
    backend: str,
    *,
    root: Path,
    unsupported: Any = "error",
    asked: Asked | None = None,
    rows: tuple[SectionRow, ...] = SECTIONS,
) -> Told:
    """Compile, look at the data, run the sections. Read-only.

    Raises KeyError when there is no such backend, ValueError when the folders asked for do not fit the config.
    """
    asked = asked or Asked()
    site = Site(root=root.as_posix(), unsupported=unsupported, source=Path(loaded.file).name)
    data = _data(loaded, backend, root, asked)
    subject, found = subject_of(loaded, backend, site, data.media, asked.options)
    if subject is None and data.media is not None and asked.reload is not None:
        turned = convert(loaded, found, backend, site, data.media, asked.reload)
        if turned is not None:
            subject, found = turned.subject, [*turned.subject.plan.diagnostics, *turned.findings]
            subject.options = asked.options
    if subject is None:
        return Told(None, (), tuple(found))
    subject.assumed, subject.found = asked.assumption(), data
    ran = tuple(run_sections(subject, rows))
    more = [*data.findings, *(item for _, section in ran for item in section.diagnostics)]
    return Told(subject, ran, tuple(sorted(dict.fromkeys([*found, *more]), key=sort_key)))


def _data(loaded: Loaded, backend: str, root: Path, asked: Asked) -> Found:
    if asked.pictures is not None:
        return Found(declared(asked.pictures, asked.size or SQUARE, asked.frames or 0))
    return gather(loaded, backend, root, asked.folders, required=asked.required)


def declared(count: int, size: tuple[int, int], frames: int) -> MediaOf:
    """As if each folder held `count` captioned pictures (clips) of one size."""
    media = tuple(Media(f"{number:06d}", size[0], size[1], frames, 0.0) for number in range(count))
    return lambda folder, extension: media


def plan_findings(loaded: Loaded, backends: Sequence[str], *, root: Path, unsupported: Any = "error") -> list[Diagnostic]:
    """What only a plan finds, for `check --data` and before a run: no step, dropped buckets, saves beyond the end, a full disk.

    Nothing for a config that does not compile: its own findings say why. Where the data is not there, what holds without it.
    """
    rows = tuple(row for row in SECTIONS if row.name in ("data", "steps", "disk"))
    told = [foretell(loaded, name, root=root, unsupported=unsupported, rows=rows) for name in backends] if loaded.config else []
    return list(dict.fromkeys(item for one in told for item in one.found if item.code in PLANNED))
