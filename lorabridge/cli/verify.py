"""`lorabridge verify`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from lorabridge.cli.common import format_option, load_config, report


@click.command()
@click.argument("lock", metavar="LOCK")
@click.option("--config", "file", metavar="FILE", help="The config [default: the one the lock names, beside it].")
@click.option("--root", metavar="DIR", help="Folder that relative paths start from [default: the config's folder].")
@click.option("--full/--headers", default=None, help="Hash large weights whole, or by header [default: as the lock did].")
@format_option
def command(lock: str, file: str | None, root: str | None, full: bool | None, style: Any) -> int:
    """Compare a lock with the present: config, trainer, weights, data, versions. Reads all of it.

    \b
    Exit codes: 0 nothing changed, 1 drift, each thing named, 2 usage.
    Example: lorabridge verify cat.musubi.lock
    """
    from lorabridge.diagnostics import Diagnostic
    from lorabridge.plan.lock.check import held_against, read_lock

    path = Path(lock)
    found = read_lock(path)
    if isinstance(found, Diagnostic):
        report([found], style, {})
        return 1
    source = file or str(path.parent / found.source)
    loaded = load_config(source, found.overrides)
    checked = held_against(path, loaded, found.backend, os.environ, full=full, root=Path(root) if root else None)
    report(checked.diagnostics, style, loaded.texts, clean=f"nothing changed since {path} was made")
    return int(not checked.ok)
