"""`lorabridge lock`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lorabridge.cli.common import format_option, known_backend, load_config, report, set_option, unsupported_option

if TYPE_CHECKING:
    from lorabridge.plan.lock.model import Lock


@click.command()
@click.argument("file")
@click.option("--backend", "-b", required=True, metavar="NAME", help="musubi, diffusion-pipe, ai-toolkit or embedded.")
@click.option("--out", "-o", metavar="FILE", help="The lock [default: NAME.BACKEND.lock beside the config].")
@click.option("--root", metavar="DIR", help="Folder that relative paths start from [default: the config's folder].")
@click.option("--full", is_flag=True, help="Hash large weights whole too (minutes for a big model), not by size and header.")
@click.option(
    "--seed", type=click.IntRange(1, 2**32 - 1), help="The number that `seed: random` becomes [default: drawn from the config's values]."
)
@set_option
@unsupported_option
@format_option
def command(
    file: str,
    backend: str,
    out: str | None,
    root: str | None,
    full: bool,
    seed: int | None,
    overrides: tuple[str, ...],
    unsupported: Any,
    style: Any,
) -> int:
    """Write down everything a run is made of: config, trainer, weights, data, versions.

    The same inputs give the same bytes on any machine. A lock that is there already is replaced,
    and what changed since is told.

    \b
    Exit codes: 0 written, 1 findings, 2 usage.
    Example: lorabridge lock cat.yaml --backend musubi
             lorabridge verify cat.musubi.lock
             lorabridge run cat.yaml --backend musubi --locked
    """
    from lorabridge.files import write_atomic
    from lorabridge.plan.lock.build import Wish, build
    from lorabridge.plan.lock.check import lock_path

    known_backend(backend)
    loaded = load_config(file, overrides)
    wish = Wish(backend, unsupported, overrides, full, seed, Path(root) if root else None)
    lock, found = build(loaded, wish, os.environ)
    report(found, style, loaded.texts, err=lock is not None)
    if lock is None:
        return 1
    path = Path(out) if out else lock_path(file, backend)
    changes = _changes(path, lock)
    try:
        write_atomic(path, lock.text())
    except OSError as error:
        raise click.ClickException(f"cannot write `{path}`: {error.strerror or error}") from error
    if style == "text":
        _tell(path, lock, changes)
    return 0


def _changes(path: Path, lock: Lock) -> list[str] | None:
    """What differs from the lock that is there; None where there is none."""
    from lorabridge.diagnostics import Diagnostic
    from lorabridge.plan.lock.check import read_lock
    from lorabridge.plan.lock.compare import compare

    if not path.exists():
        return None
    then = read_lock(path)
    if isinstance(then, Diagnostic):
        return [f"the old one could not be read: {then.message}"]
    return [item.message for item in compare(then, lock)]


def _tell(path: Path, lock: Lock, changes: list[str] | None) -> None:
    weights = sum(len(item.files) for item in lock.models.values())
    pictures = sum(len(item.files) for item in lock.data.values())
    click.echo(f"wrote {path}: config {lock.config[:12]}, {weights} weights files, {pictures} data files")
    if lock.trainer is not None:
        state = f", {len(lock.trainer.modified)} files changed" if lock.trainer.modified else ""
        click.echo(f"trainer {lock.trainer.commit[:12] or 'without a commit'}{state}")
    if lock.seed is not None:
        click.echo(f"the random seed is {lock.seed}")
    for text in changes or ():
        click.echo(f"  new: {text}")
    if changes == []:
        click.echo("nothing changed since the lock that was there")
