"""Write everything that is derived from the tables: the JSON Schema and four pages of docs/.

`python scripts/make_docs.py` writes, `--check` exits 1 when something is out of date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lorabridge.plan.pages import codes_page, coverage_page, families_page, language_page  # noqa: E402
from lorabridge.plan.schema import language_schema  # noqa: E402


def pages() -> dict[Path, str]:
    """Each derived file with its text."""
    return {
        ROOT / "schemas" / "lorabridge-1.schema.json": json.dumps(language_schema(), indent=2, ensure_ascii=False) + "\n",
        ROOT / "docs" / "language.md": language_page(),
        ROOT / "docs" / "coverage.md": coverage_page(),
        ROOT / "docs" / "families.md": families_page(),
        ROOT / "docs" / "codes.md": codes_page(),
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
