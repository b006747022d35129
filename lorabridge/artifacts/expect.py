"""What a LoRA must be, as the config says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lorabridge.config.load import Loaded
from lorabridge.diagnostics import Diagnostic, Span
from lorabridge.families.check import unknown
from lorabridge.families.resolve import Missing, resolve


def _nowhere(path: str) -> Span | None:
    return None


@dataclass(frozen=True)
class Expectation:
    """What to hold a file against. None and empty: not asked. `place` finds the config's line for a finding.

    `steps` is what the run was planned to do, `trainer` the one that ran, as metadata may not tell.
    """

    family: str = ""
    variants: tuple[str, ...] = ()
    kind: str = ""
    rank: int | None = None
    alpha: float | None = None
    conv_rank: int | None = None
    conv_alpha: float | None = None
    dtype: str = ""
    targets: Literal["", "attention", "all"] = ""
    picked: bool = False
    text_encoder: bool | None = None
    steps: int | None = None
    trainer: str = ""
    place: Callable[[str], Span | None] = _nowhere


def expectation(loaded: Loaded, trainer: str = "", steps: int | None = None) -> Expectation | list[Diagnostic]:
    """The expectation of a config that was loaded; its errors where it cannot be used."""
    config = loaded.config
    if config is None:
        return [item for item in loaded.diagnostics if item.severity == "error"]
    resolved = resolve(config, trainer)
    if isinstance(resolved, Missing):
        return [unknown(resolved, loaded)]
    config, adapter = resolved.config, resolved.config.adapter
    group = resolved.variant.lora_group
    variants = tuple(item.name for item in resolved.family.variants if item is resolved.variant or (group and item.lora_group == group))
    conv = adapter.conv_rank if isinstance(adapter.conv_rank, int) else None
    layers = adapter.targets.layers
    planned = config.train.length
    return Expectation(
        resolved.family.name,
        variants,
        adapter.type,
        adapter.rank if isinstance(adapter.rank, int) else None,
        adapter.alpha,
        conv,
        adapter.conv_alpha,
        config.save.dtype if config.save.dtype != "auto" else "",
        "" if layers == "auto" else layers,
        bool(adapter.targets.include or adapter.targets.exclude),
        adapter.text_encoder,
        steps if steps is not None else int(planned.value) if planned.unit == "steps" else None,
        trainer,
        loaded.place,
    )
