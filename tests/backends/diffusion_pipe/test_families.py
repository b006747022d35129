"""Every family, variant and set of paths that the trainer takes compiles, and what is written is in the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toml

from lorabridge.backends.base import Plan, Site
from lorabridge.backends.diffusion_pipe.archs import CLIPS_ONLY, TYPES
from lorabridge.backends.diffusion_pipe.contract import contract
from lorabridge.config.load import load
from lorabridge.families.check import needs_of
from lorabridge.families.table import FAMILIES
from lorabridge.plan.compile import compile_config

CASES = [
    (name, variant.name, option)
    for name in TYPES
    for variant in FAMILIES[name].variants
    for option in needs_of(FAMILIES[name], variant, "diffusion-pipe") or ()
]


def config(family: str, variant: str, option: tuple[str, ...]) -> dict[str, Any]:
    """The least that a person has to write."""
    row = FAMILIES[family].variant(variant)
    assert row is not None
    clips = (family, variant) in CLIPS_ONLY
    data: dict[str, Any] = {"videos": "/data/v", "video": {"frames": [17]}} if clips else {"images": "/data/i"}
    if row.control is True:
        data["control"] = ["/data/c"]
    model: dict[str, Any] = {"family": family, "variant": variant, "paths": {key: f"/models/{key}.safetensors" for key in option}}
    if row.distilled and TYPES[family] == "z_image":
        model["training_adapter"] = "/models/adapter.safetensors"
    if row.experts:
        model["experts"] = "high-noise" if "transformer_high_noise" in option else "low-noise"
    return {"lorabridge": 1, "name": "case", "model": model, "datasets": [data], "train": {"for": "2 epochs"}}


def compiled(folder: Path, data: dict[str, Any], files: str = "/srv/compiled") -> Plan:
    path = folder / "config.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    return compile_config(load(path), "diffusion-pipe", Site(root="/data", files=files))


@pytest.mark.parametrize(("family", "variant", "option"), CASES, ids=lambda value: "+".join(value) if isinstance(value, tuple) else value)
def test_compiles(tmp_path: Path, family: str, variant: str, option: tuple[str, ...]) -> None:
    plan = compiled(tmp_path, config(family, variant, option))
    assert plan.ok, [(item.code, item.path, item.message) for item in plan.diagnostics]
    trees = {item.path: toml.loads(item.text) for item in plan.files}
    main, facts = trees["main.toml"], contract()
    model = main.pop("model")
    assert model["type"] == TYPES[family]
    assert set(model) <= set(facts["model"][model["type"]])
    assert set(main.pop("adapter")) <= set(facts["adapter"])
    assert {"type", "lr"} <= set(main.pop("optimizer"))
    assert set(main) <= set(facts["main"])
    dataset = trees["dataset.toml"]
    for table in dataset.pop("directory"):
        assert set(table) <= {*facts["directory"], "path"}
    assert set(dataset) <= set(facts["dataset"])
