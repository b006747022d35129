"""A LoRA in another program's keys. Bits are kept where the mathematics allows; what is not exact is said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lorabridge import __version__
from lorabridge.artifacts.dialects import ENDINGS, Prefix
from lorabridge.artifacts.fuse import fold
from lorabridge.artifacts.header import Tensor
from lorabridge.artifacts.key_maps import UNETS
from lorabridge.artifacts.lora import Data, Item, Lora, RefusedError, bits_of, cast, data_of, load_lora, write_lora
from lorabridge.artifacts.modules import Module, stated_alpha
from lorabridge.artifacts.naming import Target, architecture_of, retold
from lorabridge.artifacts.numbers import encode, scalar
from lorabridge.artifacts.published import sha256_of

RECORD = "lorabridge_alpha_before"
"""Metadata: what alphas were before they were folded or added, so that the way back is exact."""
STATED = "lorabridge_adapter_metadata"
"""Metadata: `lora_adapter_metadata` of the source, which is false in other dialects, for the way back."""
_STALE = (STATED, "sshs_model_hash", "sshs_legacy_hash", "lora_adapter_metadata", RECORD)
_PAIR = {True: {"down": ".lora_down.weight", "up": ".lora_up.weight", "magnitude": ".dora_scale"},
         False: {"down": ".lora_A.weight", "up": ".lora_B.weight", "magnitude": ".lora_magnitude_vector"}}  # fmt: skip


@dataclass(slots=True)
class Conversion:
    """A converted LoRA, not yet written. `config` is PEFT's. `notes` say what changed; `exact` is False when numbers did."""

    tensors: dict[str, Data]
    metadata: dict[str, str]
    config: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    exact: bool = True
    modules: int = 0


def convert(path: Path, target: Target, dtype: str | None = None, family: str = "") -> Conversion:
    """Read a LoRA and say it for `target`. `family` decides where names and shapes leave open which model it is for.

    Raises RefusedError with the reason where that cannot be.
    """
    lora = load_lora(path)
    metadata = dict(lora.metadata) | {"lorabridge_version": __version__, "lorabridge_converted_from": lora.dialect}
    metadata["lorabridge_source_sha256"] = sha256_of(lora.path)
    metadata |= _manifest(lora.path)
    return express(lora, target, metadata, dtype, family)


def express(lora: Lora, target: Target, metadata: dict[str, str], dtype: str | None = None, family: str = "") -> Conversion:
    """A LoRA in memory for `target`."""
    source = lora.metadata
    lora, before, items = retold(lora, target, lambda items: _unrecorded(items, source), family)
    families = (family,) if family else lora.identity.families
    if len(families) == 1:
        metadata = metadata | {"lorabridge_family": families[0]}
    _refuse_kinds(items, target)
    found = Conversion({}, {key: value for key, value in metadata.items() if key not in _STALE}, modules=len(items))
    if len(items) != len(before):
        found.notes.append(f"{len(before):,} modules became {len(items):,}: fused weights were {_verb(before, items)}")
        grown = {item.rank for item in items} - {item.rank for item in before}
        if grown:
            found.notes.append(f"fused modules have rank {', '.join(map(str, sorted(grown)))}: their parts have different down matrices")
    if dtype:
        items = [_cast(item, dtype, found) for item in items]
    stated = lora.metadata.get("lora_adapter_metadata") or lora.metadata.get(STATED, "")
    if stated and target == "diffusers" and _says(stated, items):
        found.metadata["lora_adapter_metadata"] = stated
        items = [replace(item, alpha=None) for item in items]
    else:
        if stated:
            found.metadata[STATED] = stated
        items = _alphas(items, target, found)
    for item in items:
        _name(item, lora, target, found.tensors)
    if target == "peft":
        found.config = _peft(items)
    return found


def save(found: Conversion, out: Path) -> None:
    """Write it, whole or not at all. PEFT's is a folder with two files, the configuration first."""
    if not found.config:
        write_lora(out, found.tensors, found.metadata)
        return
    from lorabridge.files import write_atomic

    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / "adapter_config.json", json.dumps(found.config, indent=2) + "\n")
    write_lora(out / "adapter_model.safetensors", found.tensors, found.metadata)


