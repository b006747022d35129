"""The shape of a model family's row: what exists, what it needs, what suits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Needs = tuple[tuple[str, ...], ...]
"""Alternatives; each is a set of `model.paths` keys that together are enough."""


@dataclass(frozen=True)
class Defaults:
    """Values for fields left `auto`, by dotted intent path, and where they were read."""

    values: Mapping[str, Any]
    source: str


@dataclass(frozen=True)
class Modules:
    """Substrings of dotted module names: the attention layers, the feed-forward layers of one implementation.

    A layer that fuses both (`linear1` of FLUX) counts as attention: without it there is no query, key or value to train.
    """

    attention: tuple[str, ...] = ()
    feed_forward: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variant:
    """One published model of a family.

    `distilled` variants need `adapter` (a de-distillation LoRA on the hub) or a non-distilled
    sibling. `pairs` names companions that must match (`text_encoder`: `Qwen3-4B`). `lora_group`
    tells which variants can share a LoRA: equal groups can, others cannot. `needs` overrides the
    family's. `control` variants need control pictures; where it says `optional` they can do without.
    """

    name: str
    doc: str
    repo: str = ""
    distilled: bool = False
    adapter: str = ""
    control: bool | Literal["optional"] = False
    experts: bool = False
    pairs: Mapping[str, str] = field(default_factory=dict)
    lora_group: str = ""
    needs: Mapping[str, Needs] = field(default_factory=dict)
    trainers: tuple[str, ...] | None = None
    defaults: Defaults | None = None


@dataclass(frozen=True)
class Family:
    """A model architecture that one or more trainers know.

    `needs` maps a trainer to the paths it must be given; a trainer that is absent cannot train the
    family. `attention` and `feed_forward` name the layers of `adapter.targets` as diffusers does;
    `native` names them for trainers whose implementation differs. `trainer_defaults` holds what one
    trainer's own documentation recommends instead of `defaults`, mostly in words that only it knows.
    """

    name: str
    title: str
    media: Literal["image", "video", "audio"]
    objective: Literal["flow", "epsilon"]
    resolution: int
    dtype: Literal["bf16", "fp16", "fp32"]
    variants: tuple[Variant, ...]
    needs: Mapping[str, Needs]
    defaults: Defaults
    notes: str = ""
    evidence: str = ""
    aliases: tuple[str, ...] = ()
    frame_rule: tuple[int, int] | None = None
    attention: tuple[str, ...] = ()
    feed_forward: tuple[str, ...] = ()
    native: Mapping[str, Modules] = field(default_factory=dict)
    trainer_defaults: Mapping[str, Defaults] = field(default_factory=dict)

    def variant(self, name: str) -> Variant | None:
        """The variant called `name`; `auto` is the first."""
        if name == "auto":
            return self.variants[0]
        return next((item for item in self.variants if item.name == name), None)

    def modules(self, trainer: str) -> Modules:
        """The layers of `adapter.targets`, named as `trainer` names them."""
        return self.native.get(trainer) or Modules(self.attention, self.feed_forward)
