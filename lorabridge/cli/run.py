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
    from lorabridge.run.folder import RunFolder
    from lorabridge.run.process import Interrupt


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--backend", "-b", default="embedded", show_default=True, metavar="NAME", help="The trainer to run.")
@locked_option
@lock_option
@set_option
@unsupported_option
@click.option("--models/--no-models", default=False, help="First read the headers of the model files; errors in them refuse.")
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
@click.option(
    "--on-oom",
    type=click.Choice(["stop", "retry"]),
    default="stop",
    show_default=True,
    help="When memory runs out: end, or change one memory setting and go on, three times at most.",
)
@click.option("--detach", "-d", is_flag=True, help="Start it and come back; it goes on without this terminal.")
def command(
    file: str,
    backend: str,
    locked: bool,
    lock_file: str | None,
    overrides: tuple[str, ...],
    unsupported: Any,
    models: bool,
    out: Path | None,
    style: Any,
    on_oom: Any,
    detach: bool,
) -> int:
    """Check, compile, launch and watch a training.

    The run gets a folder of its own, with the event log, the raw logs, the results, the learning
    curve and a report. It belongs to a supervisor that outlives this terminal: Ctrl-C stops the run
    in the way that the trainer knows, a second one kills it; a terminal that is closed stops nothing.

    \b
    Exit codes: 0 trained, 1 findings, 2 usage, 3 trainer failed, 4 out of memory, 5 diverged,
    6 stalled, 7 the result is no LoRA, 130 stopped.
    Example: lorabridge run cat.yaml --backend musubi
    """
    folder = prepared(file, backend, overrides, unsupported, out, lock_file if locked else None, locked, models, on_oom)
    return 1 if folder is None else started(folder, style, detach)


def prepared(
    file: str,
    backend: str,
    overrides: tuple[str, ...],
    unsupported: Any,
    out: Path | None = None,
    lock_file: str | None = None,
    locked: bool = False,
    models: bool = False,
    on_oom: Any = "stop",
) -> RunFolder | None:
    """Check a config and write its run folder; None when findings, which are printed, forbid it."""
    from lorabridge.run.prepare import Request, prepare

    _known(backend)
    loaded = load_config(file, overrides)
    if not _clean(loaded, backend, unsupported, models):
        return None
    seed = None
    if locked:
        checked = held(file, loaded, backend, lock_file)
        if checked.lock is None or not checked.ok:
            return None
        seed = checked.lock.seed
    try:
        folder = prepare(loaded, Request(Path(file), backend, unsupported, out, overrides, seed, on_oom=on_oom), os.environ)
    except OSError as error:
        raise click.ClickException(f"the run folder cannot be written: {error}") from error
    if isinstance(folder, list):
        say(folder, loaded.texts)
        return None
    return folder


def _known(backend: str) -> None:
    from lorabridge.backends import backend_names

    if backend not in backend_names():
        raise click.BadParameter(f"`{backend}` is not one of {', '.join(backend_names())}", param_hint="--backend")


def _clean(loaded: Loaded, backend: str, unsupported: str, models: bool = False) -> bool:
    from lorabridge.diagnostics import sort_key
    from lorabridge.plan.check import check_loaded
    from lorabridge.plan.foretell import plan_findings

    planned = plan_findings(loaded, [backend], root=loaded.root.absolute(), unsupported=unsupported)
    found = sorted({*check_loaded(loaded, [backend], paths=True, unsupported=unsupported, models=models), *planned}, key=sort_key)
    say(found, loaded.texts)
    return not any(item.severity == "error" for item in found)


def say(found: list[Diagnostic], texts: dict[str, str]) -> None:
    """Findings go to stderr: stdout is for the events."""
    from lorabridge.diagnostics.render import render

    click.echo(render(found, "text", texts, color=sys.stderr.isatty() and not os.environ.get("NO_COLOR")), nl=False, err=True)


def started(folder: RunFolder, style: Any, detach: bool) -> int:
    """Start a prepared run, and show it unless it is to be left alone. A Ctrl-C that comes in between stops it too."""
    from lorabridge.run.process import Interrupt

    with Interrupt() as interrupt:
        if not _begun(folder):
            return 1
        if style != "jsonl":
            click.echo(f"run folder {folder.path}")
        if detach:
            click.echo(f"it goes on without this terminal; `lorabridge watch {folder.path.name}` shows it", err=True)
            return 0
        return show(folder, style, interrupt, stops=True)


def _begun(folder: RunFolder) -> bool:
    from lorabridge.diagnostics import Diagnostic
    from lorabridge.run.start import NoGpuError, StartError, start

    try:
        start(folder)
    except NoGpuError as error:
        fix = f"`lorabridge resume {folder.path.name}` begins it when they are free; `lorabridge queue add` waits for them"
        say([Diagnostic("LB709", f"the run did not begin: {error}", None, "error", fix=fix)], {})
        return False
    except (StartError, OSError) as error:
        raise click.ClickException(f"the run did not begin: {error}") from error
    return True


def show(folder: RunFolder, style: Any, interrupt: Interrupt, *, stops: bool) -> int:
    """Show a run until its end, with the attempts that follow it, and say what came of it; returns the exit code, 0 when we went away."""
    from lorabridge.run.attach import attach
    from lorabridge.run.attempts import awaited
    from lorabridge.run.display import choose
    from lorabridge.run.verdict import verdict_in

    seen = attach(folder, choose(style, sys.stdout), interrupt, stops=stops)
    if seen.left:
        return 0
    after = awaited(folder) if seen.state.reason == "out of memory" else None
    if after is not None:
        if style != "jsonl":
            click.echo(f"run folder {after.path}")
        return show(after, style, interrupt, stops=stops)
    verdict = verdict_in(seen.state, seen.view, folder)
    diagnostic = verdict.diagnostic()
    if diagnostic is not None:
        say([diagnostic], {})
    if style != "jsonl":
        click.echo(f"{verdict.reason}: {verdict.cause}" if verdict.cause and diagnostic is None else verdict.reason)
        if folder.report.exists():
            click.echo(f"report     {folder.report}")
    return verdict.code
