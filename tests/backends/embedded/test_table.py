"""The tables are complete and true to the language and to the trainer."""

from __future__ import annotations

import subprocess
import sys

from lorabridge.backends.embedded import HANDLED, ROWS
from lorabridge.backends.embedded.archs import DECAY, DTYPES, FAMILIES, OPTIMIZERS, TAKES, arch_of
from lorabridge.backends.embedded.rows import DATASET_ROWS, JOB_ROWS
from lorabridge.backends.embedded.trainer import job
from lorabridge.config.fields import leaves
from lorabridge.config.schema import Config
from lorabridge.families.check import needs_of
from lorabridge.families.table import FAMILIES as TABLE


def test_every_leaf_of_the_language_has_a_row_or_a_function() -> None:
    rows = {row.path for row in ROWS}
    assert sorted(set(leaves(Config)) - rows - set(HANDLED)) == []
    assert sorted((rows | set(HANDLED)) - set(leaves(Config))) == []
    assert sorted(rows & set(HANDLED)) == []


def test_every_row_has_evidence_and_every_refusal_a_reason() -> None:
    assert [row.path for row in ROWS if not row.evidence] == []
    assert [row.path for row in ROWS if row.cannot is not None and not row.cannot.why] == []


def test_every_address_is_a_key_of_the_job() -> None:
    for row in JOB_ROWS:
        model: type = job.Job
        for part in row.at.partition(":")[2].split(".") if row.at else ():
            assert part in model.model_fields, row.at
            model = model.model_fields[part].annotation
    for row in DATASET_ROWS:
        assert not row.at or row.at[1:] in job.Dataset.model_fields, row.at


def test_words_are_those_of_the_trainer() -> None:
    from typing import get_args

    assert set(FAMILIES.values()) == set(get_args(job.FamilyName))
    assert set(DTYPES.values()) == set(get_args(job.Dtype))
    names = set(get_args(job.Optimizer.model_fields["type"].annotation))
    assert set(OPTIMIZERS.values()) == names == set(DECAY) == set(TAKES)


def test_the_families_of_the_language_are_those_of_the_trainer() -> None:
    able = {name: [v for v in family.variants if needs_of(family, v, "embedded") is not None] for name, family in TABLE.items()}
    assert {name for name, variants in able.items() if variants} == set(FAMILIES)
    for name, variants in able.items():
        for variant in TABLE[name].variants:
            assert (arch_of(TABLE[name], variant) is not None) == (variant in variants)


def test_importing_the_adapter_imports_neither_torch_nor_the_trainer() -> None:
    code = (
        "import sys, lorabridge.backends.embedded\n"
        "heavy = ('torch', 'numpy', 'PIL', 'diffusers', 'peft', 'transformers', 'jinja2', 'tomlkit', 'toml', 'ruamel')\n"
        "print([m for m in sys.modules if m.split('.')[0] in heavy or 'embedded.trainer' in m])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
