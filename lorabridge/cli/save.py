"""`lorabridge save`"""

from __future__ import annotations

import click


@click.command()
@click.argument("run")
def command(run: str) -> int:
    """Ask a run for a checkpoint now. Trainers that cannot be asked refuse, with the reason (exit 1)."""
    from lorabridge.cli.run_of import living, request, run_of, tell

    folder = run_of(run)
    living(folder)
    return tell(request(folder, "save", by="`lorabridge save`", states=("asked",)))
