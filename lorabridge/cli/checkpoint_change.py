"""`lorabridge checkpoint convert | compare | merge | resize | ema | extract | prune`"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lorabridge.artifacts.algebra import Made

_file = click.Path(exists=True, path_type=Path)
_out = click.option("-o", "--out", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Where to write.")
_force = click.option("--force", is_flag=True, help="Replace what is there.")
_DTYPES = {"fp32": "F32", "fp16": "F16", "bf16": "BF16"}
_dtype = click.option("--dtype", type=click.Choice(list(_DTYPES)), help="Write numbers in this dtype. Default: as they are.")
_rank = click.IntRange(1, 4096)


def _refusals(function: Callable[..., int]) -> Callable[..., int]:
    """A refusal is one line and exit code 1; so is a file that cannot be read or written."""

    @wraps(function)
    def inner(*args: Any, **options: Any) -> int:
        from lorabridge.artifacts.lora import RefusedError

        try:
            return function(*args, **options)
        except (RefusedError, OSError) as error:
            click.echo(f"refused: {error}" if isinstance(error, RefusedError) else f"error: {error}", err=True)
        except ImportError as error:
            click.echo(f"error: {error}; this command needs numpy", err=True)
        return 1

    return inner


def _free(out: Path, force: bool) -> None:
    if out.exists() and not force:
        raise click.UsageError(f"{out} exists; `--force` replaces it")


@click.command()
@click.argument("path", type=_file, metavar="FILE|FOLDER")
@click.option("--to", "target", type=click.Choice(["comfyui", "diffusers", "kohya", "peft"]), required=True, help="Whose keys.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Where to write. Default: beside the file. PEFT: a folder."
)
@_dtype
@click.option("--family", metavar="NAME", default="", help="Which model it is for, where names and shapes leave that open.")
@_force
@_refusals
def convert(path: Path, target: Any, out: Path | None, dtype: str | None, family: str, force: bool) -> int:
    """Write a LoRA with another program's keys; without loss where that can be, else it is said or refused.

    \b
    Exit codes: 0 written, 1 refused or not readable, 2 usage.
    Example: lorabridge checkpoint convert cat.safetensors --to comfyui
    """
    from lorabridge.artifacts.convert import convert as make
    from lorabridge.artifacts.convert import save

    stem = path.stem if path.is_file() else path.name
    place = out or path.absolute().parent / (f"{stem}.peft" if target == "peft" else f"{stem}.{target}.safetensors")
    _free(place, force)
    found = make(path, target, _DTYPES[dtype] if dtype else None, _family(family))
    save(found, place)
    click.echo(f"{place}: {found.modules:,} modules, {target}; {'exact' if found.exact else 'not exact'}")
    for note in found.notes:
        click.echo(f"  {note}")
    return 0


def _family(name: str) -> str:
    from lorabridge.families import FAMILIES, find_family

    family = find_family(name) if name else None
    if name and family is None:
        raise click.BadParameter(f"`{name}` is not one of {', '.join(FAMILIES)}", param_hint="--family")
    return family.name if family else ""


@click.command()
@click.argument("one", type=_file, metavar="A")
@click.argument("two", type=_file, metavar="B")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
@_refusals
def compare(one: Path, two: Path, style: str) -> int:
    """Say what moved between two LoRAs: norm, direction and used rank of each block.

    \b
    Exit codes: 0 compared, 1 refused or not readable, 2 usage.
    Example: lorabridge checkpoint compare step500.safetensors step1000.safetensors
    """
    from lorabridge.artifacts.compare import compare as look
    from lorabridge.artifacts.compare import lines, record

    found = look(one, two)
    if style == "json":
        click.echo(json.dumps(record(found), indent=2, ensure_ascii=False))
    else:
        for line in lines(found):
            click.echo(line)
    return 0


@click.command()
@click.argument("parts", nargs=-1, required=True, metavar="FILE:WEIGHT...")
@click.option("--rank", type=_rank, help="Cut the sum to this rank. Default: all ranks together, nothing lost.")
@_out
@_dtype
@_force
@_refusals
def merge(parts: tuple[str, ...], rank: int | None, out: Path, dtype: str | None, force: bool) -> int:
    """Add LoRAs with weights.

    \b
    Exit codes: 0 written, 1 refused or not readable, 2 usage.
    Example: lorabridge checkpoint merge cat.safetensors:0.7 ink.safetensors:0.3 -o both.safetensors
    """
    from lorabridge.artifacts.algebra import merge as make

    _free(out, force)
    return _write(make([_part(text) for text in parts], rank, _DTYPES[dtype] if dtype else None), out)


def _part(text: str) -> tuple[Path, float]:
    """`FILE:WEIGHT`; 1 where no weight is stated."""
    name, _, number = text.rpartition(":")
    if not name or Path(text).exists():
        name, number = text, "1"
    try:
        weight = float(number)
    except ValueError:
        raise click.UsageError(f"`{text}`: `{number}` is no weight") from None
    if not Path(name).exists() or not isfinite(weight):
        raise click.UsageError(f"`{text}`: " + ("the weight is not finite" if Path(name).exists() else f"{name} does not exist"))
    return Path(name), weight


@click.command()
@click.argument("path", type=_file, metavar="FILE")
@click.option("--rank", type=_rank, required=True)
@_out
@_dtype
@_force
@_refusals
def resize(path: Path, rank: int, out: Path, dtype: str | None, force: bool) -> int:
    """Cut a LoRA to a smaller rank, or make a LoRA of a LoHa or LoKr; the error is reported.

    \b
    Exit codes: 0 written, 1 refused or not readable, 2 usage.
    Example: lorabridge checkpoint resize cat.safetensors --rank 8 -o small.safetensors
    """
    from lorabridge.artifacts.algebra import resize as make

    _free(out, force)
    return _write(make(path, rank, _DTYPES[dtype] if dtype else None), out)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=_file, metavar="FILE...|RUN")
@click.option("--decay", type=click.FloatRange(0.0, 1.0, max_open=True), default=0.8, show_default=True, help="How much of the past stays.")
@_out
@_force
@_refusals
def ema(paths: tuple[Path, ...], decay: float, out: Path, force: bool) -> int:
    """Average a run's checkpoints, oldest first, as an EMA of the weights would.

    \b
    Exit codes: 0 written, 1 refused or not readable, 2 usage.
    Example: lorabridge checkpoint ema runs/cat --decay 0.8 -o smooth.safetensors
    """
    from lorabridge.artifacts.algebra import ema as make
    from lorabridge.artifacts.lora import RefusedError
    from lorabridge.artifacts.prune import checkpoints

    _free(out, force)
    files = (
        [item.path for item in checkpoints(paths[0]) if item.number is not None] if len(paths) == 1 and paths[0].is_dir() else list(paths)
    )
    if len(files) < 2:
        raise RefusedError(f"{len(files)} checkpoints have nothing to average")
    return _write(make(files, decay), out)


@click.command()
@click.argument("base", type=_file, metavar="BASE")
@click.argument("tuned", type=_file, metavar="TUNED")
@click.option("--rank", type=_rank, required=True)
@_out
@click.option("--dtype", type=click.Choice(list(_DTYPES)), default="bf16", show_default=True)
@_force
@_refusals
def extract(base: Path, tuned: Path, rank: int, out: Path, dtype: str, force: bool) -> int:
    """Take the difference of two models as a LoRA; the error is reported. Files, shards by their index, or folders.

    \b
    Exit codes: 0 written, 1 refused or not readable, 2 usage.
    Example: lorabridge checkpoint extract base.safetensors tuned.safetensors --rank 32 -o tuned-lora.safetensors
    """
    from lorabridge.artifacts.algebra import extract as make

    _free(out, force)
    return _write(make(base, tuned, rank, _DTYPES[dtype]), out)


def _write(made: Made, out: Path) -> int:
    from lorabridge.artifacts.lora import write_lora

    write_lora(out, made.tensors, made.metadata)
    click.echo(f"{out}: {made.modules:,} modules")
    if made.total:
        click.echo(f"  lost of the update: {made.error:.3g} of its norm; most in one module: {made.worst[0]:.3g} ({made.worst[1]})")
    for note in made.notes:
        click.echo(f"  {note}")
    return 0


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="RUN")
@click.option("--keep", "rules", multiple=True, required=True, metavar="RULE", help="last:N or every:N; what any rule keeps is kept.")
@click.option("--yes", is_flag=True, help="Remove. Without it, it is only shown.")
@_refusals
def prune(run: Path, rules: tuple[str, ...], yes: bool) -> int:
    """Show which checkpoints of a run a policy would remove; with --yes, remove them. The result is always kept.

    \b
    Exit codes: 0 shown or removed, 1 refused or not removable, 2 usage.
    Example: lorabridge checkpoint prune runs/cat --keep last:3 --keep every:1000
    """
    from lorabridge.artifacts.prune import checkpoints, decide, remove
    from lorabridge.artifacts.show import size_text

    decisions = decide(checkpoints(run), rules)
    if not decisions:
        click.echo(f"no checkpoint in {run}")
        return 0
    for decision in decisions:
        item = decision.checkpoint
        place = item.path.relative_to(run)
        click.echo(f"{'keep  ' if decision.keep else 'remove'}  {size_text(item.size):>9}  {place}  ({decision.why})")
    gone = [decision for decision in decisions if not decision.keep]
    if yes:
        click.echo(f"removed {len(gone):,} checkpoints, {size_text(remove(decisions))}")
    else:
        click.echo(f"{len(gone):,} of {len(decisions):,} would be removed; `--yes` removes them")
    return 0


COMMANDS = (convert, compare, merge, resize, ema, extract, prune)
