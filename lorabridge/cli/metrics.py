"""`lorabridge metrics`"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--format", "style", type=click.Choice(["csv", "tensorboard"]), default="csv", show_default=True, help="What to write.")
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), metavar="PATH", help="A file for csv (default: stdout), a folder for tensorboard."
)
def command(run: Path, style: str, out: Path | None) -> int:
    """Export the loss, learning rate and speed of a run.

    RUN is a run folder or its event log. The CSV has one row per step; the event file is what TensorBoard shows.

    \b
    Exit codes: 0 written, 1 the run cannot be read or has no steps, 2 usage.
    Example: lorabridge metrics output/cat-20261121-101500 --format tensorboard -o tb
    """
    from lorabridge.cli.common import report
    from lorabridge.diagnostics import Diagnostic
    from lorabridge.files import write_atomic
    from lorabridge.run.metrics import as_csv, progress_of, write_tensorboard
    from lorabridge.run.record import read_events

    log = run / "events.jsonl" if run.is_dir() else run
    try:
        records = list(read_events(log))
    except OSError as error:
        report([Diagnostic("LB741", f"`{log}` cannot be read: {error.strerror or error}", fix="name a run folder")], "text", {}, err=True)
        return 1
    if not any(True for _ in progress_of(records)):
        report([Diagnostic("LB741", f"`{log}` tells of no training step", fix="nothing was trained yet")], "text", {}, err=True)
        return 1
    try:
        if style == "tensorboard":
            click.echo(str(write_tensorboard(records, out or run / "tensorboard")))
        elif out is None:
            click.echo(as_csv(records), nl=False)
        else:
            write_atomic(out, as_csv(records))
    except OSError as error:
        report([Diagnostic("LB742", f"the metrics cannot be written: {error}")], "text", {}, err=True)
        return 1
    return 0
