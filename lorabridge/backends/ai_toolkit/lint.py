"""Findings about ai-toolkit's own files: job files as they are, and the commands that start them."""

from __future__ import annotations

from collections.abc import Sequence

from lorabridge.backends.native import Findings, NativeFile
from lorabridge.diagnostics import Diagnostic


def lint(files: Sequence[NativeFile], *, paths: bool = False) -> list[Diagnostic]:
    """Findings about the files of one call. With `paths`, folders and files on this machine are looked at too."""
    from lorabridge.backends.ai_toolkit.lint_launch import check_launch, names_given
    from lorabridge.backends.ai_toolkit.lint_shape import check_job

    found = Findings()
    scripts = [file for file in files if file.role == "launch"]
    for file in scripts:
        check_launch(found, file)
    env = frozenset(name for file in scripts for command in file.commands for name in command.env)
    named = any(names_given(file) for file in scripts)
    for file in files:
        if file.role == "job":
            check_job(found, file, env=env, named=named, paths=paths)
    return found.items
