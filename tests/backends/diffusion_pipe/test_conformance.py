"""The trainer's own code reads what was compiled. Needs a checkout: LORABRIDGE_DIFFUSION_PIPE_HOME.

`set_config_defaults` of train.py and the dataset classes of utils/dataset.py are cut out of the checkout by
ast and run as they stand, without torch: nothing of the trainer is imported.
"""

from __future__ import annotations

import ast
import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import toml

from lorabridge.backends.diffusion_pipe import COMMIT, locate
from lorabridge.backends.diffusion_pipe.archs import TYPES, arch_of
from lorabridge.backends.diffusion_pipe.contract import contract

from .test_families import CASES, compiled, config
from .test_goldens import CASES as GOLDENS
from .test_goldens import compiled as golden

HOME = os.environ.get("LORABRIDGE_DIFFUSION_PIPE_HOME", "")
pytestmark = [
    pytest.mark.trainer,
    pytest.mark.skipif(not HOME, reason="LORABRIDGE_DIFFUSION_PIPE_HOME is not set: no checkout of diffusion-pipe to ask"),
]


class Everywhere(type(Path())):  # type: ignore[misc]
    """Folders of the configs do not exist on the machine of the test."""

    def exists(self, **_: Any) -> bool:
        return True

    def is_dir(self, **_: Any) -> bool:
        return True


class Torch:
    def __getattr__(self, name: str) -> str:
        return f"torch.{name}"


def cut(file: str, *names: str) -> ast.Module:
    """The named functions, classes and assignments of a file of the trainer."""
    body = ast.parse((Path(HOME) / file).read_text(encoding="utf-8")).body

    def wanted(node: ast.stmt) -> bool:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            return node.name in names
        return isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id in names for target in node.targets)

    return ast.Module([node for node in body if wanted(node)], [])


@pytest.fixture(scope="module")
def trainer() -> dict[str, Any]:
    """The names of the trainer, as in the checkout."""
    numpy = pytest.importorskip("numpy", reason="numpy is not installed: the trainer's dataset classes need it")
    space: dict[str, Any] = {
        "torch": Torch(),
        "np": numpy,
        "math": math,
        "json": json,
        "os": os,
        "Path": Everywhere,
        "is_main_process": lambda: True,
    }
    space["quit"] = lambda: pytest.fail("the trainer would end here, with exit code 0")
    for module in (
        cut("utils/common.py", "DTYPE_MAP", "round_to_nearest_multiple"),
        cut("train.py", "set_config_defaults"),
        cut("utils/dataset.py", "ROUND_DECIMAL_DIGITS", "CAPTIONS_JSON_FILE", "dedup_and_sort", "DirectoryDataset", "Dataset"),
        cut("models/cosmos.py", "SUPPORTED_SIZE_BUCKETS", "dataset_config_validation"),
    ):
        exec(compile(module, "trainer", "exec"), space)
    return space


def accepted(trainer: dict[str, Any], files: dict[str, str], type_: str, rounds: int = 16) -> dict[str, Any]:
    """Run the trainer's reading of all files; returns the main config as the trainer sees it."""
    main: dict[str, Any] = json.loads(json.dumps(toml.loads(files["main.toml"])))
    trainer["set_config_defaults"](main)
    check = trainer["dataset_config_validation"]

    def validate(tree: dict[str, Any]) -> None:
        assert type_ != "cosmos" or (check(tree) and all(check(table) for table in tree["directory"]))

    model = SimpleNamespace(name=type_, framerate=16, pixels_round_to_multiple=rounds, model_specific_dataset_config_validation=validate)
    for name in ("dataset.toml", "eval.toml"):
        if name in files:
            found = trainer["Dataset"](toml.loads(files[name]), model)
            assert found.directory_datasets
            assert all(len(item.ars) for item in found.directory_datasets)
    return main


@pytest.mark.parametrize(("family", "variant", "option"), CASES, ids=lambda value: "+".join(value) if isinstance(value, tuple) else value)
def test_every_family_is_accepted(trainer: dict[str, Any], tmp_path: Path, family: str, variant: str, option: tuple[str, ...]) -> None:
    plan = compiled(tmp_path, config(family, variant, option))
    main = accepted(trainer, {item.path: item.text for item in plan.files}, TYPES[family], arch_of(family, variant).rounds)
    assert main["adapter"]["alpha"] == main["adapter"]["rank"]
    assert main["model"]["dtype"] == "torch.bfloat16"


@pytest.mark.parametrize("case", GOLDENS)
def test_goldens_are_accepted(trainer: dict[str, Any], case: str) -> None:
    files = {item.path: item.text for item in golden(case).files}
    accepted(trainer, files, toml.loads(files["main.toml"])["model"]["type"])


def strings(*files: str) -> set[str]:
    found: set[str] = set()
    for file in files:
        tree = ast.parse((Path(HOME) / file).read_text(encoding="utf-8"))
        found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return found


def test_the_checkout_still_reads_the_keys_of_the_contract() -> None:
    facts = contract()
    models = [str(path.relative_to(HOME)) for path in sorted((Path(HOME) / "models").glob("*.py"))]
    known = strings("train.py", "utils/dataset.py", "utils/saver.py", "utils/common.py", "models/wan/wan.py", *models)
    for section in ("main", "adapter", "monitoring", "dataset", "directory"):
        assert sorted(set(facts[section]) - known) == [], section
    for type_, keys in facts["model"].items():
        assert type_ in known
        assert sorted(set(keys) - known) == [], type_


def test_the_checkout_is_found() -> None:
    found = locate({"LORABRIDGE_DIFFUSION_PIPE_HOME": HOME})
    assert found is not None
    assert len(found.commit) == 40
    if found.commit != COMMIT:
        pytest.skip(f"the checkout is at {found.commit[:7]}; the rows were read at {COMMIT[:7]}")
