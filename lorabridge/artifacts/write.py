"""Writing safetensors: the tensors one after another, the file there whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple


class Planned(NamedTuple):
    """A tensor to write. `data` makes its bytes when its turn comes, so that one at a time is in memory."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    data: Callable[[], bytes | bytearray | memoryview]


def write_safetensors(path: Path, tensors: Iterable[Planned], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file that every reader takes: header padded to 8 bytes, no holes. Raises OSError; an old file is then untouched.

    Raises ValueError when a tensor's bytes are not of the size that was planned.
    """
    planned = list(tensors)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(header_bytes(planned, metadata))
            for tensor in planned:
                data = tensor.data()
                if len(data) != tensor.size:
                    raise ValueError(f"`{tensor.name}` has {len(data)} bytes where {tensor.size} were planned")
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def header_bytes(tensors: Iterable[Planned], metadata: Mapping[str, str] | None = None) -> bytes:
    """The length and the JSON of a header."""
    document: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    here = 0
    for tensor in tensors:
        document[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [here, here + tensor.size]}
        here += tensor.size
    raw = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw
