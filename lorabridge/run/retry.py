"""After an out-of-memory: the one named setting that the next attempt changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lorabridge.config.schema import Config

_SWAP = 8
_SMALLEST = 256


@dataclass(frozen=True)
class Edit:
    """A change of the config: `path` from `old` to `new`, why, and the overrides (as of `--set`) that make it.

    `same` tells whether the training computes the same as before, only in less memory.
    """

    path: str
    old: str
    new: str
    overrides: tuple[str, ...]
    why: str
    same: bool = True

    def sentence(self) -> str:
        """`train.batch_size: 4 -> 2, …` for the record and the screen."""
        return f"{self.path}: {self.old} -> {self.new}: {self.why}" + ("" if self.same else " (the result will differ a little)")


def next_attempt(
    config: Config, stage: str = "train", fits: Callable[[Edit], bool] = lambda edit: True, tried: Sequence[Edit] = ()
) -> Edit | None:
    """The next change after a stage ran out of memory, or None when there is nothing left to give.

    `config` has the earlier changes in it already. What computes the same comes first, what changes the result last.
    `fits` tells whether the trainer can do it (compile the config with the edit); `tried` are edits that did not help.
    """
    made = _caching(config, stage) if "cache" in stage else _training(config)
    return next((edit for edit in made if edit not in tried and fits(edit)), None)


def _caching(config: Config, stage: str) -> Iterator[Edit]:
    part = "text" if "text" in stage else "latents"
    size = getattr(config.cache, part).batch_size
    if size != 1:
        yield _edit(f"cache.{part}.batch_size", "the trainer's own" if size is None else size, 1, "one at a time is encoded")
    if not config.memory.low_vram:
        yield _edit("memory.low_vram", False, True, "the encoders are loaded piece by piece")


def _training(config: Config) -> Iterator[Edit]:
    memory, train = config.memory, config.train
    if not memory.gradient_checkpointing:
        yield _edit("memory.gradient_checkpointing", False, True, "activations are computed again instead of kept")
    if train.batch_size > 1:
        yield _halved(train.batch_size, train.gradient_accumulation)
        if not memory.split_attention:
            yield _edit("memory.split_attention", False, True, "attention is computed one sample at a time")
    swapped = 0 if memory.blocks_to_swap == "off" else int(memory.blocks_to_swap)
    for count in (swapped + _SWAP, swapped + _SWAP // 2, swapped + 1):
        yield _edit("memory.blocks_to_swap", memory.blocks_to_swap, count, f"{count} blocks wait in main memory")
    share = 0.0 if memory.layer_offload == "off" else float(memory.layer_offload)
    if share < 1:
        yield _edit("memory.layer_offload", memory.layer_offload, min(1.0, share + 0.5), "layers are streamed from main memory")
    if not memory.checkpoint_offload:
        yield _edit("memory.checkpoint_offload", False, True, "kept activations wait in main memory")
    if config.model.quantize.transformer == "off":
        for word in ("fp8-scaled", "fp8"):
            yield _edit("model.quantize.transformer", "off", word, "the frozen weights take half the memory", same=False)
    yield from _smaller(config)


def _halved(batch: int, accumulation: int) -> Edit:
    half = batch // 2
    times = -(-batch * accumulation // half)
    why = f"{half} samples at a time, gradients of {times} passes make a step"
    overrides = (f"train.batch_size={half}", f"train.gradient_accumulation={times}")
    return Edit("train.batch_size", str(batch), str(half), overrides, why, same=half * times == batch * accumulation)


def _smaller(config: Config) -> Iterator[Edit]:
    """Three quarters of the largest resolution, in steps of 64."""
    sides = [(index, value) for index, data in enumerate(config.datasets) for value in (data.resolution or []) if isinstance(value, int)]
    largest = max((value for _, value in sides), default=0)
    side = largest * 3 // 4 // 64 * 64
    if largest == 0 or side < _SMALLEST:
        return
    overrides = []
    for index, data in enumerate(config.datasets):
        now: list[Any] = list(data.resolution or [])
        if largest in now:
            changed = sorted({side if value == largest else value for value in now})
            overrides.append(f"datasets[{index}].resolution={changed}")
    yield Edit("datasets[].resolution", str(largest), str(side), tuple(overrides), "smaller pictures", same=False)


def _edit(path: str, old: object, new: object, why: str, same: bool = True) -> Edit:
    def word(value: object) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    return Edit(path, word(old), word(new), (f"{path}={word(new)}",), why, same)
