"""LoRAs computed with: merged, cut to a rank, averaged over checkpoints, taken from two models. The error is reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

from lorabridge import __version__
from lorabridge.artifacts.lora import Data, Item, Lora, RefusedError, data_of, float_dtype, load_lora
from lorabridge.artifacts.lowrank import Pair, cut, cut_whole, dot, matrices, update
from lorabridge.artifacts.weights import open_weights


@dataclass(slots=True)
class Made:
    """A LoRA that was computed. `error` is the part of the update's norm that was lost, by the cut and by rounding together."""

    tensors: dict[str, Data]
    metadata: dict[str, str]
    modules: int = 0
    lost: float = 0.0
    total: float = 0.0
    worst: tuple[float, str] = (0.0, "")
    notes: list[str] = field(default_factory=list)

    @property
    def error(self) -> float:
        """Norm of what was lost over the norm of the whole."""
        return sqrt(self.lost / self.total) if self.total else 0.0

    def count(self, name: str, lost: float, total: float) -> None:
        """Add one module's squared error and squared norm."""
        self.modules, self.lost, self.total = self.modules + 1, self.lost + lost, self.total + total
        self.worst = max(self.worst, (sqrt(lost / total) if total else 0.0, name))


def merge(parts: Sequence[tuple[Path, float]], rank: int | None = None, dtype: str | None = None) -> Made:
    """The weighted sum of updates: by concatenation, of the sum of the ranks; or cut to a rank. Raises RefusedError."""
    import numpy as np

    loras = [load_lora(path) for path, _ in parts]
    if len({lora.dialect for lora in loras}) > 1:
        raise RefusedError("the files have different keys (" + ", ".join(lora.dialect for lora in loras) + "); convert them to one first")
    made = _start(loras[0], "merge", "+".join(f"{path.name}:{weight:g}" for path, weight in parts))
    kind = dtype or _widest(loras)
    by_key = [{item.key: item for item in lora.items} for lora in loras]
    for key in dict.fromkeys(key for items in by_key for key in items):
        there = [(items[key], weight) for items, (_, weight) in zip(by_key, parts, strict=True) if key in items]
        pairs = [matrices(item) for item, _ in there]
        if len({(up.shape[0], down.shape[1]) for up, down in pairs}) > 1:
            raise RefusedError(f"`{key}` has different shapes in the files")
        ups = [up * weight for (up, _), (_, weight) in zip(pairs, there, strict=True)]
        whole = (np.concatenate(ups, axis=1), np.concatenate([down for _, down in pairs]))
        _put(made, there[0][0], loras[0].dialect, whole, cut(whole, rank)[0] if rank and whole[1].shape[0] > rank else whole, kind)
    return made


def resize(path: Path, rank: int, dtype: str | None = None) -> Made:
    """A LoRA (LoHa, LoKr and full updates too) as the nearest LoRA of at most this rank. Raises RefusedError."""
    lora = load_lora(path)
    made = _start(lora, "resize", f"{path.name} to rank {rank}")
    kind = dtype or float_dtype(lora.items)
    for item in lora.items:
        if item.kind == "lora":
            pair = matrices(item)
            _put(made, item, lora.dialect, pair, cut(pair, rank)[0] if pair[1].shape[0] > rank else pair, kind)
        else:
            found, lost, total = cut_whole(update(item), rank)
            _add(made, item, lora.dialect, found, kind)
            made.count(item.key, lost, total)
    return made


def ema(paths: Sequence[Path], decay: float) -> Made:
    """The running average of the checkpoints' tensors, oldest first, as a trainer's EMA does it. Raises RefusedError."""
    import numpy as np

    first = load_lora(paths[0])
    mean = {(item.key, role): data.values.astype(np.float64) for item in first.items for role, data in item.tensors.items()}
    for path in paths[1:]:
        other = load_lora(path)
        found = {(item.key, role): data.values for item in other.items for role, data in item.tensors.items()}
        if {key: value.shape for key, value in mean.items()} != {key: value.shape for key, value in found.items()}:
            raise RefusedError(f"`{path.name}` has other tensors than `{paths[0].name}`: not of one run")
        if [item.scale for item in other.items] != [item.scale for item in first.items]:
            raise RefusedError(f"`{path.name}` has other alphas than `{paths[0].name}`")
        mean = {key: decay * value + (1 - decay) * found[key] for key, value in mean.items()}
    made = _start(first, "ema", f"{len(paths)} files, decay {decay:g}")
    if stated := first.metadata.get("lora_adapter_metadata"):
        made.metadata["lora_adapter_metadata"] = stated
    for item in first.items:
        for role, data in item.tensors.items():
            made.tensors[first.source[item.key].tensors[role].name] = data_of(mean[item.key, role], data.dtype)
        if item.alpha is not None:
            made.tensors[first.source[item.key].tensors["alpha"].name] = item.alpha
        made.modules += 1
    return made


