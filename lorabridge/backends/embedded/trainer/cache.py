"""Latents and encoded prompts on disk, named by the hash of all that they depend on, so a stale one is never found."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .data import Item, open_mask, open_rgb
from .events import Emit, warn
from .families import Family
from .files import write_atomic
from .job import Model

# raise when the meaning of what is stored changes
_FORMAT = 1
_PROBES = 64
_PROBE_BYTES = 4096


def digest(*parts: object) -> str:
    """A file name for what depends on `parts` and nothing else."""
    return hashlib.sha256(json.dumps([_FORMAT, *parts], default=str).encode()).hexdigest()[:40]


def weights_identity(folder: Path) -> str:
    """An identity of one component of a model: its small files whole, its large ones by size and by probes.

    Reading tens of gigabytes at every start would cost more than the cache saves; any training run changes the probes.
    """
    state = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        size = file.stat().st_size
        state.update(f"{file.relative_to(folder).as_posix()}:{size};".encode())
        with file.open("rb") as stream:
            if size <= _PROBES * _PROBE_BYTES:
                state.update(stream.read())
                continue
            for probe in range(_PROBES):
                stream.seek((size - _PROBE_BYTES) * probe // (_PROBES - 1))
                state.update(stream.read(_PROBE_BYTES))
    return state.hexdigest()


class Store:
    """Tensors by key in one folder."""

    def __init__(self, folder: Path, emit: Emit) -> None:
        self._folder, self._emit = folder, emit
        self.get = lru_cache(maxsize=512)(self._get)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.safetensors"

    def has(self, key: str) -> bool:
        """Whether an entry is there and can be read; a broken one is removed."""
        path = self._path(key)
        if not path.exists():
            return False
        try:
            load_file(path)
        except (SafetensorError, OSError) as error:
            warn(self._emit, "cache_broken", f"{path.name}: {error}; it will be made again")
            path.unlink(missing_ok=True)
            return False
        return True

    def put(self, key: str, tensors: dict[str, torch.Tensor]) -> None:
        """Write an entry, whole or not at all."""
        ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_atomic(self._path(key), lambda path: save_file(ready, path))

    def _get(self, key: str) -> dict[str, torch.Tensor]:
        tensors: dict[str, torch.Tensor] = load_file(self._path(key))
        return tensors


class Keys:
    """The names of a run's entries. `root` is the diffusers folder of the model."""

    def __init__(self, model: Model, family: Family, root: Path) -> None:
        self._common = (model.family, model.dtype, model.max_sequence_length)
        self._vae = weights_identity(root / "vae")
        self._text = [weights_identity(root / part) for part in family.text_parts]

    def latents(self, item: Item, flipped: bool) -> str:
        """Of one picture at one size."""
        mask = hashlib.sha256(item.mask.read_bytes()).hexdigest() if item.mask else None
        return digest("latents", self._common, self._vae, item.digest, item.size, flipped, mask, item.mask_background)

    def prompt(self, text: str) -> str:
        """Of one text."""
        return digest("prompt", self._common, self._text, text)


def pixels_of(item: Item, flipped: bool) -> torch.Tensor:
    """The picture of an item, (1, 3, H, W) in [-1, 1]."""
    array = np.asarray(open_rgb(item.path, item.size))
    pixels = torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1.0
    return pixels.flip(-1) if flipped else pixels


def mask_of(item: Item, flipped: bool, latents: torch.Tensor) -> torch.Tensor:
    """The mask of an item at the size of its latents, (1, h, w): 1 counts fully, black counts `mask_background`."""
    assert item.mask is not None
    array = np.asarray(open_mask(item.mask, item.size))
    mask = torch.from_numpy(array.copy())[None, None].float() / 255
    small = torch.nn.functional.interpolate(mask, size=latents.shape[-2:], mode="area")[0]
    small = item.mask_background + (1 - item.mask_background) * small
    return small.flip(-1) if flipped else small


def fill_latents(store: Store, keys: Keys, items: list[Item], *, family: Family, pipe: Any, emit: Emit) -> None:
    """Encode what is missing, one picture at a time."""
    wanted = [(item, flipped) for item in items for flipped in ((False, True) if item.flip else (False,))]
    computed = 0
    for done, (item, flipped) in enumerate(wanted, start=1):
        key = keys.latents(item, flipped)
        if not store.has(key):
            with torch.no_grad():
                latents = family.encode_image(pipe, pixels_of(item, flipped).to(pipe.vae.device))[0].float()
            entry = {"latents": latents}
            if item.mask is not None:
                entry["mask"] = mask_of(item, flipped, latents)
            store.put(key, entry)
            computed += 1
        _tell(emit, "latents", done, len(wanted), computed)


def fill_prompts(store: Store, keys: Keys, texts: list[str], *, model: Model, family: Family, pipe: Any, emit: Emit) -> None:
    """Encode what is missing, one text at a time, so that no text depends on its neighbours' padding."""
    computed = 0
    for done, text in enumerate(texts, start=1):
        key = keys.prompt(text)
        if not store.has(key):
            with torch.no_grad():
                store.put(key, family.encode_prompt(pipe, text, model.max_sequence_length))
            computed += 1
        _tell(emit, "prompts", done, len(texts), computed)


def _tell(emit: Emit, kind: Literal["latents", "prompts"], done: int, total: int, computed: int) -> None:
    """At most a hundred events or so, however many entries there are; the last one always."""
    if done == total or done % max(1, total // 100) == 0:
        emit({"event": "cache", "kind": kind, "done": done, "total": total, "computed": computed})
