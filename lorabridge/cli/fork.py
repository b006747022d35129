"""`lorabridge fork`"""

from __future__ import annotations

from typing import Any

import click

from lorabridge.cli.common import set_option


@click.command()
@click.argument("run", default="last")
@click.option("--at", type=click.IntRange(1), metavar="STEP", help="From the checkpoint at this step; the newest that is whole by default.")
@set_option
@click.option("--detach", "-d", is_flag=True, help="Start it and come back; it goes on without this terminal.")
@click.option("--format", "style", type=click.Choice(["auto", "live", "plain", "jsonl"]), default="auto", help="As for `run`.")
def command(run: str, at: int | None, overrides: tuple[str, ...], detach: bool, style: Any) -> int:
    """Begin a new run from the weights of another one: its config, changed as you say, with a fresh optimizer and counter.

    Example: lorabridge fork cat-toy --at 1000 --set optimizer.lr=5e-5 --set "train.for=500 steps"
    """
    from lorabridge.cli.resume import launch
    from lorabridge.cli.run_of import run_of
    from lorabridge.run.again import branch, earlier, weights_of
    from lorabridge.run.delivery import problem_of

    folder = run_of(run)
    try:
        source = earlier(folder)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    place = weights_of(source, at, problem_of)
    if isinstance(place, str):
        raise click.ClickException(place)
    for text in place.passed:
        click.echo(f"passed over {text}", err=True)
    click.echo(f"begins with the weights of {place.point.path} (step {place.step}); optimizer, schedule and counter begin anew", err=True)
    return launch(source, branch(source, place, overrides), True, style, detach)
