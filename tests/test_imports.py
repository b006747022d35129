"""The order of the folders, who may import what, and what each command loads: start-up is a budget."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lorabridge

PACKAGE = Path(lorabridge.__file__).parent
ORDER = ("cli", "web", "run", "plan", "backends", "contracts", "artifacts", "data", "families", "config", "diagnostics")
"""From the top of the house to its ground: imports run downward only."""
LEAVES = {"lorabridge", "lorabridge.resources", "lorabridge.files"}
TRAINER = PACKAGE / "backends" / "embedded" / "trainer"
HEAVY = {"torch", "diffusers", "peft", "transformers", "accelerate", "numpy", "PIL", "tokenizers", "bitsandbytes"}
FILES = sorted(PACKAGE.rglob("*.py"))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports anywhere, also inside functions and for type checking only."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        yield from _names(node, path)


def _names(node: ast.AST, path: Path) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        yield from ((node.lineno, name.name) for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = [] if not node.level else ["lorabridge", *path.relative_to(PACKAGE).parts[: -node.level]]
        module = ".".join([*above, *([node.module] if node.module else [])])
        yield node.lineno, module
        if module.startswith("lorabridge"):
            yield from ((node.lineno, f"{module}.{name.name}") for name in node.names if _is_module(f"{module}.{name.name}"))


def _imported_at_once(path: Path) -> Iterator[tuple[int, str]]:
    """What is imported when the file is imported: neither inside a function nor for type checking."""
    waiting: list[ast.AST] = list(ast.parse(path.read_text("utf-8")).body)
    while waiting:
        node = waiting.pop()
        yield from _names(node, path)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_imports_run_downward_only(path: Path) -> None:
    here = path.relative_to(PACKAGE).parts[0] if path.parent != PACKAGE else ""
    for line, name in _imports(path):
        if not name.startswith("lorabridge") or name in LEAVES:
            continue
        there = name.split(".")[1]
        assert there in ORDER, f"{_name(path)}:{line}: {name} is in no folder of the house"
        assert here, f"{_name(path)}:{line}: a leaf imports nothing of the house"
        assert ORDER.index(there) >= ORDER.index(here), f"{_name(path)}:{line}: {here} must not import {there}"


def test_every_folder_has_a_place() -> None:
    folders = {path.relative_to(PACKAGE).parts[0] for path in FILES if path.parent != PACKAGE}
    assert folders <= set(ORDER)
    assert {f"lorabridge.{path.stem}".removesuffix(".__init__") for path in FILES if path.parent == PACKAGE} <= LEAVES | {
        "lorabridge.__main__"
    }


INSIDE_FUNCTIONS = {"artifacts": {"numpy"}, "data": {"numpy", "PIL"}, "run": {"PIL"}}
"""What a folder may import when one of its functions is called: tensors of a checkpoint, near duplicates and thumbnails of pictures."""
JOB = "lorabridge.backends.embedded.trainer.job"
"""The trainer's job file as pydantic models: what the two sides agree on, and all that the core may know of the trainer."""


@pytest.mark.parametrize("path", [path for path in FILES if TRAINER not in path.parents], ids=_name)
def test_only_the_embedded_trainer_imports_the_heavy_libraries(path: Path) -> None:
    late = INSIDE_FUNCTIONS.get(path.relative_to(PACKAGE).parts[0], set())
    for line, name in _imports(path):
        assert name.split(".")[0] not in HEAVY - late, f"{_name(path)}:{line}: {name}"
        trainer = name.startswith("lorabridge.backends.embedded.trainer.") and name != JOB
        assert not trainer, f"{_name(path)}:{line}: the trainer is a process of its own"
    for line, name in _imported_at_once(path):
        assert name.split(".")[0] not in HEAVY, f"{_name(path)}:{line}: {name}"


def test_the_job_file_is_light() -> None:
    for path in (TRAINER / "job.py", TRAINER / "errors.py", TRAINER / "__init__.py"):
        assert not {name.split(".")[0] for _, name in _imported_at_once(path)} & HEAVY


BACKENDS = {path.name for path in (PACKAGE / "backends").iterdir() if (path / "__init__.py").is_file()} & {
    "musubi",
    "diffusion_pipe",
    "ai_toolkit",
    "embedded",
}


@pytest.mark.parametrize("path", [path for path in FILES if path.is_relative_to(PACKAGE / "backends")], ids=_name)
def test_backends_do_not_know_each_other(path: Path) -> None:
    parts = path.relative_to(PACKAGE / "backends").parts
    for line, name in _imports(path):
        found = name.split(".")
        if found[:2] == ["lorabridge", "backends"] and len(found) > 2 and found[2] in BACKENDS:
            assert found[2] == parts[0], f"{_name(path)}:{line}: {name}"


CONFIG = """\
lorabridge: 1
name: cat-toy
model: {family: qwen-image, paths: {transformer: /m/t.safetensors, vae: /m/v.safetensors, text_encoder: /m/q.safetensors}}
datasets: [{images: pictures}]
train: {for: 1600 steps}
"""
WEB = {"starlette", "uvicorn", "asyncio"}
WRITERS = {"rich", "jinja2", "tomlkit", "ruamel"}
NETWORK = {"ssl", "http", "urllib.request", "requests", "httpx"}


