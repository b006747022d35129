"""Ask a trainer's own code for the buckets of each case and write them down, one JSON line per case.

    python make_bucket_truth.py musubi CHECKOUT musubi.jsonl.gz      # with the Python that has the trainer's packages

Pictures and clips are not decoded: what opens a file is answered with the sizes of the case. Everything between the size of a file and the
number of batches is the trainer's.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import json
import logging
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import cases as made


def main(trainer: str, home: str, out: str) -> None:
    """Write the truth of one trainer."""
    ask = importlib.import_module("ask_" + trainer.replace("-", "_")).ask
    logging.disable(logging.CRITICAL)
    lines = []
    for case in made.cases(trainer):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            back = Path.cwd()
            os.chdir(folder)
            try:
                told = ask(case, Path(home))
            finally:
                os.chdir(back)
        lines.append(json.dumps(case | {"truth": told}, separators=(",", ":"), sort_keys=True))
    with open(out, "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed:
        packed.write("\n".join(lines).encode() + b"\n")
    print(f"{trainer}: {len(lines)} cases, {Path(out).stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:4])
