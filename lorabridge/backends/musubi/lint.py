"""The lint of musubi-tuner's own files: training TOML, dataset TOML or JSON, launch scripts."""

from __future__ import annotations

from collections.abc import Sequence

from lorabridge.backends.musubi.lint_args import check_args
from lorabridge.backends.musubi.lint_cross import check_cross
from lorabridge.backends.musubi.lint_data import check_dataset
from lorabridge.backends.musubi.lint_keys import check_keys
from lorabridge.backends.musubi.lint_launch import check_launches
from lorabridge.backends.musubi.lint_paths import check_all_data, check_paths
from lorabridge.backends.musubi.lint_read import setups
from lorabridge.backends.native import Findings, NativeFile
from lorabridge.diagnostics import Diagnostic


def lint(files: Sequence[NativeFile], *, paths: bool = False) -> list[Diagnostic]:
    """The findings about files that belong together. `paths` also looks at the disk."""
    say = Findings()
    found = setups([file for file in files if file.data or file.commands], say)
    for setup in found:
        check_keys(setup)
        check_args(setup)
        check_cross(setup)
        check_paths(setup, paths)
    for file in files:
        if file.role == "dataset" and not (file.diagnostics and not file.data):
            check_dataset(file, say, found[0] if len(found) == 1 else None)
    check_launches(files, found, say)
    check_all_data(files, say, paths)
    return say.items
