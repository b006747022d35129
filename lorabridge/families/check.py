"""Findings about the model: unknown names, missing paths, distilled models, companions that do not fit (LB5xx)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic
from lorabridge.families.base import Family, Needs, Variant
from lorabridge.families.resolve import Missing, Resolved, get, resolve
from lorabridge.families.table import FAMILIES


def unknown(missing: Missing, loaded: Loaded) -> Diagnostic:
    """The finding for a family or variant that does not exist."""
    word = missing.path.rpartition(".")[2]
    code = "LB501" if word == "family" else "LB502"
    near = difflib.get_close_matches(missing.name.lower().replace("_", "-"), missing.names, 1, 0.5)
    fix = f"did you mean `{near[0]}`?" if near else "known: " + ", ".join(f"`{name}`" for name in missing.names)
    return Diagnostic(
        code,
        f"`{missing.name}` is not a known {word}",
        loaded.place(missing.path),
        "error",
        "",
        fix + "; `lorabridge families` lists all",
        missing.path,
    )


def check_families(loaded: Loaded) -> list[Diagnostic]:
    """The findings about the model that hold for every trainer, as far as the config could be read."""
    config = loaded.config or loaded.partial
    if config is None or config.model.family == "unknown":
        return []
    resolved = resolve(config)
    return [unknown(resolved, loaded)] if isinstance(resolved, Missing) else check_model(resolved, loaded)


def check_model(resolved: Resolved, loaded: Loaded) -> list[Diagnostic]:
    """Findings that hold for every trainer."""
    return [*_distilled(resolved, loaded), *_experts(resolved, loaded), *_control(resolved, loaded)]


def check_needs(resolved: Resolved, loaded: Loaded, trainer: str) -> list[Diagnostic]:
    """Findings for one trainer: can it train the family, has it been given the paths it needs."""
    family, variant = resolved.family, resolved.variant
    needs = needs_of(family, variant, trainer)
    if needs is None:
        able = [name for name in family.needs if needs_of(family, variant, name) is not None]
        fix = "trainers that can: " + ", ".join(f"`{name}`" for name in able) if able else "choose another variant"
        return [
            Diagnostic(
                "LB306",
                f"{trainer} cannot train {family.title} ({variant.name})",
                loaded.place("model.variant"),
                "error",
                "",
                fix,
                "model.family",
            )
        ]
    missing = [[path for path in sorted(option) if not get(resolved.config, f"model.paths.{path}")] for option in needs]
    if not needs or any(not gap for gap in missing):
        return []
    least = min(missing, key=len)
    others = [" + ".join(f"`{path}`" for path in option) for option in needs if len(needs) > 1]
    why = f"{trainer} needs {' or '.join(others)}" if others else f"{trainer} needs it to cache or to train {family.title}"
    place = loaded.place("model.paths") or loaded.place("model")
    return [
        Diagnostic(
            "LB503", f"`model.paths.{path}` is missing", place, "error", why, f"add `{path}:` below `model.paths`", f"model.paths.{path}"
        )
        for path in least
    ]


def needs_of(family: Family, variant: Variant, trainer: str) -> Needs | None:
    """The path alternatives of a trainer for a variant; None when it cannot train it."""
    if variant.trainers is not None and trainer not in variant.trainers:
        return None
    return variant.needs.get(trainer, family.needs.get(trainer))


def known_families() -> list[str]:
    """The names of all families."""
    return list(FAMILIES)


def _distilled(resolved: Resolved, loaded: Loaded) -> Iterator[Diagnostic]:
    variant = resolved.variant
    if not variant.distilled or resolved.config.model.training_adapter is not None:
        return
    siblings = [item.name for item in resolved.family.variants if not item.distilled]
    siblings.sort(key=lambda name: getattr(resolved.family.variant(name), "lora_group", "") != variant.lora_group)
    ways = ([f"set `training_adapter: {variant.adapter}`"] if variant.adapter else []) + (
        [f"train `variant: {siblings[0]}` instead"] if siblings else []
    )
    yield Diagnostic(
        "LB504",
        f"`{variant.name}` is distilled, and there is no training adapter",
        loaded.place("model.variant"),
        "warning",
        "training undoes the distillation: the LoRA then works on neither model",
        " or ".join(ways),
        "model.variant",
    )


def _experts(resolved: Resolved, loaded: Loaded) -> Iterator[Diagnostic]:
    if resolved.config.model.experts is not None and not resolved.variant.experts:
        yield Diagnostic(
            "LB506",
            f"{resolved.family.title} ({resolved.variant.name}) has one expert",
            loaded.place("model.experts"),
            "error",
            "`experts` is for two-expert models such as Wan 2.2 A14B",
            "remove it",
            "model.experts",
        )


def _control(resolved: Resolved, loaded: Loaded) -> Iterator[Diagnostic]:
    for index, data in enumerate(resolved.config.datasets):
        if data.control and not resolved.variant.control:
            yield Diagnostic(
                "LB507",
                f"{resolved.family.title} ({resolved.variant.name}) takes no control pictures",
                loaded.place(f"datasets[{index}].control"),
                "error",
                "trainers ignore them, or hang while caching",
                "remove `control`, or train an edit variant",
                f"datasets[{index}].control",
            )
        if resolved.variant.control is True and not data.control and data.images is not None and not data.regularization:
            yield Diagnostic(
                "LB508",
                f"{resolved.family.title} ({resolved.variant.name}) edits pictures, but the dataset has no control pictures",
                loaded.place(f"datasets[{index}]"),
                "warning",
                "trainers then train text-to-image in silence, or fail",
                "add `control: [folder]`",
                f"datasets[{index}].control",
            )
