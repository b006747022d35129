"""`lorabridge parse`"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--trainer",
    type=click.Choice(["musubi", "diffusion-pipe", "ai-toolkit", "embedded"]),
    help="Who wrote it; told from the bytes if left out.",
)
@click.option(
    "--stage", metavar="NAME", help="`train`, or `cache-latents` or `cache-text` of musubi-tuner; told from the bytes if left out."
)
@click.option("--no-text", is_flag=True, help="Leave out the lines that say nothing to lorabridge.")
def command(file: str, trainer: str | None, stage: str | None, no_text: bool) -> int:
    """Print the events of a saved log as JSON Lines, the verdict last.

    FILE is a log in any state (`-` reads stdin), a TensorBoard event file, or ai-toolkit's loss_log.db. The verdict is
    `completed`, `stopped`, `failed` with its cause, or `incomplete`.

    \b
    Exit codes: 0 parsed, whatever the verdict; 1 not readable; 2 usage.
    Example: lorabridge parse train.log --trainer ai-toolkit
    """
    from lorabridge.cli.common import report
    from lorabridge.diagnostics import Diagnostic
    from lorabridge.files import open_file
    from lorabridge.run.parse import UnreadableError, Wanted, line_of, parse

    with ExitStack() as stack:
        try:
            source: BinaryIO = sys.stdin.buffer if file == "-" else stack.enter_context(open_file(Path(file)))
        except OSError as error:
            report([Diagnostic("LB737", f"`{file}` cannot be read: {error.strerror or error}")], "text", {}, err=True)
            return 1
        try:
            for event in parse(source, file, Wanted(trainer, stage, not no_text)):
                sys.stdout.write(line_of(event) + "\n")
        except UnreadableError as error:
            sys.stdout.flush()
            report([error.diagnostic], "text", {}, err=True)
            return 1
    return 0
