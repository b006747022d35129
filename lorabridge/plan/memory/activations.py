"""What the forward pass keeps for the backward pass."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from lorabridge.config.schema import Config
from lorabridge.config.schema.data import Dataset
from lorabridge.plan.memory.bytes import ZERO, Amount, Basis, Term
from lorabridge.plan.memory.models import KEPT_HIGH, KEPT_LOW, KEPT_MID, Geometry
from lorabridge.plan.memory.weights import Block, Layers

_BACKWARD = (1.2, 1.6, 2.2)
"""One block's kept tensors and the gradients that pass through it at the same time: a guess around 'kept, and half of it again'."""
_SPREAD = (0.9, 1.0, 1.3)
"""Trainers' own implementations keep other temporaries than diffusers', and autocast copies: a guess around the measured number."""
_UNET_CHECKPOINTED = (0.15, 0.25, 0.45)
"""Share of a UNet's kept bytes that is left with checkpoints at its blocks: a guess, for its first blocks are the largest."""
EAGER_BYTES = 7.0
"""Bytes for each token pair, head and block where attention is computed in full and nothing is recomputed: fitted to the table of
papers/flux2-lora-training-guide.md (Klein 4B, 512 to 1024 pixels), about a half-precision score, its softmax and a float32 copy."""


@dataclass(frozen=True)
class Load:
    """The heaviest batch: pictures or clips at once, pixels of one, latent frames, and copies of the picture (control pictures)."""

    batch: int
    pixels: int
    frames: int
    copies: int = 1

    def tokens(self, geometry: Geometry) -> Amount:
        """Tokens of one sample that go through the blocks: least, usual, most text."""
        latent = 1 + ceil((self.frames - 1) / geometry.frames) if geometry.frames > 1 else 1
        picture = self.pixels / geometry.pixels**2 * latent * self.copies
        text = geometry.text if geometry.joined else (0, 0, 0)
        return Amount(picture + text[0], picture + text[1], picture + text[2])


def heaviest(config: Config) -> Load:
    """The batch with the most pixels that the config can make."""
    loads = []
    for data in config.datasets:
        batch = data.batch_size or config.train.batch_size
        frames = _frames(data)
        for side in data.resolution or [1024]:
            width, height = side if isinstance(side, tuple | list) else (side, side)
            loads.append(Load(batch, int(width) * int(height), frames, 1 + len(data.control)))
    return max(loads, key=lambda load: load.batch * load.pixels * load.frames * load.copies)


def _frames(data: Dataset) -> int:
    if data.video is None:
        return 1
    return data.video.max_frames if data.video.extract == "full" else max(data.video.frames)


def activations(config: Config, layers: Layers, geometry: Geometry, load: Load) -> list[Term]:
    """The terms, largest batch assumed."""
    passes = Amount(1, 1.2, 1.4) if config.preservation else Amount(1, 1, 1)
    if geometry.unet:
        return [_unet(config, geometry, load, passes)]
    tokens = load.tokens(geometry).times(load.batch)
    basis: Basis = "measured" if geometry.kept else "guess"
    checkpointed = config.memory.gradient_checkpointing
    found = []
    if checkpointed and not config.memory.checkpoint_offload:
        found.append(_checkpoints(layers, tokens, passes))
    spread = _BACKWARD if checkpointed else _SPREAD
    ones = [_kept(block, geometry, index, tokens) for index, block in enumerate(layers.blocks)]
    if checkpointed:
        amount = max(ones, key=lambda one: one.high)
        name, note = "one block, recomputed", "kept tensors and their gradients while one block is passed back"
    else:
        amount = sum((one.times(block.count) for one, block in zip(ones, layers.blocks, strict=True)), ZERO)
        name, note = "all blocks", "nothing is recomputed"
    found.append(Term(name, _scaled(amount, spread, passes), basis, f"{note}; {tokens.mid:,.0f} tokens"))
    return found


def _checkpoints(layers: Layers, tokens: Amount, passes: Amount) -> Term:
    """What enters each block, once, in half precision."""
    width = sum(block.count * block.width for block in layers.blocks)
    amount = Amount(tokens.low * width * 2 * passes.low, tokens.mid * width * 2 * passes.mid, tokens.high * width * 2 * passes.high)
    return Term("checkpoints", amount, "exact", f"the input of {sum(block.count for block in layers.blocks)} blocks")


def _kept(block: Block, geometry: Geometry, index: int, tokens: Amount) -> Amount:
    low, mid, high = KEPT_LOW, KEPT_MID, KEPT_HIGH
    if geometry.kept:
        low = mid = high = geometry.kept[min(index, len(geometry.kept) - 1)]
    unit = block.width * 2
    return Amount(low * tokens.low * unit, mid * tokens.mid * unit, high * tokens.high * unit)


def _scaled(amount: Amount, factors: tuple[float, float, float], passes: Amount) -> Amount:
    return Amount(amount.low * factors[0] * passes.low, amount.mid * factors[1] * passes.mid, amount.high * factors[2] * passes.high)


def _unet(config: Config, geometry: Geometry, load: Load, passes: Amount) -> Term:
    whole = geometry.unet * load.pixels / geometry.pixels**2 * load.batch
    factors = _UNET_CHECKPOINTED if config.memory.gradient_checkpointing else _SPREAD
    note = "the whole UNet, with checkpoints" if config.memory.gradient_checkpointing else "the whole UNet"
    basis: Basis = "guess" if config.memory.gradient_checkpointing else "measured"
    return Term("activations", _scaled(Amount(whole, whole, whole), factors, passes), basis, note)


def eager_attention(tokens: float, heads: int, blocks: int) -> Amount:
    """Bytes of attention that is computed in full (MLX, or a kernel that is not there), without recomputation. Grows with tokens squared."""
    value = tokens**2 * heads * blocks * EAGER_BYTES
    return Amount(value * 0.75, value, value * 1.25)


def side_of(load: Load) -> int:
    """The side of a square of the same area, for a person."""
    return round(sqrt(load.pixels))
