"""`lorabridge checkpoint`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lorabridge.cli.checkpoint_change import COMMANDS
from lorabridge.cli.common import format_option, load_config, report

if TYPE_CHECKING:
    from lorabridge.artifacts.expect import Expectation
    from lorabridge.artifacts.verify import Verification
    from lorabridge.diagnostics import Diagnostic

_path = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Look into LoRA files: what they are, whether they are what they should be."""


@command.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER")
@click.option("--norms/--no-norms", default=None, help="Compute how much each block changes the model. Default: for small files.")
@click.option("--svg", type=_path, metavar="FILE", help="Write the norms of the blocks as a picture.")
@click.option("--html", type=_path, metavar="FILE", help="Write everything as a page.")
@click.option("--no-metadata", is_flag=True, help="Leave the training metadata out.")
@click.option("--hash", "hashed", is_flag=True, help="Read the whole file for its sha256, and look it up among published ones.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def inspect(path: Path, norms: bool | None, svg: Path | None, html: Path | None, no_metadata: bool, hashed: bool, style: str) -> int:
    """Say what a file or a folder is: model, keys, rank, alpha, targets, dtype, trainer, norms, metadata.

    \b
    Exit codes: 0 read, 1 damaged or not readable, 2 usage.
    Example: lorabridge checkpoint inspect cat.safetensors
    """
    from lorabridge.artifacts.folders import describe, pickle_finding
    from lorabridge.artifacts.inspect import inspect as look

    if path.is_dir():
        if hashed or svg or html or norms:
            raise click.UsageError("`--hash`, `--norms`, `--svg` and `--html` are for one file; name a file of the folder")
        return _folder(path, describe(path), style)
    mode: Any = "on" if svg or html else "auto" if norms is None else "on" if norms else "off"
    found = look(path, mode)
    if hashed:
        found.sha256 = _sha256(path)
    if svg or html:
        _pictures(found, svg, html)
    _show(found, style, not no_metadata)
    problems = [pickle_finding(path)] if _is_pickle(found.header.problems) else found.header.problems
    if style == "text" and problems:
        report(problems, "text", {})
    return int(any(item.severity == "error" for item in problems))


def _sha256(path: Path) -> str:
    from lorabridge.artifacts.published import sha256_of

    try:
        return sha256_of(path)
    except OSError as error:
        raise click.ClickException(f"cannot be read: {error}") from error


def _is_pickle(problems: list[Diagnostic]) -> bool:
    return any(item.code == "LB801" and "pickle" in item.message for item in problems)


def _pictures(found: Any, svg: Path | None, html: Path | None) -> None:
    from lorabridge.artifacts import picture
    from lorabridge.files import write_atomic

    try:
        if svg:
            write_atomic(svg, picture.svg(found.blocks(), found.path.name))
        if html:
            write_atomic(html, picture.html(found))
    except OSError as error:
        raise click.ClickException(f"cannot write: {error}") from error


def _show(found: Any, style: str, metadata: bool) -> None:
    if style == "json":
        import json

        from lorabridge.artifacts.inspect import record

        click.echo(json.dumps(record(found), indent=2, ensure_ascii=False))
        return
    from lorabridge.artifacts.show import lines

    for line in lines(found, metadata=metadata):
        click.echo(line)


def _folder(path: Path, found: Any, style: str) -> int:
    """A folder: what it is, then each adapter in it in short."""
    from lorabridge.artifacts.identity import identify
    from lorabridge.artifacts.inspect import inspect as look
    from lorabridge.artifacts.inspect import record

    identity = identify(path)
    looks = [look(file, "off") for file in found.adapters]
    if style == "json":
        import json

        parts = {name: {"role": part.role, "name": part.name, "families": list(part.families)} for name, part in identity.parts.items()}
        document = {
            "format_version": "1",
            "path": str(path),
            "kind": found.kind,
            "lines": found.lines,
            "parts": parts,
            "files": [record(item) for item in looks],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    from lorabridge.artifacts.show import clean, lines

    click.echo(f"{path.name or path}: {found.kind}")
    for line in found.lines:
        click.echo("  " + clean(line))
    for name, part in identity.parts.items() if identity.role == "checkpoint" else ():
        what = part.name or " or ".join(part.families) or part.measured
        click.echo(f"  {name}: {part.role}{', ' + what if what else ''}, {part.precision.word}")
    for item in looks:
        click.echo("")
        for line in lines(item, metadata=False):
            click.echo(line)
    return 0


@command.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER", required=False)
@click.option("--config", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="The config that the file must agree with.")
@click.option(
    "--run",
    "run",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="A run's folder: its config and its files.",
)
@click.option("--base", type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER", help="The base model: every key is matched.")
@format_option
def verify(path: Path | None, config: str | None, run: Path | None, base: Path | None, style: Any) -> int:
    """Check that a LoRA is whole, finite, trained, of the asked rank, alpha, targets and dtype, and loadable.

    \b
    Exit codes: 0 clean, 1 findings, 2 usage.
    Example: lorabridge checkpoint verify cat.safetensors --config cat.yaml
    """
    if path is None and run is None:
        raise click.UsageError("name a file, or a run with --run")
    expected, texts = _expected(config, run)
    if isinstance(expected, list):
        report(expected, style, texts)
        return 1
    files = _files(path, run)
    from lorabridge.artifacts.verify import verify as look

    results = [look(file, expected, base) for file in files]
    found = [item for result in results for item in _findings(result)]
    report(found, style, texts, clean="; ".join(results[0].checked) if len(results) == 1 else f"{len(results)} files checked, no findings")
    return int(any(item.severity == "error" for item in found))


def _findings(result: Verification) -> list[Diagnostic]:
    if _is_pickle(result.diagnostics):
        from lorabridge.artifacts.folders import pickle_finding

        return [pickle_finding(Path(result.path))]
    return result.diagnostics


def _files(path: Path | None, run: Path | None) -> list[Path]:
    from lorabridge.artifacts.folders import adapters_in

    if path is not None and path.is_file():
        return [path]
    if path is not None:
        files = adapters_in(path)
    else:
        assert run is not None
        output = run / "output"
        files = [
            file
            for file in sorted((output if output.is_dir() else run).rglob("*.safetensors"))
            if "cache" not in file.parts and "state" not in file.parts
        ]
    if not files:
        raise click.ClickException(f"no .safetensors file in {path or run}")
    return files


def _expected(config: str | None, run: Path | None) -> tuple[Expectation | list[Diagnostic] | None, dict[str, str]]:
    """The expectation of `--config` or of a run's own resolved config, and the texts for excerpts."""
    if config is None and run is None:
        return None, {}
    from lorabridge.artifacts.expect import expectation

    trainer, steps = "", None
    if run is not None:
        from lorabridge.artifacts.identity import read_json
        from lorabridge.run.folder import RunFolder

        folder = RunFolder(run.absolute())
        plan = read_json(folder.plan)
        trainer, steps = str(plan.get("backend", "")), plan.get("total_steps")
        config = config or str(folder.resolved)
        if not Path(config).is_file():
            raise click.ClickException(f"{run} is no run folder: it has no {folder.resolved.name}")
    assert config is not None
    loaded = load_config(config)
    return expectation(loaded, trainer, steps if isinstance(steps, int) else None), loaded.texts


for _command in COMMANDS:
    command.add_command(_command)
