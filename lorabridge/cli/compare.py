"""`lorabridge compare`"""

from __future__ import annotations

import click


@click.command()
@click.argument("one")
@click.argument("two")
def command(one: str, two: str) -> int:
    """Lay two runs side by side: what differs in their configs, and what came of it.

    Example: lorabridge compare cat-toy-20261121-083000 last
    """
    from lorabridge.cli.common import load_config
    from lorabridge.cli.run_of import run_of
    from lorabridge.plan.difference import changes
    from lorabridge.run.summary import summary

    left, right = summary(run_of(one)), summary(run_of(two))
    configs = [load_config(str(item.folder.resolved)) for item in (left, right)]
    for change in changes(configs[0], configs[1], left.backend, right.backend):
        click.echo(f"{change.path}: {change.old} -> {change.new}")
    for label, old, new in (
        ("trainer", left.backend, right.backend),
        ("status", left.status, right.status),
        ("step", left.step, right.step),
        ("last loss", left.loss, right.loss),
    ):
        click.echo(f"{label:<10} {old} | {new}")
    return 0
