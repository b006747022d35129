"""`lorabridge check`"""

from __future__ import annotations

import click

from lorabridge.cli.common import format_option, load_config, report, set_option, unsupported_option, without_option
from lorabridge.diagnostics import Diagnostic


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--backend", "-b", "backends", multiple=True, metavar="NAME", help="Also check that this trainer can do it (repeatable; `all`)."
)
@click.option("--paths/--no-paths", default=False, help="Also check that folders and files exist.")
@click.option("--models/--no-models", default=False, help="Also read the headers of the model files: family, size, parts, precision.")
@click.option("--data", is_flag=True, help="Also look at the pictures, clips and captions (as `lorabridge data check`).")
@click.option("--hints", is_flag=True, help="Also give advice from papers and trainers' pages; it never fails a check.")
@without_option
@click.option("--trainer", default="", metavar="NAME", help="Take the files for this trainer's own (musubi, diffusion-pipe, ai-toolkit).")
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
    models: bool,
    data: bool,
    hints: bool,
    without: tuple[str, ...],
    trainer: str,
    overrides: tuple[str, ...],
    unsupported: str,
    style: str,
    fail_level: str,
    exit_zero: bool,
) -> int:
    """Check configs, for the language alone or for a trainer too; and the trainers' own files and launch scripts as they are.

    \b
    Exit codes: 0 clean, 1 findings, 2 usage.
    Example: lorabridge check qwen.yaml --backend musubi
             lorabridge check train.toml dataset.toml
    """
    native = _native(files, trainer)
    found, texts = _check_native(native, trainer, paths)
    advice: list[Diagnostic] = []
    for file in (file for file in files if file not in native):
        items, seen = _check(file, _backends(backends), paths, overrides, unsupported, models)
        if data:
            more, texts_of_data = _data(file, backends, overrides, unsupported, style != "text")
            items, seen = [*items, *more], seen | texts_of_data
        if hints:
            advice += _advice(file, _backends(backends), overrides, without)
        found += items
        texts |= seen
    report([*found, *advice], style, texts, clean=f"{len(files)} file{'s' if len(files) > 1 else ''} checked, no findings")  # type: ignore[arg-type]
    levels = {"error": ("error",), "warning": ("error", "warning"), "hint": ("error", "warning", "hint")}[fail_level]
    return int(any(item.severity in levels for item in found) and not exit_zero)


def _native(files: tuple[str, ...], trainer: str) -> list[str]:
    from lorabridge.plan.native import TRAINERS, is_native

    if trainer and trainer not in TRAINERS:
        raise click.BadParameter(f"`{trainer}` is not one of {', '.join(TRAINERS)}", param_hint="--trainer")
    return [file for file in dict.fromkeys(files) if trainer or is_native(file)]


def _check_native(files: list[str], trainer: str, paths: bool) -> tuple[list[Diagnostic], dict[str, str]]:
    if not files:
        return [], {}
    from lorabridge.plan.native import check_files

    return check_files(files, trainer=trainer, paths=paths)


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


def _advice(file: str, backends: list[str], overrides: tuple[str, ...], without: tuple[str, ...]) -> list[Diagnostic]:
    from lorabridge.plan.advice import advise_loaded

    loaded = load_config(file, overrides)
    return list(dict.fromkeys(item for name in backends or [""] for item in advise_loaded(loaded, name, without)))


def _check(
    file: str, backends: list[str], paths: bool, overrides: tuple[str, ...], unsupported: str, models: bool = False
) -> tuple[list[Diagnostic], dict[str, str]]:
    from lorabridge.diagnostics import sort_key
    from lorabridge.plan.check import check_loaded

    loaded = load_config(file, overrides)
    found = check_loaded(loaded, backends, paths=paths, unsupported=unsupported, models=models)
    return sorted(found, key=sort_key), loaded.texts


def _data(
    file: str, backends: tuple[str, ...], overrides: tuple[str, ...], unsupported: str, every: bool
) -> tuple[list[Diagnostic], dict[str, str]]:
    from pathlib import Path

    from lorabridge.plan.data import check_data
    from lorabridge.plan.foretell import plan_findings

    loaded, names = load_config(file, overrides), _backends(backends)
    planned = plan_findings(loaded, names, root=Path(file).absolute().parent, unsupported=unsupported)
    return [*check_data(loaded, names, every=every), *planned], loaded.texts
