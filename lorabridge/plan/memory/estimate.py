"""The estimate: terms by phase, the phase that needs most, and main memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lorabridge.backends.footprint import Footprint
from lorabridge.config.schema import Config
from lorabridge.families.resolve import Resolved
from lorabridge.plan.memory.activations import Load, activations, heaviest
from lorabridge.plan.memory.adapter import modules_of, states_of, trained_numbers
from lorabridge.plan.memory.bytes import GB, Amount, Basis, Term, exactly, total
from lorabridge.plan.memory.models import Geometry, geometry_of
from lorabridge.plan.memory.parts import ENCODERS, VAE_UNKNOWN, VAES
from lorabridge.plan.memory.weights import BITS, DTYPE_BYTES, UNSURE, Block, Layers, layers_for

_CONTEXT = Amount(0.4 * GB, 0.7 * GB, 1.2 * GB)
_SLACK = Amount(0.01, 0.03, 0.08)
_VAE_PIXEL = Amount(1200, 2200, 4600)
"""Bytes for each pixel while a picture is encoded or decoded without tiles: a guess from 128 to 512 channels in half precision, several
of them alive at once. Clips are worked on in pieces by every trainer; a piece is taken as `_PIECE` frames."""
_PIECE = Amount(1, 4, 9)
_DEQUANTIZED = Amount(0.1, 0.5, 1.0)
"""Share of one block's half-precision weights that exists while a quantized block is passed back: a guess."""


@dataclass(frozen=True)
class Phase:
    """A stretch of the run whose terms are in memory at the same time."""

    name: str
    terms: tuple[Term, ...]

    @property
    def amount(self) -> Amount:
        return total(term.amount for term in self.terms)


@dataclass(frozen=True)
class Estimate:
    """GPU memory by phase, main memory as one list, and how many numbers are trained."""

    phases: tuple[Phase, ...]
    main: tuple[Term, ...]
    trained: Amount
    load: Load

    @property
    def peak(self) -> Phase:
        """The phase that needs most."""
        return max(self.phases, key=lambda phase: phase.amount.mid)

    @property
    def training(self) -> Phase:
        return self.phases[-1]

    @property
    def need(self) -> Amount:
        """What the GPU must have: each end is the highest of any phase."""
        amounts = [phase.amount for phase in self.phases]
        return Amount(max(one.low for one in amounts), max(one.mid for one in amounts), max(one.high for one in amounts))


@dataclass(frozen=True)
class Unknown:
    """Why nothing can be said."""

    why: str


def estimate(resolved: Resolved, trainer: str, facts: Footprint | None) -> Estimate | Unknown:
    """The memory of a resolved config on one trainer. Nothing is measured here and no file is read."""
    family, variant, config = resolved.family, resolved.variant, resolved.config
    layers = layers_for(family, variant, trainer)
    geometry = geometry_of(family.name, variant.name)
    if facts is None:
        return Unknown(f"lorabridge knows no memory facts of {trainer}")
    if layers is None or geometry is None or not (layers.blocks or geometry.unet):
        why = UNSURE.get((family.name, ""), UNSURE.get((family.name, variant.name), "no table here has its layers"))
        return Unknown(f"the size of {family.title} ({variant.name}) is not known here: {why}")
    parts = _Parts(resolved, config, layers, geometry, facts, trainer, heaviest(config))
    modules = modules_of(layers, config.adapter, family, trainer, facts, unet=bool(geometry.unet))
    trained = trained_numbers(modules, config.adapter)
    phases = tuple(_with_slack(Phase(name, tuple(terms))) for name, terms in _phases(parts, trained) if terms)
    return Estimate(phases, tuple(_main(parts)), trained, parts.load)


@dataclass(frozen=True)
class _Parts:
    resolved: Resolved
    config: Config
    layers: Layers
    geometry: Geometry
    facts: Footprint
    trainer: str
    load: Load

    @property
    def dtype(self) -> str:
        return str(self.config.model.dtype)

    @property
    def precision(self) -> str:
        return str(self.config.model.quantize.transformer)