def _says(stated: str, items: Sequence[Item]) -> bool:
    """Whether diffusers' metadata states the scale of every module."""
    try:
        config = json.loads(stated)
        for item in items:
            prefix = Prefix(f"{item.part}.", "diffusers", item.part, False)
            down = Tensor("", "F32", item.tensors["down"].shape, 0, 0)
            if stated_alpha(Module(item.name, prefix, item.kind, {"down": down}), config) != item.scale * item.rank:
                return False
    except (ValueError, AttributeError, KeyError, TypeError):
        return False
    return True


def _manifest(path: Path) -> dict[str, str]:
    """The digest of the plan of the run that a file lies in: what it was trained with can be found, and cannot be changed unseen."""
    for folder in path.absolute().parents[:4]:
        plan = folder / "plan.json"
        if plan.is_file() and (folder / "resolved.yaml").is_file():
            return {"lorabridge_manifest_sha256": sha256_of(plan)}
    return {}


def _verb(before: Sequence[Item], after: Sequence[Item]) -> str:
    return "split" if len(after) > len(before) else "joined"


def _refuse_kinds(items: Sequence[Item], target: Target) -> None:
    for item in items:
        if target in ("diffusers", "peft"):
            if item.kind not in ("lora", "dora") or "mid" in item.tensors:
                raise RefusedError(f"`{item.key}` is a {item.kind}, which {target} has no keys for; `resize` makes a LoRA of it")
        elif "up_bias" in item.tensors:
            raise RefusedError(f"`{item.key}` has a bias, which {target} does not read")
        magnitude, up = item.tensors.get("magnitude"), item.tensors.get("up")
        if magnitude is not None and up is not None and magnitude.bits.size != up.shape[0]:
            raise RefusedError(f"`{item.key}`: its magnitudes are one for each input, other programs have one for each output")


def _cast(item: Item, dtype: str, found: Conversion) -> Item:
    tensors = {role: cast(data, dtype) for role, data in item.tensors.items()}
    for role, data in item.tensors.items():
        if found.exact and not (tensors[role].values == data.values).all():
            found.exact = False
            found.notes.append(f"numbers were rounded to {dtype}")
    return replace(item, tensors=tensors)


def _alphas(items: list[Item], target: Target, found: Conversion) -> list[Item]:
    """Folded for diffusers; tensors for kohya and, where there are any, ComfyUI; in the configuration for PEFT."""
    if target == "peft":
        return items
    record: dict[str, dict[str, Any]] = {}
    done, rough = [], 0
    for item in items:
        if target == "diffusers":
            folded, exact = fold(item, item.scale)
            rough += not exact
            if exact and (item.alpha is not None or item.scale != 1.0):
                alpha = _alpha(item)
                record[item.name] = {"alpha": scalar(alpha.bits.tobytes(), alpha.dtype), "dtype": alpha.dtype, "shape": list(alpha.shape)}
            done.append(replace(folded, alpha=None, scale=1.0))
        elif item.kind in ("lora", "dora"):
            if target == "kohya" and item.alpha is None and item.scale == 1.0:
                record[item.name] = {"added": True}
            needed = target == "kohya" or item.alpha is not None or item.scale != 1.0
            done.append(replace(item, alpha=_alpha(item) if needed else None))
        else:
            done.append(item)
    if rough:
        found.exact = False
        found.notes.append(f"alpha / rank is no exact factor in {rough:,} modules: their up matrices are fp32 now, rounded once")
    if record:
        found.metadata[RECORD] = json.dumps(_short(record), separators=(",", ":"))
    return done


