"""`lorabridge data`: the group; each sub-command is a module of its own, imported when it is used."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("data_check", "Look at the pictures, clips and captions as a trainer would find them."),
    "stats": ("data_stats", "Count and measure: sizes, shapes, modes, captions, words."),
    "new": ("data_new", "Make a dataset: the entry for the config, and caption files for pictures without one."),
    "caption-edit": ("data_caption_edit", "Change captions in bulk, with a preview and an undo."),
}
"""Sub-command to its module in this package and its line in `--help`."""


class Commands(click.Group):
    """Loads a sub-command's module when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The sub-commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The sub-command itself, imported now."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"lorabridge.cli.{COMMANDS[cmd_name][0]}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing any sub-command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Commands)
def command() -> None:
    """Datasets: check, measure, make, and edit captions. Pictures are never changed."""
