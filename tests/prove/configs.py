"""The least that a person has to write for each family, variant and set of paths that a trainer takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lorabridge.config.load import Loaded, load
from lorabridge.families.check import needs_of
from lorabridge.families.table import FAMILIES


def configs(trainer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and data of each, where a few shapes of data and of model are tried by `variations`."""
    for family in FAMILIES.values():
        for variant in family.variants:
            for option in needs_of(family, variant, trainer) or ():
                paths = {
                    key: (variant.repo or "org/repo") if key == "repo" and trainer != "embedded" else f"/m/{key}.safetensors"
                    for key in option
                }
                model: dict[str, Any] = {"family": family.name, "variant": variant.name, "paths": paths}
                yield (
                    f"{family.name}-{variant.name}-{'+'.join(option)}",
                    {
                        "lorabridge": 1,
                        "name": "case",
                        "model": model,
                        "datasets": [{"images": "/data/i", "resolution": [512]}],
                        "train": {"for": "20 steps"},
                    },
                )


def variations(data: dict[str, Any], folder: Path) -> Iterator[Loaded]:
    """The config, then with clips, a control folder, one expert, a training adapter: the first that compiles is taken."""
    clips = [{"videos": "/data/v", "video": {"frames": [17]}, "resolution": [512]}]
    for datasets in (data["datasets"], clips):
        for control in (False, True):
            for more in ({}, {"experts": "low-noise"}, {"experts": "high-noise"}, {"training_adapter": "/m/adapter.safetensors"}):
                items = [{**item, **({"control": ["/data/c"]} if control else {})} for item in datasets]
                yield _load(folder, {**data, "datasets": items, "model": {**data["model"], **more}})


def _load(folder: Path, data: dict[str, Any]) -> Loaded:
    path = folder / "case.yaml"
    path.write_text(json.dumps(data), encoding="utf-8")
    return load(path, environ={})
