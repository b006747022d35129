from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from lorabridge.backends.base import Plan, Site
from lorabridge.config.load import load
from lorabridge.plan.compile import compile_config

GOLDENS = Path(__file__).parents[2] / "goldens" / "embedded"
SITE = Site(root="/project")

BASE = """
lorabridge: 1
name: run
model: {family: qwen-image, paths: {repo: /m/qwen}}
datasets: [{images: /data/a, resolution: [512]}]
train: {for: 100 steps, seed: 1}
"""


@cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="embedded"))


def plan(*overrides: str, text: str = BASE, site: Site = SITE) -> Plan:
    """Compile a small config with `key=value` overrides."""
    path = _scratch() / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return compile_config(load(path, shown="config.yaml", overrides=overrides, environ={}), "embedded", site)


def job(*overrides: str, text: str = BASE, site: Site = SITE) -> dict[str, Any]:
    """The job as the trainer reads it."""
    from lorabridge.backends.embedded.trainer.job import parse_job

    made = plan(*overrides, text=text, site=site)
    assert made.ok, made.diagnostics
    parse_job(made.files[0].text)
    tree: dict[str, Any] = json.loads(made.files[0].text)
    return tree


def at(tree: Any, dotted: str, absent: Any = None) -> Any:
    for part in dotted.split("."):
        if isinstance(tree, list):
            tree = tree[int(part)]
        elif part in tree:
            tree = tree[part]
        else:
            return absent
    return tree


def errors(made: Plan) -> list[tuple[str, str]]:
    return [(item.code, item.path) for item in made.diagnostics if item.severity == "error"]
