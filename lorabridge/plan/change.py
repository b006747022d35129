"""Write found changes into a user's file: minimal edits, a preview as a diff, and a check of the result before it replaces the file."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lorabridge.config.edit import EditError, edit_text
from lorabridge.config.paths import split_path
from lorabridge.diagnostics import Diagnostic
from lorabridge.files import write_atomic


@dataclass(frozen=True)
class Rewritten:
    """A file before and after. `problem` says why there is no after."""

    path: Path
    before: bytes = b""
    after: bytes = b""
    problem: Diagnostic | None = None

    def diff(self) -> str:
        """What changes, as a unified diff."""
        one, two = (raw.decode("utf-8", "replace").splitlines(keepends=True) for raw in (self.before, self.after))
        name = self.path.name
        lines = difflib.unified_diff(one, two, name, name, n=1)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def write(self) -> None:
        """Replace the file, whose mode stays. Raises OSError."""
        write_atomic(self.path, self.after, mode=self.path.stat().st_mode & 0o777)


def rewrite(path: Path, changes: Iterable[tuple[str, Any]], check: Callable[[Path], Sequence[Diagnostic]]) -> Rewritten:
    """The file with the changes, written beside it for `check`, which looks for errors; nothing is replaced.

    Raises OSError when the file cannot be read or its folder not be written.
    """
    before = path.read_bytes()
    try:
        text = before.decode("utf-8")
        after = edit_text(text, [(split_path(where), value) for where, value in changes]).text.encode("utf-8")
    except (EditError, UnicodeDecodeError) as error:
        return Rewritten(path, before, problem=Diagnostic("LB641", f"`{path}` was not changed: {error}", fix="make the changes by hand"))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".yaml")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(after)
        errors = [item for item in check(Path(name)) if item.severity == "error"]
    finally:
        Path(name).unlink(missing_ok=True)
    if errors:
        why = f"{errors[0].code}: {errors[0].message}"
        return Rewritten(
            path,
            before,
            problem=Diagnostic("LB641", f"`{path}` was not changed: it would not check clean", why=why, fix="make the changes by hand"),
        )
    return Rewritten(path, before, after)
