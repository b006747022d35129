"""`lorabridge contract`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_style = click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
_trainer = click.option("--trainer", metavar="NAME", help="musubi, diffusion-pipe or ai-toolkit [default: recognised].")


@click.group()
def command() -> None:
    """Read, show and compare the facts of a trainer: its options and keys, their types, defaults and choices, by commit."""


@command.command()
@click.argument("checkout", type=click.Path(exists=True, file_okay=False))
@_trainer
@click.option("--output", "-o", metavar="FILE", help="File to write [default: print it].")
def extract(checkout: str, trainer: str | None, output: str | None) -> int:
    """Read the contract from a trainer's source. Nothing of it is imported or run.

    Example: lorabridge contract extract ~/musubi-tuner -o musubi.json
    """
    from lorabridge.contracts.model import dumps
    from lorabridge.files import write_atomic

    found = _load(checkout, trainer)
    if output is None:
        click.echo(dumps(found), nl=False)
        return 0
    try:
        write_atomic(Path(output), dumps(found))
    except OSError as error:
        raise click.ClickException(f"cannot write `{output}`: {error.strerror or error}") from error
    click.echo(
        f"wrote {output}: {found.trainer} {found.commit[:10] or 'without a commit'}, {found.size} entries in {len(found.sections)} sections"
    )
    return 0


@command.command()
@click.argument("old")
@click.argument("new")
@click.argument("configs", nargs=-1)
@_trainer
@_style
def diff(old: str, new: str, configs: tuple[str, ...], trainer: str | None, style: str) -> int:
    """Say what changes from OLD to NEW, and what of it concerns the CONFIGS. Exit 1 when anything changes.

    A config may be the trainer's own: a file, a folder, or files joined by commas (train.toml,dataset.toml).

    OLD and NEW are checkouts, contract files, commits that are shipped, or the name of a trainer (its newest shipped contract).

    Example: lorabridge contract diff musubi ~/musubi-tuner qwen.yaml
    """
    from lorabridge.contracts.diff import compare
    from lorabridge.plan.upgrade import as_data, change_lines, config_lines, headline

    before, after = _load(old, trainer), _load(new, trainer)
    if before.trainer != after.trainer:
        raise click.UsageError(f"`{old}` is of {before.trainer}, `{new}` of {after.trainer}")
    changes = compare(before, after)
    results = [_for(file, after.trainer, changes) for file in configs]
    if style == "json":
        _json(as_data(before, after, changes, results))
    else:
        click.echo(f"{headline(before)} -> {headline(after)}: {len(changes) or 'no'} change{'s' if len(changes) != 1 else ''}")
        for line in change_lines(changes):
            click.echo(line)
        for result in results:
            click.echo("\n".join(config_lines(result)))
    return 1 if changes or any(result.problem for result in results) else 0


@command.command()
@click.argument("contract", required=False)
@click.argument("section", required=False)
@_trainer
@_style
def show(contract: str | None, section: str | None, trainer: str | None, style: str) -> int:
    """List the shipped contracts, the sections of one, or the entries of one section.

    Example: lorabridge contract show musubi zimage_train_network
    """
    from lorabridge.plan.facts import listed, section_data, section_lines, shipped

    if contract is None:
        data, lines = shipped()
    else:
        found = _load(contract, trainer)
        if section is None:
            data, lines = listed(found)
        elif section in found.sections:
            data, lines = section_data(found.sections[section]), section_lines(section, found.sections[section])
        else:
            raise click.UsageError(f"{found.trainer} has no section `{section}`; `lorabridge contract show {contract}` lists them")
    if style == "json":
        _json(data)
    else:
        click.echo("\n".join(lines))
    return 0


def _for(name: str, trainer: str, changes: Any) -> Any:
    from lorabridge.cli.common import load_config, native_parts
    from lorabridge.plan.upgrade import for_config, for_native

    parts = native_parts(name)
    return for_native(parts, trainer, changes) if parts else for_config(name, load_config(name), trainer, changes)


def _load(text: str, trainer: str | None) -> Any:
    from lorabridge.plan.upgrade import contract_of

    try:
        found = contract_of(text, trainer)
        if trainer and not Path(text).exists() and text != found.trainer and not found.commit.startswith(text):
            from lorabridge.contracts.store import nearest

            chosen = nearest(trainer, text)
            click.echo(f"{chosen.why if chosen else ''}: that one is used", err=True)
        return found
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from error


def _json(data: Any) -> None:
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False))
