"""Contents as digests. Names are relative, in Unicode NFC and with `/`, so that two machines agree; order never matters."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lorabridge.artifacts.header import LONGEST_HEADER

WHOLE = 64 << 20
"""Bytes. A model file up to this size (a LoRA, a config, a tokenizer) is always hashed whole."""
_CHUNK = 1 << 20
_LITTER = frozenset((".ds_store", "thumbs.db", "desktop.ini"))
_CACHES = frozenset(("cache", "_latent_cache", "_t_e_cache", "_clip_vision_cache", "_controls", "__pycache__"))
"""Folders that trainers write below the pictures: diffusion-pipe (`cache`), ai-toolkit (the others)."""
_CACHE_FILES = (".npz", ".pt", ".safetensors", ".arrow", ".tmp")


def whole(path: Path) -> str:
    """The SHA-256 of a file. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return f"sha256:{found.hexdigest()}"


def weights(path: Path, *, full: bool) -> str:
    """A model file's identity: the whole content up to `WHOLE` bytes or with `full`, else size and header. Raises OSError.

    The header of safetensors names every tensor with its shape, dtype and place; of other formats the first and the last
    megabyte stand for it. Changed numbers inside a large file are seen with `full` only.
    """
    size = path.stat().st_size
    if full or size <= WHOLE:
        return whole(path)
    with path.open("rb") as file:
        first = file.read(8)
        length = int.from_bytes(first, "little")
        head = first + file.read(length if 0 < length <= min(LONGEST_HEADER, size - 8) else _CHUNK)
        if path.suffix.lower() not in (".safetensors", ".sft"):
            file.seek(-_CHUNK, os.SEEK_END)
            head += file.read(_CHUNK)
    return f"header:{size}:{hashlib.sha256(head).hexdigest()}"


def model_files(place: Path, *, full: bool) -> dict[str, str]:
    """A model file as `.`, or every file below a model folder. Raises OSError."""
    if not place.is_dir():
        return {".": weights(place, full=full)}
    files = [(name, path) for name, path in _walk(place, frozenset(("__pycache__",)))]
    return _hashed(files, lambda path: weights(path, full=full))


def data_files(place: Path) -> dict[str, str]:
    """Every picture, clip, caption and list below a folder, or one file as `.`; what trainers cache there is left out. Raises OSError."""
    if not place.is_dir():
        return {".": whole(place)}
    files = [(name, path) for name, path in _walk(place, _CACHES) if not name.lower().endswith(_CACHE_FILES)]
    return _hashed(files, whole)


def combined(files: Mapping[str, str]) -> str:
    """One digest of names and digests, whatever their order."""
    found = hashlib.sha256()
    for name in sorted(files):
        found.update(f"{name}\0{files[name]}\n".encode("utf-8", "surrogateescape"))
    return f"sha256:{found.hexdigest()}"


def relative_name(path: Path, folder: Path) -> str:
    """The name that both machines see."""
    return unicodedata.normalize("NFC", path.relative_to(folder).as_posix())


def _walk(folder: Path, skip: frozenset[str]) -> Iterator[tuple[str, Path]]:
    seen: set[str] = set()
    for here, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:  # a link that leads back up
            folders[:] = []
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name.lower() not in skip)
        for name in sorted(names):
            if not name.startswith(".") and name.lower() not in _LITTER:
                path = Path(here, name)
                yield relative_name(path, folder), path


def _raise(error: OSError) -> None:
    raise error


def _hashed(files: list[tuple[str, Path]], how: object) -> dict[str, str]:
    assert callable(how)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return dict(zip((name for name, _ in files), pool.map(how, (path for _, path in files)), strict=True))
