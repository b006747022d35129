"""`lorabridge import`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lorabridge.cli.common import format_option, report

trainer_option = click.option("--trainer", default="", metavar="NAME", help="Whose files these are [default: told by their content].")


@click.command()
@click.argument("files", nargs=-1, required=True)
@trainer_option
@click.option("--out", "-o", metavar="FILE", help="Write the config to this file instead of printing it.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@format_option
def command(files: tuple[str, ...], trainer: str, out: str | None, force: bool, style: Any) -> int:
    """Turn a trainer's own files, or a launch script, into a config of the language.

    Every native key is accounted for: said, kept as a native option, equal to a default, or left out with the reason.
    The config goes to stdout or to -o, the account to stderr or beside the findings. `--format json` prints both as data.

    Example: lorabridge import train.toml dataset.toml train.sh -o qwen.yaml
    """
    import json

    from lorabridge.files import write_atomic
    from lorabridge.plan.imports import as_data, import_files, report_lines

    known_trainer(trainer)
    if out and Path(out).exists() and not force:
        raise click.ClickException(f"`{out}` exists; choose another name, or replace it with --force")
    made = import_files(files, trainer=trainer, shown=out or "imported.yaml")
    if made.text and out:
        try:
            write_atomic(Path(out), made.text)
        except OSError as error:
            raise click.ClickException(f"cannot write `{out}`: {error.strerror or error}") from error
    if style == "json":
        click.echo(json.dumps(as_data(made), indent=2, default=str))
        return 0 if made.ok else 1
    if made.text and not out:
        click.echo(made.text, nl=False)
    if made.fates and style == "text":
        click.echo("\n".join(report_lines(made)), err=not out)
    if made.findings:
        report(made.findings, style, made.texts, err=not out and style == "text")
    if out and made.text and style == "text":
        click.echo(f"wrote {out}")
    return 0 if made.ok else 1


def known_trainer(name: str) -> None:
    """A trainer that does not exist is a usage error."""
    from lorabridge.backends import backend_names

    if name and name not in backend_names():
        raise click.BadParameter(f"`{name}` is not one of {', '.join(backend_names())}", param_hint="--trainer")
