"""Random settings: what is compiled reads, with the trainer's own rules, as it was meant, and reads back to the same intent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorabridge.backends.ai_toolkit import lift
from lorabridge.backends.base import Site
from lorabridge.backends.emit import float_loader
from lorabridge.config.load import Loaded, load
from lorabridge.families.resolve import Missing, resolve
from lorabridge.plan.compile import compile_config

numbers = st.floats(1e-7, 1.0, allow_nan=False).map(lambda value: float(f"{value:.4g}"))
words = (
    st.text(st.characters(codec="utf-8", exclude_characters="-$[]", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)
    .map(str.strip)
    .filter(lambda text: bool(text.strip()))
)
every = st.integers(1, 99).map(lambda count: f"{count} steps")


def options(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A section with any of these keys."""
    return st.fixed_dictionaries({}, optional=fields)


DATASET = st.builds(
    lambda extra, folder: {"images": f"/data/{folder}", "resolution": [512], **extra},
    options(
        repeats=st.integers(1, 20).map(float),
        flip=st.sampled_from(["horizontal", "vertical", "both"]),
        loss_weight=numbers,
        bucket=st.booleans(),
        captions=options(dropout=st.sampled_from([0.05, 0.5]), default=words, extension=st.sampled_from([".txt", ".caption"])),
    ),
    st.integers(0, 9),
)
CONFIG = st.fixed_dictionaries(
    {
        "lorabridge": st.just(1),
        "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
        "model": st.just({"family": "z-image", "paths": {"repo": "Tongyi-MAI/Z-Image"}}),
        "datasets": st.lists(DATASET, min_size=1, max_size=3),
        "train": st.builds(
            lambda steps, extra: {"for": f"{steps} steps", "seed": 5, **extra},
            st.integers(100, 9999),
            options(
                batch_size=st.integers(1, 8),
                gradient_accumulation=st.integers(1, 8),
                ema=st.sampled_from([0.9, 0.99]),
                workers=st.integers(0, 8),
            ),
        ),
    },
    optional={
        "adapter": options(
            rank=st.integers(1, 256),
            type=st.sampled_from(["lora", "lokr", "dora"]),
            dropout=st.sampled_from([0.1, 0.5]),
            targets=st.sampled_from(["attention", "all"]),
        ),
        "optimizer": options(
            lr=numbers,
            weight_decay=numbers,
            type=st.sampled_from(["adamw", "adamw8bit", "adam"]),
            max_grad_norm=st.one_of(numbers, st.just("off")),
        ),
        "scheduler": st.one_of(
            st.fixed_dictionaries({"type": st.just("constant")}, optional={"warmup": every}),
            st.fixed_dictionaries({"type": st.sampled_from(["linear", "cosine"])}, optional={"min_lr_ratio": st.sampled_from([0.1, 0.25])}),
        ),
        "noise": options(
            timestep_sampling=st.sampled_from(["sigmoid", "uniform", "weighted"]), bias=st.sampled_from(["off", "content", "style"])
        ),
        "memory": options(gradient_checkpointing=st.booleans(), layer_offload=st.sampled_from([0.25, 0.5]), low_vram=st.booleans()),
        "save": options(every=st.one_of(every, st.just("never")), keep_last=st.integers(1, 9), dtype=st.sampled_from(["bf16", "fp32"])),
        "sample": st.fixed_dictionaries(
            {
                "every": every,
                "prompts": st.lists(
                    st.one_of(words, st.fixed_dictionaries({"prompt": words}, optional={"seed": st.integers(0, 99)})),
                    min_size=1,
                    max_size=3,
                ),
            },
            optional={"before": st.booleans(), "negative": words, "seed": st.integers(0, 999)},
        ),
    },
)


@given(data=CONFIG)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_reads_as_meant_and_reads_back(data: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    loaded = load(path, environ={})
    plan = compile_config(loaded, "ai-toolkit", Site(root="/data"))
    assert plan.ok, [(item.code, item.path, item.message) for item in plan.diagnostics if item.severity == "error"]
    text = plan.files[0].text
    process = yaml.load(text, Loader=float_loader())["config"]["process"][0]
    # the trainer sends the file through JSON before it reads it (toolkit/config.py)
    assert json.loads(json.dumps(process)) == process
    assert process["train"]["steps"] == int(data["train"]["for"].split()[0])
    assert process["network"]["linear"] == process["network"]["linear_alpha"]
    assert isinstance(process["train"]["lr"], float)
    again = tmp_path / "again.yaml"
    lifted = lift({"job.yaml": text})
    assert not lifted.native
    again.write_text(json.dumps(lifted.data, ensure_ascii=False), encoding="utf-8")
    one, two = intent(loaded), intent(load(again, environ={}))
    for key in ("output", "cache", "hardware"):
        one.pop(key), two.pop(key)
    assert two == one


def intent(loaded: Loaded) -> dict[str, Any]:
    assert loaded.config is not None, [item.message for item in loaded.diagnostics]
    resolved = resolve(loaded.config, "ai-toolkit")
    assert not isinstance(resolved, Missing)
    return resolved.config.plain(by_key=True)