def extract(base: Path, tuned: Path, rank: int, dtype: str = "BF16") -> Made:
    """The difference of two models of one shape as a LoRA. Files, shards and folders (see `open_weights`).

    Raises RefusedError, OSError.
    """
    import numpy as np

    made = Made({}, {"lorabridge_version": __version__, "lorabridge_made_by": f"extract {tuned.name} - {base.name}, rank {rank}"})
    with open_weights(base) as one, open_weights(tuned) as two:
        names = [
            name for name, tensor in two.tensors.items() if name in one.tensors and name.endswith(".weight") and len(tensor.shape) == 2
        ]
        if not names:
            raise RefusedError("the two models share no weight matrix")
        same = 0
        for name in names:
            if one.tensors[name].shape != two.tensors[name].shape:
                raise RefusedError(f"`{name}` has different shapes in the two models")
            delta = two.array(name).astype(np.float32) - one.array(name).astype(np.float32)
            if not delta.any():
                same += 1
                continue
            pair, lost, total = cut_whole(delta, min(rank, *delta.shape))
            module = _prefixed(name.removesuffix(".weight"))
            made.tensors |= {f"{module}.lora_A.weight": data_of(pair[1], dtype), f"{module}.lora_B.weight": data_of(pair[0], dtype)}
            made.count(module, lost, total)
        made.notes.append(f"{same:,} of {len(names):,} matrices are the same in both")
        made.notes += _not_taken(names, set(one.tensors), set(two.tensors))
    if not made.tensors:
        raise RefusedError("the two models are the same")
    return made


def _not_taken(names: Sequence[str], one: set[str], two: set[str]) -> Iterator[str]:
    rest = len(two & one) - len(names)
    if rest:
        yield f"{rest:,} tensors are no matrices (norms, biases, convolutions) and were left out"
    if one ^ two:
        yield f"{len(one ^ two):,} tensors are in one of the two models only"


def _prefixed(name: str) -> str:
    """The module with the prefix of its dialect: ComfyUI's for native names, diffusers' otherwise."""
    from lorabridge.artifacts.tables import pattern, tables

    for prefix in ("model.diffusion_model.", "diffusion_model.", "transformer.", "model.", "net."):
        name = name.removeprefix(prefix)
    namings = {table.naming for table in tables() if pattern(name) in table.by_pattern}
    return ("transformer." if "diffusers" in namings else "diffusion_model.") + name


def _start(lora: Lora, how: str, what: str) -> Made:
    stale = ("sshs_", "lora_adapter_metadata", "lorabridge_")
    metadata = {key: value for key, value in lora.metadata.items() if key in _MODEL or not key.startswith(stale)}
    return Made({}, metadata | {"lorabridge_version": __version__, "lorabridge_made_by": f"{how} {what}"})


_MODEL = ("lorabridge_family", "lorabridge_variant")
"""Metadata that stays true whatever is done to the numbers: the model that the LoRA is for."""


def _widest(loras: Sequence[Lora]) -> str:
    kinds = {float_dtype(lora.items) for lora in loras}
    return kinds.pop() if len(kinds) == 1 else "F32"


def _put(made: Made, item: Item, dialect: str, whole: Pair, found: Pair, dtype: str) -> None:
    """Add a module, and count how far the written product is from the whole one."""
    import numpy as np

    up, down = _add(made, item, dialect, found, dtype)
    gap = (np.concatenate([whole[0], -up], axis=1), np.concatenate([whole[1], down]))
    (_, left), (_, right) = np.linalg.qr(gap[0]), np.linalg.qr(gap[1].T)
    made.count(item.key, float(((left @ right.T) ** 2).sum()), max(dot(whole, whole), 0.0))


def _add(made: Made, item: Item, dialect: str, found: Pair, dtype: str) -> Pair:
    """The module's tensors, with a scale of 1; as they read after rounding."""
    import numpy as np

    up, down = data_of(found[0], dtype), data_of(found[1], dtype)
    values = up.values.astype(np.float64), down.values.astype(np.float64)
    if "down" in item.tensors and item.tensors["down"].bits.ndim > 2:
        shape = item.tensors["down"].shape
        up, down = Data(dtype, up.bits.reshape(*up.shape, *([1] * (len(shape) - 2)))), Data(dtype, down.bits.reshape(-1, *shape[1:]))
    names = ("lora_up", "lora_down") if dialect in ("kohya", "lycoris") else ("lora_B", "lora_A")
    made.tensors |= {f"{item.key}.{names[0]}.weight": up, f"{item.key}.{names[1]}.weight": down}
    if dialect in ("kohya", "lycoris"):
        made.tensors[f"{item.key}.alpha"] = data_of(np.float32(down.shape[0]), "F32")
    return values
