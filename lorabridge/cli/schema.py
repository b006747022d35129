"""`lorabridge schema`"""

from __future__ import annotations

import click


@click.command()
def command() -> int:
    """Print the JSON Schema of the language (draft-07, for editors), with the meanings in the descriptions."""
    import json

    from lorabridge.plan.schema import language_schema

    click.echo(json.dumps(language_schema(), indent=2, ensure_ascii=False))
    return 0
