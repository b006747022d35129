"""The norms of a LoRA's blocks as an SVG, and an inspection as a page."""

from __future__ import annotations

from html import escape
from math import isfinite

from lorabridge.artifacts.inspect import Block, Inspection
from lorabridge.artifacts.show import clean, lines

_ROW, _LABEL, _BAR, _NUMBER = 18, 230, 420, 90
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}rect{fill:#4878a8}.t{font-weight:600;font-size:13px}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}rect{fill:#7aa6d0}}"
)


def svg(blocks: list[Block], title: str) -> str:
    """A bar for each block. Works alone and inside a page."""
    values = [block.norm for block in blocks if block.norm is not None and isfinite(block.norm)]
    top = max(values, default=0.0) or 1.0
    width, height = _LABEL + _BAR + _NUMBER, _ROW * (len(blocks) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">',
        f"<style>{_STYLE}</style>",
        f'<text class="t" x="4" y="{_ROW}">{_text("Norm of the effective update by block: " + title)}</text>',
    ]
    for number, block in enumerate(blocks, 2):
        y = number * _ROW
        known = block.norm is not None and isfinite(block.norm)
        length = (block.norm or 0.0) / top * _BAR if known else 0.0
        parts.append(f'<text x="{_LABEL - 6}" y="{y + 4}" text-anchor="end">{_text(block.label[-40:])}</text>')
        parts.append(f'<rect x="{_LABEL}" y="{y - 7}" width="{length:.1f}" height="{_ROW - 5}"/>')
        parts.append(
            f'<text x="{_LABEL + length + 5:.1f}" y="{y + 4}">{f"{block.norm:.4g}" if known else "not finite or not known"}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def html(found: Inspection) -> str:
    """One page without scripts and without anything from elsewhere."""
    blocks = found.blocks()
    facts = "\n".join(escape(line) for line in lines(found) if "█" not in line)
    picture = svg(blocks, found.path.name) if found.norms else ""
    rows = "".join(
        f"<tr><td>{_text(module.key)}</td><td>{module.kind}</td><td>{module.rank or ''}</td>"
        f"<td>{'' if module.alpha is None else f'{module.alpha:g}'}</td><td>{list(module.shape) if module.shape else ''}</td><td>{_norm(found, module.key)}</td></tr>\n"
        for module in found.modules
    )
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{_text(found.path.name)}</title>\n<style>body{{font:14px system-ui,sans-serif;margin:2rem;max-width:70rem;color-scheme:light dark}}"
        "pre{white-space:pre-wrap}table{border-collapse:collapse;font-size:12px}td,th{padding:.15rem .6rem;text-align:left;border-bottom:1px solid #8884}</style>\n"
        f"<h1>{_text(found.path.name)}</h1>\n<pre>{facts}</pre>\n{picture}"
        "<table><tr><th>module<th>kind<th>rank<th>alpha<th>weight<th>norm</tr>\n" + rows + "</table></html>\n"
    )


def _norm(found: Inspection, key: str) -> str:
    value = found.norms.get(key)
    return "" if value is None else f"{value:.4g}"


def _text(text: str) -> str:
    return escape(clean(text))
