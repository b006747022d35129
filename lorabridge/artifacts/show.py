"""An inspection as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from lorabridge.artifacts.dialects import DIALECTS
from lorabridge.artifacts.identity import Identity
from lorabridge.artifacts.inspect import Block, Inspection
from lorabridge.artifacts.numbers import FRIENDLY
from lorabridge.artifacts.origin import readable
from lorabridge.artifacts.published import KNOWN
from lorabridge.families import FAMILIES

_WIDTH = 96
_MOST_BLOCKS = 200
_PARTS = " ▏▎▍▌▋▊▉█"


def size_text(size: float) -> str:
    """`512 B`, `3.2 MB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"


def clean(text: str) -> str:
    """No control characters from a file reach the terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def lines(found: Inspection, *, metadata: bool = True) -> Iterator[str]:
    """All that `checkpoint inspect` prints for one file."""
    identity, adapter = found.identity, found.adapter
    yield clean(found.path.name)
    yield _row("file", f"{size_text(found.header.size or identity.size)}, {_what(found)}")
    yield from (_row("model", text) for text in _model(identity))
    if adapter is not None and adapter.modules:
        yield from _adapter(found)
    if found.sha256:
        known = KNOWN.get(found.sha256)
        yield _row("sha256", found.sha256 + (f", the published {known.title} ({known.family} {known.variant})" if known else ""))
    for note in identity.notes if found.sha256 not in KNOWN else ():
        yield _row("not known", note)
    for name, part in identity.parts.items():
        what = part.name or " or ".join(part.families) or part.measured
        yield _row(name, f"{part.role}{': ' + what if what else ''}, {part.precision.word}")
    if found.why_no_norms:
        yield _row("norms", found.why_no_norms)
    yield from plot(found.blocks() if found.norms else [])
    rows = list(readable(found.header.metadata)) if metadata else []
    if rows:
        yield ""
        yield "metadata"
        yield from (_row("  " + clean(key)[:28], clean(value)[: _WIDTH * 4], 30) for key, value in rows)


def _row(name: str, text: str, width: int = 11) -> str:
    return f"{name:<{width}} {text}"


def _what(found: Inspection) -> str:
    identity = found.identity
    if found.adapter is None or not found.adapter.modules:
        part = identity.name + (f" (or {' or '.join(identity.twins)}: the same shapes)" if identity.twins else "") if identity.name else ""
        text = (
            identity.measured if identity.role == "cache" else ", ".join(item for item in (identity.role, part, identity.measured) if item)
        )
        return f"{text}, {identity.precision.word}" if identity.precision.word else text
    kinds = ", ".join(f"{kind} ({count})" if len(found.adapter.kinds) > 1 else kind for kind, count in found.adapter.kinds.most_common())
    dtypes = " and ".join(FRIENDLY.get(dtype, dtype) for dtype in identity.precision.counts)
    return f"{kinds}, {len(found.modules):,} modules, {dtypes}"


def _model(identity: Identity) -> Iterator[str]:
    if not identity.families:
        return
    titles = [FAMILIES[name].title if name in FAMILIES else name for name in identity.families]
    variants = ", ".join(dict.fromkeys(variant for _, variant in identity.variants))
    naming = f"; {identity.naming} names" if identity.naming else ""
    yield f"{' or '.join(titles)} ({variants}){naming}" if variants else " or ".join(titles)


def _adapter(found: Inspection) -> Iterator[str]:
    adapter = found.adapter
    assert adapter is not None
    dialects = adapter.dialects.most_common()
    yield _row("keys", "; ".join(DIALECTS[name] + (f" ({count})" if len(dialects) > 1 else "") for name, count in dialects))
    yield _row("rank", _counts(found.ranks.most_common(), "full matrices"))
    if adapter.alpha_from:
        yield _row("alpha", f"{_counts(found.alphas.most_common(), 'none')}, from {adapter.alpha_from}")
    else:
        yield _row("alpha", "none in the file: works as if alpha were the rank")
    yield _row("targets", ", ".join(f"{count} {group}" for group, count in found.groups.most_common()))
    origin = found.origin
    if origin.trainer:
        progress = "".join(f", {word} {value:,}" for word, value in (("step", origin.step), ("epoch", origin.epoch)) if value is not None)
        yield _row("trainer", f"{clean(origin.trainer)} {clean(origin.version)}".rstrip() + progress)
    if adapter.strangers:
        yield _row("others", f"{len(adapter.strangers):,} tensors of no adapter, as {clean(adapter.strangers[0])[:60]}")


def _counts(found: Sequence[tuple[float | None, int]], none: str) -> str:
    parts = [(none if value is None else f"{value:g}") + (f" ({count} modules)" if len(found) > 1 else "") for value, count in found[:6]]
    return ", ".join(parts) + (f", and {len(found) - 6} more" if len(found) > 6 else "")


def plot(blocks: list[Block], width: int = 40) -> Iterator[str]:
    """The norm of each block's update as a bar."""
    values = [block.norm for block in blocks if block.norm is not None and isfinite(block.norm)]
    if not values:
        return
    top = max(values) or 1.0
    label = min(44, max(len(block.label) for block in blocks))
    yield ""
    yield "norm of the effective update by block"
    for block in blocks[:_MOST_BLOCKS]:
        norm = block.norm
        shown = "?" if norm is None else f"{norm:.4g}"
        yield f"  {clean(block.label)[-label:]:<{label}} {_bar(norm, top, width)} {shown}"
    if len(blocks) > _MOST_BLOCKS:
        yield f"  and {len(blocks) - _MOST_BLOCKS:,} more blocks"


def _bar(value: float | None, top: float, width: int) -> str:
    if value is None or not isfinite(value):
        return " " * width
    eighths = round(value / top * width * 8)
    text = "█" * (eighths // 8) + (_PARTS[eighths % 8] if eighths % 8 else "")
    return f"{text:<{width}}"
