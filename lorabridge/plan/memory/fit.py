"""The cheapest changes that make a training fit: a search over rows, in order of what they cost."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from lorabridge.backends import get_backend
from lorabridge.backends.base import Site
from lorabridge.backends.footprint import footprint_of
from lorabridge.config.base import Section
from lorabridge.config.fields import rows_of
from lorabridge.config.load import Loaded
from lorabridge.config.paths import KeyPath, split_path
from lorabridge.config.schema import Config
from lorabridge.families.resolve import Resolved, resolve
from lorabridge.plan.compile import compile_config
from lorabridge.plan.memory.bytes import Amount, total
from lorabridge.plan.memory.estimate import Estimate, estimate

Change = tuple[str, Any]
Options = Iterator[tuple[float, tuple[Change, ...]]]
TRIES = 4000
"""Combinations that are estimated at most, the cheapest first."""


@dataclass(frozen=True)
class Step:
    """One thing that can be given up: its options with their costs (1: hardly noticed, 10: another result), and what is lost."""

    name: str
    options: Callable[[Config, Config], Options]
    price: str


@dataclass(frozen=True)
class Fix:
    """Changes that together make it fit, what each costs, the GPU memory that is then needed, and the main memory."""

    changes: tuple[Change, ...]
    prices: tuple[str, ...]
    need: Amount
    main: Amount
    cost: float


def _to(path: str, *values: tuple[float, Any]) -> Callable[[Config, Config], Options]:
    """Options that set one path to another value than it has."""

    def options(config: Config, full: Config) -> Options:
        now = _get(full, path)
        for cost, value in values:
            if value != now:
                yield cost, ((path, value),)

    return options


def _get(config: Config, path: str) -> Any:
    here: Any = config
    for part in path.split("."):
        here = getattr(here, rows_of(type(here))[part].name)
    return here


def _batch(config: Config, full: Config) -> Options:
    """Batch 1 with as many passes more, so that a step sees as many samples."""
    batch = full.train.batch_size
    if batch > 1:
        more = full.train.gradient_accumulation * batch
        own = tuple((f"datasets[{i}].batch_size", 1) for i, data in enumerate(config.datasets) if data.batch_size not in (None, 1))
        yield 2.0, (("train.batch_size", 1), ("train.gradient_accumulation", more), *own)


def _quantized(config: Config, full: Config) -> Options:
    if full.model.quantize.transformer == "off":
        for cost, value in ((4.0, "fp8-scaled"), (4.0, "fp8"), (4.2, "int8"), (7.0, "uint4"), (7.0, "nf4")):
            yield cost, (("model.quantize.transformer", value),)


def _encoder(config: Config, full: Config) -> Options:
    if full.model.quantize.text_encoder == "off":
        for cost, value in ((1.5, "fp8"), (1.6, "int8"), (3.0, "nf4")):
            yield cost, (("model.quantize.text_encoder", value),)


def _swap(config: Config, full: Config) -> Options:
    now = full.memory.blocks_to_swap
    if full.memory.layer_offload == "off":
        for blocks in range(4, 60, 2):
            if now == "off" or blocks > now:
                yield 3.0 + blocks / 12, (("memory.blocks_to_swap", blocks),)


def _offload(config: Config, full: Config) -> Options:
    now = full.memory.layer_offload
    if full.memory.blocks_to_swap == "off":
        for tenths in range(2, 10):
            if now == "off" or tenths / 10 > now:
                yield 3.2 + tenths / 3, (("memory.layer_offload", tenths / 10),)


def _smaller(config: Config, full: Config) -> Options:
    """Every larger size brought down to one limit."""
    for cost, limit in ((6.0, 768), (8.0, 512)):
        changes: list[Change] = []
        for index, data in enumerate(full.datasets):
            sides = [side for side in data.resolution if isinstance(side, int)]
            if len(sides) == len(data.resolution) and max(sides, default=0) > limit:
                changes.append((f"datasets[{index}].resolution", sorted({min(side, limit) for side in sides})))
        if changes:
            yield cost, tuple(changes)


def _rank(config: Config, full: Config) -> Options:
    rank = full.adapter.rank
    if isinstance(rank, int) and rank > 16:
        alpha = full.adapter.alpha if config.adapter.alpha is not None else None
        scaled: tuple[Change, ...] = (("adapter.alpha", alpha * 16 / rank),) if alpha else ()
        yield 6.5, (("adapter.rank", 16), *scaled)


STEPS: tuple[Step, ...] = (
    Step("captions encoded ahead", _to("cache.text.to", (1.0, "disk")), "captions cannot vary from step to step"),
    Step("pictures encoded ahead", _to("cache.latents.to", (1.0, "disk")), "needs room on the disk"),
    Step("loaded in pieces", _to("memory.low_vram", (1.2, True)), "loading is slower"),
    Step("smaller text encoder", _encoder, "captions are read a little less exactly"),
    Step("recomputation", _to("memory.gradient_checkpointing", (2.0, True)), "a step takes about a third longer"),
    Step("batch of one", _batch, "a step takes longer; it sees as many samples"),
    Step("8-bit optimizer", _to("optimizer.type", (2.0, "adamw8bit")), "moments in 8 bits; another optimizer than you chose"),
    Step("checkpoints in main memory", _to("memory.checkpoint_offload", (2.5, True)), "a step takes longer"),
    Step("quantized transformer", _quantized, "the base is less exact; 8 bits are hardly seen in a LoRA, 4 bits are"),
    Step("blocks in main memory", _swap, "a step takes longer, the more blocks the longer"),
    Step("layers in main memory", _offload, "a step takes longer, the more layers the longer"),
    Step("smaller pictures", _smaller, "less detail is learned"),
    Step("lower rank", _rank, "less can be learned"),
)
"""What can be given up. Costs are an order of preference, not seconds: first what is hardly noticed, last what changes the result."""


def cheapest(loaded: Loaded, backend: str, site: Site, vram: int, steps: Sequence[Step] = STEPS, *, sure: bool | None = None) -> Fix | None:
    """The changes of least cost with which it fits; None where none do.

    `sure`: the whole interval must fit (True), or the best estimate (False); None tries the first and then the second.
    """
    if loaded.config is None:
        return None
    rows = [(step, found) for step in steps if (found := _useful(step, loaded, backend, site))]
    for whole in (True, False) if sure is None else (sure,):
        best = _search(rows, loaded, backend, site, vram, (lambda need: need.high) if whole else (lambda need: need.mid))
        if best is not None:
            return best
    return None


Found = list[tuple[float, tuple[Change, ...]]]


def _useful(step: Step, loaded: Loaded, backend: str, site: Site) -> Found:
    """The options that the trainer takes, which is asked one by one."""
    resolved = _resolved(loaded.config, backend)
    if loaded.config is None or resolved is None:
        return []
    return [item for item in step.options(loaded.config, resolved.config) if _compiles(loaded, item[1], backend, site)]


def _search(
    rows: list[tuple[Step, Found]], loaded: Loaded, backend: str, site: Site, vram: int, measure: Callable[[Amount], float]
) -> Fix | None:
    """Combinations in order of their cost: the first that fits is the cheapest."""
    assert loaded.config is not None
    tick = count()
    queue: list[tuple[float, int, int, tuple[tuple[int, tuple[Change, ...]], ...]]] = [(0.0, next(tick), 0, ())]
    tries = 0
    while queue and tries < TRIES:
        cost, _, first, taken = heapq.heappop(queue)
        changes = tuple(change for _, some in taken for change in some)
        tries += 1
        found = _need(changed(loaded.config, changes), backend)
        if found is None:
            continue
        if taken and measure(found.need) <= vram and _compiles(loaded, changes, backend, site):
            return Fix(
                changes,
                tuple(rows[index][0].price for index, some in taken for _ in some),
                found.need,
                total(term.amount for term in found.main),
                cost,
            )
        for index in range(first, len(rows)):
            for more, some in rows[index][1]:
                heapq.heappush(queue, (cost + more, next(tick), index + 1, (*taken, (index, some))))
    return None


def _compiles(loaded: Loaded, changes: Sequence[Change], backend: str, site: Site) -> bool:
    assert loaded.config is not None
    other = replace(loaded, config=changed(loaded.config, changes))
    other.places = {**loaded.places, **{split_path(path): _anywhere(loaded) for path, _ in changes}}
    return compile_config(other, backend, site).ok


def _anywhere(loaded: Loaded) -> Any:
    """Changes count as written, so that the trainer says what it cannot do."""
    return next(iter(loaded.places.values()))


def _need(config: Config, backend: str) -> Estimate | None:
    resolved = _resolved(config, backend)
    found = estimate(resolved, backend, footprint_of(get_backend(backend))) if resolved else None
    return found if isinstance(found, Estimate) else None


def _resolved(config: Config | None, backend: str) -> Resolved | None:
    found = resolve(config, backend) if config is not None else None
    return found if isinstance(found, Resolved) else None


def changed(config: Config, changes: Sequence[Change]) -> Config:
    """The config with other values. They are set as they are, unchecked."""
    for path, value in changes:
        config = _with(config, split_path(path), value)
    return config


def _with(node: Any, path: KeyPath, value: Any) -> Any:
    if not path:
        return value
    if isinstance(node, list):
        return [_with(item, path[1:], value) if index == path[0] else item for index, item in enumerate(node)]
    assert isinstance(node, Section)
    row = rows_of(type(node))[str(path[0])]
    return node.replace(**{row.name: _with(getattr(node, row.name), path[1:], value)})
