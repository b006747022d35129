from __future__ import annotations

import json
import shlex
import tempfile
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lorabridge.backends.base import Plan, Site
from lorabridge.config.load import Loaded, load
from lorabridge.plan.compile import compile_config

GOLDENS = Path(__file__).parents[2] / "goldens" / "musubi"
SITE = Site(root="/project")

BASE = """
lorabridge: 1
name: run
model: {family: z-image, paths: {transformer: /m/dit.safetensors, vae: /m/vae.safetensors, text_encoder: /m/te.safetensors}}
datasets: [{images: /data/a}]
train: {for: 100 steps, seed: 1}
"""


@cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="musubi"))


def merged(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return over


def loaded(tree: dict[str, Any] | str) -> Loaded:
    path = _scratch() / "config.yaml"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    return load(path, shown="config.yaml", environ={})


def plan(text: str = "", site: Site = SITE, base: str = BASE) -> Plan:
    """Compile `text` on top of a minimal config."""
    tree = merged(yaml.load(base, _Core), yaml.load(text, _Core) or {}) if text else yaml.load(base, _Core)
    return compile_config(loaded(tree), "musubi", site)


class _Core(yaml.SafeLoader):
    """YAML 1.2 floats, as the language reads them."""


_Core.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:int")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _rule, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf"),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$", "-+0123456789"),
):
    _Core.add_implicit_resolver(_tag, __import__("re").compile(_rule), list(_first))


def train(text: str = "", **kwargs: Any) -> dict[str, Any]:
    """The compiled training options. Fails when the config does not compile."""
    return document(plan(text, **kwargs), "train.toml")


def tables(text: str = "", **kwargs: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(plan(text, **kwargs), "dataset.toml")["datasets"]
    return found


def document(made: Plan, name: str) -> dict[str, Any]:
    assert made.ok, [f"{item.code} {item.path}: {item.message}" for item in made.diagnostics]
    return tomllib.loads(next(file.text for file in made.files if file.path == name))


def codes(made: Plan) -> list[tuple[str, str]]:
    return [(item.code, item.path) for item in made.diagnostics if item.severity == "error"]


def stages_text(made: Plan) -> str:
    """The stages as a shell would take them."""
    blocks = []
    for stage in made.stages:
        head = "".join(f"{key}={shlex.quote(value)} " for key, value in stage.env.items())
        blocks.append(f"# {stage.name}\n{head}{shlex.join(stage.argv)}\n")
    return "\n".join(blocks)


def argv(made: Plan, stage: str) -> list[str]:
    assert made.ok, [f"{item.code} {item.path}: {item.message}" for item in made.diagnostics]
    return list(next(item.argv for item in made.stages if item.name == stage))
