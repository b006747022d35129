"""Steps that the commands on runs share: find the run, ask it for something, wait for its answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lorabridge.run.desk import Request
    from lorabridge.run.folder import RunFolder

_ANSWER = 30.0


def run_of(name: str) -> RunFolder:
    """The run that was named. Raises ClickException with the runs that might be meant."""
    from lorabridge.run.index import NotFound, find

    try:
        found = find(name)
    except OSError as error:
        raise click.ClickException(f"the index of runs cannot be opened: {error}; name the run's folder") from error
    if isinstance(found, NotFound):
        near = f"; did you mean {', '.join(f'`{item}`' for item in found.near)}?" if found.near else "; `lorabridge runs` lists them"
        raise click.ClickException(found.text + near)
    return found


def living(folder: RunFolder) -> str:
    """`running` or `paused`. Raises ClickException when the run has ended or was never started."""
    from lorabridge.run.settle import settle, supervised

    state = settle(folder)
    if state.phase == "ended":
        raise click.ClickException(f"{folder.path.name} has ended: {state.reason}" + (f": {state.cause}" if state.cause else ""))
    if not supervised(folder):
        raise click.ClickException(f"{folder.path.name} waits to be started")
    return state.phase


def request(folder: RunFolder, what: Request, *, by: str, hard: bool = False, states: tuple[str, ...]) -> dict[str, Any]:
    """Ask a run for something and wait until it says one of `states`, or that it will not. Returns its answer."""
    from lorabridge.run.desk import write_request
    from lorabridge.run.record import Tail

    tail = Tail(folder.events)
    tail.read()
    try:
        write_request(folder, what, by, hard)
    except OSError as error:
        raise click.ClickException(f"the request cannot be written: {error}") from error
    end = time.monotonic() + _ANSWER
    while time.monotonic() < end:
        for record in tail.read():
            if record["event"] == "control" and record.get("request") == what and record.get("state") in (*states, "refused"):
                return record
            if record["event"] == "end" and record.get("stage") is None:
                return {"state": "ended", "text": f"the run ended meanwhile: {record.get('reason')}"}
        time.sleep(0.05)
    raise click.ClickException(f"no answer from the supervisor of {folder.path.name} within {_ANSWER:.0f} s; the request stays on its desk")


def tell(answer: dict[str, Any]) -> int:
    """Print an answer; returns the exit code."""
    refused = answer.get("state") == "refused"
    text = str(answer.get("text") or answer.get("state"))
    click.echo(f"refused: {text}" if refused else text, err=refused)
    return 1 if refused else 0
