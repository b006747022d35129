"""`lorabridge show`"""

from __future__ import annotations

from pathlib import Path

import click

from lorabridge.cli.common import load_config, report, set_option


@click.command()
@click.argument("file")
@click.option("--resolved", is_flag=True, help="With every default, family value and inherited value filled in.")
@click.option("--origin", is_flag=True, help="With the place that each value came from.")
@set_option
def command(file: str, resolved: bool, origin: bool, overrides: tuple[str, ...]) -> int:
    """Print a config as it is understood: layers merged, short forms spelled out, meanings made plain.

    The folder of a run is told about as `lorabridge runs RUN` does.

    Example: lorabridge show qwen.yaml --resolved --origin
    """
    if Path(file, "plan.json").is_file():
        from lorabridge.cli.runs import command as runs

        told: int = runs.main([file], standalone_mode=False)
        return told
    from lorabridge.plan.show import shown_lines

    loaded = load_config(file, overrides)
    errors = [item for item in loaded.diagnostics if item.severity == "error"]
    if loaded.config is None or errors:
        report(errors, "text", loaded.texts)
        return 1
    rows = list(shown_lines(loaded, resolved=resolved))
    width = min(60, max((len(text) for text, _ in rows), default=0))
    for text, source in rows:
        click.echo(f"{text:<{width}}  # {source}" if origin and source else text)
    return 0
