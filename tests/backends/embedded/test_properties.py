"""Random valid intents: the trainer's reader takes the job, and the way back leads to the same one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lorabridge.backends import embedded
from lorabridge.backends.embedded.trainer.job import parse_job
from lorabridge.config.load import load
from lorabridge.plan.compile import compile_config

from .helpers import SITE

words = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12).map(str.strip).filter(bool)
)
folders = st.sampled_from(["data/a", "./x/y", "/abs/b", "C:/pictures", "käse/ü"])
amounts = st.builds(lambda n, unit: f"{n} {unit}", st.integers(2, 9999), st.sampled_from(["steps", "epochs"]))
every = st.one_of(st.just("never"), amounts)
small = st.floats(0.001, 0.9, allow_nan=False).map(lambda value: round(value, 4))


def some(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=options)


dataset = st.fixed_dictionaries(
    {"images": folders},
    optional={
        "captions": some(
            prefix=words,
            suffix=words,
            dropout=small,
            shuffle=st.booleans(),
            keep_tokens=st.integers(0, 5),
            extension=st.sampled_from([".txt", ".caption"]),
        ),
        "repeats": st.integers(1, 50),
        "resolution": st.lists(
            st.one_of(st.integers(64, 2048), st.lists(st.integers(64, 2048), min_size=2, max_size=2)), min_size=1, max_size=3
        ),
        "bucket": st.booleans(),
        "masks": folders,
        "loss_weight": small,
        "flip": st.sampled_from(["off", "horizontal"]),
        "trigger": words,
    },
)
trees = st.fixed_dictionaries(
    {
        "model": st.builds(
            lambda family, dtype: {"family": family, "dtype": dtype, "paths": {"repo": "./models/m"}},
            st.sampled_from(["qwen-image", "sana", "flux2", "z-image", "sdxl"]),
            st.sampled_from(["bf16", "fp32"]),
        ),
        "datasets": st.lists(dataset, min_size=1, max_size=3),
        "train": st.fixed_dictionaries(
            {"for": amounts, "seed": st.integers(1, 2**32 - 1)},
            optional={"batch_size": st.integers(1, 16), "gradient_accumulation": st.integers(1, 8), "ema": small},
        ),
    },
    optional={
        "trigger": words,
        "adapter": some(
            rank=st.integers(1, 256),
            alpha=small,
            conv_rank=st.integers(1, 64),
            dropout=small,
            targets=st.one_of(
                st.sampled_from(["attention", "all"]),
                some(include=st.lists(words, min_size=1, max_size=2), exclude=st.lists(words, max_size=2)),
            ),
        ),
        "optimizer": some(
            type=st.sampled_from(["adamw", "adamw8bit", "prodigy", "adafactor"]),
            lr=small,
            weight_decay=small,
            max_grad_norm=st.one_of(small, st.just("off")),
        ),
        "scheduler": some(
            type=st.sampled_from(["constant", "linear", "cosine", "cosine-with-restarts", "polynomial"]),
            warmup=st.just("1 step"),
            cycles=st.integers(1, 5),
            min_lr_ratio=small,
        ),
        "noise": some(
            timestep_sampling=st.sampled_from(["uniform", "sigmoid", "logit-normal", "resolution-shift"]),
            bias=st.sampled_from(["off", "content", "style", "balanced"]),
            weighting=st.sampled_from(["none", "bell-shaped"]),
            min_timestep=st.integers(0, 400),
            max_timestep=st.integers(500, 1000),
            sigmoid_scale=small,
            logit_mean=small,
        ),
        "loss": some(type=st.sampled_from(["mse", "huber", "smooth-l1"]), delta=small),
        "memory": some(gradient_checkpointing=st.booleans()),
        "save": some(every=every, state=st.booleans(), dtype=st.sampled_from(["fp32", "bf16", "fp16"]), keep_last=st.integers(0, 9)),
        "sample": some(
            every=amounts,
            prompts=st.lists(words, min_size=1, max_size=3),
            before=st.booleans(),
            negative=words,
            width=st.integers(64, 2048),
            seed=st.integers(0, 99),
            steps=st.integers(1, 50),
            guidance=small,
        ).filter(lambda sample: "prompts" in sample or "every" not in sample),
        "hardware": some(device=st.sampled_from(["auto", "cpu", "cuda"]), threads=st.integers(1, 8)),
        "output": folders,
    },
)


def compiled(folder: Path, tree: dict[str, Any]) -> str:
    path = folder / "config.yaml"
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    made = compile_config(load(path, shown="config.yaml", environ={}), "embedded", SITE)
    assert made.ok, made.diagnostics
    return made.files[0].text


@given(tree=trees)
@settings(max_examples=100, deadline=None, phases=[p for p in Phase if p not in (Phase.shrink, Phase.explain)])
def test_there_and_back(tree: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = compiled(folder, {"lorabridge": 1, "name": "run"} | tree)
    assert parse_job(text).model_dump(mode="json", exclude_unset=True) == json.loads(text)
    lifted = embedded.lift({"job.json": text})
    assert lifted.native == {}
    again = yaml.safe_load(yaml.safe_dump(lifted.data))
    assert compiled(folder, again) == text
