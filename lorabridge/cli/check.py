"""`lorabridge check`"""

from __future__ import annotations

import click

from lorabridge.cli.common import format_option, load_config, report, set_option, unsupported_option
from lorabridge.diagnostics import Diagnostic


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--backend", "-b", "backends", multiple=True, metavar="NAME", help="Also check that this trainer can do it (repeatable; `all`)."
)
@click.option("--paths/--no-paths", default=False, help="Also check that folders and files exist.")
@set_option
@unsupported_option
@format_option
@click.option(
    "--fail-level",
    type=click.Choice(["error", "warning", "hint"]),
    default="error",
    show_default=True,
    help="Exit 1 from this severity on.",
)
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever was found.")
def command(
    files: tuple[str, ...],
    backends: tuple[str, ...],
    paths: bool,
    overrides: tuple[str, ...],
    unsupported: str,
    style: str,
    fail_level: str,
    exit_zero: bool,
) -> int:
    """Check configs, for the language alone or for a trainer too.

    \b
    Exit codes: 0 clean, 1 findings, 2 usage.
    Example: lorabridge check qwen.yaml --backend musubi
    """
    found: list[Diagnostic] = []
    texts: dict[str, str] = {}
    for file in files:
        items, seen = _check(file, _backends(backends), paths, overrides, unsupported)
        found += items
        texts |= seen
    report(found, style, texts, clean=f"{len(files)} file{'s' if len(files) > 1 else ''} checked, no findings")  # type: ignore[arg-type]
    levels = {"error": ("error",), "warning": ("error", "warning"), "hint": ("error", "warning", "hint")}[fail_level]
    return int(any(item.severity in levels for item in found) and not exit_zero)


def _backends(names: tuple[str, ...]) -> list[str]:
    if not names:
        return []
    from lorabridge.backends import backend_names

    known = backend_names()
    if "all" in names:
        return known
    for name in names:
        if name not in known:
            raise click.BadParameter(f"`{name}` is not one of {', '.join(known)}, all", param_hint="--backend")
    return list(names)


def _check(
    file: str, backends: list[str], paths: bool, overrides: tuple[str, ...], unsupported: str
) -> tuple[list[Diagnostic], dict[str, str]]:
    from lorabridge.diagnostics import sort_key
    from lorabridge.plan.check import check_loaded

    loaded = load_config(file, overrides)
    found = check_loaded(loaded, backends, paths=paths, unsupported=unsupported)
    return sorted(found, key=sort_key), loaded.texts
