"""How much each module changes its weight: the Frobenius norm of the effective update, without forming it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lorabridge.artifacts.modules import Module
from lorabridge.artifacts.read import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 256


def norm_of(module: Module, reader: Reader) -> float | None:
    """Norm of scale times the update; None for kinds or parts that this cannot be said of. NaN where a number is not finite."""
    import numpy as np

    if module.missing or module.misfit:
        return None

    def get(role: str) -> NDArray[Any]:
        return _flat(reader.array(module.tensors[role]))

    measure = _MEASURES.get(module.kind)
    if measure is None or {"mid", "hada_t1", "lokr_t2"} & set(module.tensors):
        return None
    try:
        with np.errstate(all="ignore"):
            found = measure(module, get)
    except ValueError:
        return None
    return None if found is None else abs(module.scale) * found


def norms_of(modules: Iterable[Module], path: str) -> dict[str, float | None]:
    """The norms of many modules of one file, by key."""
    with Reader(path) as reader:
        return {module.key: norm_of(module, reader) for module in modules}


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """A matrix in float32: convolutions keep their first side, the rest is one."""
    import numpy as np

    array = array.astype(np.float32, copy=False)
    return array.reshape(array.shape[0], -1) if array.ndim > 1 else array.reshape(-1, 1)


def product_norm(up: NDArray[Any], down: NDArray[Any]) -> float:
    """The norm of `up @ down` from the two small Gram matrices: trace((up^T up)(down down^T))."""
    import numpy as np

    left, right = (up.T @ up).astype(np.float64), (down @ down.T).astype(np.float64)
    total = float(np.sum(left * right))
    if not np.isfinite(total):
        up, down = up.astype(np.float64), down.astype(np.float64)
        total = float(np.sum((up.T @ up) * (down @ down.T)))
    return float(np.sqrt(max(total, 0.0))) if np.isfinite(total) else float("nan")


def _lora(module: Module, get: Callable[[str], NDArray[Any]]) -> float | None:
    return product_norm(get("up"), get("down"))


def _loha(module: Module, get: Callable[[str], NDArray[Any]]) -> float | None:
    """The elementwise product of two products, a few rows at a time."""
    import numpy as np

    one, two, three, four = (get(role) for role in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"))
    total = 0.0
    for start in range(0, one.shape[0], _ROWS):
        rows = slice(start, start + _ROWS)
        total += float(np.sum(np.square((one[rows] @ two) * (three[rows] @ four), dtype=np.float64)))
    return float(np.sqrt(total))


def _lokr(module: Module, get: Callable[[str], NDArray[Any]]) -> float | None:
    """The norm of a Kronecker product is the product of the norms."""
    import numpy as np

    found = 1.0
    for name in ("lokr_w1", "lokr_w2"):
        if name in module.tensors:
            found *= float(np.linalg.norm(get(name).astype(np.float64)))
        else:
            found *= product_norm(get(name + "_a"), get(name + "_b"))
    return found


def _full(module: Module, get: Callable[[str], NDArray[Any]]) -> float | None:
    import numpy as np

    return float(np.linalg.norm(get("diff").astype(np.float64))) if "diff" in module.tensors else None


_MEASURES: dict[str, Callable[[Module, Callable[[str], Any]], float | None]] = {
    "lora": _lora, "dora": _lora, "loha": _loha, "lokr": _lokr, "full": _full,
}  # fmt: skip
"""By kind. DoRA: the norm of its low-rank part."""
