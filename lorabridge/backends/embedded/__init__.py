"""The embedded trainer: one `job.json` for `python -m lorabridge.backends.embedded.trainer`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabridge.backends.embedded.archs import NAME, TITLE
from lorabridge.backends.embedded.rows import DATASET_ROWS, HANDLED, JOB_ROWS

if TYPE_CHECKING:
    from lorabridge.backends.base import Artifacts, Installation, Lifted, Plan, Row, Site
    from lorabridge.backends.events import LogParser

__all__ = ["COMMIT", "HANDLED", "NAME", "ROWS", "TITLE", "artifacts", "lift", "locate", "lower", "parser"]

COMMIT = ""
ROWS: tuple[Row, ...] = JOB_ROWS + DATASET_ROWS


def lower(resolved: Any, loaded: Any, site: Site) -> Plan:
    """Intent to `job.json` and the command that runs it."""
    from lorabridge.backends.embedded.lower import lower as run

    return run(resolved, loaded, site)


def lift(sources: Mapping[str, str]) -> Lifted:
    """A job file back to intent."""
    from lorabridge.backends.embedded.lift import lift as run

    return run(sources)


def locate(environ: Mapping[str, str]) -> Installation | None:
    """This installation of lorabridge; `problems` tells what the extra still lacks."""
    from lorabridge.backends.embedded.locate import locate as run

    return run(environ)


def parser(stage: str) -> LogParser:
    """A parser for the log of a stage."""
    from lorabridge.backends.embedded.logs import JobParser

    return JobParser()


def artifacts(output: Path, name: str) -> Artifacts:
    """What a run left behind."""
    from lorabridge.backends.embedded.layout import artifacts as run

    return run(output, name)
