"""What diffusion-pipe's own code is asked, and how its answers are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lorabridge.backends.base import Plan
from lorabridge.backends.proving import Claim, Question, alike, alike_word, script

DOCUMENTS = {"main": "main.toml:", "dataset": "dataset.toml:"}
_DTYPE = ("dtype", "save_dtype", "transformer_dtype", "diffusion_model_dtype")


def questions(plan: Plan, folder: str) -> Iterator[Question]:
    """One: the main file, the dataset files beside it, and the command line of train.py."""
    names = [file.path for file in plan.files if file.path.endswith(".toml") and file.path != "main.toml"]
    argv = [word.replace("{files}", folder) for stage in plan.stages for word in script(stage.argv)[1] if stage.name == "train"]
    ask = {"main": f"{folder}/main.toml", "datasets": [f"{folder}/{name}" for name in names], "argv": argv}
    yield Question("train", ask, ("main.toml", *names, "train"))


def same(claim: Claim, used: Any) -> bool:
    """A precision is a torch dtype by then."""
    if claim.key.startswith("--"):
        return alike_word(claim.value, used)
    if claim.key.rpartition(".")[2] in _DTYPE and isinstance(used, str):
        return _plain(str(claim.value)) == _plain(used)
    return alike(claim.value, used)


def _plain(dtype: str) -> str:
    return {"float8": "float8_e4m3fn"}.get(dtype, dtype.removeprefix("torch."))


def sections(plan: Plan, document: str, key: str) -> tuple[str, ...]:
    """The sections of the contract that hold a key's default."""
    if document != "main.toml":
        return ("directory[]",) if key.startswith("directory.") else ("dataset",)
    table = key.rpartition(".")[0]
    kind = next(
        (
            line.split('"')[1]
            for file in plan.files
            if file.path == "main.toml"
            for line in file.text.splitlines()
            if line.startswith("type = ")
        ),
        "",
    )
    return (f"model.{kind}",) if table == "model" else (table or "main",)
