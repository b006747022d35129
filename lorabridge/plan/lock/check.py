"""Hold a loaded config against a lock file: what `verify` and `--locked` do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic, sort_key
from lorabridge.plan.lock.build import Wish, build
from lorabridge.plan.lock.compare import compare
from lorabridge.plan.lock.model import Lock, LockError, parse_lock


@dataclass(frozen=True)
class Checked:
    """The lock that was held up (None where it could not be read) and what was found; errors are drift."""

    lock: Lock | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        return self.lock is not None and not any(item.severity == "error" for item in self.diagnostics)


def lock_path(file: str | Path, backend: str) -> Path:
    """Where the lock of a config is kept: `cat.yaml` and musubi give `cat.musubi.lock`."""
    path = Path(file)
    return path.with_name(f"{path.stem}.{backend}.lock")


def read_lock(path: Path) -> Lock | Diagnostic:
    """The lock in a file, or why there is none."""
    fix = "write it with `lorabridge lock`"
    try:
        return parse_lock(path.read_bytes().decode("utf-8"))
    except OSError as error:
        return Diagnostic("LB620", f"the lock `{path}` cannot be read: {error.strerror or error}", fix=fix)
    except (LockError, UnicodeDecodeError) as error:
        return Diagnostic("LB620", f"`{path}` cannot be used: {error}", fix=fix)


def held_against(
    path: Path, loaded: Loaded, backend: str, environ: Mapping[str, str], *, full: bool | None = None, root: Path | None = None
) -> Checked:
    """Compare the present with a lock. `full` hashes weights whole; None does as the lock did. Reads every input."""
    then = read_lock(path)
    if isinstance(then, Diagnostic):
        return Checked(None, (then,))
    whole = _was_full(then) if full is None else full
    seed = then.seed if loaded.config is not None and loaded.config.train.seed == "random" else None
    wish = Wish(backend, _severity(then.unsupported), then.overrides, whole, seed, root)
    now, found = build(loaded, wish, environ)
    if now is None:
        return Checked(then, tuple(found))
    told = [item for item in found if item.code != "LB627"]
    return Checked(then, tuple(sorted([*told, *compare(then, now, loaded.place)], key=sort_key)))


def _severity(word: str) -> Literal["error", "warn"]:
    return "warn" if word == "warn" else "error"


def _was_full(lock: Lock) -> bool:
    """Whether every weights file was hashed whole."""
    return all(text.startswith("sha256:") for model in lock.models.values() for text in model.files.values())
