"""`lorabridge ladder`"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lorabridge.cli.common import load_config, report, set_option, unsupported_option

if TYPE_CHECKING:
    from lorabridge.backends.base import Artifacts
    from lorabridge.run.folder import RunFolder
    from lorabridge.run.ladder import Rung
    from lorabridge.run.ladder_gates import Climb


class _RefusedError(Exception):
    """A rung could not be prepared; its findings were printed."""


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--backend", "-b", default="embedded", show_default=True, metavar="NAME", help="The trainer to climb with.")
@click.option("--long", "long", is_flag=True, help="Also 500 steps.")
@set_option
@unsupported_option
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Put the run folders here instead of `output.dir`."
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["auto", "live", "plain", "jsonl"]),
    default="plain",
    show_default=True,
    help="How the progress of each rung is shown.",
)
def command(file: str, backend: str, long: bool, overrides: tuple[str, ...], unsupported: Any, out: Path | None, style: Any) -> int:
    """Try a config in runs of 1, 20 and 100 steps before the real one.

    Each rung must pass its gates: the run ends well, the loss is finite and does not rise, the checkpoint is whole and its up
    weights are not zero. It stops at the first failure and says what that usually means. `ladder.html` beside the run
    folders shows all gates, and the pictures of the base model and of the LoRA side by side.

    \b
    Exit codes: 0 every gate passed, 1 findings or a failed gate, 2 usage.
    Example: lorabridge ladder cat.yaml --backend musubi
    """
    from lorabridge.cli.run import _known
    from lorabridge.diagnostics import Diagnostic
    from lorabridge.run.ladder import climb, rungs, write_page

    _known(backend)
    climbed: list[Rung] = []
    name = Path(file).stem

    def run(steps: int) -> tuple[RunFolder, Climb, Artifacts]:
        return _rung(file, backend, steps, overrides, unsupported, out, style)

    try:
        for rung in climb(rungs(long), run):
            climbed.append(rung)
            _tell(rung)
    except _RefusedError:
        return 1
    page = climbed[-1].folder.path.parent / "ladder.html"
    write_page(page, name, climbed)
    click.echo(f"report     {page}")
    failed = climbed[-1].failed
    if failed is None:
        return 0
    text = f"the ladder ends at {climbed[-1].steps} step{'s' if climbed[-1].steps > 1 else ''}: {failed.name}: {failed.seen}"
    report([Diagnostic("LB740", text, fix=failed.diagnosis)], "text", {}, err=True)
    return 1


def _rung(
    file: str, backend: str, steps: int, overrides: tuple[str, ...], unsupported: Any, out: Path | None, style: Any
) -> tuple[RunFolder, Climb, Artifacts]:
    """Train `steps` steps with the machinery of `run`, and look at what came of it."""
    from lorabridge.backends import get_backend
    from lorabridge.cli.run import _clean, say
    from lorabridge.run.attach import attach
    from lorabridge.run.delivery import verdict_of
    from lorabridge.run.display import choose
    from lorabridge.run.ladder import overrides_for
    from lorabridge.run.ladder_gates import Climb
    from lorabridge.run.prepare import Request, prepare
    from lorabridge.run.process import Interrupt
    from lorabridge.run.record import read_events
    from lorabridge.run.start import StartError, start
    from lorabridge.run.verdict import verdict_in

    first = load_config(file, overrides)
    said = (*overrides, *(overrides_for(first.config, steps) if first.config is not None else ()))
    loaded = load_config(file, said)
    if not _clean(loaded, backend, unsupported) or loaded.config is None:
        raise _RefusedError
    try:
        folder = prepare(loaded, Request(Path(file), backend, unsupported, out, said), os.environ)
        if isinstance(folder, list):
            say(folder, loaded.texts)
            raise _RefusedError
        with Interrupt() as interrupt:
            start(folder)
            click.echo(f"\n{steps} step{'s' if steps > 1 else ''}: {folder.path}")
            seen = attach(folder, choose(style, sys.stdout), interrupt, stops=True)
    except (StartError, OSError) as error:
        raise click.ClickException(f"the rung of {steps} steps did not begin: {error}") from error
    artifacts = get_backend(backend).artifacts(folder.output, loaded.config.name)
    last = artifacts.checkpoints[-1] if artifacts.checkpoints else None
    delivery = verdict_of(last, loaded, backend, steps) if last is not None else None
    records = list(read_events(folder.events))
    return folder, Climb(steps, verdict_in(seen.state, seen.view, folder), seen.view, records, last, delivery), artifacts


def _tell(rung: Rung) -> None:
    for gate in rung.gates:
        mark = {True: "passed", False: "FAILED", None: "-"}[gate.passed]
        click.echo(f"  {mark:7} {gate.name}: {gate.seen}")
        if gate.passed is False and gate.diagnosis:
            click.echo(f"          {gate.diagnosis}")