def _phases(parts: _Parts, trained: Amount) -> Iterator[tuple[str, list[Term]]]:
    config = parts.config
    beside = [] if parts.facts.separate_caching or not parts.facts.encoder_stays or config.memory.low_vram else [_weights(parts)[0]]
    if config.cache.text.to != "off" and _encoders(parts):
        yield "encoding captions", [_context(), *_streamed(_encoders(parts), parts), *beside]
    if config.cache.latents.to != "off":
        yield "encoding pictures", [_context(), _vae(parts), _vae_work(parts), *beside]
    yield "training", [_context(), *_weights(parts), *_trained(parts, trained), *_resident(parts), *_work(parts)]


def _with_slack(phase: Phase) -> Phase:
    amount = phase.amount
    slack = Term(
        "allocator",
        Amount(amount.low * _SLACK.low, amount.mid * _SLACK.mid, amount.high * _SLACK.high),
        "guess",
        "1 to 8% held and not used",
    )
    return Phase(phase.name, (*phase.terms, slack))


def _context() -> Term:
    return Term("CUDA context", _CONTEXT, "guess", "libraries and kernels, before anything is loaded")


def _weights(parts: _Parts) -> list[Term]:
    config, rule = parts.config, parts.facts.stored_small(parts.resolved.family.name)
    whole = parts.layers.bytes(parts.precision, parts.dtype, rule)
    both = config.model.experts is not None or parts.resolved.variant.experts
    copies = 2 if both and _experts(config) == "both" and not (config.model.experts and config.model.experts.offload_inactive) else 1
    stages = config.hardware.pipeline_stages
    away = _away(parts)
    said = parts.precision if parts.precision != "off" else parts.dtype
    note = f"{parts.layers.elements / 1e9:.2f} billion weights, {said}" + (" , two experts" if copies == 2 else "")
    basis: Basis = "exact" if parts.precision == "off" else "published"
    found = [Term("transformer", exactly(whole * copies / stages), basis, note)]
    if away:
        low = whole * copies / stages
        found.append(
            Term(
                "moved to main memory", Amount(-min(away * 1.02, low), -min(away, low), -min(away * 0.94, low)), "published", _moved(config)
            )
        )
    if parts.precision != "off" and parts.layers.blocks:
        biggest = max(parts.layers.blocks, key=lambda block: block.elements())
        size = biggest.elements() * DTYPE_BYTES[parts.dtype]
        amount = Amount(size * _DEQUANTIZED.low, size * _DEQUANTIZED.mid, size * _DEQUANTIZED.high)
        found.append(Term("dequantized weights", amount, "guess", "of the block that is being computed"))
    return found


def _experts(config: Config) -> str:
    return config.model.experts.train if config.model.experts else "both"


def _moved(config: Config) -> str:
    swap = config.memory.blocks_to_swap
    return f"{swap} blocks" if swap != "off" else f"{float(config.memory.layer_offload):.0%} of the layers"


def _away(parts: _Parts) -> float:
    """Bytes of weights that are in main memory at any one time."""
    memory, rule = parts.config.memory, parts.facts.stored_small(parts.resolved.family.name)
    if memory.blocks_to_swap != "off":
        counts = swapped(parts.layers.blocks, int(memory.blocks_to_swap), pairs=parts.facts.swap_pairs)
        return sum(count * parts.layers.block_bytes(block, parts.precision, parts.dtype, rule) for block, count in counts)
    if memory.layer_offload != "off":
        return float(memory.layer_offload) * parts.layers.bytes(parts.precision, parts.dtype, rule)
    return 0.0


def swapped(blocks: tuple[Block, ...], wanted: int, *, pairs: bool) -> list[tuple[Block, int]]:
    """How many blocks of each kind are away. With two kinds, half of the number are of the first and, of the second, twice the rest and one."""
    main = sorted(blocks, key=lambda block: block.elements() * block.count, reverse=True)[:2]
    main = [block for block in blocks if block in main and block.count > 2]
    if pairs and len(main) == 2:
        first = wanted // 2
        return [(main[0], min(first, main[0].count)), (main[1], min((wanted - first) * 2 + 1, main[1].count))]
    return [(main[0], min(wanted, main[0].count))] if main else []


