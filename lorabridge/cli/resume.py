"""`lorabridge resume`"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lorabridge.run.again import Earlier, Onward
    from lorabridge.run.folder import RunFolder


@click.command()
@click.argument("run", default="last")
@click.argument("unit", required=False, metavar="")
@click.option("--to", metavar="N steps", help="Go on to this step, counted from the very beginning; the planned end by default.")
@click.option("--at", type=click.IntRange(1), metavar="STEP", help="From the state at this step; the newest that is whole by default.")
@click.option("--accept-changes", is_flag=True, help="Even if the config or the trainer is not as it was.")
@click.option("--detach", "-d", is_flag=True, help="Start it and come back; it goes on without this terminal.")
@click.option("--format", "style", type=click.Choice(["auto", "live", "plain", "jsonl"]), default="auto", help="As for `run`.")
def command(run: str, unit: str | None, to: str | None, at: int | None, accept_changes: bool, detach: bool, style: Any) -> int:
    """Go on with a run: let a paused one continue, or take up one that ended from its last good state.

    What the trainer restores and what it does not is told before it begins. The run that goes on has a folder of its
    own; nothing of the earlier one is written to. Refused when the config or the trainer changed since.

    Example: lorabridge resume cat-toy-20261121-083000 --to 3000 steps
    """
    from lorabridge.cli.run_of import run_of
    from lorabridge.run.settle import settle, supervised

    folder = run_of(run)
    state = settle(folder)
    if state.phase == "paused":
        return _go_on(folder)
    if state.phase != "ended":
        if supervised(folder):
            raise click.ClickException(f"{folder.path.name} is running; `lorabridge watch {folder.path.name}` shows it")
        return begin(folder, style, detach)
    if state.reason == "completed" and to is None:
        raise click.ClickException(f"{folder.path.name} is complete; `--to 3000 steps` goes on further")
    return _take_up(folder, _length(to, unit), at, accept_changes, style, detach)


def _go_on(folder: RunFolder) -> int:
    from lorabridge.cli.run_of import living, tell
    from lorabridge.run.record import Tail

    living(folder)
    tail = Tail(folder.events)
    tail.read()
    folder.request("pause").unlink(missing_ok=True)
    import time

    end = time.monotonic() + 30
    while time.monotonic() < end:
        for record in tail.read():
            if record["event"] == "control" and record.get("request") == "continue":
                return tell(record)
        time.sleep(0.05)
    raise click.ClickException("no answer from the supervisor within 30 s")


def _length(to: str | None, unit: str | None) -> str | None:
    if to is None:
        if unit:
            raise click.UsageError(f"unexpected `{unit}`")
        return None
    text = f"{to} {unit}" if unit else to
    if not re.fullmatch(r"[1-9]\d* ?(steps?|epochs?)?", text):
        raise click.BadParameter(f"`{text}` is no length; write `3000 steps`", param_hint="--to")
    number, word = re.fullmatch(r"(\d+) ?(\w*)", text).groups()  # type: ignore[union-attr]
    return f"{number} {word.rstrip('s') + 's' if word else 'steps'}"


def _take_up(folder: RunFolder, to: str | None, at: int | None, accept: bool, style: Any, detach: bool) -> int:
    from lorabridge.run.again import onward, place_of

    run = known(folder, accept)
    place = place_of(run, at)
    if isinstance(place, str):
        raise click.ClickException(place)
    for text in place.passed:
        click.echo(f"passed over {text}", err=True)
    made = onward(run, place, to)
    if isinstance(made, str):
        raise click.ClickException(made)
    click.echo(
        f"goes on from {place.point.path} (step {place.step})" + (f", {made.remaining} steps remain" if made.remaining else ""), err=True
    )
    for part, text in made.origin["restores"].items():
        click.echo(f"  {part:<13} {text or 'comes back as it was'}", err=True)
    return launch(run, made, accept, style, detach)


def known(folder: RunFolder, accept: bool) -> Earlier:
    """The run to go on with; refused when something changed and nobody accepts it."""
    from lorabridge.cli.run import say
    from lorabridge.diagnostics import Diagnostic
    from lorabridge.run.again import changed, earlier

    try:
        run = earlier(folder)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    found = changed(run, os.environ)
    fix = "`--accept-changes` goes on with it as it is now; `lorabridge fork` begins a new run from the weights"
    say([Diagnostic("LB708", text, None, "warning" if accept else "error", fix="" if accept else fix) for text in found], {})
    if found and not accept:
        raise click.exceptions.Exit(1)
    return run


def launch(run: Earlier, made: Onward, accept: bool, style: Any, detach: bool) -> int:
    """Prepare and start a run that goes on from another one."""
    from lorabridge.cli.run import say
    from lorabridge.config.load import load
    from lorabridge.resources import preset
    from lorabridge.run.again import drop
    from lorabridge.run.prepare import Request, prepare

    source = Path(str(run.plan["source"]))
    file = source if source.is_file() else run.folder.source
    loaded = load(file, overrides=made.overrides, presets=preset, shown=str(file))
    loaded.root = source.parent
    wrong = [item for item in loaded.diagnostics if item.severity == "error"]
    folder: RunFolder | list[Any] = wrong
    if not wrong:
        request = Request(
            file, str(run.plan["backend"]), "warn", None, made.overrides, folder=made.folder, source=source, origin=made.origin
        )
        folder = prepare(loaded, request, os.environ)
    if isinstance(folder, list):
        drop(made.folder)
        say(folder, loaded.texts)
        return 1
    return begin(folder, style, detach)


def begin(folder: RunFolder, style: Any, detach: bool) -> int:
    """Start a prepared run and show it."""
    from lorabridge.cli.run import started

    return started(folder, style, detach)
