"""The command group. Commands are named in a table and imported when they are run: start-up is a budget."""

from __future__ import annotations

import sys
from importlib import import_module

import click

GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Write a config": {
        "init": ("init", "Write a commented config from a preset."),
        "families": ("families", "List the models that can be trained, and with what."),
        "explain": ("explain", "Explain a diagnostic code or a field of the language."),
        "show": ("show", "Print a config as it is understood, with the origin of each value."),
        "schema": ("schema", "Print the JSON Schema of the language."),
    },
    "Check and compile": {
        "check": ("check", "Check configs; the verdict to trust before you spend money."),
        "compile": ("compile", "Write a trainer's own files, a launch script and a translation report."),
        "prove": ("prove", "Ask the installed trainer's own code what it will use, field by field, and compare."),
    },
    "From and between trainers": {
        "import": ("import_", "Turn a trainer's own files into a config of the language, every key accounted for."),
        "convert": ("convert", "Turn one trainer's files into another's: import and compile in one."),
        "diff": ("diff", "Show what changed in intent between two configs, native or not."),
        "contract": ("contract", "Read, show and compare the options of a trainer by commit; what an upgrade changes for a config."),
    },
    "Before you pay": {
        "plan": ("plan", "Say what a training will do before it runs: buckets, steps, saves, the learning rate."),
        "data": ("data", "Check, measure and make datasets; edit captions in bulk."),
        "lock": ("lock", "Write down everything a run is made of, so that it can be repeated."),
        "verify": ("verify", "Compare a lock with the present and name what changed."),
    },
    "Train": {
        "run": ("run", "Check, compile, launch and watch a training."),
        "ladder": ("ladder", "Try a config in runs of 1, 20 and 100 steps, each with gates, before the real one."),
        "queue": ("queue", "Runs one after the other: add, list, move, cancel."),
        "watch": ("watch", "Show a run that goes on, from its beginning."),
        "stop": ("stop", "End a run early, with a checkpoint where the trainer can be asked."),
        "pause": ("pause", "Hold a run; its memory stays taken."),
        "resume": ("resume", "Go on with a paused run, or with one that ended, from its last good state."),
        "fork": ("fork", "Begin a new run from the weights of another one."),
        "save": ("save", "Ask a run for a checkpoint now."),
        "sample": ("sample", "Ask a run for its samples now."),
    },
    "Look back": {
        "runs": ("runs", "List the runs, or tell about one."),
        "logs": ("logs", "Print what the trainer of a run said."),
        "compare": ("compare", "Lay two runs side by side."),
        "metrics": ("metrics", "Export the numbers of a run as CSV or for TensorBoard."),
        "parse": ("parse", "Read a saved log of a trainer: its events as JSON Lines, and how it ended."),
        "rm": ("rm", "Delete runs."),
    },
    "LoRA files": {
        "checkpoint": ("checkpoint", "Look into LoRA files: inspect them, verify them."),
    },
    "This machine": {
        "doctor": ("doctor", "Say which trainers, GPUs and tools were found, and what is missing."),
        "demo": ("demo", "Train a small LoRA on a toy model: real pictures, a CPU, no download."),
        "completion": ("completion", "Print the completion script for bash, zsh or fish."),
    },
}
"""The groups of `--help`; in each a command with its module in this package and its line."""
COMMANDS: dict[str, tuple[str, str]] = {name: row for rows in GROUPS.values() for name, row in rows.items()}


class Commands(click.Group):
    """Loads a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"lorabridge.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest command's name in the error."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, 1)
            ctx.fail(f"no command `{name}`." + (f" Did you mean `{near[0]}`?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing any command."""
        for title, rows in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in rows.items()])


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from lorabridge import __version__

        click.echo(f"lorabridge {__version__}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version.")
def app() -> None:
    """One YAML of LoRA training intent, checked and compiled for musubi-tuner, diffusion-pipe, ai-toolkit and the embedded trainer."""


def main() -> None:
    """Entry point. Exit codes: 0 clean, 1 findings, 2 usage or internal error, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        _internal(error)
        sys.exit(2)


def _internal(error: Exception) -> None:
    """One line for a defect of lorabridge itself; the traceback only where it is asked for."""
    import os
    import traceback

    if os.environ.get("LORABRIDGE_DEBUG"):
        traceback.print_exc()
    frame = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(f"internal error: {type(error).__name__}: {error} ({os.path.basename(frame.filename)}:{frame.lineno})", err=True)
    click.echo("This is a defect of lorabridge, not of your config. LORABRIDGE_DEBUG=1 prints the traceback for a report.", err=True)
