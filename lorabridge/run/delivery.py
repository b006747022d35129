"""The least that a LoRA must be: a file that opens and holds tensors. (`checkpoint verify` looks deeper.)"""

from __future__ import annotations

import json
from pathlib import Path

_LONGEST_HEADER = 100_000_000


def problem_of(checkpoint: Path) -> str:
    """Why a checkpoint, a file or a folder of files, is no LoRA; empty when it is one."""
    files = sorted(checkpoint.rglob("*.safetensors")) if checkpoint.is_dir() else [checkpoint]
    if not files:
        return f"`{checkpoint.name}` holds no .safetensors file"
    return next((problem for problem in map(_file_problem, files) if problem), "")


def _file_problem(path: Path) -> str:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _LONGEST_HEADER):
                return f"`{path.name}` is cut off or no safetensors file"
            header = json.loads(file.read(length))
    except OSError as error:
        return f"`{path.name}` cannot be read: {error.strerror}"
    except ValueError:
        return f"`{path.name}` has a header that cannot be read"
    tensors = {key: value for key, value in header.items() if key != "__metadata__"} if isinstance(header, dict) else {}
    if not tensors:
        return f"`{path.name}` holds no tensors"
    try:
        end = max(int(value["data_offsets"][1]) for value in tensors.values())
    except (KeyError, TypeError, ValueError, IndexError):
        return f"`{path.name}` has a header that cannot be read"
    return "" if 8 + length + end == size else f"`{path.name}` is cut off: {size} bytes where the header tells {8 + length + end}"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def readable(size: float) -> str:
    """`512 B`, `3.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
