"""Break each mapping row of the backends in turn and see whether the tests notice.

    python scripts/mutate_rows.py                    # all backends; prints killed / total and the survivors; exit 1 below 95 %
    python scripts/mutate_rows.py musubi --jobs 4
    python scripts/mutate_rows.py musubi --only adapter.rank --show   # what would be broken

A mutant is one change in memory, in a process of its own: a row's native key renamed, its value changed, one of its words
spelled otherwise, its transform or the way back removed, the row dropped, what cannot be said silently left out, a row for some
families given to all; an entry of a table beside the rows changed. The backend's own tests then run up to the first failure.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lorabridge.backends.base import OMIT, Cannot, Omit, Row  # noqa: E402
from lorabridge.backends.engine import default_of  # noqa: E402
from lorabridge.config.fields import leaves  # noqa: E402
from lorabridge.config.schema import Config  # noqa: E402

NEEDED = 95.0
LIMIT_S = 180
TABLES: dict[str, tuple[str, ...]] = {
    "musubi": ("archs", "noise", "training", "model", "samples", "datasets"),
    "diffusion_pipe": ("archs", "noise", "optimizer", "datasets", "rows"),
    "ai_toolkit": ("archs", "noise", "training", "model", "datasets"),
    "embedded": ("archs", "rows"),
}
"""Backend folder to the modules whose dictionaries hold knowledge of the mapping."""
FIRST = ("table", "rows", "meanings", "goldens", "refusals", "native", "lift", "families", "datasets", "stages", "layout", "places")
"""Test modules by how soon they find something; the rest, properties among them, follows."""


@dataclass(frozen=True)
class Mutant:
    """One change: `apply` makes it, in the process that runs the tests."""

    name: str
    apply: Callable[[], None]


def mutants(backend: str, tables: bool) -> Iterator[Mutant]:
    """All mutants of a backend's rows, and of the tables beside them."""
    rows = import_module(f"lorabridge.backends.{backend}.rows")
    seen: set[int] = set()
    for value in list(vars(rows).values()):
        if isinstance(value, tuple) and value and all(isinstance(item, Row) for item in value):
            for row in value:
                if id(row) not in seen:
                    seen.add(id(row))
                    yield from _row(row)
    for module in TABLES[backend] if tables else ():
        space = vars(import_module(f"lorabridge.backends.{backend}.{module}"))
        for name, value in list(space.items()):
            if isinstance(value, dict) and name.strip("_").isupper() and name != "HANDLED" and id(value) not in seen:
                seen.add(id(value))
                yield from _table(f"{module}.{name}", value, seen)


def _row(row: Row) -> Iterator[Mutant]:
    where = row.path + (f" [{', '.join(sorted(row.families))}]" if row.families else "")
    if row.cannot is not None:
        yield Mutant(f"{where}: silently left out", lambda: _set(row, cannot=None, to=lambda value: OMIT, words={}))
        if any(value is not None and value != default_of(row.path) for value in row.neutral):  # the default is neutral anyway
            yield Mutant(f"{where}: nothing is neutral", lambda: _set(row, neutral=()))
        return
    if row.at:
        yield Mutant(f"{where}: {row.at} renamed", lambda: _set(row, at=f"{row.at}_x"))
    yield Mutant(f"{where}: dropped", lambda: _set(row, families=frozenset(), path=row.path))
    if row.families is not None:
        yield Mutant(f"{where}: for all families", lambda: _set(row, families=None))
    chosen = bool(row.words) and row.to is not None and isinstance(row.to(object()) if row.to.__name__ == "<lambda>" else None, Cannot)
    if chosen and not set(leaves(Config)[row.path].words) - set(row.words) - {"auto"}:
        pass  # every word has a spelling: the refusal of others is never reached
    elif row.to is not None:
        yield Mutant(f"{where}: {'any word goes' if chosen else 'transform removed'}", lambda: _set(row, to=None))
    elif not {True, False} & set(row.words):
        yield Mutant(f"{where}: value changed", lambda: _set(row, to=other))
    if row.back is not None:
        yield Mutant(f"{where}: way back removed", lambda: _set(row, back=None))
    for word, spelled in row.words.items():
        if not _alike(other(spelled), spelled):
            yield Mutant(
                f"{where}: `{word}` spelled otherwise",
                lambda word=word, spelled=spelled: _set(row, words={**row.words, word: other(spelled)}),
            )


def _table(name: str, table: dict[Any, Any], seen: set[int]) -> Iterator[Mutant]:
    for key, value in table.items():
        if is_dataclass(value):
            if id(value) not in seen:
                seen.add(id(value))
                yield from _record(f"{name}[{key}]", value)
        elif isinstance(value, str | int | float | tuple | Cannot | dict):
            yield Mutant(f"{name}[{key}]", lambda key=key, value=value: table.__setitem__(key, other(value)))


