"""Random settings: the trainer's own TOML library reads what was meant, and the way back gives the intent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import toml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorabridge.backends.base import Plan, Site
from lorabridge.backends.diffusion_pipe import lift
from lorabridge.config.load import Loaded, finish, load
from lorabridge.families.resolve import get
from lorabridge.plan.compile import compile_config

SITE = Site(root="/data", files="/srv/compiled")
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12).filter(str.strip)
FOLDERS = WORDS.map(lambda word: "m" + word.replace("/", "_").replace("\\", "_") + "m")
NUMBERS = st.floats(1e-6, 0.99, allow_nan=False).map(lambda value: float(f"{value:.4g}"))
SIDES = st.integers(4, 96).map(lambda value: value * 16)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    epochs = draw(st.booleans())
    count = draw(st.integers(1, 5000))
    data: dict[str, Any] = {
        "lorabridge": 1,
        "name": "run",
        "model": {
            "family": "qwen-image",
            "paths": {"repo": "/models/" + draw(FOLDERS)},
            "quantize": {"transformer": draw(st.sampled_from(["off", "fp8", "fp8-e5m2"]))},
        },
        "datasets": [
            {
                "images": f"/data/{index}",
                "repeats": draw(st.sampled_from([1, 10, 0.5, 2.25])),
                "resolution": draw(st.lists(SIDES, min_size=1, max_size=3, unique=True)),
                "bucket": draw(st.booleans()),
                "captions": {"prefix": draw(WORDS), "shuffle": draw(st.booleans())},
            }
            for index in range(draw(st.integers(1, 3)))
        ],
        "adapter": {"rank": draw(st.integers(1, 128)), "dropout": draw(st.one_of(st.just("off"), NUMBERS))},
        "train": {
            "for": f"{count} {'epochs' if epochs else 'steps'}",
            "batch_size": draw(st.integers(1, 8)),
            "gradient_accumulation": draw(st.integers(1, 8)),
        },
        "optimizer": {
            "type": "adamw",
            "lr": draw(NUMBERS),
            "betas": [draw(NUMBERS), draw(NUMBERS)],
            "weight_decay": draw(st.one_of(st.just(0), NUMBERS)),
            "max_grad_norm": draw(st.one_of(st.just("off"), NUMBERS)),
        },
        "scheduler": {"type": draw(st.sampled_from(["constant", "linear"] if epochs else ["constant"]))},
        "noise": draw(
            st.sampled_from(
                [
                    {"timestep_sampling": "uniform"},
                    {"timestep_sampling": "shift", "shift": 2.5},
                    {"timestep_sampling": "sigmoid", "sigmoid_scale": 0.7},
                ]
            )
        ),
        "loss": draw(
            st.sampled_from([{"type": "mse"}, {"type": "mae"}, {"type": "huber", "delta": 0.25}, {"type": "smooth-l1", "delta": 2.0}])
        ),
        "memory": {
            "gradient_checkpointing": draw(st.booleans()),
            "blocks_to_swap": draw(st.one_of(st.just("off"), st.integers(1, 58))),
            "compile": draw(st.booleans()),
        },
        "save": {
            "every": draw(st.sampled_from(["never", "7 steps", "3 epochs"])),
            "dtype": draw(st.sampled_from(["bf16", "fp16", "fp32"])),
        },
    }
    return data


SAME = (
    *("model.family", "model.paths.repo", "model.quantize.transformer", "adapter.rank", "adapter.dropout"),
    *(
        "train.for",
        "train.batch_size",
        "train.gradient_accumulation",
        "optimizer.type",
        "optimizer.lr",
        "optimizer.betas",
        "optimizer.weight_decay",
    ),
    *("optimizer.max_grad_norm", "scheduler.type", "noise.timestep_sampling", "noise.sigmoid_scale", "loss.type", "loss.delta"),
    *("memory.gradient_checkpointing", "memory.blocks_to_swap", "memory.compile", "save.dtype", "name"),
)


def loaded(data: dict[str, Any]) -> Loaded:
    """As if `data` had been read from a file."""
    found = Loaded("config.yaml", Path("/data"))
    found.written = json.loads(json.dumps(data, default=str))
    return finish(found)


def compiled(found: Loaded) -> Plan:
    plan = compile_config(found, "diffusion-pipe", SITE)
    assert plan.ok, [(item.code, item.path, item.message) for item in plan.diagnostics]
    return plan


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configs())
def test_written_read_and_read_back(data: dict[str, Any]) -> None:
    first = loaded(data)
    plan = compiled(first)
    main = {item.path: toml.loads(item.text) for item in plan.files}["main.toml"]
    assert main["optimizer"]["lr"] == data["optimizer"]["lr"]
    assert main["optimizer"]["betas"] == data["optimizer"]["betas"]
    assert main["model"]["diffusers_path"] == data["model"]["paths"]["repo"]
    back = loaded(lift({item.path: item.text for item in plan.files}).data)
    for path in SAME:
        one, two = get(first.config, path), get(back.config, path)
        assert one == two, (path, one, two)
    for index, item in enumerate(data["datasets"]):
        for key in ("images", "repeats", "resolution", "bucket", "captions.prefix", "captions.shuffle"):
            path = f"datasets[{index}].{key}"
            assert get(first.config, path) == get(back.config, path), (path, item)
    assert {item.path: toml.loads(item.text) for item in compiled(back).files} == {item.path: toml.loads(item.text) for item in plan.files}


def test_the_helper_reads_as_a_file_does(tmp_path: Path) -> None:
    data = {"lorabridge": 1, "name": "x", "model": {"family": "sdxl"}, "datasets": [{"images": "a"}], "train": {"for": "1 epoch"}}
    (tmp_path / "c.yaml").write_text(json.dumps(data))
    assert load(tmp_path / "c.yaml").config == loaded(data).config
