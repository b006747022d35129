"""`lorabridge run`"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lorabridge.cli.common import load_config, lock_option, locked_option, set_option, unsupported_option
from lorabridge.cli.common import locked as held

if TYPE_CHECKING:
    from lorabridge.config.load import Loaded
    from lorabridge.diagnostics import Diagnostic
    from lorabridge.run.launch import Job


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--backend", "-b", default="embedded", show_default=True, metavar="NAME", help="The trainer to run.")
@locked_option
@lock_option
@set_option
@unsupported_option
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Put the run folder here instead of `output.dir`."
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["auto", "live", "plain", "jsonl"]),
    default="auto",
    show_default=True,
    help="How progress is shown; `jsonl` prints the events.",
)
def command(
    file: str,
    backend: str,
    locked: bool,
    lock_file: str | None,
    overrides: tuple[str, ...],
    unsupported: Any,
    out: Path | None,
    style: Any,
) -> int:
    """Check, compile, launch and watch a training.

    The run gets a folder of its own, with the event log, the raw logs, the results, the learning
    curve and a report.

    \b
    Exit codes: 0 trained, 1 findings, 2 usage, 3 trainer failed, 4 out of memory, 5 diverged,
    7 the result is no LoRA, 130 interrupted.
    Example: lorabridge run cat.yaml --backend musubi
    """
    from lorabridge.run.prepare import Request, prepare

    _known(backend)
    loaded = load_config(file, overrides)
    if not _clean(loaded, backend, unsupported):
        return 1
    seed = None
    if locked:
        checked = held(file, loaded, backend, lock_file)
        if checked.lock is None or not checked.ok:
            return 1
        seed = checked.lock.seed
    try:
        job = prepare(loaded, Request(Path(file), backend, unsupported, out, overrides, seed), os.environ)
    except OSError as error:
        raise click.ClickException(f"the run folder cannot be written: {error}") from error
    if isinstance(job, list):
        _say(job, loaded.texts)
        return 1
    return _run(job, style)


def _known(backend: str) -> None:
    from lorabridge.backends import backend_names

    if backend not in backend_names():
        raise click.BadParameter(f"`{backend}` is not one of {', '.join(backend_names())}", param_hint="--backend")


def _clean(loaded: Loaded, backend: str, unsupported: str) -> bool:
    from lorabridge.diagnostics import sort_key
    from lorabridge.plan.check import check_loaded

    found = sorted(check_loaded(loaded, [backend], paths=True, unsupported=unsupported), key=sort_key)
    _say(found, loaded.texts)
    return not any(item.severity == "error" for item in found)


def _say(found: list[Diagnostic], texts: dict[str, str]) -> None:
    """Findings go to stderr: stdout is for the events."""
    from lorabridge.diagnostics.render import render

    click.echo(render(found, "text", texts, color=sys.stderr.isatty() and not os.environ.get("NO_COLOR")), nl=False, err=True)


def _run(job: Job, style: Any) -> int:
    from lorabridge.run.display import choose
    from lorabridge.run.launch import launch

    if style != "jsonl":
        click.echo(f"run folder {job.folder.path}")
    verdict = launch(job, choose(style, sys.stdout))
    diagnostic = verdict.diagnostic()
    if diagnostic is not None:
        _say([diagnostic], {})
    if style != "jsonl":
        click.echo(f"{verdict.reason}: {verdict.cause}" if verdict.cause and diagnostic is None else verdict.reason)
        click.echo(f"report     {job.folder.report}")
    return verdict.code
