"""The families as text and as plain data."""

from __future__ import annotations

from typing import Any

from lorabridge.backends import BACKENDS
from lorabridge.backends.engine import spell
from lorabridge.families import FAMILIES, Family, Variant
from lorabridge.families.check import needs_of


def trainers_of(family: Family, variant: Variant) -> list[str]:
    """The trainers that can train a variant."""
    return [name for name in BACKENDS if needs_of(family, variant, name) is not None]


def overview_lines() -> list[str]:
    """One line per family: variants and trainers."""
    width = max(len(name) for name in FAMILIES)
    lines = [f"{'family':<{width}}  {'media':<5}  {'trainers':<46}  variants"]
    for family in FAMILIES.values():
        able = [name for name in BACKENDS if any(name in trainers_of(family, variant) for variant in family.variants)]
        lines.append(f"{family.name:<{width}}  {family.media:<5}  {', '.join(able):<46}  {', '.join(v.name for v in family.variants)}")
    return [*lines, "", "`lorabridge families NAME` tells the paths that each trainer needs."]


def family_lines(family: Family) -> list[str]:
    """All that is known about one family."""
    lines = [
        f"{family.title} (`family: {family.name}`)",
        f"  {family.media}, {family.objective}, native resolution {family.resolution}, {family.dtype}",
    ]
    if family.notes:
        lines.append(f"  {family.notes}")
    lines += ["", "recommended" + f" ({family.defaults.source})"]
    lines += [f"  {path}: {spell(value)}" for path, value in family.defaults.values.items()]
    for variant in family.variants:
        lines += ["", *_variant(family, variant)]
    return lines


def _variant(family: Family, variant: Variant) -> list[str]:
    marks = [word for word, on in (("distilled", variant.distilled), ("edit", variant.control), ("two experts", variant.experts)) if on]
    lines = [f"variant {variant.name}" + (f" ({', '.join(marks)})" if marks else "") + f": {variant.doc}"]
    if variant.repo:
        lines.append(f"  hub: {variant.repo}")
    if variant.adapter:
        lines.append(f"  training adapter: {variant.adapter}")
    lines += [f"  pairs with {part}: {name}" for part, name in variant.pairs.items()]
    if variant.lora_group:
        lines.append(f"  LoRAs are shared within: {variant.lora_group}")
    for name in trainers_of(family, variant):
        needs = needs_of(family, variant, name) or ()
        text = " or ".join(" + ".join(option) for option in needs) or "no path"
        lines.append(f"  {name} needs {text}")
    return lines


def records() -> list[dict[str, Any]]:
    """All families as plain data."""
    return [family_record(family) for family in FAMILIES.values()]


def family_record(family: Family) -> dict[str, Any]:
    """One family as plain data."""
    return {
        "name": family.name,
        "title": family.title,
        "media": family.media,
        "objective": family.objective,
        "resolution": family.resolution,
        "dtype": family.dtype,
        "defaults": {"values": dict(family.defaults.values), "source": family.defaults.source},
        "variants": [
            {
                "name": variant.name,
                "doc": variant.doc,
                "hub": variant.repo,
                "distilled": variant.distilled,
                "training_adapter": variant.adapter,
                "pairs": dict(variant.pairs),
                "lora_group": variant.lora_group,
                "needs": {
                    name: [list(option) for option in needs_of(family, variant, name) or ()] for name in trainers_of(family, variant)
                },
            }
            for variant in family.variants
        ],
    }
