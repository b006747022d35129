"""From keys to adapters: what each module of a LoRA file is, its rank and alpha, and what is missing."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lorabridge.artifacts.dialects import PAIRS, Dialect, Kind, Prefix, neighbour, take_apart
from lorabridge.artifacts.header import Header, Tensor, no_collection
from lorabridge.artifacts.read import Reader


@dataclass(slots=True)
class Module:
    """One adapted module. `tensors` are by role; `alpha` is None where the file has none (the scale is then 1)."""

    name: str
    prefix: Prefix
    kind: Kind
    tensors: dict[str, Tensor] = field(default_factory=dict)
    styles: set[str] = field(default_factory=set)
    alpha: float | None = None

    @property
    def part(self) -> str:
        """`transformer`, `text_encoder`, ..."""
        return self.prefix.part

    @property
    def key(self) -> str:
        """Prefix and name as the file has them."""
        return self.prefix.text + self.name

    @property
    def rank(self) -> int | None:
        """The inner dimension; None where there is none (a full matrix)."""
        for role, axis in (("down", 0), ("hada_w1_b", 0), ("lokr_w2_b", 0), ("lokr_w1_b", 0), ("a2", 0)):
            tensor = self.tensors.get(role)
            if tensor is not None and tensor.shape:
                return tensor.shape[axis]
        return None

    @property
    def scale(self) -> float:
        """What the product is multiplied by. LoKr with full matrices is never scaled, whatever its alpha says."""
        rank = self.rank
        return 1.0 if self.alpha is None or not rank else self.alpha / rank

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of the weight that is adapted; None where the tensors do not tell."""
        get = self.tensors.get
        down, up = get("down"), get("up")
        if down and up and down.shape and up.shape:
            return (up.shape[0], *down.shape[1:])
        one, two = get("hada_w1_a"), get("hada_w1_b")
        if one and two and "hada_t1" not in self.tensors:
            return (one.shape[0], *two.shape[1:]) if one.shape and two.shape else None
        left, right = self._factor("lokr_w1"), self._factor("lokr_w2")
        if left and right and len(left) == 2 and len(right) >= 2 and "lokr_t2" not in self.tensors:
            return (left[0] * right[0], left[1] * right[1], *right[2:])
        full = get("diff")
        return full.shape if full else None

    def _factor(self, name: str) -> tuple[int, ...] | None:
        whole, one, two = (self.tensors.get(name + ending) for ending in ("", "_a", "_b"))
        if whole:
            return whole.shape
        return (one.shape[0], *two.shape[1:]) if one and two and one.shape and two.shape else None

    @property
    def missing(self) -> tuple[str, ...]:
        """Roles without which the module cannot be applied."""
        sets = PAIRS.get(self.kind)
        if sets is None:
            return ()
        gaps = [tuple(role for role in roles if role not in self.tensors) for roles in sets]
        return min(gaps, key=len)

    @property
    def misfit(self) -> str:
        """Why the tensors cannot be multiplied; empty where they can."""
        get = self.tensors.get
        for one, two in (
            ("down", "up"),
            ("hada_w1_b", "hada_w1_a"),
            ("hada_w2_b", "hada_w2_a"),
            ("lokr_w1_b", "lokr_w1_a"),
            ("lokr_w2_b", "lokr_w2_a"),
        ):
            down, up = get(one), get(two)
            if down is None or up is None or "mid" in self.tensors or "hada_t1" in self.tensors or "lokr_t2" in self.tensors:
                continue
            if len(down.shape) < 2 or len(up.shape) < 2 or up.shape[1] != down.shape[0]:
                return f"{two} is {list(up.shape)} and {one} is {list(down.shape)}"
            if 0 in (*down.shape, *up.shape):
                return f"{two} or {one} is empty"
        return ""


