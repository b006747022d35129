"""`lorabridge queue`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lorabridge.cli.common import set_option, unsupported_option

if TYPE_CHECKING:
    from lorabridge.run.queue import Item, Queue


@click.group()
def command() -> None:
    """Runs one after the other: each begins when its GPUs are free, and nobody is overtaken.

    The order is kept on disk and survives a crash. `run` and `queue` lease the same GPUs.
    """


@command.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--backend", "-b", default="embedded", show_default=True, metavar="NAME", help="The trainer to run.")
@set_option
@unsupported_option
@click.option("--no-start", is_flag=True, help="Only put it into the queue; `lorabridge queue run` starts the queue.")
def add(files: tuple[str, ...], backend: str, overrides: tuple[str, ...], unsupported: Any, no_start: bool) -> int:
    """Check and prepare runs, and put them at the end of the queue.

    Everything is decided and written down now: what is changed in FILE later does not reach the run.

    Example: lorabridge queue add a.yaml b.yaml --backend musubi
    """
    from lorabridge.cli.run import prepared

    with _queue() as queue:
        for file in files:
            folder = prepared(file, backend, overrides, unsupported)
            if folder is None:
                return 1
            click.echo(f"{queue.add(folder)}  {folder.path.name}")
        if not no_start:
            _start_runner(queue)
    return 0


@command.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Also those that are done or cancelled.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How it is printed.")
def list_(everything: bool, style: str) -> int:
    """List the queue in its order."""
    import json

    from lorabridge.run.queue import runs_already

    with _queue() as queue:
        items = [item for item in queue.items() if everything or item.state in ("waiting", "started")]
        going = runs_already(queue.path)
    if style == "json":
        click.echo(json.dumps([_record(item) for item in items], indent=2))
        return 0
    for item in items:
        click.echo(f"{item.id:>4}  {item.state:<9}  {item.folder.path.name}" + (f"  {item.told}" if item.told else ""))
    if not items:
        click.echo("the queue is empty")
    elif not going:
        click.echo("nobody keeps it going: `lorabridge queue run --detach`", err=True)
    return 0


@command.command()
@click.argument("number", type=int)
@click.option("--before", type=int, metavar="NUMBER", help="Before this one; first of all by default.")
def move(number: int, before: int | None) -> int:
    """Let a waiting run begin earlier."""
    with _queue() as queue:
        if not queue.move(number, before):
            raise click.ClickException(f"{number} does not wait")
    return 0


@command.command()
@click.argument("numbers", nargs=-1, required=True, type=int, metavar="NUMBER...")
def cancel(numbers: tuple[int, ...]) -> int:
    """Take runs out of the queue. One that was started is asked to stop."""
    from lorabridge.run.executors.local import Local

    with _queue() as queue:
        known = {item.id: item for item in queue.items()}
        for number in numbers:
            item = known.get(number)
            if item is None or item.state not in ("waiting", "started"):
                raise click.ClickException(f"{number} is not in the queue" + (f": {item.state}" if item else ""))
            if queue.become(number, "waiting", "cancelled"):
                click.echo(f"{number}  cancelled")
            else:
                Local().stop(item.folder, "`lorabridge queue cancel`")
                click.echo(f"{number}  was asked to stop")
    return 0


@command.command()
@click.option("--detach", "-d", is_flag=True, help="Keep it going without this terminal.")
def run(detach: bool) -> int:
    """Keep the queue going until it is empty. Only one does so at a time."""
    from lorabridge.run import system
    from lorabridge.run.queue import runner_lock

    with _queue() as queue:
        if detach:
            _start_runner(queue)
            return 0
        with system.holding(runner_lock(queue.path)) as ours:
            if not ours:
                raise click.ClickException("another one keeps this queue going")
            _keep(queue)
    return 0


def _keep(queue: Queue) -> None:
    import time

    from lorabridge.run.executors.local import Local
    from lorabridge.run.leases import holder
    from lorabridge.run.places import lease_home
    from lorabridge.run.queue import Runner

    home = lease_home()
    runner = Runner(queue, Local(), lease_free=lambda index: not holder(home, index))
    while runner.step():
        time.sleep(float(os.environ.get("LORABRIDGE_QUEUE_PAUSE", "1.0")))


def _start_runner(queue: Queue) -> None:
    """A runner in a process of its own, unless there is one."""
    import subprocess
    import sys

    from lorabridge.run import system
    from lorabridge.run.queue import runs_already
    from lorabridge.run.start import environment

    if runs_already(queue.path):
        return
    with queue.path.with_name("queue.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-c", "from lorabridge.cli.main import main; main()", "queue", "run"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=Path.home() if Path.home().is_dir() else "/",
            env=environment(None),
            **system.detached(),
        )


def _queue() -> Queue:
    import sqlite3

    from lorabridge.run.queue import Queue

    try:
        return Queue()
    except (OSError, sqlite3.Error) as error:
        raise click.ClickException(f"the queue cannot be opened: {error}") from error


def _record(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "run": item.folder.path.name,
        "path": str(item.folder.path),
        "state": item.state,
        "added": item.added,
        "told": item.told,
    }
