"""`lorabridge demo`"""

from __future__ import annotations

import click


@click.command()
@click.option("--out", "-o", default="lorabridge-demo", show_default=True, metavar="DIR", help="Folder to make.")
@click.option("--steps", type=click.IntRange(1, 100_000), default=300, show_default=True, help="Length of the training.")
def command(out: str, steps: int) -> int:
    """Train a first LoRA: eight pictures, a toy model of a few megabytes, a CPU, no download.

    Makes the pictures and a config in DIR and does with them what `lorabridge run` does: the LoRA, samples
    before and after, the learning curve and a report are in DIR when it ends.
    """
    from pathlib import Path

    from lorabridge.cli.run import command as run
    from lorabridge.run.demo import DemoError, make_demo

    try:
        config = make_demo(Path(out), steps)
    except DemoError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"$ lorabridge run {config}")
    result: int = run.main([str(config), "--backend", "embedded"], standalone_mode=False)
    return result
