"""`lorabridge doctor`"""

from __future__ import annotations

import click


@click.command()
@click.argument("config", required=False)
@click.option("--backend", "-b", "backends", multiple=True, metavar="NAME", help="With CONFIG: only these trainers (repeatable).")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(config: str | None, backends: tuple[str, ...], style: str) -> int:
    """Say what was found: Python, trainers with their commits, GPUs, driver, disk; what is missing and the next step.

    With CONFIG: what the installed trainers changed against the facts that it is checked with, as far as it concerns the
    config. Exit 1 when something does. CONFIG may be the trainer's own: a file, a folder, files joined by commas.
    """
    from lorabridge.run.doctor import about, examine

    if config is None:
        findings = examine()
    else:
        from lorabridge.cli.common import load_config, native_parts

        parts = native_parts(config)
        findings = about(config, parts, _owner(parts, backends)) if parts else about(config, load_config(config), _trainers(backends))
    if style == "json":
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(item) for item in findings], indent=2))
    else:
        for item in findings:
            click.echo(f"{'ok     ' if item.ok else 'missing' if config is None else 'drift  '} {item.topic:<16} {item.text}")
            if item.step:
                click.echo(f"{'':<25}next: {item.step}")
    return int(config is not None and not all(item.ok for item in findings))


def _owner(parts: list[str], named: tuple[str, ...]) -> list[str]:
    """The trainer that native files are of; the one that is named, where they do not tell."""
    from lorabridge.plan.sources import gather

    found = gather(parts, named[0] if named else "").trainer
    if not found:
        raise click.ClickException(f"{', '.join(parts)}: not recognised as files of any trainer; name it with --backend")
    return [found]


def _trainers(named: tuple[str, ...]) -> list[str]:
    from lorabridge.contracts.extract import READERS
    from lorabridge.run.doctor import installed

    unknown = [name for name in named if name not in READERS]
    if unknown:
        raise click.BadParameter(f"`{unknown[0]}` is not one of {', '.join(READERS)}", param_hint="--backend")
    return list(named) or installed(READERS)