def _short(record: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One entry where all are the same."""
    first = next(iter(record.values()))
    return {"*": first} if all(entry == first for entry in record.values()) else dict(record)


def _alpha(item: Item) -> Data:
    """The alpha tensor: the file's own where it still says the scale."""
    own = item.alpha
    if own is not None and item.rank and scalar(own.bits.tobytes(), own.dtype) == item.scale * item.rank:
        return own
    return data_of(item.scale * item.rank, "F32")


def _unrecorded(items: list[Item], metadata: dict[str, str]) -> list[Item]:
    """The modules with the alphas that an earlier conversion folded or added."""
    try:
        record = json.loads(metadata.get(RECORD, ""))
        return [_unfolded(item, record.get(item.name, record.get("*", {}))) for item in items]
    except (ValueError, AttributeError, TypeError, KeyError, OverflowError):
        return items


def _unfolded(item: Item, entry: dict[str, Any]) -> Item:
    if not entry or item.kind not in ("lora", "dora") or item.scale != 1.0:
        return item
    if entry.get("added"):
        return replace(item, alpha=None)
    shape = tuple(int(side) for side in entry["shape"])
    alpha = bits_of(encode(float(entry["alpha"]), str(entry["dtype"])), str(entry["dtype"]), shape)
    factor = float(entry["alpha"]) / item.rank
    back, exact = fold(item, 1.0 / factor)
    return replace(back, alpha=alpha, scale=factor) if exact else item


def _name(item: Item, lora: Lora, target: Target, tensors: dict[str, Data]) -> None:
    """The item's tensors under the target's keys."""
    start = _prefix(item, lora, target)
    name = start + (item.name.replace(".", "_") if target == "kohya" else item.name)
    for role, stored in item.tensors.items():
        data = stored
        ending = _PAIR[target == "kohya"].get(role, "") if item.kind in ("lora", "dora") else ""
        if role == "magnitude":
            count = data.bits.size
            ending = ".dora_scale" if target == "comfyui" else ending
            data = Data(data.dtype, data.bits.reshape((count,) if target in ("diffusers", "peft") else (count, *([1] * _axes(item)))))
        ending = ending or next(end.text for end in ENDINGS if end.role == role and end.kind in (item.kind, "lora"))
        if name + ending in tensors:
            raise RefusedError(f"two modules would both be `{name}`")
        tensors[name + ending] = data
    if item.alpha is not None and target != "peft":
        tensors[name + ".alpha"] = item.alpha


def _axes(item: Item) -> int:
    return len(item.tensors["down"].shape) - 1


def _prefix(item: Item, lora: Lora, target: Target) -> str:
    if target == "kohya":
        two = any(other.part == "text_encoder_2" for other in lora.items) or architecture_of(lora) == "sdxl"
        encoders = {"text_encoder": "lora_te1_" if two else "lora_te_", "text_encoder_2": "lora_te2_", "text_encoder_3": "lora_te3_"}
        return encoders.get(item.part, "lora_unet_")
    if target == "peft":
        if len({other.part for other in lora.items}) > 1:
            raise RefusedError("a PEFT folder holds one model's adapter, and this file adapts text encoders as well")
        return "base_model.model."
    if target == "comfyui":
        return "diffusion_model."
    denoiser = "unet." if architecture_of(lora) in UNETS else "transformer."
    return denoiser if item.part == "transformer" else item.part + "."


def _peft(items: Sequence[Item]) -> dict[str, Any]:
    """`adapter_config.json`: the most common rank and alpha, the others as patterns."""
    ranks = {item.name: item.rank for item in items}
    alphas = {item.name: _whole(item.scale * item.rank) for item in items}
    rank = max(set(ranks.values()), key=list(ranks.values()).count)
    alpha = max(set(alphas.values()), key=list(alphas.values()).count)
    return {
        "peft_type": "LORA",
        "task_type": None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {name: value for name, value in ranks.items() if value != rank},
        "alpha_pattern": {name: value for name, value in alphas.items() if value != alpha},
        "target_modules": sorted(ranks),
        "use_dora": any(item.kind == "dora" for item in items),
        "bias": "none",
        "fan_in_fan_out": False,
        "base_model_name_or_path": None,
    }


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value