def _record(name: str, record: Any) -> Iterator[Mutant]:
    """Each field that says something of its own."""
    for item in fields(record):
        value = getattr(record, item.name)
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if value != default and isinstance(value, str | int | float | tuple | dict) and item.name not in ("title", "note", "evidence"):
            yield Mutant(f"{name}.{item.name}", lambda item=item, value=value: object.__setattr__(record, item.name, other(value)))


_CHANGES: dict[Any, Callable[[Any], Any]] = {
    bool: lambda value: not value,
    (int, float): lambda value: value + 1,
    str: lambda value: f"{value}x",
    Omit: lambda value: "mutated",
    Cannot: lambda value: OMIT,
}


def other(value: Any) -> Any:
    """A different value of the same kind."""
    for kind, change in _CHANGES.items():
        if isinstance(value, kind):
            return change(value)
    if isinstance(value, tuple | list):
        return type(value)([*map(other, value[:1]), *value[1:]]) if value else type(value)(["mutated"])
    if isinstance(value, dict):
        return {key: other(item) if index == 0 else item for index, (key, item) in enumerate(value.items())} or {"mutated": "mutated"}
    return value


def _alike(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _set(row: Row, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(row, name, value)


def paths(backend: str) -> list[str]:
    """The backend's test modules, the quickest to find something first."""
    folder = ROOT / "tests" / "backends" / backend
    order = {f"test_{name}": index for index, name in enumerate(FIRST)}
    files = [path for path in folder.glob("test_*.py") if path.stem not in ("test_conformance", "test_logs")]
    return [str(path) for path in sorted(files, key=lambda path: (order.get(path.stem, 99), path.stem))]


class Trial:
    """A pytest plugin: the tests are collected once; each mutant then runs them in a process of its own, up to the first failure."""

    def __init__(self, found: list[Mutant], jobs: int) -> None:
        self.found, self.jobs = found, jobs
        self.survivors: list[str] = []
        self.healthy = False

    def pytest_runtestloop(self, session: Any) -> bool:
        """Instead of running the tests here."""
        sys.stdout.flush()
        self.healthy = os.waitstatus_to_exitcode(os.waitpid(_child(session, None), 0)[1]) == 0
        waiting = list(reversed(self.found)) if self.healthy else []
        running: dict[int, str] = {}
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop()
                running[_child(session, mutant)] = mutant.name
            child, status = os.wait()
            name = running.pop(child)
            if os.waitstatus_to_exitcode(status) == 0:
                self.survivors.append(name)
                os.write(2, f"  survived: {name}\n".encode())
        return True


def _child(session: Any, mutant: Mutant | None) -> int:
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        signal.alarm(LIMIT_S)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        if mutant is not None:
            mutant.apply()
        status = 0
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                status = 1
                break
    finally:
        os._exit(status)


def trial(backend: str, found: list[Mutant], jobs: int) -> list[str]:
    """Run all mutants, `jobs` at a time; the names of those that no test noticed."""
    import pytest

    plugin = Trial(found, jobs)
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "--no-header", "--tb=no", *paths(backend)], plugins=[plugin])
    if not plugin.healthy:
        raise SystemExit(f"{backend}: the tests fail without any mutant")
    return plugin.survivors


def main() -> int:
    """Print the score of each backend. Exit 1 when one is below what is needed."""
    parser = argparse.ArgumentParser(description="Mutation test of the mapping rows.")
    parser.add_argument(
        "backends",
        nargs="*",
        default=list(TABLES),
        type=lambda name: name.replace("-", "_"),
        metavar="BACKEND",
        help=", ".join(TABLES),
    )
    parser.add_argument("--tables", action="store_true", help="also the dictionaries beside the rows: several times as many")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth mutant only")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="mutants whose name contains this")
    parser.add_argument("--show", action="store_true", help="name the mutants, run nothing")
    asked = parser.parse_args()
    unknown = sorted(set(asked.backends) - set(TABLES))
    if unknown:
        parser.error(f"no backend is called {unknown[0]}; known: {', '.join(TABLES)}")
    bad = False
    for backend in asked.backends:
        found = [item for item in mutants(backend, asked.tables) if asked.only in item.name][:: asked.every]
        if asked.show:
            print("\n".join(item.name for item in found))
            continue
        began = time.monotonic()
        survivors = trial(backend, found, asked.jobs)
        killed = len(found) - len(survivors)
        share = 100 * killed / len(found) if found else 100.0
        bad |= share < NEEDED
        print(f"{backend}: {killed} of {len(found)} mutants killed ({share:.1f} %), {time.monotonic() - began:.0f} s", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
