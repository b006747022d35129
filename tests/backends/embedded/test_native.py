"""`backends.embedded`: keys of the job, checked against the model that the trainer reads it with."""

from __future__ import annotations

from typing import Any

import pytest

from .helpers import at, errors, job, plan

TAKEN: list[tuple[str, str, Any]] = [
    ("{model: {max_sequence_length: 77}}", "model.max_sequence_length", 77),
    ("{model: {revision: main}}", "model.revision", "main"),
    ("{datasets: {shuffle_variants: 3, bucket_step: 32}}", "datasets.0.bucket_step", 32),
    ("{sample: {at_end: false}}", "sample.at_end", False),
    ("{resume: auto}", "resume", "auto"),
    ("{train: {threads: 4}}", "train.threads", 4),
    ("{optimizer: {weight_decay: 0.5}}", "optimizer.weight_decay", 0.5),
    ("{save: {every: {steps: 5}}}", "save.every", {"steps": 5}),
    ("{adapter: {targets: {include: ['*.to_q']}}}", "adapter.targets", {"include": ["*.to_q"]}),
    ("{noise: {shift: 4.5}}", "noise.shift", 4.5),
]


@pytest.mark.parametrize(("options", "key", "value"), TAKEN)
def test_taken_over_a_default(options: str, key: str, value: Any) -> None:
    yaml = f"backends={{embedded: {options}}}"
    assert at(job(yaml, "sample={every: 1 step, prompts: [a]}"), key) == value
    assert [note for note in plan(yaml).notes if note.kind == "native"]


WRONG: list[tuple[list[str], str, str, str]] = [
    (["{train: {seeed: 3}}"], "LB303", "backends.embedded.train.seeed", "`seed`"),
    (["{rank: 8}"], "LB303", "backends.embedded.rank", "`adapter`"),
    (["{trane: {seed: 3}}"], "LB303", "backends.embedded.trane", "`train`"),
    (["{preservation: {class_word: a, evry: 2}}", "trigger=x"], "LB303", "backends.embedded.preservation", ""),
    (["{train: 5}"], "LB304", "backends.embedded.train", ""),
    (["{train: {threads: 2.5}}"], "LB304", "backends.embedded.train.threads", ""),
    (["{model: {max_sequence_length: '77'}}"], "LB304", "backends.embedded.model.max_sequence_length", ""),
    (["{datasets: {shuffle_variants: 0}}"], "LB304", "backends.embedded.datasets.shuffle_variants", ""),
    (["{scheduler: {type: rex}}"], "LB304", "backends.embedded.scheduler.type", ""),
    (["{train: {seed: 3}}"], "LB305", "backends.embedded.train.seed", "`train.seed`"),
    (["{train: {length: {steps: 3}}}"], "LB305", "backends.embedded.train.length", "`train.for`"),
    (["{name: other}"], "LB305", "backends.embedded.name", "`name`"),
    (["{output: /elsewhere}"], "LB305", "backends.embedded.output", "`output.dir`"),
    (["{datasets: {images: /b}}"], "LB305", "backends.embedded.datasets.images", "`datasets[0].images`"),
    (["{optimizer: {lr: 1e-3}}", "optimizer.lr=1e-4"], "LB305", "backends.embedded.optimizer.lr", "`optimizer.lr`"),
    (["{save: {every: {steps: 5}}}", "save.every=1 epoch"], "LB305", "backends.embedded.save.every", "`save.every`"),
]


@pytest.mark.parametrize(("yaml", "code", "path", "fix"), WRONG)
def test_wrong(yaml: list[str], code: str, path: str, fix: str) -> None:
    made = plan(f"backends={{embedded: {yaml[0]}}}", *yaml[1:])
    assert errors(made) == [(code, path)]
    assert fix in next(item for item in made.diagnostics if item.path == path).fix


def test_one_finding_for_all_data_sets() -> None:
    made = plan("datasets=[{images: /a}, {images: /b}]", "backends={embedded: {datasets: {mask: 1}}}")
    assert errors(made) == [("LB303", "backends.embedded.datasets.mask")]
