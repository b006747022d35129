"""`lorabridge explain`"""

from __future__ import annotations

import click


@click.command()
@click.argument("topic")
@click.option("--backend", "-b", "backends", multiple=True, metavar="NAME", help="Only these trainers.")
def command(topic: str, backends: tuple[str, ...]) -> int:
    """Explain a diagnostic code (LB203) or a field (save.every): its meanings, and its spelling for each trainer.

    \b
    Examples: lorabridge explain LB203
              lorabridge explain save.every --backend musubi
    """
    from lorabridge.plan.explain import explain

    lines = explain(topic, backends)
    if lines is None:
        from lorabridge.plan.explain import nearest

        near = nearest(topic)
        raise click.UsageError(f"`{topic}` is neither a code nor a field." + (f" Did you mean {near}?" if near else ""))
    for line in lines:
        click.echo(line)
    return 0
