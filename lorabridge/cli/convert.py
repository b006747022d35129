"""`lorabridge convert`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lorabridge.cli.common import format_option, report, unsupported_option
from lorabridge.cli.import_ import known_trainer, trainer_option


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--to", "target", required=True, metavar="NAME", help="musubi, diffusion-pipe, ai-toolkit or embedded.")
@click.option("--out", "-o", metavar="DIR", help="Folder to write to [default: compiled/NAME-BACKEND here].")
@trainer_option
@unsupported_option
@format_option
def command(files: tuple[str, ...], target: str, out: str | None, trainer: str, unsupported: Any, style: Any) -> int:
    """Turn one trainer's files into another's: import and compile in one.

    What the other trainer cannot say is named and refused (exit 1), unless `--unsupported warn` allows to drop it.

    Example: lorabridge convert train.toml dataset.toml --to ai-toolkit -o converted
    """
    from lorabridge.plan.convert import convert
    from lorabridge.plan.write import compiled_files, write_files

    known_trainer(target)
    known_trainer(trainer)
    made, plan = convert(files, target, trainer=trainer, unsupported=unsupported, folder=out)
    report(made.findings if plan is None else plan.diagnostics, style, made.texts)
    if plan is None or not plan.ok or made.loaded is None:
        return 1
    folder = Path(out) if out else Path("compiled") / f"{made.loaded.data.get('name', 'config')}-{target}"
    written = compiled_files(plan, made.loaded)
    try:
        write_files(folder, written)
    except OSError as error:
        raise click.ClickException(f"cannot write to `{folder}`: {error.strerror or error}") from error
    if style == "text":
        click.echo(f"wrote {folder}: {', '.join(item.path for item in written)}")
        for note in plan.notes:
            if note.kind in ("rewritten", "refused"):
                click.echo(f"  {note.kind}: {note.path}: {note.value}" + (f" ({note.text})" if note.text else ""))
    return 0
