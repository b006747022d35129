"""`lorabridge stop`"""

from __future__ import annotations

import sys

import click


@click.command()
@click.argument("run")
@click.option("--now", is_flag=True, help="By signals at once, without the trainer's own way and its save.")
@click.option("--no-wait", is_flag=True, help="Come back when the request was taken.")
def command(run: str, now: bool, no_wait: bool) -> int:
    """End a run early, with a checkpoint where the trainer can be asked for one. Again: kill it.

    Exit 0: it has ended (or has been asked to, with --no-wait).
    """
    from lorabridge.cli.run_of import living, request, run_of, tell

    folder = run_of(run)
    living(folder)
    code = tell(request(folder, "stop", by="`lorabridge stop`", hard=now, states=("asked",)))
    if code or no_wait:
        return code
    from lorabridge.run.attach import attach
    from lorabridge.run.display import choose
    from lorabridge.run.process import Interrupt

    with Interrupt() as interrupt:
        seen = attach(folder, choose("plain", sys.stderr), interrupt, stops=False)
    if not seen.left:
        click.echo(f"{seen.state.reason}: {seen.state.cause}" if seen.state.cause else seen.state.reason)
    return 0
