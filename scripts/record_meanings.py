"""Record what the trainers' own code makes of every cell of the matrix of meanings (`schemas/meanings/<trainer>.json`).

    LORABRIDGE_MUSUBI_HOME=... LORABRIDGE_MUSUBI_PYTHON=... python scripts/record_meanings.py musubi
    python scripts/record_meanings.py embedded

For each field, each of zero, empty, null, absent and ordinary: the config is compiled and the trainer's configuration code is
asked, as `lorabridge prove` does. Written down are the native keys that the field has a say in, what is written, what the trainer
uses, and what the conditions of its code come to with that.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.prove.record import record  # noqa: E402


def main() -> int:
    """Write one file per trainer that is named on the command line."""
    for trainer in sys.argv[1:]:
        data = record(trainer, dict(os.environ))
        path = ROOT / "schemas" / "meanings" / f"{trainer}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
        cells = [cell for slots in data["cells"].values() for cell in slots.values()]
        print(f"{trainer}: {len(cells)} cells, {sum(cell['status'] != 'unproved' for cell in cells)} with evidence")
    return 0


if __name__ == "__main__":
    sys.exit(main())
