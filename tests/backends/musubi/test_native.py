"""Options under `backends.musubi` against the trainer's contract."""

from __future__ import annotations

import pytest

from lorabridge.backends.musubi.lower import DATASET_PARAMETERS
from lorabridge.backends.musubi.native import contract, options_of
from lorabridge.backends.musubi.owners import OWNERS
from lorabridge.config.fields import leaves
from lorabridge.config.schema import Config

from .helpers import argv, codes, plan, tables, train


def native(text: str) -> str:
    return f"backends: {{musubi: {{{text}}}}}"


def test_an_option_that_no_field_has() -> None:
    made = plan(native("num_timestep_buckets: 10, cuda_allow_tf32: true, compile_mode: max-autotune"))
    found = train(native("num_timestep_buckets: 10, cuda_allow_tf32: true, compile_mode: max-autotune"))
    assert (found["num_timestep_buckets"], found["cuda_allow_tf32"], found["compile_mode"]) == (10, True, "max-autotune")
    assert [note.path for note in made.notes if note.kind == "native"] == [
        "backends.musubi.num_timestep_buckets",
        "backends.musubi.cuda_allow_tf32",
        "backends.musubi.compile_mode",
    ]


def test_a_default_is_overridden() -> None:
    assert train(native("discrete_flow_shift: 5"))["discrete_flow_shift"] == 5.0


def test_a_false_switch_is_left_out() -> None:
    assert "gradient_checkpointing" not in train(native("gradient_checkpointing: false"))


def test_lists_are_joined() -> None:
    found = train("adapter: {rank_dropout: 0.1}\n" + native("network_args: [verbose=True]"))
    assert found["network_args"] == ["rank_dropout=0.1", "verbose=True"]


@pytest.mark.parametrize(
    ("text", "code", "path", "says"),
    [
        (native("network_arg: [a=1]"), "LB303", "backends.musubi.network_arg", "network_args"),
        (native("train_batch_size: 1"), "LB303", "backends.musubi.train_batch_size", ""),
        (native("num_timestep_buckets: '10'"), "LB304", "backends.musubi.num_timestep_buckets", "whole number"),
        (native("num_timestep_buckets: true"), "LB304", "backends.musubi.num_timestep_buckets", "whole number"),
        (native("compile: 1"), "LB304", "backends.musubi.compile", "true"),
        (native("compile_mode: fast"), "LB304", "backends.musubi.compile_mode", "reduce-overhead"),
        (native("network_args: conv_dim=4"), "LB304", "backends.musubi.network_args", "list"),
        (native("dataset_config: x.toml"), "LB305", "backends.musubi.dataset_config", ""),
        (native("cache_latents: {vae_tilling: true}"), "LB303", "backends.musubi.cache_latents.vae_tilling", ""),
        (native("cache_latents: 3"), "LB304", "backends.musubi.cache_latents", "section"),
        (native("dataset: {multiple_targets: true}"), "LB303", "backends.musubi.dataset.multiple_targets", "multiple_target"),
        (native("dataset: {num_repeats: 4}"), "LB305", "backends.musubi.dataset.num_repeats", "datasets[0].repeats"),
        ("optimizer: {lr: 1e-4}\n" + native("learning_rate: 2e-4"), "LB305", "backends.musubi.learning_rate", "optimizer.lr"),
        ("save: {every: never}\n" + native("save_every_n_steps: 5"), "LB305", "backends.musubi.save_every_n_steps", "save.every"),
        ("memory: {attention: sdpa}\n" + native("xformers: true"), "LB305", "backends.musubi.xformers", "memory.attention"),
        ("adapter: {conv_rank: 4}\n" + native("network_args: [conv_dim=8]"), "LB305", "backends.musubi.network_args", "conv_dim"),
        (
            "cache: {latents: {batch_size: 2}}\n" + native("cache_latents: {batch_size: 4}"),
            "LB305",
            "backends.musubi.cache_latents.batch_size",
            "cache.latents.batch_size",
        ),
    ],
)
def test_findings(text: str, code: str, path: str, says: str) -> None:
    made = plan(text)
    assert (code, path) in codes(made)
    finding = next(item for item in made.diagnostics if item.path == path)
    assert says in finding.message + finding.fix + finding.why


def test_the_same_value_does_not_fight() -> None:
    assert plan("optimizer: {lr: 1e-4}\n" + native("learning_rate: 1e-4")).ok


@pytest.mark.parametrize("key", sorted(DATASET_PARAMETERS))
def test_no_dataset_parameter_gets_into_the_training_file(key: str) -> None:
    made = plan(native(f"{key}: 1"))
    assert [code for code, _ in codes(made)] == ["LB303"]


@pytest.mark.parametrize("script", sorted(name for name, facts in contract()["scripts"].items() if facts["group"] == "train"))
def test_no_training_option_is_named_like_a_dataset_parameter(script: str) -> None:
    assert not DATASET_PARAMETERS & options_of(script).keys()


def test_options_of_the_other_scripts() -> None:
    made = plan(native("cache_latents: {debug_mode: console, console_width: 60}, cache_text: {keep_cache: true}"))
    assert argv(made, "cache-latents")[-4:] == ["--debug_mode", "console", "--console_width", "60"]
    assert argv(made, "cache-text")[-1] == "--keep_cache"
    assert tables(native("dataset: {no_resize_control: true}"))[0]["no_resize_control"] is True


def test_owners_name_real_options_and_fields() -> None:
    options = {key for script in contract()["scripts"] for key in options_of(script)}
    for key, path in OWNERS.items():
        assert key.rpartition(".")[2] in options, key
        for part in path.split(", "):
            assert part in leaves(Config) or part in ("model.training_adapter", "model.merge"), part


@pytest.mark.parametrize("text", ["huggingface_token: x", "wandb_api_key: ''"])
def test_a_secret_is_refused(text: str) -> None:
    assert codes(plan(native(text)))[0][0] == "LB205"
