"""ai-toolkit: one YAML job for its `diffusion_trainer`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabridge.backends.ai_toolkit.rows import DATASET_ROWS, HANDLED, JOB_ROWS

if TYPE_CHECKING:
    from lorabridge.backends.base import Artifacts, Installation, Lifted, Plan, Row, Site
    from lorabridge.backends.events import LogParser

__all__ = ["COMMIT", "HANDLED", "NAME", "ROWS", "TITLE", "artifacts", "lift", "locate", "lower", "parser"]

NAME = "ai-toolkit"
TITLE = "ai-toolkit"
COMMIT = "27a03a91f23eb1b757d5ec2e80ee3e129cfcc350"
ROWS: tuple[Row, ...] = JOB_ROWS + DATASET_ROWS


def lower(resolved: Any, loaded: Any, site: Site) -> Plan:
    """Intent to `job.yaml` and the command that runs it."""
    from lorabridge.backends.ai_toolkit.lower import lower as run

    return run(resolved, loaded, site)


def lift(sources: Mapping[str, str]) -> Lifted:
    """A job file back to intent."""
    from lorabridge.backends.ai_toolkit.lift import lift as run

    return run(sources)


def locate(environ: Mapping[str, str]) -> Installation | None:
    """The checkout on this machine, or None."""
    from lorabridge.backends.ai_toolkit.locate import locate as run

    return run(environ)


def parser(stage: str) -> LogParser:
    """A parser for the log of a stage."""
    from lorabridge.backends.ai_toolkit.logs import JobParser

    return JobParser()


def artifacts(output: Path, name: str) -> Artifacts:
    """What a run left behind."""
    from lorabridge.backends.ai_toolkit.layout import artifacts as run

    return run(output, name)
