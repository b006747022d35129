"""`lorabridge watch`"""

from __future__ import annotations

from typing import Any

import click


@click.command()
@click.argument("run", default="last")
@click.option(
    "--format",
    "style",
    type=click.Choice(["auto", "live", "plain", "jsonl"]),
    default="auto",
    show_default=True,
    help="How progress is shown; `jsonl` prints the events.",
)
def command(run: str, style: Any) -> int:
    """Show a run from its beginning until its end. Ctrl-C ends the watching, not the run.

    RUN is a name, its beginning, a folder, or `last` (the default). The exit code is that of `lorabridge run`.
    """
    from lorabridge.cli.run import show
    from lorabridge.cli.run_of import run_of
    from lorabridge.run.process import Interrupt

    with Interrupt() as interrupt:
        return show(run_of(run), style, interrupt, stops=False)
