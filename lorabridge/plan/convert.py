"""One trainer's files to another's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lorabridge.backends.base import Plan, Site
from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.compile import compile_config
from lorabridge.plan.fates import KINDS
from lorabridge.plan.imports import Imported, import_files


def convert(
    names: Sequence[str], target: str, *, trainer: str = "", unsupported: Any = "error", folder: str | None = None
) -> tuple[Imported, Plan | None]:
    """The import and the plan for `target`; no plan where nothing could be read.

    Native options of the first trainer mean nothing to the second: each is a finding of the plan.
    """
    made = import_files(names, trainer=trainer)
    return made, None if made.loaded is None else converted(made, target, unsupported, folder)


def converted(made: Imported, target: str, unsupported: Any = "error", folder: str | None = None) -> Plan:
    """The plan of an import for another trainer."""
    assert made.loaded is not None
    files = Path(folder).absolute().as_posix() if folder else None
    site = Site(root=Path.cwd().as_posix(), unsupported=unsupported, source=", ".join(Path(name).name for name in made.texts), files=files)
    plan = compile_config(made.loaded, target, site)
    lost = [] if target == made.trainer else [*_native(made, target, unsupported), *_left_out(made)]
    told = [item for item in made.findings if item.severity != "error" and item.span is None and not item.path]
    diagnostics = (*told, *plan.diagnostics, *lost)
    broken = any(item.severity == "error" for item in diagnostics)
    return Plan(plan.backend, () if broken else plan.files, () if broken else plan.stages, plan.notes, diagnostics, plan.total_steps)


def _native(made: Imported, target: str, severity: Any) -> list[Diagnostic]:
    assert made.loaded is not None
    options = made.loaded.written.get("backends", {}).get(made.trainer, {})
    return [
        Diagnostic(
            "LB301",
            f"{target} cannot be given `{path}: {value}` of {made.trainer}",
            made.loaded.place(f"backends.{made.trainer}.{path}"),
            "error" if severity == "error" else "warning",
            "it is a native option: no field of the language says it",
            "remove it there, find the option of this trainer, or go on without it: `--unsupported warn`",
            f"backends.{made.trainer}.{path}",
        )
        for path, value in _leaves(options, "")
    ]


def _leaves(tree: Any, path: str) -> list[tuple[str, Any]]:
    if not isinstance(tree, dict):
        return [(path, tree)]
    return [found for key, value in tree.items() for found in _leaves(value, f"{path}.{key}" if path else str(key))]


def _left_out(made: Imported) -> list[Diagnostic]:
    """A key without effect there is not carried over; that is told, not refused."""
    return [
        Diagnostic("LB302", f"`{fate.key.name}` was not carried over: {KINDS[fate.kind].partition(',')[0]}", None, "hint", fate.why)
        for fate in made.fates
        if fate.kind in ("dead", "unknown")
    ]
