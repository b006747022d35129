"""`lorabridge rm`"""

from __future__ import annotations

import click


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(runs: tuple[str, ...], yes: bool) -> int:
    """Delete runs: their folders with everything in them, checkpoints too. A run that goes on is refused.

    Example: lorabridge rm cat-toy-20261121-083000
    """
    import shutil

    from lorabridge.cli.run_of import run_of
    from lorabridge.run.delivery import readable, size_of
    from lorabridge.run.index import Index
    from lorabridge.run.settle import settle, supervised

    for name in runs:
        folder = run_of(name)
        if supervised(folder) or settle(folder).phase in ("running", "paused"):
            raise click.ClickException(f"{folder.path.name} goes on; `lorabridge stop {folder.path.name}` first")
        if not yes and not click.confirm(f"delete {folder.path} ({readable(size_of(folder.path))})?", err=True):
            continue
        try:
            shutil.rmtree(folder.path)
        except OSError as error:
            raise click.ClickException(f"{folder.path} was not deleted whole: {error}") from error
        with Index() as index:
            index.forget(folder)
        click.echo(f"deleted {folder.path}")
    return 0
