"""Everything that can be said about a LoRA file, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isnan, sqrt
from pathlib import Path
from typing import Any, Literal

from lorabridge.artifacts.header import Header, no_collection, read_header
from lorabridge.artifacts.identity import Identity, identify, identify_adapter
from lorabridge.artifacts.modules import Adapter, Module, assemble, peft_config
from lorabridge.artifacts.origin import Origin, origin_of
from lorabridge.artifacts.parts import precision_of
from lorabridge.artifacts.published import KNOWN, stated_hash
from lorabridge.artifacts.targets import block_of, group_of

NORM_BYTES, NORM_MODULES = 24 << 20, 4000
"""Up to this size norms are computed without being asked for: they read the whole file."""


@dataclass(frozen=True, slots=True)
class Block:
    """The modules of one block together. `norm` is the root of the sum of their squares; None where it was not computed."""

    name: str
    index: int
    modules: int
    norm: float | None

    @property
    def label(self) -> str:
        """`transformer_blocks 3`."""
        return self.name if self.index < 0 else f"{self.name} {self.index}"


@dataclass(slots=True)
class Inspection:
    """What was found. `adapter` is None when the file holds none; `norms` are by module key, empty when not computed.

    `sha256` is the file's, where it was computed or is stated beside it.
    """

    path: Path
    header: Header
    identity: Identity
    origin: Origin
    adapter: Adapter | None = None
    norms: dict[str, float | None] = field(default_factory=dict)
    why_no_norms: str = ""
    sha256: str = ""

    @property
    def modules(self) -> list[Module]:
        """All adapted modules, in file order."""
        return list(self.adapter.modules.values()) if self.adapter else []

    @property
    def ranks(self) -> Counter[int | None]:
        """Modules by rank, most first."""
        return Counter(module.rank for module in self.modules)

    @property
    def alphas(self) -> Counter[float | None]:
        """Modules by alpha, most first."""
        return Counter(module.alpha for module in self.modules)

    @property
    def groups(self) -> Counter[str]:
        """Modules by group."""
        return Counter(group_of(module, self.identity.families) for module in self.modules)

    @property
    def dtypes(self) -> dict[str, int]:
        """Bytes by dtype."""
        return self.identity.precision.counts

    def blocks(self) -> list[Block]:
        """The blocks in the order of the model."""
        found: dict[tuple[str, int], list[Module]] = {}
        for module in self.modules:
            found.setdefault(block_of(module), []).append(module)
        order = {name: place for place, name in enumerate(dict.fromkeys(name for name, _ in found))}
        keys = sorted(found, key=lambda key: (order[key[0]], key[1]))
        return [Block(name, index, len(found[name, index]), self._norm(found[name, index])) for name, index in keys]

    def _norm(self, modules: Iterable[Module]) -> float | None:
        values = [norm for module in modules if (norm := self.norms.get(module.key)) is not None]
        return sqrt(sum(value * value for value in values)) if values else None


def inspect(path: Path, norms: Literal["auto", "on", "off"] = "auto") -> Inspection:
    """Look at a file. Headers only, but for alphas; and the numbers for norms, where the file is small or `norms` is on."""
    with no_collection():
        return _inspect(path, norms)


def _inspect(path: Path, norms: Literal["auto", "on", "off"]) -> Inspection:
    header = read_header(path)
    adapter = assemble(header, peft_config(path.parent)) if header.sound else None
    origin = origin_of(header.metadata)
    if adapter is None or not adapter.modules:
        return Inspection(path, header, identify(path), origin, sha256=stated_hash(path))
    identity = identify_adapter(adapter, origin=origin)
    identity.precision, identity.read, identity.problems = precision_of(header), header.length + 8, list(header.problems)
    found = Inspection(path, header, identity, origin, adapter)
    if norms == "on" or (norms == "auto" and header.size <= NORM_BYTES and len(adapter.modules) <= NORM_MODULES):
        _measure(found)
    elif norms == "auto":
        found.why_no_norms = f"not computed for {len(adapter.modules):,} modules of {header.size / 1e6:,.0f} MB; `--norms` does"
    return found


def _measure(found: Inspection) -> None:
    from lorabridge.artifacts.norms import norms_of

    try:
        found.norms = norms_of(found.modules, str(found.path))
    except ImportError:
        found.why_no_norms = "numpy is not installed"
    except OSError as error:
        found.why_no_norms = f"the file could not be read to its end: {error}"


def record(found: Inspection) -> dict[str, Any]:
    """The inspection as JSON data. Readers should ignore properties that they do not know."""
    identity, header, origin = found.identity, found.header, found.origin
    return {
        "format_version": "1",
        "path": str(found.path),
        "bytes": header.size or identity.size,
        "role": identity.role,
        "families": list(identity.families),
        "variants": [f"{family}:{variant}" for family, variant in identity.variants],
        "published_sizes": identity.known,
        "part": {"name": identity.name, "or": list(identity.twins), "measured": identity.measured}
        if identity.name or identity.measured
        else None,
        "naming": identity.naming,
        "sha256": found.sha256 or None,
        "published": KNOWN[found.sha256].title if found.sha256 in KNOWN else None,
        "precision": identity.precision.word,
        "bytes_by_dtype": identity.precision.counts,
        "not_known": identity.notes,
        "dialect": found.adapter.dialect if found.adapter else None,
        "kinds": dict(found.adapter.kinds) if found.adapter else {},
        "ranks": {str(rank): count for rank, count in found.ranks.most_common()},
        "alphas": {_number(alpha): count for alpha, count in found.alphas.most_common()},
        "alpha_from": found.adapter.alpha_from if found.adapter else "",
        "targets": dict(found.groups),
        "trainer": {"name": origin.trainer, "version": origin.version},
        "step": origin.step,
        "epoch": origin.epoch,
        "norms": found.why_no_norms or ("computed" if found.norms else "not computed"),
        "blocks": [
            {"name": block.name, "index": block.index, "modules": block.modules, "norm": _finite(block.norm)} for block in found.blocks()
        ],
        "modules": [_module(found, module) for module in found.modules],
        "parts": {name: {"role": part.role, "name": part.name, "families": list(part.families)} for name, part in identity.parts.items()},
        "metadata": header.metadata,
        "problems": [{"code": item.code, "severity": item.severity, "message": item.message} for item in identity.problems],
    }


def _module(found: Inspection, module: Module) -> dict[str, Any]:
    return {
        "key": module.key,
        "part": module.part,
        "kind": module.kind,
        "group": group_of(module, found.identity.families),
        "rank": module.rank,
        "alpha": _finite(module.alpha),
        "scale": _finite(module.scale),
        "shape": list(module.shape) if module.shape else None,
        "norm": _finite(found.norms.get(module.key)),
    }


def _finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if value is not None and not isnan(value) and abs(value) != float("inf") else None


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