@dataclass(slots=True)
class Adapter:
    """A LoRA file's content. `strangers` are keys of no adapter."""

    header: Header
    modules: dict[str, Module]
    strangers: list[str]
    alpha_from: str = ""

    @property
    def dialects(self) -> Counter[Dialect]:
        """Modules by dialect, most first."""
        return Counter(module.prefix.dialect for module in self.modules.values())

    @property
    def dialect(self) -> Dialect | None:
        """The dialect of most modules."""
        most = self.dialects.most_common(1)
        return most[0][0] if most else None

    @property
    def kinds(self) -> Counter[Kind]:
        """Modules by kind, most first."""
        return Counter(module.kind for module in self.modules.values())

    @property
    def kind(self) -> Kind | None:
        """The kind of most modules."""
        most = self.kinds.most_common(1)
        return most[0][0] if most else None

    def of(self, part: str) -> list[Module]:
        """The modules of one part of the pipeline."""
        return [module for module in self.modules.values() if module.part == part]


_WHOLE: tuple[Kind, ...] = ("loha", "lokr", "glora", "dora", "oft", "full", "norm")


def assemble(header: Header, config: Mapping[str, Any] | None = None) -> Adapter:
    """The adapter in a file. `config` is PEFT's adapter_config.json, where there is one.

    Reads the alphas from the file: a few bytes each. A file that is cut meanwhile leaves them unknown.
    """
    modules: dict[str, Module] = {}
    strangers: list[str] = []
    with no_collection():
        module, start = None, "\0"
        for name, tensor in header.tensors.items():
            ending = neighbour(name, start)
            if module is None or ending is None:
                key = take_apart(name)
                if key is None:
                    strangers.append(name)
                    continue
                start, ending = key.prefix.text + key.module, key.ending
                module = modules.get(start)
                if module is None:
                    module = modules[start] = Module(key.module, key.prefix, ending.kind)
            if ending.kind != module.kind and ending.kind in _WHOLE:
                module.kind = ending.kind
            module.tensors[ending.role] = tensor
            if ending.style:
                module.styles.add(ending.style)
    adapter = Adapter(header, modules, strangers)
    _alphas(adapter, config)
    return adapter


def _alphas(adapter: Adapter, config: Mapping[str, Any] | None) -> None:
    """Alpha is a tensor beside each module, or stated once in PEFT's config or diffusers' metadata."""
    stated = [module for module in adapter.modules.values() if "alpha" in module.tensors]
    if stated:
        adapter.alpha_from = "tensors"
        try:
            with Reader(adapter.header.path) as reader:
                values = reader.scalars([module.tensors["alpha"] for module in stated])
                for module, alpha in zip(stated, values, strict=True):
                    module.alpha = alpha
        except OSError:
            return
        return
    found = config if config is not None else _diffusers(adapter.header.metadata)
    if not found:
        return
    adapter.alpha_from = "adapter_config.json" if config is not None else "lora_adapter_metadata"
    for module in adapter.modules.values():
        module.alpha = stated_alpha(module, found)


def _diffusers(metadata: Mapping[str, str]) -> dict[str, Any]:
    """`lora_adapter_metadata` of diffusers: PEFT's config, each key with the part's name before it."""
    try:
        found = json.loads(metadata.get("lora_adapter_metadata", ""))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def stated_alpha(module: Module, config: Mapping[str, Any]) -> float | None:
    """The alpha that PEFT's configuration, or diffusers' metadata, states for a module; None where it does not."""
    word = module.prefix.text.rstrip(".")
    part = next((name for name in (word, module.part, "unet") if f"{name}.lora_alpha" in config), "")
    before = f"{part}." if part else ""
    patterns = config.get(f"{before}alpha_pattern")
    if isinstance(patterns, dict):
        for name, alpha in patterns.items():
            if module.name.endswith(str(name)) and isinstance(alpha, int | float):
                return float(alpha)
    alpha = config.get(f"{before}lora_alpha")
    rank = module.rank
    if not isinstance(alpha, int | float):
        return None
    if config.get(f"{before}use_rslora") is True and rank:
        return float(alpha) * math.sqrt(rank)
    return float(alpha)


def peft_config(folder: Path) -> dict[str, Any] | None:
    """`adapter_config.json` beside a file; None where there is none that can be read."""
    try:
        with open(folder / "adapter_config.json", "rb") as file:
            found = json.loads(file.read(1 << 20))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
