"""Native options are checked like everything else."""

from __future__ import annotations

from typing import Any

import pytest


def test_native_options_reach_their_tables(compile_: Any) -> None:
    found = compile_(
        "backends={diffusion-pipe: {x_axis_examples: true, partition_method: uniform, model: {cache_text_embeddings: false},"
        " adapter: {exclude_modules: [to_k]}, dataset: {cache_shuffle_num: 4}, directory: {default_mask_file: /w.png},"
        " args: {master_port: 29501, trust_cache: true}}}"
    )
    assert found.main["x_axis_examples"] is True
    assert found.main["partition_method"] == "uniform"
    assert found.main["model"]["cache_text_embeddings"] is False
    assert found.main["adapter"]["exclude_modules"] == ["to_k"]
    assert found.dataset["cache_shuffle_num"] == 4
    assert found.dataset["directory"][0]["default_mask_file"] == "/w.png"
    assert found.argv[-3:] == ("--master_port", "29501", "--trust_cache")
    assert ("native", "true") in found.notes("backends.diffusion-pipe.x_axis_examples")


def test_a_native_option_wins_over_a_default(compile_: Any) -> None:
    assert compile_("backends={diffusion-pipe: {gradient_clipping: 0.5}}").main["gradient_clipping"] == 0.5


def test_a_native_option_that_says_the_same_is_no_fight(compile_: Any) -> None:
    assert compile_("memory.blocks_to_swap=4", "backends={diffusion-pipe: {blocks_to_swap: 4}}").main["blocks_to_swap"] == 4


REFUSED = [
    ("{x_axis_example: true}", "LB303", "x_axis_example"),
    ("{seed: 42}", "LB303", "seed"),
    ("{warmup_steps: '10'}", "LB304", "warmup_steps"),
    ("{lr_scheduler: rex}", "LB304", "lr_scheduler"),
    ("{activation_checkpointing: 'true'}", "LB304", "activation_checkpointing"),
    ("{compile: 1}", "LB304", "compile"),
    ("{blocks_to_swap: 8}", "LB305", "blocks_to_swap"),
    ("{epochs: 3}", "LB305", "epochs"),
    ("{output_dir: /x}", "LB305", "output_dir"),
    ("{force_constant_lr: 0}", "LB305", "force_constant_lr"),
    ("{optimizer: {type: sgd}}", "LB305", "optimizer"),
    ("{model: {transformer_dtyp: float8}}", "LB303", "model.transformer_dtyp"),
    ("{model: {diffusion_model_dtype: float8}}", "LB303", "model.diffusion_model_dtype"),
    ("{model: {type: flux}}", "LB305", "model.type"),
    ("{model: 3}", "LB304", "model"),
    ("{dataset: {num_repeat: 3}}", "LB303", "dataset.num_repeat"),
    ("{directory: {path: /x}}", "LB305", "directory.path"),
    ("{args: {config: x}}", "LB305", "args.config"),
    ("{args: {num_gpus: 2}}", "LB303", "args.num_gpus"),
    ("{args: {trust_cache: 'yes'}}", "LB304", "args.trust_cache"),
]


@pytest.mark.parametrize(("options", "code", "key"), REFUSED)
def test_refused(compile_: Any, options: str, code: str, key: str) -> None:
    found = compile_("memory.blocks_to_swap=4", f"backends={{diffusion-pipe: {options}}}")
    assert (code, f"backends.diffusion-pipe.{key}") in found.codes


def test_the_nearest_name_is_told(compile_: Any) -> None:
    found = compile_("backends={diffusion-pipe: {x_axis_example: true}}")
    assert "`x_axis_examples`" in next(item.fix for item in found.plan.diagnostics if item.code == "LB303")
