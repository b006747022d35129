"""A LoRA in memory: its modules with their tensors as bits, so that what is not computed with stays as it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lorabridge.artifacts.dialects import Kind
from lorabridge.artifacts.folders import adapters_in
from lorabridge.artifacts.header import BITS, read_header
from lorabridge.artifacts.identity import Identity, identify_adapter
from lorabridge.artifacts.modules import Module, assemble, peft_config
from lorabridge.artifacts.numbers import PLAIN, decode, encode
from lorabridge.artifacts.read import Reader
from lorabridge.artifacts.write import Planned, write_safetensors

if TYPE_CHECKING:
    from numpy.typing import NDArray


class RefusedError(Exception):
    """What was asked cannot be done, and why."""


class Data(NamedTuple):
    """A tensor: its dtype and its bits as unsigned integers in its shape."""

    dtype: str
    bits: NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return tuple(int(side) for side in self.bits.shape)

    @property
    def values(self) -> NDArray[Any]:
        """The numbers: float32 for small floats."""
        return decode(self.bits.tobytes(), self.dtype).reshape(self.bits.shape)

    def equal(self, other: Data) -> bool:
        """The same dtype, shape and bits."""
        return self.dtype == other.dtype and self.shape == other.shape and bool((self.bits == other.bits).all())

    def planned(self, name: str) -> Planned:
        """The tensor as it is to be written."""
        return Planned(name, self.dtype, self.shape, self.bits.nbytes, self.bits.tobytes)


def data_of(values: Any, dtype: str) -> Data:
    """Numbers rounded to a dtype."""
    import numpy as np

    array = np.asarray(values)
    return bits_of(encode(array, dtype), dtype, array.shape)


def bits_of(raw: Any, dtype: str, shape: tuple[int, ...]) -> Data:
    """A tensor of its bytes."""
    import numpy as np

    if BITS[dtype] % 8:
        raise RefusedError(f"elements of {dtype} are smaller than a byte")
    return Data(dtype, np.frombuffer(bytes(raw), f"<u{BITS[dtype] // 8}").reshape(shape))


@dataclass(slots=True)
class Item:
    """One adapted module. `name` is dotted where that is known; `scale` multiplies the product."""

    name: str
    part: str
    kind: Kind
    tensors: dict[str, Data]
    scale: float = 1.0
    alpha: Data | None = None
    key: str = ""

    @property
    def rank(self) -> int:
        """The inner dimension of a LoRA; 0 for other kinds."""
        return self.tensors["down"].shape[0] if "down" in self.tensors else 0


@dataclass(slots=True)
class Lora:
    """A file's modules, its metadata, and what it was told to be."""

    path: Path
    items: list[Item]
    metadata: dict[str, str]
    identity: Identity
    dialect: str
    source: dict[str, Module] = field(default_factory=dict)


def one_file(path: Path) -> Path:
    """The file itself, or the only adapter in a folder. Raises RefusedError."""
    if path.is_file():
        return path
    files = adapters_in(path)
    if len(files) != 1:
        raise RefusedError(f"`{path.name}` holds {len(files)} LoRA files; name one")
    return files[0]


def load_lora(place: Path) -> Lora:
    """Read a LoRA. Raises RefusedError where the file is damaged, no LoRA, or incomplete; OSError where it cannot be read."""
    path = one_file(place)
    header = read_header(path)
    if not header.sound:
        raise RefusedError(f"`{path.name}` is damaged: {header.problems[0].message}")
    adapter = assemble(header, peft_config(path.parent))
    if not adapter.modules:
        raise RefusedError(f"`{path.name}` is no LoRA: no key has a LoRA's ending")
    if adapter.strangers:
        raise RefusedError(f"`{path.name}`: {len(adapter.strangers)} keys belong to no adapter, as `{adapter.strangers[0][:100]}`")
    items = []
    with Reader(path) as reader:
        for module in adapter.modules.values():
            if module.missing or module.misfit:
                raise RefusedError(f"`{module.key}`: {module.misfit or 'lacks ' + ', '.join(module.missing)}")
            data = {role: bits_of(reader.raw(tensor), tensor.dtype, tensor.shape) for role, tensor in module.tensors.items()}
            alpha = data.pop("alpha", None)
            items.append(Item(module.name, module.part, module.kind, data, module.scale, alpha, module.key))
    return Lora(path, items, dict(header.metadata), identify_adapter(adapter), adapter.dialect or "bare", dict(adapter.modules))


def float_dtype(items: Iterable[Item]) -> str:
    """The dtype of most numbers."""
    sizes: dict[str, int] = {}
    for item in items:
        for data in item.tensors.values():
            sizes[data.dtype] = sizes.get(data.dtype, 0) + data.bits.size
    return max(sizes, key=lambda dtype: sizes[dtype]) if sizes else "F32"


def cast(data: Data, dtype: str) -> Data:
    """The tensor in another dtype. Whole numbers stay as they are."""
    whole = data.dtype in PLAIN and data.dtype[0] != "F"
    return data if whole or data.dtype == dtype else data_of(data.values, dtype)


def write_lora(path: Path, tensors: Mapping[str, Data], metadata: Mapping[str, str]) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(path, [data.planned(name) for name, data in tensors.items()], metadata)
