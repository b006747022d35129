"""musubi-tuner: training TOML, dataset TOML, prompt file, and three stages.

Read and executed at commit 30c658c (v0.3.4). Image and video families as listed in `archs.ARCHS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lorabridge.backends.base import Artifacts, Installation, Lifted, Plan, Row, Site
    from lorabridge.backends.events import LogParser
    from lorabridge.config.load import Loaded
    from lorabridge.families.resolve import Resolved

NAME = "musubi"
TITLE = "musubi-tuner"
COMMIT = "30c658c4f4b0bf05038b3346eff9670259b10fc7"


def __getattr__(name: str) -> tuple[Row, ...] | Mapping[str, str]:
    """The tables, read when they are first asked for."""
    from lorabridge.backends.musubi import rows

    if name == "ROWS":
        return rows.ROWS + rows.DATASET_ROWS
    if name == "HANDLED":
        return rows.HANDLED
    raise AttributeError(name)


def lower(resolved: Resolved, loaded: Loaded, site: Site) -> Plan:
    """Intent to files and stages."""
    from lorabridge.backends.musubi.lower import lower as run

    return run(resolved, loaded, site)


def lift(sources: Mapping[str, str]) -> Lifted:
    """The trainer's files and commands back to intent."""
    from lorabridge.backends.musubi.lift import lift as run

    return run(sources)


def locate(environ: Mapping[str, str]) -> Installation | None:
    """The checkout on this machine."""
    from lorabridge.backends.musubi.locate import locate as run

    return run(environ)


def parser(stage: str) -> LogParser:
    """A parser for what a stage prints."""
    from lorabridge.backends.musubi.logs import parser as run

    return run(stage)


def artifacts(output: Path, name: str) -> Artifacts:
    """What a run has left so far."""
    from lorabridge.backends.musubi.layout import artifacts as run

    return run(output, name)
