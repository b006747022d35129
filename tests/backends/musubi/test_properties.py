"""Random valid settings: the trainer's own reader reads what was meant, and the way back leads to the same files."""

from __future__ import annotations

import json
from typing import Any

import toml
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorabridge.backends import musubi
from lorabridge.plan.compile import compile_config

from .helpers import BASE, SITE, loaded, merged, stages_text

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=30).filter(
    lambda text: text.strip() and "[trigger]" not in text
)
NUMBER = st.floats(1e-7, 1e3, allow_nan=False).map(lambda value: float(f"{value:.6g}"))
SHARE = st.floats(0.01, 0.99).map(lambda value: round(value, 3))
EVERY = st.one_of(st.just("never"), st.integers(1, 99).map(lambda n: f"{n} steps"), st.integers(1, 5).map(lambda n: f"{n} epochs"))


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


SAMPLE = st.fixed_dictionaries(
    {
        "every": st.integers(1, 50).map(lambda n: f"{n} steps"),
        "prompts": st.lists(TEXT.map(lambda text: {"prompt": text}), min_size=1, max_size=3),
    },
    optional={
        "before": st.booleans(),
        "seed": st.integers(0, 2**31),
        "negative": TEXT,
        "width": st.integers(2, 200).map(lambda n: n * 8),
        "guidance": NUMBER,
    },
)
CONFIG = some(
    adapter=some(rank=st.integers(1, 256), alpha=NUMBER, dropout=SHARE, max_norm=NUMBER, conv_rank=st.integers(1, 16), rank_dropout=SHARE,
                 targets=some(layers=st.sampled_from(["auto", "attention", "all"]), exclude=st.lists(st.sampled_from(["to_q", "layers.0.", "w1|w2", "a'b"]), max_size=2))),
    train=some(seed=st.integers(1, 2**32 - 1), gradient_accumulation=st.integers(1, 64), workers=st.integers(0, 8), batch_size=st.integers(1, 8)),
    optimizer=some(type=st.sampled_from(["adamw8bit", "adamw", "adafactor", "prodigy", "torch.optim.SGD"]), lr=NUMBER, weight_decay=NUMBER, eps=NUMBER,
                   betas=st.lists(SHARE, min_size=2, max_size=2), max_grad_norm=st.one_of(st.just("off"), NUMBER), lora_plus_ratio=NUMBER),
    scheduler=st.one_of(
        some(type=st.sampled_from(["constant", "linear", "cosine"]), warmup=st.one_of(st.just("off"), st.integers(1, 99).map(lambda n: f"{n} steps"), st.integers(1, 100).map(lambda n: f"{n}%"))),
        st.fixed_dictionaries({"type": st.just("warmup-stable-decay"), "decay": st.integers(1, 99).map(lambda n: f"{n} steps")}, optional={"min_lr_ratio": SHARE}),
        st.fixed_dictionaries({"type": st.just("polynomial"), "power": NUMBER}),
    ),
    noise=st.one_of(
        st.fixed_dictionaries({"timestep_sampling": st.just("shift")}, optional={"shift": NUMBER, "sigmoid_scale": NUMBER, "min_timestep": st.integers(0, 400), "max_timestep": st.integers(500, 1000)}),
        st.fixed_dictionaries({"timestep_sampling": st.just("logsnr")}, optional={"logit_mean": st.floats(-9, 9).map(lambda v: round(v, 3)), "logit_std": NUMBER}),
        st.fixed_dictionaries({"timestep_sampling": st.sampled_from(["uniform", "sigma"]), "weighting": st.sampled_from(["none", "sigma-sqrt", "cosmap"])}),
    ),
    memory=some(gradient_checkpointing=st.just(True), checkpoint_offload=st.booleans(), blocks_to_swap=st.integers(1, 28), attention=st.sampled_from(["sdpa", "flash", "xformers"]), compile=st.booleans()),
    save=st.fixed_dictionaries({"every": EVERY}, optional={"keep_last": st.integers(1, 5), "state": st.booleans(), "dtype": st.sampled_from(["bf16", "fp16", "fp32"]), "metadata": st.booleans()}),
    sample=SAMPLE,
    cache=some(latents=some(batch_size=st.integers(1, 8), workers=st.integers(1, 8)), reuse=st.just(True)),
    datasets=st.lists(
        st.fixed_dictionaries({"images": st.sampled_from(["/data/a", "/data/Größe 雪", "rel/p", "C:\\pics\\x"])},
                              optional={"repeats": st.integers(1, 50).map(float), "batch_size": st.integers(1, 8), "upscale": st.booleans(),
                                        "resolution": st.lists(st.one_of(st.integers(16, 2048), st.tuples(st.integers(16, 2048), st.integers(16, 2048)).map(list)), min_size=1, max_size=2, unique_by=lambda side: (side, side) if isinstance(side, int) else tuple(side))}),
        min_size=1, max_size=3,
    ),
)  # fmt: skip


def compiled(tree: dict[str, Any]) -> Any:
    return compile_config(loaded(merged(yaml.safe_load(BASE), tree)), "musubi", SITE)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(CONFIG)
def test_way_there_and_back(tree: dict[str, Any]) -> None:
    made = compiled(tree)
    assert made.ok, [(item.code, item.path, item.message) for item in made.diagnostics if item.severity == "error"]
    sources = {file.path: file.text for file in made.files} | {"stages.sh": stages_text(made)}
    read = toml.loads(sources["train.toml"])
    assert read["network_module"] == "networks.lora_zimage"
    prompts = json.loads(sources.get("samples.json", "[]"))
    assert [entry["prompt"] for entry in prompts] == [entry["prompt"] for entry in tree.get("sample", {}).get("prompts", [])]
    lifted = musubi.lift(sources)
    assert not lifted.native, lifted.native
    again = compile_config(loaded(lifted.data), "musubi", SITE)
    assert again.ok, [(item.code, item.path, item.message) for item in again.diagnostics if item.severity == "error"]
    back = {file.path: file.text for file in again.files} | {"stages.sh": stages_text(again)}
    assert {name: plain(name, text) for name, text in back.items()} == {name: plain(name, text) for name, text in sources.items()}


def plain(name: str, text: str) -> Any:
    return toml.loads(text) if name.endswith(".toml") else text
