"""`lorabridge data check`"""

from __future__ import annotations

import click

from lorabridge.cli.common import format_option, load_config, report, set_option


@click.command("check")
@click.argument("file", metavar="FILE")
@click.option("--backend", "-b", default="", metavar="NAME", help="As this trainer finds the data; without, what holds for all.")
@click.option("--deep", is_flag=True, help="Also decode every picture: near duplicates and broken pixels (needs Pillow).")
@click.option("--html", type=click.Path(dir_okay=False), metavar="OUT", help="Write a contact sheet with the problems marked.")
@click.option("--cache/--no-cache", "remember", default=True, help="Use and keep what was read of unchanged files.")
@set_option
@format_option
@click.option("--fail-level", type=click.Choice(["error", "warning", "hint"]), default="error", show_default=True)
def command(
    file: str, backend: str, deep: bool, html: str | None, remember: bool, overrides: tuple[str, ...], style: str, fail_level: str
) -> int:
    """Look at the pictures, clips and captions that a config names, as a trainer would find them. Read-only.

    \b
    Exit codes: 0 clean, 1 findings, 2 usage.
    Example: lorabridge data check qwen.yaml --backend musubi --html sheet.html
    """
    from lorabridge.diagnostics import Diagnostic, sort_key
    from lorabridge.plan.data import data_findings, deepen, scan_config, summary_line

    known(backend)
    is_config(file)
    loaded = load_config(file, overrides)
    looked = scan_config(loaded, backend, remember=remember)
    notes: list[Diagnostic] = []
    if deep:
        looked, notes = deepen(loaded, looked, remember=remember)
    found = [*loaded.diagnostics, *notes, *data_findings(loaded, backend, every=style != "text", looked=looked)]
    if html is not None:
        from lorabridge.plan.data import write_sheet

        try:
            write_sheet(html, loaded.file, looked)
        except OSError as error:
            raise click.ClickException(f"`{html}` cannot be written: {error.strerror}") from None
    report(sorted(found, key=sort_key), style, loaded.texts, clean="no findings")  # type: ignore[arg-type]
    if style == "text":
        click.echo(summary_line(looked) + (f"; sheet: {html}" if html else ""))
    levels = ("error", "warning", "hint")
    return int(any(levels.index(item.severity) <= levels.index(fail_level) for item in found))


def known(backend: str) -> None:
    """Refuse a trainer that there is not. Raises click.BadParameter."""
    from lorabridge.backends import backend_names

    if backend and backend not in backend_names():
        raise click.BadParameter(f"`{backend}` is not one of {', '.join(backend_names())}", param_hint="--backend")


def is_config(file: str) -> None:
    """Refuse a folder, with the way to a config. Raises click.UsageError."""
    import os

    if os.path.isdir(file):
        raise click.UsageError(f"`{file}` is a folder; name a config. `lorabridge data new {file}` prints the entry for one")


def is_text(**values: str) -> None:
    """Refuse bytes of the command line that are no UTF-8. Raises click.BadParameter."""
    for name, value in values.items():
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise click.BadParameter("it is no UTF-8", param_hint=f"--{name.replace('_', '-')}")
