"""`lorabridge doctor`"""

from __future__ import annotations

import click


@click.command()
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(style: str) -> int:
    """Say what was found: Python, trainers with their commits, GPUs, driver, disk; what is missing and the next step."""
    from lorabridge.run.doctor import examine

    findings = examine()
    if style == "json":
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(item) for item in findings], indent=2))
        return 0
    for item in findings:
        click.echo(f"{'ok     ' if item.ok else 'missing'} {item.topic:<16} {item.text}")
        if item.step:
            click.echo(f"{'':<25}next: {item.step}")
    return 0
