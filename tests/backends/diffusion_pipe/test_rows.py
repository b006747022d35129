"""The tables are complete and true to the language."""

from lorabridge.backends.diffusion_pipe import HANDLED, ROWS
from lorabridge.backends.diffusion_pipe.archs import ARCHS, COMMIT, TYPES, arch_of, double_single
from lorabridge.backends.diffusion_pipe.contract import contract
from lorabridge.backends.diffusion_pipe.rows import DATASET_ROWS, MAIN_ROWS
from lorabridge.config.fields import leaves
from lorabridge.config.schema import Config
from lorabridge.families.check import needs_of
from lorabridge.families.table import FAMILIES


def test_every_leaf_of_the_language_has_a_row_or_a_function() -> None:
    known = {row.path for row in ROWS} | set(HANDLED)
    assert sorted(set(leaves(Config)) - known) == []
    assert sorted(known - set(leaves(Config))) == []


def test_every_row_has_evidence() -> None:
    assert [row.path for row in ROWS if not row.evidence] == []
    assert [arch.type for arch in ARCHS.values() if not arch.evidence] == []


def test_every_native_key_is_in_the_contract() -> None:
    facts = contract()
    assert facts["commit"] == COMMIT
    sdxl = facts["model"]["sdxl"]
    for row in MAIN_ROWS:
        _, _, key = row.at.partition(":")
        section, _, name = key.partition(".")
        if key and section != "optimizer":
            assert key in facts["main"] or name in {"model": sdxl, "adapter": facts["adapter"]}[section], key
    for row in DATASET_ROWS:
        assert not row.at or row.at[1:] in facts["directory"], row.at


def test_every_key_of_a_model_type_is_in_the_contract() -> None:
    models = contract()["model"]
    for arch in ARCHS.values():
        keys = {*arch.paths.values(), arch.fp8, arch.by_size, arch.text_fp8, arch.text_nf4, "dtype", "type"} - {""}
        keys |= {"timestep_sample_method", "sigmoid_scale"} if arch.flow else set()
        keys |= {"shift"} if arch.shifts else set()
        keys |= {"min_t", "max_t"} if arch.time_range else set()
        keys |= {"guidance"} if arch.guidance else set()
        keys |= {"text_encoders"} if arch.comfy and arch.type != "ltx2" else set()
        keys |= {arch.merges} if arch.merges == "merge_adapters" else set()
        assert sorted(keys - set(models[arch.type])) == [], arch.type


def test_families_of_the_trainer_have_a_type() -> None:
    mine = {name for name, family in FAMILIES.items() if any(needs_of(family, v, "diffusion-pipe") is not None for v in family.variants)}
    assert mine == set(TYPES)
    assert set(TYPES.values()) == set(ARCHS)
    for name in mine:
        for variant in FAMILIES[name].variants:
            assert arch_of(name, variant.name).type == TYPES[name]


def test_paths_that_a_family_asks_for_are_read() -> None:
    for name, type_ in TYPES.items():
        for variant in FAMILIES[name].variants:
            for option in needs_of(FAMILIES[name], variant, "diffusion-pipe") or ():
                read = {*ARCHS[type_].paths, *({"text_encoder", "byt5"} if ARCHS[type_].comfy else ()), "transformer_high_noise"}
                assert set(option) <= read, (name, option)


def test_the_limit_of_models_with_two_kinds_of_blocks() -> None:
    """`b // 2 <= double - 2` and `(b - b // 2) * 2 + 1 <= single - 2` (models/flux.py)."""
    assert (double_single(19, 38), double_single(20, 40)) == (34, 36)
    assert double_single(40, 20) == 16, "the single blocks are the fewer ones"
