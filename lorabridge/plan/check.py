"""All findings about one configuration: the language, the model, the trainers, the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.check import check_families


def check_loaded(
    loaded: Loaded, backends: Sequence[str] = (), *, paths: bool = False, unsupported: str = "error", models: bool = False
) -> list[Diagnostic]:
    """The findings, without duplicates. With several trainers each finding of a trainer names it.

    `paths` looks whether files are there, `models` reads the headers of the model files as well.
    """
    found: dict[Diagnostic, None] = dict.fromkeys([*loaded.diagnostics, *check_families(loaded)])
    for name in backends:
        found |= dict.fromkeys(_check_backend(loaded, name, unsupported))
    if paths and loaded.config is not None:
        from lorabridge.data.paths import check_paths

        found |= dict.fromkeys(check_paths(loaded))
    if models and loaded.config is not None:
        from lorabridge.artifacts.models import check_models
        from lorabridge.data.paths import check_model_paths

        found |= dict.fromkeys([*check_model_paths(loaded), *check_models(loaded)])
    return list(found)


def _check_backend(loaded: Loaded, name: str, unsupported: Any) -> Sequence[Diagnostic]:
    from lorabridge.backends.base import Site
    from lorabridge.plan.compile import compile_config

    site = Site(root=Path(loaded.root).absolute().as_posix(), unsupported=unsupported)
    if loaded.config is not None or loaded.partial is None or loaded.partial.model.family == "unknown":
        return compile_config(loaded, name, site).diagnostics
    # What is left without the wrong values still tells what this trainer cannot do; sections with a mistake wait for its end.
    wrong = {item.path.partition(".")[0].partition("[")[0] for item in loaded.diagnostics if item.severity == "error"}
    rest = compile_config(replace(loaded, config=loaded.partial, diagnostics=[]), name, site).diagnostics
    return [item for item in rest if item.path.partition(".")[0].partition("[")[0] not in wrong]
