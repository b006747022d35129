"""diffusion-pipe: DeepSpeed pipeline training from TOML files (main, dataset, eval)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabridge.backends.diffusion_pipe.archs import COMMIT, NAME, TITLE
from lorabridge.backends.diffusion_pipe.rows import HANDLED, ROWS

if TYPE_CHECKING:
    from lorabridge.backends.base import Artifacts, Installation, Lifted, Plan, Site
    from lorabridge.backends.events import LogParser

__all__ = ["COMMIT", "HANDLED", "NAME", "ROWS", "TITLE", "artifacts", "lift", "locate", "lower", "parser"]


def lower(resolved: Any, loaded: Any, site: Site) -> Plan:
    """Intent to TOML files and the launch command."""
    from lorabridge.backends.diffusion_pipe.lower import lower as run

    return run(resolved, loaded, site)


def lift(sources: Mapping[str, str]) -> Lifted:
    """TOML files back to intent."""
    from lorabridge.backends.diffusion_pipe.lift import lift as run

    return run(sources)


def locate(environ: Mapping[str, str]) -> Installation | None:
    """The checkout on this machine, or None."""
    from lorabridge.backends.diffusion_pipe.locate import locate as run

    return run(environ)


def parser(stage: str) -> LogParser:
    """A parser for the log of a stage."""
    from lorabridge.backends.diffusion_pipe.logs import parser as run

    return run(stage)


def artifacts(output: Path, name: str) -> Artifacts:
    """What a run left behind."""
    from lorabridge.backends.diffusion_pipe.layout import artifacts as run

    return run(output, name)
