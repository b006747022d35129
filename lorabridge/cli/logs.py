"""`lorabridge logs`"""

from __future__ import annotations

import sys
import time

import click


@click.command()
@click.argument("run", default="last")
@click.option("--stage", metavar="NAME", help="Which stage; the newest by default.")
@click.option("--follow", "-f", is_flag=True, help="Go on as the log grows, until the run ends.")
def command(run: str, stage: str | None, follow: bool) -> int:
    """Print what the trainer itself said: the raw bytes of a stage, secrets masked."""
    from lorabridge.cli.run_of import run_of
    from lorabridge.run.settle import supervised

    folder = run_of(run)
    logs = sorted((folder.path / "logs").glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
    logs = [path for path in logs if path != folder.supervisor_log]
    path = folder.log(stage) if stage else logs[-1] if logs else None
    if path is None or not path.is_file():
        have = ", ".join(item.stem for item in logs)
        raise click.ClickException(f"no log of {stage or 'a stage'} yet" + (f"; there are {have}" if have else ""))
    out = sys.stdout.buffer
    with path.open("rb") as file:
        while True:
            going = follow and supervised(folder)
            while data := file.read(1 << 16):
                out.write(data)
            out.flush()
            if not going:
                return 0
            time.sleep(0.2)
