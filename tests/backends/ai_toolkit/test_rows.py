"""The tables: complete, with evidence, and naming keys that the trainer has."""

from __future__ import annotations

import pytest

from lorabridge.backends.ai_toolkit import HANDLED, ROWS
from lorabridge.backends.ai_toolkit.archs import ARCHS, arch_of, find_native
from lorabridge.backends.ai_toolkit.native import contract
from lorabridge.config.fields import leaves
from lorabridge.config.schema import Config
from lorabridge.families.check import needs_of
from lorabridge.families.table import FAMILIES


def test_every_field_of_the_language_is_covered_once():
    rows = {row.path for row in ROWS}
    assert rows | set(HANDLED) == set(leaves(Config))
    assert not rows & set(HANDLED)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
def test_rows_have_evidence_and_known_keys(row):
    assert row.evidence
    if row.cannot is not None:
        assert row.cannot.why
        return
    document, _, key = row.at.partition(":")
    section, _, name = key.partition(".") if document else ("datasets", "", key)
    assert name.partition(".")[0] in contract()["sections"][section]


def test_every_variant_that_the_families_promise_has_an_architecture():
    promised = {
        (family.name, variant.name)
        for family in FAMILIES.values()
        for variant in family.variants
        if needs_of(family, variant, "ai-toolkit") is not None
    }
    assert promised == set(ARCHS)


@pytest.mark.parametrize("key", sorted(ARCHS), ids="/".join)
def test_architectures_are_known_to_the_trainer_and_read_back(key):
    family = FAMILIES[key[0]]
    variant = family.variant(key[1])
    assert variant is not None
    arch = arch_of(family, variant)
    assert arch is not None
    assert arch.native.partition(":")[0] in contract()["archs"]
    assert find_native(arch.native) == key
    for native in arch.paths.values():
        section, _, name = native.partition(".")
        assert name.partition(".")[0] in contract()["sections"][section]


def test_unknown_and_plain_architectures():
    assert find_native("nope") is None
    assert find_native("flux") == ("flux1", "dev")
    assert find_native("sd1") == ("sd15", "base")
    assert find_native("zimage:something") == ("z-image", "base")