def _loaded(*arguments: str, cwd: Path) -> set[str]:
    """The modules that a command has loaded when it ends, in a process of its own."""
    out = cwd / "modules.txt"
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: open({str(out)!r}, 'w').write('\\n'.join(list(sys.modules))))\n"
        "from lorabridge.cli.main import main\n"
        "main()\n"
    )
    environ = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode in (0, 1), ended.stderr
    names = out.read_text().split("\n")
    return set(names) | {name.partition(".")[0] for name in names}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "x.yaml").write_text(CONFIG, "utf-8")
    (tmp_path / "train.toml").write_text("dit = '/m/t.safetensors'\nnetwork_dim = 8\nmax_train_steps = 10\n", "utf-8")
    (tmp_path / "bad.yaml").write_text(CONFIG + "optimizer: {LR: 0}\nsave: {keep_last: x}\n", "utf-8")
    return tmp_path


COMMANDS = {
    "--help": ("--help",),
    "--version": ("--version",),
    "check": ("check", "x.yaml"),
    "check with findings": ("check", "bad.yaml"),
    "check as json": ("check", "bad.yaml", "--format", "json"),
    "check as github": ("check", "bad.yaml", "--format", "github"),
    "check the paths": ("check", "x.yaml", "--paths"),
    "check the models": ("check", "x.yaml", "--models"),
    "check musubi": ("check", "x.yaml", "--backend", "musubi"),
    "check diffusion-pipe": ("check", "x.yaml", "--backend", "diffusion-pipe"),
    "check ai-toolkit": ("check", "x.yaml", "--backend", "ai-toolkit"),
    "check embedded": ("check", "x.yaml", "--backend", "embedded"),
    "show": ("show", "x.yaml", "--resolved", "--origin"),
    "explain": ("explain", "LB203"),
    "families": ("families",),
    "schema": ("schema",),
    "init": ("init", "new.yaml"),
    "compile": ("compile", "x.yaml", "--backend", "musubi"),
    "plan": ("plan", "x.yaml", "--backend", "musubi"),
    "import": ("import", "train.toml"),
    "convert": ("convert", "train.toml", "--to", "ai-toolkit", "--unsupported", "warn"),
    "diff": ("diff", "x.yaml", "x.yaml"),
}
MODELS = {"pydantic", "pydantic_core", "importlib.metadata", "numpy"}
CONFIGS = {"pydantic", "pydantic_core", "yaml", "lorabridge.config.schema"}
DENIED: dict[str, set[str]] = {
    "--help": HEAVY | WEB | WRITERS | NETWORK | CONFIGS | {"json", "importlib.metadata"},
    "--version": HEAVY | WEB | WRITERS | NETWORK | CONFIGS | {"json", "importlib.metadata"},
    "check": HEAVY
    | WEB
    | WRITERS
    | NETWORK
    | MODELS
    | {"lorabridge.backends", "lorabridge.run", "lorabridge.artifacts", "lorabridge.data", "psutil"},
    "check with findings": HEAVY | WEB | WRITERS | NETWORK | MODELS | {"lorabridge.backends", "lorabridge.run"},
    "check as json": HEAVY | WEB | WRITERS | NETWORK | {"lorabridge.backends", "lorabridge.run"},
    "check as github": HEAVY | WEB | WRITERS | NETWORK | {"lorabridge.backends", "lorabridge.run"},
    "check the paths": HEAVY | WEB | WRITERS | NETWORK | {"lorabridge.run"},
    "check the models": HEAVY | WEB | WRITERS | NETWORK | {"lorabridge.run", "lorabridge.backends"},
    "check musubi": HEAVY | WEB | {"rich", "jinja2", "ruamel", "lorabridge.backends.diffusion_pipe", "lorabridge.backends.ai_toolkit"},
    "check diffusion-pipe": HEAVY | WEB | {"rich", "jinja2", "ruamel", "lorabridge.backends.musubi", "lorabridge.backends.ai_toolkit"},
    "check ai-toolkit": HEAVY | WEB | {"rich", "jinja2", "tomlkit", "lorabridge.backends.musubi", "lorabridge.backends.diffusion_pipe"},
    "check embedded": HEAVY | WEB | WRITERS | {"lorabridge.backends.embedded.trainer.setup", "lorabridge.backends.musubi"},
    "show": HEAVY | WEB | WRITERS | NETWORK | {"lorabridge.run"},
    "explain": HEAVY | WEB | WRITERS | {"lorabridge.run"},
    "families": HEAVY | WEB | WRITERS | {"lorabridge.run"},
    "schema": HEAVY | WEB | WRITERS | {"lorabridge.run"},
    "init": HEAVY | WEB | {"rich", "tomlkit", "ruamel", "lorabridge.run"},
    "compile": HEAVY | WEB | {"rich", "lorabridge.run"},
    "data check": HEAVY | WEB | {"rich", "jinja2", "lorabridge.run", "lorabridge.data.similar", "lorabridge.data.sheet"},
    "data stats": HEAVY | WEB | {"rich", "jinja2", "lorabridge.run", "lorabridge.data.similar"},
    "data caption-edit": HEAVY | WEB | WRITERS | {"lorabridge.run", "lorabridge.backends"},
    "plan": HEAVY | WEB | {"rich", "lorabridge.run"},
    "import": HEAVY | WEB | {"rich", "jinja2", "numpy", "lorabridge.run"},
    "convert": HEAVY | WEB | {"rich", "numpy", "lorabridge.run"},
    "diff": HEAVY | WEB | WRITERS | {"numpy", "lorabridge.run"},
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_loads(name: str, folder: Path) -> None:
    loaded = _loaded(*COMMANDS[name], cwd=folder)
    assert "lorabridge.cli.main" in loaded
    denied = DENIED[name] & loaded
    assert not denied, f"`lorabridge {' '.join(COMMANDS[name])}` loads {sorted(denied)}"
