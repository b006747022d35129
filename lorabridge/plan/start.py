"""The first config of a user: commented, for a family, from a preset."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lorabridge.backends import BACKENDS
from lorabridge.config.fields import leaves
from lorabridge.config.schema import Config
from lorabridge.config.spell import flow
from lorabridge.families import FAMILIES, Family, Variant, find_family
from lorabridge.families.check import needs_of
from lorabridge.plan.schema import SCHEMA_ID
from lorabridge.resources import template_dir


class StartError(ValueError):
    """The wish cannot be met; the message tells the user why and what is known."""


def presets() -> dict[str, str]:
    """The presets with their first comment line."""
    found = sorted((template_dir() / "presets").glob("*.yaml"))
    return {path.stem: path.read_text("utf-8").splitlines()[0].lstrip("# ") for path in found}


def starting_config(
    *, file: str, preset: str, family_name: str, variant_name: str, backend: str | None, name: str | None, trigger: str, images: str
) -> str:
    """The text of a config that checks clean once its paths are filled in. Raises StartError."""
    import jinja2

    known = presets()
    if preset not in known:
        raise StartError(f"no preset is called `{preset}`; known: {', '.join(known)}")
    family = find_family(family_name)
    if family is None:
        raise StartError(f"no family is called `{family_name}`; known: {', '.join(FAMILIES)}")
    variant = family.variant(variant_name)
    if variant is None:
        raise StartError(f"{family.title} has no variant `{variant_name}`; known: {', '.join(v.name for v in family.variants)}")
    context = _context(family, variant, _trainer(family, variant, backend))
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name or Path(file).stem).strip("-._") or "my-lora"
    context |= {
        "file": file,
        "preset": preset,
        "preset_doc": known[preset],
        "name": stem,
        "trigger": trigger,
        "images": images,
        "backend": backend,
    }
    loader = jinja2.FileSystemLoader(template_dir())
    env = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    env.filters["flow"] = flow
    return env.get_template("init.yaml.jinja").render(**context, schema=SCHEMA_ID)


def _trainer(family: Family, variant: Variant, backend: str | None) -> str:
    able = [name for name in BACKENDS if needs_of(family, variant, name) is not None]
    if backend is not None and backend not in able:
        raise StartError(f"{backend} cannot train {family.title} ({variant.name}); these can: {', '.join(able)}")
    return backend or able[0]


def _context(family: Family, variant: Variant, trainer: str) -> dict[str, Any]:
    values = dict(family.defaults.values) | dict(variant.defaults.values if variant.defaults else {})
    docs = {path.rpartition(".")[2]: row.doc for path, row in leaves(Config).items() if path.startswith("model.paths.")}
    options = needs_of(family, variant, trainer) or ()
    first = options[0] if options else ()
    extra = tuple(dict.fromkeys(key for option in options[1:] for key in option if key not in first))
    paths = [(key, docs[key].rstrip("."), key in first) for key in (*first, *extra)]
    return {
        "family": family,
        "variant": variant,
        "others": "also: " + ", ".join(v.name for v in family.variants if v is not variant) if len(family.variants) > 1 else "the only one",
        "paths": paths,
        "places": {key: (variant.repo or "org/name") if key == "repo" else f"models/{key}.safetensors" for key, _, _ in paths},
        "rank": values["adapter.rank"],
        "lr": values["optimizer.lr"],
        "sampling": values["noise.timestep_sampling"],
        "shift": values["noise.shift"],
    }
