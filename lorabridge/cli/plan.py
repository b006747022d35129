"""`lorabridge plan`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from lorabridge.cli.common import load_config, report, set_option, unsupported_option, without_option
from lorabridge.config.load import Loaded


def _read(entry: str) -> Any:
    """A callback that reads the option with a function, imported when it is given."""

    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
        from importlib import import_module

        module, _, name = entry.partition(":")
        try:
            return None if value is None else getattr(import_module(module), name)(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return callback


@click.command()
@click.argument("file")
@click.option("--backend", "-b", required=True, metavar="NAME", help="musubi, diffusion-pipe, ai-toolkit or embedded.")
@click.option(
    "--data",
    "folders",
    multiple=True,
    metavar="DIR",
    help="Where the data is now: one per dataset, in their order [default: the config's].",
)
@click.option("--pictures", type=click.IntRange(1, 10_000_000), help="Data not at hand: this many pictures (clips) in each dataset.")
@click.option("--size", metavar="WxH", help="Size of the declared pictures, as in 1024x768.")
@click.option("--frames", type=click.IntRange(1, 1_000_000), help="Frames of the declared clips.")
@click.option(
    "--vram",
    metavar="SIZE",
    callback=_read("lorabridge.plan.memory.bytes:read_size"),
    help="Say whether it fits in this much GPU memory, as in 24GB.",
)
@click.option("--fix", is_flag=True, help="With --vram: write the changes that make it fit into FILE; every other byte stays.")
@click.option(
    "--seconds-per-step",
    metavar="N",
    callback=_read("lorabridge.plan.duration.section:read_seconds"),
    help="Speed that you know, as in 2.5 or 2.2-2.9 [default: from recorded runs with the same settings].",
)
@click.option(
    "--gpu-price",
    metavar="PRICE",
    callback=_read("lorabridge.plan.duration.section:read_price"),
    help="What one GPU costs an hour, as in 0.79 or '0.79 EUR'.",
)
@click.option("--runs", multiple=True, metavar="DIR", help="Look for recorded runs here [default: the config's `output.dir`].")
@click.option("--hints/--no-hints", default=True, show_default=True, help="Give advice from papers and trainers' pages, with its source.")
@without_option
@click.option("--svg", "drawing", metavar="FILE", help="Also draw the buckets and the learning rate into this file.")
@set_option
@unsupported_option
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the plan is printed.")
def command(
    file: str, backend: str, overrides: tuple[str, ...], unsupported: Any, style: str, drawing: str | None, fix: bool, **options: Any
) -> int:
    """Say what a training will do before it runs: buckets, steps, saves; exact where it can be, and marked where not.

    \b
    Exit codes: 0 clean, 1 the plan has errors, 2 usage.
    Example: lorabridge plan qwen.yaml --backend musubi
    """
    import json

    from lorabridge.backends import backend_names
    from lorabridge.plan.foretell import Asked, foretell
    from lorabridge.plan.outlook_text import as_data, svg, text

    if backend not in backend_names():
        raise click.BadParameter(f"`{backend}` is not one of {', '.join(backend_names())}", param_hint="--backend")
    if fix and options["vram"] is None:
        raise click.BadParameter("say what it must fit in: --vram 24GB", param_hint="--fix")
    loaded = load_config(file, overrides)

    def again(more: Sequence[str]) -> Loaded:
        return load_config(file, (*overrides, *more))

    try:
        told = foretell(
            loaded, backend, root=Path(file).absolute().parent, unsupported=unsupported, asked=Asked.of(reload=again, **options)
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if style == "json":
        click.echo(json.dumps(as_data(told.subject, told.ran, told.found) if told.subject else told.refusal(), indent=1))
    else:
        if told.subject:
            click.echo(text(told.subject, told.ran), nl=False)
        report(told.found, "text", loaded.texts)
    if drawing and told.subject:
        _write(drawing, svg(told.ran))
    if fix and told.subject:
        return _fix(file, backend, overrides, unsupported, told.subject.facts.get("memory", {}))
    return int(any(item.severity == "error" for item in told.found))


def _write(drawing: str, content: str) -> None:
    from lorabridge.files import write_atomic

    try:
        write_atomic(Path(drawing), content.encode())
    except OSError as error:
        raise click.ClickException(f"cannot write `{drawing}`: {error.strerror or error}") from error


def _fix(file: str, backend: str, overrides: tuple[str, ...], unsupported: Any, facts: Any) -> int:
    """Write what `memory` suggests; the diff goes to stderr. 0 when it fits now."""
    from lorabridge.plan.change import rewrite
    from lorabridge.plan.check import check_loaded

    if facts.get("fits") == "yes" or not facts.get("known"):
        click.echo("nothing to change" if facts.get("known") else "nothing can be changed: the need is not known", err=True)
        return int(not facts.get("known"))
    if facts.get("fix") is None:
        return 1
    changes = [(change["path"], change["value"]) for change in facts["fix"]["changes"]]
    try:
        result = rewrite(
            Path(file), changes, lambda path: check_loaded(load_config(str(path), overrides), [backend], unsupported=unsupported)
        )
        if result.problem is None:
            result.write()
    except OSError as error:
        raise click.ClickException(f"cannot write `{file}`: {error.strerror or error}") from error
    report([result.problem] if result.problem else [], "text", {}, err=True)
    click.echo(result.diff() if result.problem is None else "", nl=False, err=True)
    return int(result.problem is not None)
