"""Options and steps that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lorabridge.config.load import Loaded, load
from lorabridge.diagnostics import Diagnostic
from lorabridge.diagnostics.render import Format, render, summary
from lorabridge.resources import preset

if TYPE_CHECKING:
    from lorabridge.plan.lock.check import Checked

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

without_option = click.option("--without", multiple=True, metavar="CODE", help="Leave this piece of advice out, as in LB661 (repeatable).")
locked_option = click.option("--locked", is_flag=True, help="Refuse when anything differs from the lock that `lorabridge lock` wrote.")
lock_option = click.option(
    "--lock", "lock_file", metavar="FILE", help="The lock for `--locked` [default: NAME.BACKEND.lock beside the config]."
)


def load_config(path: str, overrides: Iterable[str] = ()) -> Loaded:
    """Load with the built-in presets; the file is shown as it was typed."""
    return load(Path(path), overrides=tuple(overrides), presets=preset, shown=path)


def known_backend(name: str) -> None:
    """Refuse a trainer that nobody knows."""
    from lorabridge.backends import backend_names

    if name not in backend_names():
        raise click.BadParameter(f"`{name}` is not one of {', '.join(backend_names())}", param_hint="--backend")


def locked(file: str, loaded: Loaded, backend: str, path: str | None, root: Path | None = None) -> Checked:
    """What `--locked` does: hold the config against its lock; drift and warnings are printed on stderr."""
    from lorabridge.plan.lock.check import held_against, lock_path

    checked = held_against(Path(path) if path else lock_path(file, backend), loaded, backend, os.environ, root=root)
    report(checked.diagnostics, "text", loaded.texts, err=True)
    return checked


def report(items: Iterable[Diagnostic], style: Format, texts: dict[str, str], *, clean: str = "", err: bool = False) -> None:
    """Print findings on stdout (text on stderr when it is not the result), and one closing line."""
    found = list(items)
    color = style == "text" and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    click.echo(render(found, style, texts, color=color), nl=False, err=err)
    if style == "text":
        line = summary(found)
        if line or clean:
            click.echo(line or clean, err=err)


def native_parts(name: str) -> list[str]:
    """The trainer's own files that an argument names: one, a folder, or several joined by commas. Empty for a config of the language."""
    from lorabridge.plan.native import is_native

    if "," in name or Path(name).is_dir() or is_native(name):
        return [name] if Path(name).exists() else name.split(",")
    return []