def _trained(parts: _Parts, trained: Amount) -> list[Term]:
    config = parts.config
    width = {"fp32": 4, "bf16": 2, "fp16": 2}.get(str(config.adapter.dtype), parts.facts.adapter_bytes)
    states, what = states_of(config.optimizer.type)
    if width == 2:
        states = Amount(min(states.low, states.mid / 2), states.mid if states.mid < 4.2 else states.mid / 2, states.high)
    found = [
        Term("adapter", trained.times(width), "exact", f"{trained.mid / 1e6:.1f} million numbers, {width} bytes each"),
        Term("gradients", trained.times(width), "exact", "one for each number"),
        Term("optimizer", Amount(trained.low * states.low, trained.mid * states.mid, trained.high * states.high), "published", what),
    ]
    if config.train.ema:
        found.append(Term("moving average", trained.times(4), "published", "a second copy of the adapter"))
    return found


def _resident(parts: _Parts) -> list[Term]:
    """What stays on the GPU beside the transformer because nothing was encoded ahead."""
    found = []
    if parts.config.cache.text.to == "off" or parts.config.adapter.text_encoder:
        found += _encoders(parts)
    if parts.config.cache.latents.to == "off":
        found += [_vae(parts), _vae_work(parts)]
    return found


def _work(parts: _Parts) -> list[Term]:
    """What the passes keep, and what is larger of that and drawing a sample."""
    terms = activations(parts.config, parts.layers, parts.geometry, parts.load)
    stages = parts.config.hardware.pipeline_stages
    return [Term(term.name, term.amount.times(1 / stages), term.basis, term.note) for term in terms]


def _encoders(parts: _Parts) -> list[Term]:
    quantized = str(parts.config.model.quantize.text_encoder)
    each = BITS[quantized] / 8 if quantized != "off" else 2
    found = []
    for role, name in parts.resolved.variant.pairs.items():
        if role.startswith(("text_encoder", "byt5")) and name in ENCODERS:
            low, high = ENCODERS[name]
            amount = Amount(low * 1e9 * each, (low + high) / 2 * 1e9 * each, high * 1e9 * each * 1.05)
            found.append(Term(name, amount, "published", "text encoder, " + (quantized if quantized != "off" else "16 bits")))
    return found


_STREAMED = Amount(0.1, 0.4, 0.9)
"""Share of a streamed text encoder that is on the GPU: a guess; one of 26 GB is said to work on 24."""


def _streamed(terms: list[Term], parts: _Parts) -> list[Term]:
    """Encoders that are streamed from main memory take less."""
    if parts.resolved.family.name not in parts.facts.encoder_streams:
        return terms
    share, note = _STREAMED, "; streamed from main memory"
    return [
        Term(
            term.name,
            Amount(term.amount.low * share.low, term.amount.mid * share.mid, term.amount.high * share.high),
            "guess",
            term.note + note,
        )
        for term in terms
    ]


def _vae(parts: _Parts) -> Term:
    name = parts.resolved.variant.pairs.get("vae", "")
    low, high = (VAES[name], VAES[name]) if name in VAES else VAE_UNKNOWN
    amount = Amount(low * 2e9, (low + high) / 2 * 3e9, high * 4e9)
    return Term("VAE", amount, "published" if name in VAES else "guess", name or "size not known here")


def _vae_work(parts: _Parts) -> Term:
    load, frames = parts.load, min(parts.load.frames, 17)
    piece = Amount(min(_PIECE.low, frames), min(_PIECE.mid, frames), min(_PIECE.high, frames))
    amount = Amount(
        load.pixels * _VAE_PIXEL.low * piece.low, load.pixels * _VAE_PIXEL.mid * piece.mid, load.pixels * _VAE_PIXEL.high * piece.high
    )
    return Term("VAE at work", amount, "guess", "one picture at a time, without tiles")


def _main(parts: _Parts) -> Iterator[Term]:
    """Main memory of the trainer's process."""
    yield Term("Python and libraries", Amount(2 * GB, 3.5 * GB, 6 * GB), "guess", "torch, CUDA's host side, loaders")
    rule = parts.facts.stored_small(parts.resolved.family.name)
    kept = parts.layers.bytes("off", parts.dtype, rule)
    yield Term("weights while loading", Amount(0, kept * 0.3, kept), "guess", "none where files are mapped, all where they are read")
    away = _away(parts)
    if away:
        yield Term(
            "moved weights", Amount(away, away * 1.1, away * 2), "published", f"{_moved(parts.config)}, pinned; twice where a copy is kept"
        )
