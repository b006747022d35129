"""The key tables: sound in themselves, agreeing with the families, and telling every model from every other."""

from __future__ import annotations

import pytest

from lorabridge.artifacts.identity import identify
from lorabridge.artifacts.tables import Row, flat, leaders, matches, pattern, same, tables, wanted
from lorabridge.families import FAMILIES

from .makers import entry, raw_file

TABLES = {f"{table.architecture} {table.name}": table for table in tables()}


def test_rows_written_out():
    row = Row("blocks.{0-2,5}.net.{0,2}.proj", (8, 4))
    assert list(row.names())[:3] == ["blocks.0.net.0.proj", "blocks.0.net.2.proj", "blocks.1.net.0.proj"]
    assert row.count == len(list(row.names())) == 8
    assert row.pattern == pattern("blocks.7.net.0.proj") == pattern("blocks_7_net_0_proj") == "blocks_#_net_#_proj"


def test_flat_names_and_shapes():
    assert flat("a.0.b") == "a_0_b"
    assert same((8, 4), (8, 4, 1, 1))
    assert not same((8, 4), (8, 4, 3, 3))


@pytest.mark.parametrize("name", TABLES)
def test_variants_exist(name):
    assert TABLES[name].source
    for family, variant in TABLES[name].variants:
        assert FAMILIES[family].variant(variant) is not None, (family, variant)


COUNTS = {
    "flux1 dev": ("transformer_blocks.", 494),
    "flux1 flex2": ("transformer_blocks.", 340),
    "flux2 dev native": ("_blocks.", 160),
    "flux2 klein-4b native": ("_blocks.", 80),
    "flux2 klein-9b native": ("_blocks.", 112),
    "qwen-image base": ("transformer_blocks.", 840),
    "chroma base native": ("_blocks.", 228),
    "hidream i1": ("_stream_blocks.", 1072),
    "sd15 base": (".attentions.", 192),
    "sdxl base": (".attentions.", 722),
}


@pytest.mark.parametrize("name", COUNTS)
def test_as_many_modules_as_ai_toolkit_trains(name):
    """ai-toolkit 27a03a9 was run on each model; these are the modules that it wrapped (gates of experts are none)."""
    word, count = COUNTS[name]
    modules = [module for module in TABLES[name].shapes if word in "." + module and not module.endswith(".gate")]
    assert len(modules) == count


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.sized])
def test_a_lora_of_every_model_is_told(name):
    table = TABLES[name]
    found = matches(wanted((module, shape) for module, shape in table.shapes.items() if "embed" not in module))
    best = leaders(found)
    assert best[0].exact
    assert set(table.variants) & {variant for match in best for variant in match.table.variants}


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.sized and "blocks only" not in table.source])
@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_base_model_of_every_kind_is_told(tmp_path, name, prefix):
    """A header with every weight of the model, its data a hole in the file: under 1 MiB is read."""
    table = TABLES[name]
    document, here = {}, 0
    for module, shape in table.shapes.items():
        size = 2
        for side in shape:
            size *= side
        document[f"{prefix}{module}.weight"] = entry(here, here + size, list(shape), "BF16")
        here += size
    path = raw_file(tmp_path / "model.safetensors", document)
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size + here)
    found = identify(path)
    assert (found.role, found.known, found.precision.word) == ("transformer", True, "bf16"), found.notes
    assert set(table.variants) <= set(found.variants)
    others = set(found.variants) - set(table.variants)
    twins = {
        variant
        for other in tables()
        if other.shapes == table.shapes or set(other.variants) & set(table.variants)
        for variant in other.variants
    }
    assert others <= twins, others
    assert found.read < 1 << 20
