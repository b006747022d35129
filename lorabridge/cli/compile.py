"""`lorabridge compile`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lorabridge.cli.common import (
    format_option,
    known_backend,
    load_config,
    lock_option,
    locked_option,
    report,
    set_option,
    unsupported_option,
)
from lorabridge.cli.common import locked as held

if TYPE_CHECKING:
    from lorabridge.config.load import Loaded
    from lorabridge.diagnostics import Diagnostic


@click.command()
@click.argument("file")
@click.option("--backend", "-b", required=True, metavar="NAME", help="musubi, diffusion-pipe, ai-toolkit or embedded.")
@click.option("--out", "-o", metavar="DIR", help="Folder to write to [default: compiled/NAME-BACKEND beside the config].")
@click.option("--root", metavar="DIR", help="Folder that relative paths start from [default: the config's folder].")
@click.option(
    "--seed", type=click.IntRange(1, 2**32 - 1), help="The number that `seed: random` becomes [default: derived from the config]."
)
@click.option("--models/--no-models", default=False, help="First read the headers of the model files; errors in them refuse.")
@click.option("--prove", "proved", is_flag=True, help="Write only what the installed trainer's own code reads as meant.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the files instead of writing them.")
@locked_option
@lock_option
@set_option
@unsupported_option
@format_option
def command(
    file: str,
    backend: str,
    out: str | None,
    root: str | None,
    seed: int | None,
    models: bool,
    proved: bool,
    to_stdout: bool,
    locked: bool,
    lock_file: str | None,
    overrides: tuple[str, ...],
    unsupported: Any,
    style: Any,
) -> int:
    """Write a trainer's own files, a launch script and a translation report.

    Same input, same bytes. What the trainer cannot say is refused (exit 1) unless `--unsupported warn`.

    Example: lorabridge compile qwen.yaml --backend musubi
    """
    from lorabridge.backends.base import Site
    from lorabridge.plan.compile import compile_config
    from lorabridge.plan.write import compiled_files, write_files

    known_backend(backend)
    loaded = load_config(file, overrides)
    if locked:
        if seed is not None:
            raise click.BadParameter("the lock holds the seed; leave it out with --locked", param_hint="--seed")
        checked = held(file, loaded, backend, lock_file, Path(root) if root else None)
        if checked.lock is None or not checked.ok:
            return 1
        seed = checked.lock.seed
    base = Path(root).absolute() if root else Path(file).absolute().parent
    folder = Path(out) if out else Path(file).parent / "compiled" / f"{loaded.config.name if loaded.config else 'config'}-{backend}"
    where = folder.absolute().as_posix() if out or not root else None
    site = Site(root=base.as_posix(), unsupported=unsupported, seed=seed, source=Path(file).name, files=where)
    plan = compile_config(loaded, backend, site)
    found = [*plan.diagnostics, *(_models(loaded) if models else ())]
    if found:
        report(found, style, loaded.texts)
    if not plan.ok or any(item.severity == "error" for item in found):
        return 1
    if proved:
        from lorabridge.cli.prove import verdict

        status = verdict(loaded, backend, site, style)
        if status:
            return status
    files = compiled_files(plan, loaded)
    if to_stdout:
        for item in files:
            click.echo(f"# ---- {item.path}\n{item.text}", nl=False)
        return 0
    try:
        write_files(folder, files)
    except OSError as error:
        raise click.ClickException(f"cannot write to `{folder}`: {error.strerror or error}") from error
    if style == "text":
        _tell(folder, files, plan)
    return 0


def _models(loaded: Loaded) -> list[Diagnostic]:
    """Findings about the model files: not there, or not what the config says."""
    from lorabridge.artifacts.models import check_models
    from lorabridge.data.paths import check_model_paths

    return [*check_model_paths(loaded), *check_models(loaded)]


def _tell(folder: Path, files: Any, plan: Any) -> None:
    from collections import Counter

    counts = Counter(note.kind for note in plan.notes)
    click.echo(f"wrote {folder}: {', '.join(item.path for item in files)}")
    words = {
        "exact": "said exactly",
        "rewritten": "rewritten",
        "refused": "dropped by your leave",
        "defaulted": "left to the trainer",
        "added": "added",
        "native": "native",
    }
    click.echo(", ".join(f"{counts[kind]} {text}" for kind, text in words.items() if counts[kind]) + "; see report.md")
    for note in plan.notes:
        if note.kind == "rewritten":
            click.echo(
                f"  {note.path}: {note.value} -> {note.at.partition(':')[2]} {note.native}" + (f" ({note.text})" if note.text else "")
            )
