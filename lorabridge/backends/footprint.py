"""What a trainer keeps in memory: the facts that every trainer's `footprint.py` states, for the estimate of `plan`.

Patterns are regular expressions searched in the dotted module names of `schemas/lora_keys/`. Each fact carries where it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Only:
    """Modules of one family: those whose names match `include` and not `exclude`; empty means no restriction."""

    include: str = ""
    exclude: str = ""
    source: str = ""


@dataclass(frozen=True)
class Footprint:
    """One trainer's habits.

    `quantized`: which modules a quantized transformer stores in the small type, by family (`""`: any other). `adapted`: which modules of
    the blocks get a LoRA when the config leaves the choice to the trainer. `adapter_bytes`: bytes of one trained number where the config
    leaves its precision open; `encoder_stays`: text encoder and transformer are on the GPU together while captions are encoded;
    `encoder_streams`: families whose text encoder may be larger than the GPU, for it is worked through layer by layer.
    `draws`: it can draw samples while training.
    `separate_caching`: caching runs in a process of its own. `swap_pairs`: blocks of a model with two kinds are swapped by the half-and-half rule.
    """

    adapter_bytes: int
    quantized: Mapping[str, Only] = field(default_factory=dict)
    adapted: Mapping[str, Only] = field(default_factory=dict)
    encoder_stays: bool = False
    separate_caching: bool = False
    encoder_streams: frozenset[str] = frozenset()
    swap_pairs: bool = False
    draws: bool = True
    source: str = ""

    def stored_small(self, family: str) -> Only:
        """The rule of a family for quantized weights."""
        return self.quantized.get(family) or self.quantized.get("") or Only()

    def trained(self, family: str) -> Only:
        """The rule of a family for the trainer's own choice of modules."""
        return self.adapted.get(family) or self.adapted.get("") or Only()


def footprint_of(backend: Any) -> Footprint | None:
    """The facts of a backend package; None where it states none (a trainer of an outside package)."""
    name = f"{getattr(backend, '__name__', '')}.footprint"
    try:
        found: Footprint = import_module(name).FOOTPRINT
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise
    return found
