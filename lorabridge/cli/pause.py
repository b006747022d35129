"""`lorabridge pause`"""

from __future__ import annotations

import click


@click.command()
@click.argument("run")
def command(run: str) -> int:
    """Hold a run. Its processes stay, and so does the memory they took, also on the GPU; `lorabridge resume` goes on."""
    from lorabridge.cli.run_of import living, request, run_of, tell

    folder = run_of(run)
    if living(folder) == "paused":
        click.echo("it is paused already")
        return 0
    return tell(request(folder, "pause", by="`lorabridge pause`", states=("done",)))
