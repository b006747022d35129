"""Fused weights taken apart and put together, and alphas folded: what is exact is done on bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import frexp

from lorabridge.artifacts.lora import Data, Item, RefusedError, data_of


def split(item: Item, names: Sequence[str], shares: Sequence[int]) -> list[Item]:
    """The parts of a fused module. All keep its down matrix, unless it was joined of several: then each gets its own."""
    if len(names) == 1:
        return [replace(item, name=names[0])]
    if item.kind not in ("lora", "dora"):
        raise RefusedError(f"`{item.key}` is a {item.kind} of a fused weight, which has no exact parts")
    rows = item.tensors["up"].shape[0]
    if rows % sum(shares):
        raise RefusedError(f"`{item.key}` has {rows} rows, which are not {len(names)} parts of {':'.join(map(str, shares))}")
    found, start = [], 0
    own = _own_ranks(item, shares)
    for place, (name, share) in enumerate(zip(names, shares, strict=True)):
        stop = start + share * (rows // sum(shares))
        tensors = {role: data if role == "down" else Data(data.dtype, data.bits[start:stop]) for role, data in item.tensors.items()}
        if own:
            mine = slice(place * own, (place + 1) * own)
            tensors["down"] = Data(tensors["down"].dtype, tensors["down"].bits[mine])
            tensors["up"] = Data(tensors["up"].dtype, tensors["up"].bits[:, mine])
        found.append(replace(item, name=name, tensors=tensors, alpha=None if own else item.alpha))
        start = stop
    return found


def _own_ranks(item: Item, shares: Sequence[int]) -> int:
    """The rank of each part where the up matrix is block diagonal, as `join` makes it; 0 where it is not."""
    up, count = item.tensors["up"], len(shares)
    if up.bits.ndim != 2 or item.rank % count:
        return 0
    rank, unit, start = item.rank // count, up.shape[0] // sum(shares), 0
    for place, share in enumerate(shares):
        stop, mine = start + share * unit, slice(place * rank, (place + 1) * rank)
        block = up.bits[start:stop]
        if not block[:, mine].any() or block[:, : place * rank].any() or block[:, (place + 1) * rank :].any():
            return 0
        start = stop
    return rank


def join(name: str, parts: Sequence[Item | None], shares: Sequence[int]) -> Item:
    """One module of several. With one down matrix it stays; with several, up becomes block diagonal: exact, of a higher rank."""
    import numpy as np

    there = [part for part in parts if part is not None]
    first = there[0]
    if len(parts) == 1:
        return replace(first, name=name)
    if any(part.kind != "lora" for part in there):
        raise RefusedError(f"`{first.key}` is a {first.kind}, and {name} is one fused weight: there is no exact whole")
    dtypes = {data.dtype for part in there for data in part.tensors.values()}
    if len(dtypes) > 1 or any(set(part.tensors) != {"down", "up"} or part.tensors["up"].bits.ndim != 2 for part in there):
        raise RefusedError(f"the parts of {name} differ in dtype or are no plain matrices")
    if len({part.scale for part in there}) > 1:
        raise RefusedError(f"the parts of {name} have different scales (alpha / rank)")
    units = {part.tensors["up"].shape[0] / share for part, share in zip(parts, shares, strict=True) if part is not None}
    if len(units) > 1 or units != {int(min(units))}:
        raise RefusedError(f"the parts of {name} do not have rows of {':'.join(map(str, shares))}")
    unit, downs = int(min(units)), [part.tensors["down"] for part in there]
    if len(there) == len(parts) and all(down.equal(downs[0]) for down in downs):
        up = np.concatenate([part.tensors["up"].bits for part in there])
        return replace(first, name=name, tensors={"down": downs[0], "up": Data(first.tensors["up"].dtype, up)})
    if len({down.shape[1:] for down in downs}) > 1:
        raise RefusedError(f"the parts of {name} have different inputs")
    up = np.zeros((unit * sum(shares), sum(part.rank for part in there)), first.tensors["up"].bits.dtype)
    row = column = 0
    for part, share in zip(parts, shares, strict=True):
        if part is not None:
            up[row : row + share * unit, column : column + part.rank] = part.tensors["up"].bits
            column += part.rank
        row += share * unit
    down = Data(downs[0].dtype, np.concatenate([down.bits for down in downs]))
    return replace(first, name=name, tensors={"down": down, "up": Data(first.tensors["up"].dtype, up)}, alpha=None)


def swap_halves(item: Item) -> Item:
    """The rows' two halves the other way round."""
    import numpy as np

    if item.kind != "lora" or item.tensors["up"].shape[0] % 2:
        raise RefusedError(f"`{item.key}`: its halves cannot be exchanged")
    up = item.tensors["up"]
    half = up.shape[0] // 2
    return replace(item, tensors={**item.tensors, "up": Data(up.dtype, np.concatenate([up.bits[half:], up.bits[:half]]))})


def fold(item: Item, factor: float) -> tuple[Item, bool]:
    """The module with `factor` in its up matrix and a scale of 1 / factor times what it was; whether that was exact.

    A power of two is exact unless numbers get too small or too large for their dtype. Otherwise up becomes float32.
    """
    import numpy as np

    if factor == 1.0:
        return item, True
    up = item.tensors["up"]
    values = up.values.astype(np.float64)
    if abs(frexp(factor)[0]) == 0.5:
        found = data_of(values * factor, up.dtype)
        if (found.values.astype(np.float64) / factor == values).all():
            return replace(item, tensors={**item.tensors, "up": found}, scale=item.scale / factor), True
    found = data_of(values * factor, "F64" if up.dtype == "F64" else "F32")
    return replace(item, tensors={**item.tensors, "up": found}, scale=item.scale / factor), False
