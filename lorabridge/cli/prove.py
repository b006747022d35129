"""`lorabridge prove`"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from lorabridge.cli.common import format_option, load_config, report, set_option, unsupported_option


@click.command()
@click.argument("file")
@click.option("--backend", "-b", required=True, metavar="NAME", help="musubi, diffusion-pipe, ai-toolkit or embedded.")
@click.option("--trainer", metavar="PATH", help="The trainer's checkout [default: LORABRIDGE_<NAME>_HOME, or a usual place].")
@click.option("--root", metavar="DIR", help="Folder that relative paths start from [default: the config's folder].")
@click.option("--all", "-a", "everything", is_flag=True, help="Print every field, not only those that differ.")
@set_option
@unsupported_option
@format_option
def command(
    file: str,
    backend: str,
    trainer: str | None,
    root: str | None,
    everything: bool,
    overrides: tuple[str, ...],
    unsupported: Any,
    style: Any,
) -> int:
    """Compile, run the trainer's own configuration code on the result, and compare field by field.

    In the trainer's own Python, without a GPU, a model or the network. Exit 1 when anything differs, 2 when there is no
    trainer to ask.

    Example: lorabridge prove qwen.yaml --backend musubi --trainer ~/musubi-tuner
    """
    from lorabridge.backends import backend_names
    from lorabridge.plan.prove import CannotAskError, findings, prove_config

    if backend not in backend_names():
        raise click.BadParameter(f"`{backend}` is not one of {', '.join(backend_names())}", param_hint="--backend")
    loaded = load_config(file, overrides)
    base = Path(root).absolute() if root else Path(file).absolute().parent
    try:
        plan, proof = prove_config(loaded, backend, base.as_posix(), Path(file).name, unsupported, trainer)
    except CannotAskError as error:
        report([error.diagnostic], style, loaded.texts)
        return 2
    if proof is None:
        report(plan.diagnostics, style, loaded.texts)
        return 1
    found = findings(proof, loaded)
    if style == "json":
        click.echo(json.dumps(_data(proof, found), indent=2, ensure_ascii=False))
    elif style == "text":
        _table(proof, everything)
        report(found, style, loaded.texts, clean=_clean(proof))
    else:
        report(found, style, loaded.texts)
    return 0 if proof.ok else 1


def verdict(loaded: Any, backend: str, site: Any, style: Any) -> int:
    """For `compile --prove`: 0 when the trainer uses everything as meant; prints why not otherwise."""
    from lorabridge.plan.prove import CannotAskError, findings, prove_config

    try:
        _, proof = prove_config(loaded, backend, site.root, site.source, site.unsupported, seed=site.seed)
    except CannotAskError as error:
        report([error.diagnostic], style, loaded.texts)
        return 2
    found = findings(proof, loaded) if proof else []
    report(found, style, loaded.texts, clean=_clean(proof) if proof else "")
    return int(bool(found))


def _clean(proof: Any) -> str:
    at = f" at {proof.commit[:10]}" if proof.commit else ""
    return f"proved: {proof.backend}{at} uses all {len(proof.rows)} values as meant"


def _table(proof: Any, everything: bool) -> None:
    rows = [row for row in proof.rows if everything or row.verdict != "same"]
    if not rows:
        return
    cells = [
        (
            row.claim.path or "-",
            row.claim.at,
            "left out" if row.claim.left_out else _short(row.claim.value),
            _short(row.used),
            "" if row.verdict == "same" else row.verdict,
        )
        for row in rows
    ]
    cells.insert(0, ("field", "native", "meant", "used", ""))
    widths = [max(len(cell[column]) for cell in cells) for column in range(4)]
    for cell in cells:
        click.echo("  ".join(text.ljust(width) for text, width in zip(cell, [*widths, 0], strict=True)).rstrip())


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 48 else f"{text[:22]}...{text[-22:]}"


def _data(proof: Any, found: Any) -> dict[str, Any]:
    from lorabridge.backends.proving import NOTHING

    rows = [
        {
            "path": row.claim.path,
            "document": row.claim.document,
            "key": row.claim.key,
            "said": row.claim.said,
            "meant": row.claim.value,
            "left_out": row.claim.left_out,
            "used": None if row.used is NOTHING else row.used,
            "verdict": row.verdict,
            "note": row.note,
        }
        for row in proof.rows
    ]
    findings = [
        {"code": item.code, "path": item.path, "message": item.message, "why": item.why, "fix": item.fix, **_place(item)} for item in found
    ]
    same = sum(row.verdict == "same" for row in proof.rows)
    return {
        "backend": proof.backend,
        "commit": proof.commit,
        "ok": proof.ok,
        "same": same,
        "total": len(rows),
        "rows": rows,
        "refused": [{"stage": name, "message": text} for name, text in proof.refusals],
        "findings": findings,
    }


def _place(item: Any) -> dict[str, Any]:
    return {"file": item.span.file, "line": item.span.line, "column": item.span.column} if item.span else {}
