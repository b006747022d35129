"""Options and steps that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from lorabridge.config.load import Loaded, load
from lorabridge.diagnostics import Diagnostic
from lorabridge.diagnostics.render import Format, render, summary
from lorabridge.resources import template_dir

F = TypeVar("F", bound=Callable[..., Any])

set_option = click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one value, as in `optimizer.lr=1e-4`.")
format_option = click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="How findings are printed.",
)
unsupported_option = click.option(
    "--unsupported",
    type=click.Choice(["error", "warn"]),
    default="error",
    show_default=True,
    help="What a trainer cannot say: refuse, or go on and report.",
)


def load_config(path: str, overrides: Iterable[str] = ()) -> Loaded:
    """Load with the built-in presets; the file is shown as it was typed."""
    return load(Path(path), overrides=tuple(overrides), presets=preset, shown=path)


def preset(name: str) -> Path | None:
    """The file of a built-in preset."""
    if len(name) > 60 or not name.replace("-", "").isalnum():
        return None
    path = template_dir() / "presets" / f"{name}.yaml"
    return path if path.is_file() else None


def report(items: Iterable[Diagnostic], style: Format, texts: dict[str, str], *, clean: str = "", err: bool = False) -> None:
    """Print findings on stdout (text on stderr when it is not the result), and one closing line."""
    found = list(items)
    color = style == "text" and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    click.echo(render(found, style, texts, color=color), nl=False, err=err)
    if style == "text":
        line = summary(found)
        if line or clean:
            click.echo(line or clean, err=err)
