"""Which published model a file is, where shapes cannot tell: by the hub repository it lies in, or by its sha256.

Nothing is read for it but a link or a line of text: the hub's cache names its files by their sha256 and its folders by the
repository; a download into a folder leaves `.cache/huggingface/download/NAME.metadata`; a person leaves `NAME.sha256`.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lorabridge.families import FAMILIES

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FOLDER = re.compile(r"models--([\w.-]+?)--([\w.-]+)")
_CHUNK = 4 << 20


class Published(NamedTuple):
    """A file that someone published. `source` says where its hash was read."""

    family: str
    variant: str
    title: str
    source: str


KNOWN: dict[str, Published] = {
    "4610115bb0c89560703c892c59ac2742fa821e60ef5871b33493ba544683abd7": Published(
        "flux1", "dev", "flux1-dev.safetensors", "black-forest-labs/flux docs/text-to-image.md, sha256sum"
    ),
    "9403429e0052277ac2a87ad800adece5481eecefd9ed334e1f348723621d2a0a": Published(
        "flux1", "schnell", "flux1-schnell.safetensors", "black-forest-labs/flux docs/text-to-image.md, sha256sum"
    ),
    "31e35c80fc4829d14f90153f4c74cd59c90b779f6afe05a74cd6120b893f7e5b": Published(
        "sdxl", "base", "sd_xl_base_1.0.safetensors", "the LFS pointer of stabilityai/stable-diffusion-xl-base-1.0, as ten programs pin it"
    ),
    "2407613050b809ffdff18a4ac99af83ea6b95443ecebdf80e064a79c825574a6": Published(
        "z-image",
        "turbo",
        "z_image_turbo_bf16.safetensors",
        "the LFS pointer of Comfy-Org/z_image_turbo at 08d0445, as eight programs pin it",
    ),
}
"""Transformers and checkpoints by sha256. Only hashes with evidence stand here; there are few, and more can be added."""

_REPACKED = {"Comfy-Org/z_image_turbo": ("z-image", "turbo"), "Comfy-Org/z_image": ("z-image", "base")}


@cache
def repositories() -> dict[str, tuple[tuple[str, str], ...]]:
    """Families and variants by the hub repository that holds them, in small letters."""
    found: dict[str, list[tuple[str, str]]] = {name.lower(): [item] for name, item in _REPACKED.items()}
    for family in FAMILIES.values():
        for variant in family.variants:
            if variant.repo:
                found.setdefault(variant.repo.lower(), []).append((family.name, variant.name))
    return {name: tuple(items) for name, items in found.items()}


class Said(NamedTuple):
    """What is known of a file without looking into it: the variants it can be, and how that is known."""

    variants: tuple[tuple[str, str], ...]
    how: str

    @property
    def distilled(self) -> bool | None:
        """Whether it is distilled; None where the variants differ."""
        states = {bool(variant and variant.distilled) for family, name in self.variants for variant in [FAMILIES[family].variant(name)]}
        return states.pop() if len(states) == 1 else None


def said_of(value: str, path: Path | None = None) -> Said | None:
    """What is known of a value of `model.paths`: a hub id, or a local path. None where nothing is."""
    if path is None:
        found = repositories().get(value.lower().strip("/"))
        return Said(found, "a repository of the hub") if found else None
    digest = stated_hash(path)
    if digest in KNOWN:
        known = KNOWN[digest]
        return Said(((known.family, known.variant),), f"the published {known.title}, by its sha256")
    match = _FOLDER.search(path.absolute().as_posix())
    repository = f"{match[1]}/{match[2]}" if match else ""
    found = repositories().get(repository.lower())
    return Said(found, f"from the hub's {repository}, by the cache it lies in") if found else None


def stated_hash(path: Path) -> str:
    """The sha256 of a file as it is stated beside it; empty where nobody says. The file itself is not read."""
    if not path.is_file():
        return ""
    blob = os.path.basename(os.path.realpath(path))
    if path.is_symlink() and _SHA256.fullmatch(blob) and Path(os.path.realpath(path)).parent.name == "blobs":
        return blob
    return _of_download(path) or _first_hash(path.with_name(path.name + ".sha256"))


def _of_download(path: Path) -> str:
    """What `hf download --local-dir` noted (commit, etag, time), unless the file was changed since."""
    for folder in path.absolute().parents[:6]:
        note = folder / ".cache" / "huggingface" / "download" / (path.absolute().relative_to(folder).as_posix() + ".metadata")
        try:
            lines = note.read_text("utf-8")[:1000].split()
            fresh = len(lines) >= 3 and path.stat().st_mtime <= float(lines[2]) + 1
        except (OSError, ValueError):
            continue
        return lines[1] if fresh and _SHA256.fullmatch(lines[1]) else ""
    return ""


def _first_hash(note: Path) -> str:
    try:
        with open(note, "rb") as file:
            word = file.read(200).decode("utf-8", "replace").split()[:1]
    except OSError:
        return ""
    return word[0].lower() if word and _SHA256.fullmatch(word[0].lower()) else ""


def sha256_of(path: Path) -> str:
    """The sha256 of a whole file, read in pieces. Raises OSError."""
    import hashlib

    digest, buffer = hashlib.sha256(), memoryview(bytearray(_CHUNK))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()
