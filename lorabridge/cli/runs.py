"""`lorabridge runs`"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lorabridge.run.summary import Summary


@click.command()
@click.argument("run", required=False)
@click.option("--limit", "-n", type=click.IntRange(1), default=20, show_default=True, help="How many to list.")
@click.option(
    "--rebuild",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Enter every run found below DIR again.",
)
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How runs are printed.")
def command(run: str | None, limit: int, rebuild: tuple[Path, ...], style: str) -> int:
    """List the runs, or tell about one. What is printed is true: a run whose supervisor died is ended first.

    Example: lorabridge runs; lorabridge runs last
    """
    from lorabridge.cli.run_of import run_of
    from lorabridge.run.index import Index
    from lorabridge.run.summary import summary

    if run is not None:
        one = summary(run_of(run))
        click.echo(json.dumps(one.record(), indent=2) if style == "json" else page(one))
        return 0
    try:
        with Index() as index:
            if rebuild:
                click.echo(f"{index.rebuild(rebuild)} runs found", err=True)
            folders = index.folders()[:limit]
    except OSError as error:
        raise click.ClickException(f"the index of runs cannot be opened: {error}") from error
    found = [summary(folder) for folder in folders]
    if style == "json":
        click.echo(json.dumps([item.record() for item in found], indent=2))
    else:
        click.echo(table(found) if found else "no runs yet; those made elsewhere are found with `lorabridge runs --rebuild DIR`")
    return 0


def table(found: list[Summary]) -> str:
    """A list, one run a line."""
    from lorabridge.run.summary import age

    rows = [("RUN", "STATUS", "STEP", "LOSS", "TRAINER", "BEGAN")]
    for item in found:
        step = "" if item.step is None else f"{item.step}/{item.total}" if item.total else str(item.step)
        loss = "" if item.loss is None else f"{item.loss:.4f}"
        rows.append((item.folder.path.name, item.status, step, loss, item.backend, age(item.created)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _next(item: Summary) -> Any:
    from lorabridge.run.attempts import following

    after = following(item.folder) if item.state.reason == "out of memory" else None
    return after.path if after else None


def page(item: Summary) -> str:
    """One run, one fact a line."""
    from lorabridge.run.index import plan_of
    from lorabridge.run.job import job_of
    from lorabridge.run.summary import age

    plan = plan_of(item.folder)
    facts: list[tuple[str, Any]] = [
        ("status", item.status),
        ("cause", item.state.cause),
        ("step", f"{item.step} of {item.total}" if item.step is not None and item.total else item.step),
        ("loss", None if item.loss is None else f"{item.loss:.4f}"),
        ("trainer", f"{item.backend} {str(plan.get('trainer', {}).get('commit', ''))[:12]}".strip()),
        ("began", age(item.created)),
        ("gpus", ", ".join(map(str, item.state.gpus))),
        ("config", plan.get("source")),
        ("continues", f"{item.origin.get('run')} from step {item.origin.get('step')}" if item.origin else ""),
        ("changed", "; ".join(edit["said"] for edit in (item.origin or {}).get("edits") or ())),
        ("next", _next(item)),
        ("folder", item.folder.path),
        ("report", item.folder.report if item.folder.report.exists() else ""),
    ]
    try:
        made = job_of(item.folder, {}).artifacts
        facts += [("checkpoint", path) for path in made.checkpoints[-3:]] + [("state", path) for path in made.states[-1:]]
    except (OSError, ValueError, KeyError, ImportError):
        facts.append(("note", "its plan cannot be read by this lorabridge"))
    shown = [(label, value) for label, value in facts if value not in ("", None)]
    return "\n".join([item.folder.path.name, *(f"  {label:<11} {value}" for label, value in shown)])
