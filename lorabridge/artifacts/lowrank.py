"""Low-rank products without forming them: norms, inner products, truncation to a rank with its error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lorabridge.artifacts.lora import Item, RefusedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pair = tuple["NDArray[Any]", "NDArray[Any]"]
"""up and down as float64 matrices; their product is the update."""

_EXACT = 768
"""Up to this many rows or columns the whole decomposition is made; above, its leading part by random projection."""


def matrices(item: Item) -> Pair:
    """The update of a LoRA, scale included. Convolutions keep their first side. Raises RefusedError for other kinds."""
    import numpy as np

    if item.kind != "lora" or set(item.tensors) != {"down", "up"}:
        raise RefusedError(
            f"`{item.key}` is a {item.kind}{' with extra parts' if item.kind == 'lora' else ''}; only plain LoRA is computed with"
        )
    up, down = (item.tensors[role].values.astype(np.float64) for role in ("up", "down"))
    return up.reshape(up.shape[0], -1) * item.scale, down.reshape(down.shape[0], -1)


def update(item: Item) -> NDArray[Any]:
    """The whole update of any kind that has one."""
    import numpy as np

    get = {role: data.values.astype(np.float64) for role, data in item.tensors.items()}
    if set(get) & {"mid", "hada_t1", "lokr_t2", "magnitude"}:
        raise RefusedError(f"`{item.key}`: a {item.kind} of this kind has no update that is one product")
    if item.kind == "loha":
        found = (get["hada_w1_a"] @ get["hada_w1_b"]) * (get["hada_w2_a"] @ get["hada_w2_b"])
    elif item.kind == "lokr":
        one, two = (get[name] if name in get else get[name + "_a"] @ get[name + "_b"] for name in ("lokr_w1", "lokr_w2"))
        if two.ndim != 2:
            raise RefusedError(f"`{item.key}` is a lokr of a convolution")
        found = np.kron(one, two)
    elif item.kind == "full" and "diff" in get and get["diff"].ndim == 2:
        found = get["diff"]
    else:
        raise RefusedError(f"`{item.key}` is a {item.kind}, which has no update that could be cut to a rank")
    return np.asarray(found * item.scale)


def dot(one: Pair, two: Pair) -> float:
    """The inner product of two updates."""
    return float(((one[0].T @ two[0]) * (one[1] @ two[1].T)).sum())


def singular(pair: Pair) -> tuple[Pair, NDArray[Any]]:
    """The product as orthogonal sides and singular values, from the small matrices alone."""
    import numpy as np

    left, small = np.linalg.qr(pair[0])
    right, other = np.linalg.qr(pair[1].T)
    u, values, v = np.linalg.svd(small @ other.T, full_matrices=False)
    return (left @ u, v @ right.T), values


def cut(pair: Pair, rank: int) -> tuple[Pair, float, float]:
    """The nearest product of a rank; the squared norm of what is lost, and of the whole."""
    import numpy as np

    (left, right), values = singular(pair)
    root = np.sqrt(values[:rank])
    return (left[:, :rank] * root, root[:, None] * right[:rank]), float((values[rank:] ** 2).sum()), float((values**2).sum())


def cut_whole(matrix: NDArray[Any], rank: int) -> tuple[Pair, float, float]:
    """The same of a whole matrix. Large ones by random projection; the error is then what it is, not an estimate."""
    import numpy as np

    total = float((matrix * matrix).sum())
    if min(matrix.shape) <= _EXACT:
        u, values, v = np.linalg.svd(matrix, full_matrices=False)
    else:
        rng = np.random.default_rng(0)
        basis = matrix @ rng.standard_normal((matrix.shape[1], min(rank + 16, *matrix.shape)), dtype=np.float32).astype(matrix.dtype)
        for _ in range(4):
            basis = matrix @ np.linalg.qr(matrix.T @ np.linalg.qr(basis)[0])[0]
        sides = np.linalg.qr(basis)[0]
        u, values, v = np.linalg.svd(sides.T @ matrix, full_matrices=False)
        u = sides @ u
    root = np.sqrt(values[:rank])
    return (u[:, :rank] * root, root[:, None] * v[:rank]), max(total - float((values[:rank] ** 2).sum()), 0.0), total
