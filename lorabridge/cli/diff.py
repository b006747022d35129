"""`lorabridge diff`"""

from __future__ import annotations

import click

from lorabridge.cli.common import load_config, native_parts, report
from lorabridge.cli.import_ import known_trainer, trainer_option
from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic


@click.command()
@click.argument("old")
@click.argument("new")
@trainer_option
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How changes are printed.")
def command(old: str, new: str, trainer: str, style: str) -> int:
    """Show what changed in intent between two configs, native or not; the text does not matter.

    Several native files of one side are joined by commas: train.toml,dataset.toml. Exit 0: equal, 1: different.

    Example: lorabridge diff old.yaml new/train.toml,new/dataset.toml
    """
    import json

    from lorabridge.plan.difference import changes

    known_trainer(trainer)
    one, trainer_one, broken_one, texts_one = _side(old, trainer)
    two, trainer_two, broken_two, texts_two = _side(new, trainer)
    if one is None or two is None or broken_one or broken_two:
        report([*broken_one, *broken_two], "text", texts_one | texts_two)
        raise click.ClickException("a side cannot be read; nothing was compared")
    found = changes(one, two, trainer_one or trainer_two, trainer_two or trainer_one)
    if style == "json":
        click.echo(json.dumps({"equal": not found, "changes": [{"path": c.path, "old": c.old, "new": c.new} for c in found]}, indent=2))
    for change in found if style == "text" else ():
        click.echo(f"{change.path}: {change.old} -> {change.new}")
    if style == "text":
        click.echo(f"{len(found)} change{'s' if len(found) != 1 else ''}" if found else "the same intent")
    return 1 if found else 0


def _side(name: str, trainer: str) -> tuple[Loaded | None, str, list[Diagnostic], dict[str, str]]:
    parts = native_parts(name)
    if parts:
        from lorabridge.plan.imports import import_files

        made = import_files(parts, trainer=trainer, report=False)
        broken = [] if made.text else [item for item in made.findings if item.severity == "error"]
        return made.loaded, made.trainer, broken, made.texts
    loaded = load_config(name)
    broken = [item for item in loaded.diagnostics if item.severity == "error"] if loaded.config is None else []
    return loaded, "", broken, loaded.texts
