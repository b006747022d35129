"""Small trainers made of a few files, and the walks over them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from lorabridge.contracts.model import Entry, Section
from lorabridge.contracts.source import Checkout
from lorabridge.contracts.trace import Tracer
from lorabridge.contracts.values import Class, Scope, Table

Files = dict[str, str]


def write(root: Path, files: Files) -> Path:
    """Write sources below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


@pytest.fixture
def options(tmp_path: Path) -> Callable[..., dict[str, Entry]]:
    """The options of `main.py`, whose body is run as a script's; further files beside it."""

    def run(body: str, **files: str) -> dict[str, Entry]:
        write(tmp_path, {"main.py": body, **{f"{name}.py": text for name, text in files.items()}})
        module = Checkout(tmp_path, tmp_path).module("main")
        assert module is not None
        tracer = Tracer(follow_parsers=True, everything=False)
        scope = Scope(module)
        scope.names["__name__"] = "__main__"
        tracer.run(module.tree.body, scope)
        return {
            name if not parser.name else f"{parser.name.strip()}:{name}": entry
            for parser in tracer.parsers
            for name, entry in parser.options.items()
        }

    return run


@pytest.fixture
def keys(tmp_path: Path) -> Callable[..., dict[str, Section]]:
    """The keys that class `Job` of `main.py` reads of the table that it is given as `config`, by section."""

    def run(
        body: str, *, fixed: dict[tuple[str, ...], str] | None = None, readers: dict[str, str] | None = None, **files: str
    ) -> dict[str, Section]:
        write(tmp_path, {"main.py": body, **{f"{name}.py": text for name, text in files.items()}})
        module = Checkout(tmp_path, tmp_path).module("main")
        assert module is not None
        tracer = Tracer(fixed=fixed or {}, readers=readers or {}, root="job")
        job = tracer.global_name(module, "Job")
        assert isinstance(job, Class)
        tracer.instantiate(job, [Table(("job",))], {}, None)
        return {".".join(path[1:]) or "job": section for path, section in tracer.record.sections([("job",)]).items()}

    return run


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[Files], Path]:
    """Write sources below a fresh folder, and get the folder."""
    return lambda files: write(tmp_path / "tree", files)
