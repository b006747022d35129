"""`lorabridge families`"""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(name: str | None, style: str) -> int:
    """List the model families, or tell all about one: variants, paths that each trainer needs, recommended values.

    Example: lorabridge families flux2
    """
    from lorabridge.plan.catalog import family_lines, family_record, overview_lines, records

    if name is None:
        if style == "json":
            _json(records())
        else:
            _echo(overview_lines())
        return 0
    from lorabridge.families import find_family

    family = find_family(name)
    if family is None:
        from lorabridge.families import FAMILIES

        raise click.UsageError(f"no family is called `{name}`; known: {', '.join(FAMILIES)}")
    if style == "json":
        _json(family_record(family))
    else:
        _echo(family_lines(family))
    return 0


def _json(value: object) -> None:
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _echo(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
