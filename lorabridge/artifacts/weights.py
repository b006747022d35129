"""A model's weights, wherever they lie: one file, shards with an index, a folder of either, a diffusers pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabridge.artifacts.header import Tensor, read_header
from lorabridge.artifacts.lora import RefusedError
from lorabridge.artifacts.parts import precision_of
from lorabridge.artifacts.read import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LONGEST_INDEX = 64 << 20
_ENDING = ".safetensors.index.json"


@dataclass(slots=True)
class Weights:
    """Tensors by name, and the open file that holds each."""

    name: str
    tensors: dict[str, Tensor]
    readers: dict[str, Reader]

    def array(self, name: str) -> NDArray[Any]:
        """A tensor as numbers, in its shape."""
        return self.readers[name].array(self.tensors[name])


@contextmanager
def open_weights(place: Path) -> Iterator[Weights]:
    """Open a model. Raises RefusedError where a shard is missing or damaged or names are unclear, OSError where nothing can be read."""
    files = _files(place)
    with ExitStack() as stack:
        found = Weights(place.name, {}, {})
        for file, listed in files:
            header = read_header(file)
            if not header.sound:
                raise RefusedError(f"`{file.name}` cannot be read: {header.problems[0].message}")
            precision = precision_of(header)
            if precision.quantized and not precision.word.startswith("fp8-e5m2") and precision.word != "fp8":
                raise RefusedError(f"`{file.name}` holds {precision.word} weights, whose scales lie beside them; take the bf16 file")
            reader = stack.enter_context(Reader(file))
            lost = [name for name in listed if name not in header.tensors]
            if lost:
                raise RefusedError(f"the index of `{place.name}` puts `{lost[0][:100]}` into {file.name}, which does not hold it")
            twice = next((name for name in header.tensors if name in found.tensors), None)
            if twice is not None:
                raise RefusedError(f"`{twice[:100]}` is in two files of `{place.name}`")
            found.tensors |= header.tensors
            found.readers |= dict.fromkeys(header.tensors, reader)
        yield found


def _files(place: Path) -> list[tuple[Path, list[str]]]:
    """The files of a model, and what an index says that each holds."""
    if place.name.endswith(_ENDING):
        return _indexed(place)
    if not place.is_dir():
        return [(place, [])]
    for inner in ("transformer", "unet"):
        if (place / inner).is_dir():
            return _files(place / inner)
    indexes = sorted(place.glob("*" + _ENDING))
    if len(indexes) == 1:
        return _indexed(indexes[0])
    files = sorted(path for path in place.glob("*.safetensors") if path.is_file())
    if len(files) != 1 or len(indexes) > 1:
        what = f"{len(indexes)} indexes" if len(indexes) > 1 else f"{len(files)} .safetensors files and no index"
        raise RefusedError(f"`{place.name}` holds {what}; name one")
    return [(files[0], [])]


def _indexed(index: Path) -> list[tuple[Path, list[str]]]:
    """The shards that an index names: files beside it, and nothing else."""
    try:
        with open(index, "rb") as file:
            found = json.loads(file.read(_LONGEST_INDEX))["weight_map"]
        shards: dict[str, list[str]] = {}
        for name, shard in found.items():
            shards.setdefault(str(shard), []).append(name)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise RefusedError(f"`{index.name}` is no index of shards: it has no weight_map that can be read") from None
    odd = next((shard for shard in shards if "/" in shard or "\\" in shard or not shard.endswith(".safetensors")), None)
    if odd is not None or not shards:
        raise RefusedError(f"`{index.name}` names `{(odd or '')[:100]}`, which is no shard beside it")
    missing = [shard for shard in shards if not (index.parent / shard).is_file()]
    if missing:
        raise RefusedError(f"{len(missing)} of {len(shards)} shards of `{index.name}` are missing, first {missing[0][:100]}")
    return [(index.parent / shard, names) for shard, names in sorted(shards.items())]
