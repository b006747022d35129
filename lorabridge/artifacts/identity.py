"""What a file or folder is: a LoRA, a base model or a part of one, of which family, in which precision. Headers only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lorabridge.artifacts.header import Header, Tensor, read_header
from lorabridge.artifacts.modules import Adapter, assemble, peft_config
from lorabridge.artifacts.origin import Origin, origin_of
from lorabridge.artifacts.parts import Precision, encoder_of, precision_of, vae_of
from lorabridge.artifacts.tables import Match, leaders, matches, wanted
from lorabridge.diagnostics import Diagnostic

Role = Literal["adapter", "transformer", "vae", "text encoder", "image encoder", "checkpoint", "folder", "cache", "unknown", "unreadable"]


@dataclass(slots=True)
class Identity:
    """What something is. `families` and `variants` hold all that fit: what shapes cannot tell apart stays open.

    `name` is the part's name as families pair it (`Qwen3-4B`, `FLUX.2 VAE`), `twins` others that look the same. `known`
    is False when the shapes are of no published model. `notes` say what could not be known. `parts` are a checkpoint's or
    a pipeline's. `match` is the first of the `candidates`, which are those of the `fits` that depth and metadata leave.
    """

    path: str
    role: Role
    families: tuple[str, ...] = ()
    variants: tuple[tuple[str, str], ...] = ()
    known: bool = False
    name: str = ""
    twins: tuple[str, ...] = ()
    naming: str = ""
    precision: Precision = field(default_factory=lambda: Precision("", {}))
    size: int = 0
    read: int = 0
    measured: str = ""
    notes: list[str] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    parts: dict[str, Identity] = field(default_factory=dict)
    match: Match | None = None
    candidates: list[Match] = field(default_factory=list)
    fits: list[Match] = field(default_factory=list)


PREFIXES = ("model.diffusion_model.", "diffusion_model.", "net.", "transformer.", "model.", "module.")
"""What stands before the names in some releases of the same weights."""
_CHECKPOINT = {
    "model.diffusion_model.": "transformer", "first_stage_model.": "vae", "vae.": "vae",
    "conditioner.embedders.": "text_encoder", "cond_stage_model.": "text_encoder", "text_encoders.": "text_encoder",
}  # fmt: skip
_DISTILLED = "whether it is distilled cannot be told from shapes"


def identify(path: Path | str) -> Identity:
    """What a file or a diffusers folder is. Reads headers only: less than 1 MiB of a 30 GB file."""
    place = Path(path)
    if place.is_dir():
        return identify_folder(place)
    return identify_header(read_header(place))


def identify_header(header: Header, config: Mapping[str, Any] | None = None) -> Identity:
    """What a file is, from its header."""
    found = Identity(header.path, "unreadable", size=header.size, read=8 + header.length, problems=list(header.problems))
    if not header.sound:
        return found
    found.precision = precision_of(header)
    adapter = assemble(header, config if config is not None else peft_config(Path(header.path).parent))
    if len(adapter.modules) * 2 > len(adapter.strangers):
        return identify_adapter(adapter, found)
    if header.metadata.get("architecture") and any(name.startswith(("latents", "varlen_", "clip_", "text_")) for name in header.tensors):
        found.role, found.measured = "cache", f"a cache of musubi-tuner ({header.metadata['architecture'][:40]})"
        return found
    _base(header.tensors, found)
    _checkpoint(header, found)
    return found


def identify_adapter(adapter: Adapter, found: Identity | None = None, origin: Origin | None = None) -> Identity:
    """The model that a LoRA is for: from its names and shapes, and where they leave it open from its metadata."""
    found = found or Identity(adapter.header.path, "adapter", size=adapter.header.size)
    found.role = "adapter"
    modules = adapter.of("transformer")
    origin = origin or origin_of(adapter.header.metadata)
    fits = matches(wanted((module.name, module.shape) for module in modules)) if modules else []
    best = _alike([match for match in fits if match.names >= 0.9])
    if best and best[0].shapes == 0.0:
        found.notes.append(_NO_SIZE)
    _settle(found, best, origin)
    found.known = bool(best) and best[0].exact
    if not found.families and origin.families:
        found.families = origin.families
        found.notes.append("the family is what the metadata says; the names are in no table")
    return found


_NO_SIZE = "the widths are of no published model: tiny, changed, or newer than this table"


def _alike(fits: list[Match]) -> list[Match]:
    """The matches with as many names and shapes as the best. A LoRA of some blocks fits deeper models as well."""
    return [match for match in fits if match.rank[:2] == fits[0].rank[:2]]


def _settle(found: Identity, best: list[Match], origin: Origin) -> None:
    """Families and variants of the best matches: those that metadata names, else those of the right depth, else all."""
    said = [match for match in best if set(match.table.families) & set(origin.families)]
    if best and origin.families and not said:
        found.notes.append(f"the metadata says `{origin.stated}`, the names and shapes say otherwise")
    chosen = [match for match in said or best if match.depth == 1.0] or said or best
    variants = tuple(dict.fromkeys(variant for match in chosen for variant in match.table.variants))
    narrowed = tuple(item for item in variants if item[0] in origin.families and (not origin.variants or item[1] in origin.variants))
    found.variants = narrowed or variants
    found.families = tuple(dict.fromkeys(family for family, _ in found.variants))
    found.match, found.candidates, found.fits = (chosen[0] if chosen else None), chosen, best
    found.naming = chosen[0].table.naming if chosen else ""
    if len(found.families) > 1:
        found.notes.append("names and shapes are the same in " + ", ".join(found.families))


def _base(tensors: Mapping[str, Tensor], found: Identity) -> None:
    for prefix in ("", *PREFIXES):
        inner = stripped(tensors, prefix)
        if inner and (_transformer(inner, found) or _part(inner, found)):
            return
    found.role = "unknown"
    found.notes.append("the names are in no table: another kind of model, or one that is newer than this table")


def stripped(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below a prefix, without it."""
    if not prefix:
        return dict(tensors)
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def weights(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Modules and the shapes of their weights. Packed 4-bit weights have lost theirs."""
    return {name[:-7]: tensor.shape for name, tensor in tensors.items() if name.endswith(".weight") and len(tensor.shape) > 1}


def _transformer(tensors: Mapping[str, Tensor], found: Identity) -> bool:
    fits = matches(wanted(weights(tensors).items()), whole=True)
    best = [match for match in leaders(fits) if match.names >= 0.985]
    if not best:
        return False
    if best[0].shapes < 0.5:
        best = _alike(fits)
        found.notes.append(_NO_SIZE)
    found.role = "transformer"
    _settle(found, best, Origin())
    found.known = best[0].shapes > 0.985
    if found.known and _has_distilled(found.variants):
        found.notes.append(_DISTILLED)
    return True


def _has_distilled(variants: tuple[tuple[str, str], ...]) -> bool:
    from lorabridge.families import FAMILIES

    kinds = {
        variant.distilled for family, name in variants if family in FAMILIES for variant in [FAMILIES[family].variant(name)] if variant
    }
    return kinds == {True, False}


def _part(tensors: Mapping[str, Tensor], found: Identity) -> bool:
    part = vae_of(tensors) or encoder_of(tensors)
    if part is None:
        return False
    found.role = part.kind  # type: ignore[assignment]
    found.name, found.twins, found.measured, found.known = part.name, part.twins, part.measured, bool(part.name)
    return True


def _checkpoint(header: Header, found: Identity) -> None:
    """A file that holds several parts is a checkpoint."""
    groups = {part for name in header.tensors for prefix, part in _CHECKPOINT.items() if name.startswith(prefix)}
    if found.role == "transformer" and len(groups) > 1:
        found.role = "checkpoint"
        found.measured = "holds " + ", ".join(sorted(groups))


def identify_folder(folder: Path) -> Identity:
    """A diffusers pipeline, one part of one, a sharded model, or a folder of files."""
    index = read_json(folder / "model_index.json")
    if index or any((folder / name).is_dir() for name in ("transformer", "unet")):
        return _pipeline(folder, index)
    files = sorted(path for path in folder.glob("*.safetensors") if path.is_file())[:200]
    if len(files) == 1:
        return identify(files[0])
    if files and all(_SHARD.search(path.name) for path in files):
        found = identify_header(merged(files))
        found.path = str(folder)
        return found
    found = Identity(str(folder), "folder" if files else "unreadable")
    found.parts = {path.name: identify(path) for path in files}
    if not files:
        found.problems.append(
            Diagnostic("LB801", f"`{folder.name}` holds no .safetensors file", fix="name the file, or the folder it is in")
        )
    return found


_SHARD = re.compile(r"-\d{5}-of-\d{5}\.safetensors$")


def merged(files: list[Path]) -> Header:
    """The headers of a sharded model as one. Positions are each file's own: for looking at, not for reading."""
    whole = Header(str(files[0]))
    for path in files:
        header = read_header(path)
        whole.size += header.size
        whole.length += header.length + 8
        whole.tensors |= header.tensors
        whole.metadata |= header.metadata
        whole.problems += header.problems
    return whole


PIPELINES = {
    "StableDiffusionXL": "sdxl", "StableDiffusion3": "sd3", "StableDiffusion": "sd15", "FluxKontext": "flux1-kontext", "Flux2": "flux2", "Flux": "flux1",
    "Wan": "wan21", "Framepack": "framepack", "HunyuanVideo15": "hunyuan-video-1.5", "HunyuanVideo": "hunyuan-video", "HunyuanImage": "hunyuan-image",
}  # fmt: skip
"""How the names of diffusers' pipelines begin, for families whose tiny models look alike."""
_PART_FOLDERS = (
    "transformer",
    "transformer_2",
    "unet",
    "vae",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "text_encoder_4",
    "image_encoder",
    "mllm",
)


def _pipeline(folder: Path, index: Mapping[str, Any]) -> Identity:
    found = Identity(str(folder), "checkpoint", measured=f"a diffusers pipeline ({str(index.get('_class_name', '?'))[:60]})")
    for name in _PART_FOLDERS:
        if (folder / name).is_dir():
            part = found.parts[name] = identify_folder(folder / name)
            found.size += part.size
            found.read += part.read
            found.problems += part.problems
    main = next((found.parts[name] for name in ("transformer", "unet") if name in found.parts), None)
    if main is not None:
        found.families, found.variants, found.known, found.precision = main.families, main.variants, main.known, main.precision
        found.naming, found.match, found.notes = main.naming, main.match, list(main.notes)
    stated = next((family for word, family in PIPELINES.items() if str(index.get("_class_name", "")).startswith(word)), "")
    if stated in found.families and len(found.families) > 1:
        found.families, found.variants = (stated,), tuple(item for item in found.variants if item[0] == stated)
        found.notes = [note for note in found.notes if not note.startswith("names and shapes")]
    distilled = index.get("is_distilled")
    if isinstance(distilled, bool):
        found.notes = [note for note in found.notes if note != _DISTILLED]
        found.variants = tuple(item for item in found.variants if _distilled(item) == distilled) or found.variants
    return found


def _distilled(item: tuple[str, str]) -> bool:
    from lorabridge.families import FAMILIES

    family = FAMILIES.get(item[0])
    variant = family.variant(item[1]) if family else None
    return bool(variant and variant.distilled)


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON object; empty where there is none."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(1 << 22))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
