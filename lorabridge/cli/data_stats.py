"""`lorabridge data stats`"""

from __future__ import annotations

import click

from lorabridge.cli.common import load_config, report, set_option


@click.command("stats")
@click.argument("file", metavar="FILE")
@click.option("--backend", "-b", default="", metavar="NAME", help="As this trainer finds the data.")
@set_option
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(file: str, backend: str, overrides: tuple[str, ...], style: str) -> int:
    """Count and measure a config's datasets: sizes, shapes, modes, captions, words, clips. Read-only."""
    from lorabridge.cli.data_check import is_config, known
    from lorabridge.data.stats import as_text, stats
    from lorabridge.plan.data import as_json, scan_config

    known(backend)
    is_config(file)
    loaded = load_config(file, overrides)
    looked = scan_config(loaded, backend)
    found = [stats(item, data.trigger or "") for data, item in zip(looked.datasets, looked.scans, strict=True)]
    missing = [item for scan in looked.scans for item in scan.findings if item.code in ("LB401", "LB402")]
    broken = [*(item for item in loaded.diagnostics if item.severity == "error"), *missing]
    report(broken, "text", loaded.texts, err=True)
    click.echo(as_json({"datasets": found}) if style == "json" else "".join(as_text(item) for item in found), nl=False)
    return int(bool(broken))
