"""Write everything that is derived from the tables: the JSON Schema, four pages of docs/, three blocks of the README.

`python scripts/make_docs.py` writes, `--check` exits 1 when something is out of date.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lorabridge.backends.base import Note, Site  # noqa: E402
from lorabridge.config.load import load  # noqa: E402
from lorabridge.diagnostics.render import render, summary  # noqa: E402
from lorabridge.plan.compile import compile_config  # noqa: E402
from lorabridge.plan.pages import codes_page, coverage_page, families_page, language_page  # noqa: E402
from lorabridge.plan.schema import language_schema  # noqa: E402
from lorabridge.run.watch.table import watchdog_table  # noqa: E402

SIDE = (
    "adapter.rank",
    "adapter.alpha",
    "train.for",
    "train.gradient_accumulation",
    "train.seed",
    "optimizer.lr",
    "noise.timestep_sampling",
    "memory.gradient_checkpointing",
    "save.every",
    "save.keep_last",
)
"""The fields of the README's side by side."""
SLIPS = (
    ("lr: 1e-4", "learning_rate: 1e-4"),
    ("every: 200 steps", "every: 200"),
    ("timestep_sampling: sigmoid", "timestep_sampling: shift, shift: 0"),
)
"""What the README's example gets wrong."""


def readme() -> str:
    """The README with its derived blocks filled in."""
    text = (ROOT / "README.md").read_text("utf-8")
    for name, block in (("config", _config()), ("mistake", _mistake()), ("side", _side())):
        text = re.sub(
            rf"(<!-- begin:{name} -->\n).*?(<!-- end:{name} -->)", lambda m, block=block: m[1] + block + m[2], text, flags=re.DOTALL
        )
    return text


def _config() -> str:
    lines = (ROOT / "examples" / "portable.yaml").read_text("utf-8").splitlines()
    return "```yaml\n" + "\n".join(line for line in lines if not line.startswith("#")) + "\n```\n"


def _mistake() -> str:
    text = (ROOT / "examples" / "portable.yaml").read_text("utf-8")
    for right, wrong in SLIPS:
        text = text.replace(right, wrong)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "cat.yaml")
        file.write_text(text, "utf-8")
        loaded = load(file, shown="cat.yaml")
    return (
        "```console\n$ lorabridge check cat.yaml\n"
        + render(loaded.diagnostics, "text", loaded.texts)
        + f"{summary(loaded.diagnostics)}\n```\n"
    )


def _side() -> str:
    loaded = load(ROOT / "examples" / "portable.yaml", shown="examples/portable.yaml")
    names = ("musubi", "diffusion-pipe", "ai-toolkit")
    plans = {name: compile_config(loaded, name, Site(root="/data", source="portable.yaml")) for name in names}
    lines = ["| you say | musubi-tuner | diffusion-pipe | ai-toolkit |", "|---|---|---|---|"]
    for path in SIDE:
        cells = [_spelled(plan.notes, path) for plan in plans.values()]
        said = next((note.value for plan in plans.values() for note in plan.notes if note.path == path), "")
        lines.append(f"| `{path}: {said}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _spelled(notes: Sequence[Note], path: str) -> str:
    note = next((item for item in notes if item.path == path), None)
    if note is None:
        return "needs no saying"
    key = note.at.partition(":")[2] or note.at
    shown = f"`{key} = {note.native}`" if note.native not in ("", "left out") else f"`{key}` left out" if key else ""
    return (f"{shown} ({note.text})" if shown and note.text else shown or note.text).replace("|", "\\|") or "needs no saying"


def logs() -> str:
    """The page on logs with the table of watchdogs filled in."""
    text = (ROOT / "docs" / "logs.md").read_text("utf-8")
    return re.sub(
        r"(<!-- begin:watchdogs -->\n).*?(<!-- end:watchdogs -->)", lambda m: m[1] + watchdog_table() + m[2], text, flags=re.DOTALL
    )


def pages() -> dict[Path, str]:
    """Each derived file with its text."""
    return {
        ROOT / "schemas" / "lorabridge-1.schema.json": json.dumps(language_schema(), indent=2, ensure_ascii=False) + "\n",
        ROOT / "docs" / "language.md": language_page(),
        ROOT / "docs" / "coverage.md": coverage_page(),
        ROOT / "docs" / "families.md": families_page(),
        ROOT / "docs" / "codes.md": codes_page(),
        ROOT / "README.md": readme(),
        ROOT / "docs" / "logs.md": logs(),
    }


def main() -> int:
    """Write, or compare with `--check`."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.write_text(pages()[path], "utf-8")
    return int("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
