"""Throws generated input at the checker and counts what comes back.

    python benchmarks/fuzz.py [--count 12000] [--seed 1] [--backends]

Every input must come back as findings (or as a valid config), within a second, without an exception. 1 when one does not.
The same seed makes the same inputs. `--backends` lowers every valid config for each trainer too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from throughput import config  # noqa: E402

from lorabridge.backends import BACKENDS, get_backend  # noqa: E402
from lorabridge.cli.common import preset  # noqa: E402
from lorabridge.config.load import load  # noqa: E402
from lorabridge.diagnostics.render import render  # noqa: E402
from lorabridge.plan.check import check_loaded  # noqa: E402
from tests.config.whole import KEYS, edited, sample_value, spots, whole, write  # noqa: E402

LIMIT = 1.0
WHOLE = edited(
    edited(whole(), ("model", "family"), lambda key, _: [(key, "wan22")]), ("model", "variant"), lambda key, _: [(key, "t2v-a14b")]
)
TEXT = write(WHOLE).text
SPOTS = list(spots(WHOLE).items())
PUNCTUATION = "ab:-?[]{}&*!|>'\"%@`#,~<= \n\t0.e\\\r\x85\u2028😀"
CONTROLS = "\x00\x1b\x07\x9b\ufffe"
VALUES: list[object] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    0.5,
    10**30,
    "",
    "x",
    "off",
    "never",
    "auto",
    "10 steps",
    "16 epochs",
    "10%",
    "0 steps",
    "${env:X}",
    "[trigger]",
    [],
    [1],
    ["x"],
    [[64, 64]],
    {},
]
VALUES += ["hf_" + "a" * 30, "1e-4", "no", "12:30", "a" * 3000, "\x1b[31m", float("inf"), {"a": {"b": [1]}}, 2**63, -(2**63), 1e-320]

Make = Callable[[random.Random], bytes]


def _bytes(dice: random.Random) -> bytes:
    return dice.randbytes(dice.randint(0, 3000))


def _yaml_like(dice: random.Random) -> bytes:
    return _noise(dice, dice.randint(1, 600)).encode()


def _noise(dice: random.Random, length: int) -> str:
    """Characters that mean something in YAML; one time in ten, one that must not be there."""
    text = "".join(dice.choices(PUNCTUATION, k=length))
    return text if dice.random() < 0.9 else text + dice.choice(CONTROLS)


def _flipped(dice: random.Random) -> bytes:
    data = bytearray(TEXT.encode())
    for _ in range(dice.randint(1, 8)):
        data[dice.randrange(len(data))] = dice.randrange(256) if dice.random() < 0.1 else dice.randrange(9, 127)
    return bytes(data)


def _cut(dice: random.Random) -> bytes:
    at, length = dice.randrange(len(TEXT)), dice.randint(0, 60)
    piece = _noise(dice, dice.randint(0, 12))
    return (TEXT[:at] + piece + TEXT[at + length :]).encode()


def _lines(dice: random.Random) -> bytes:
    lines = TEXT.splitlines(keepends=True)
    for _ in range(dice.randint(1, 5)):
        at, to = dice.randrange(len(lines)), dice.randrange(len(lines))
        change = dice.randrange(4)
        if change == 0:
            del lines[at]
        elif change == 1:
            lines.insert(to, lines[at])
        elif change == 2:
            lines[at], lines[to] = lines[to], lines[at]
        else:
            lines[at] = " " * dice.randint(0, 6) + lines[at].lstrip(" ")
    return "".join(lines).encode()


def _values(dice: random.Random) -> bytes:
    """A whole config in which some values are others: the nearest to what people write."""
    data = WHOLE
    for path, spot in dice.sample(SPOTS, dice.randint(1, 4)):
        row = KEYS.get(path)
        words = list(row.words) if row else []
        value = dice.choice([*VALUES, *words, *([sample_value(row)] if row and row.section is None else [])])
        data = edited(data, spot, lambda key, old, value=value: [(key, value)])
    return json.dumps(_plain(data), ensure_ascii=dice.random() < 0.5).replace("Infinity", ".inf").encode("utf-8", "replace")


def _plain(data: object) -> object:
    if isinstance(data, list) and data and all(isinstance(item, tuple) for item in data):
        return {str(key): _plain(value) for key, value in data}
    return [_plain(item) for item in data] if isinstance(data, list) else data


def _likely(dice: random.Random) -> bytes:
    """A config as people write it, now and then with a wrong line."""
    text = config(dice, dice.randrange(10_000))
    if dice.random() < 0.5:
        path, _ = dice.choice(SPOTS)
        text += f"{path.split('.')[0].replace('[]', '')}: {json.dumps(dice.choice(VALUES))}\n"
    return text.encode("utf-8", "replace")


def _tree(dice: random.Random, depth: int = 0) -> object:
    kind = dice.randrange(4) if depth < 7 else 0
    if kind == 0:
        return dice.choice(VALUES)
    if kind == 1:
        return [_tree(dice, depth + 1) for _ in range(dice.randrange(4))]
    keys = [*(path.rpartition(".")[2] for path, _ in SPOTS), "[", "]", ".", "", "[0]", "a.b[1]", "<<", "${env:X}", "\x9b"]
    return {dice.choice(keys): _tree(dice, depth + 1) for _ in range(dice.randrange(6))}


def _trees(dice: random.Random) -> bytes:
    return json.dumps(
        {
            key: _tree(dice)
            for key in dice.sample(
                [
                    "lorabridge",
                    "name",
                    "model",
                    "datasets",
                    "train",
                    "optimizer",
                    "sample",
                    "save",
                    "noise",
                    "adapter",
                    "backends",
                    "extends",
                ],
                7,
            )
        }
    ).encode()


def _large(dice: random.Random) -> bytes:
    """One shape of growth, up to the largest file that is read."""
    count = dice.choice([300, 3000, 30_000, 100_000])
    head = config(dice, 1)
    shapes: list[Callable[[int], str]] = [
        lambda n: f"k{n}: 1\n",
        lambda n: f"learning_rat{n}: 1\n",
        lambda n: f"x{n}: &a{n} [1]\n",
        lambda n: "a: " + "[" * min(n, 500),
        lambda n: "- " * 3 + "\n",
        lambda n: "? a\n",
        lambda n: f"  {' ' * (n % 400)}a:\n",
        lambda n: "name: again\n",
        lambda n: "x" * 200,
        lambda n: "${env:V" + str(n) + "}",
        lambda n: "[1, {a: b}], ",
    ]
    shape = dice.choice(shapes)
    text = head + "".join(shape(n) for n in range(count))
    return text[: dice.choice([200_000, 999_000, 1_100_000])].encode()


MAKERS: dict[str, tuple[Make, int]] = {
    "random bytes": (_bytes, 10),
    "punctuation": (_yaml_like, 15),
    "flipped bytes": (_flipped, 20),
    "cut and pasted text": (_cut, 20),
    "moved lines": (_lines, 15),
    "other values": (_values, 20),
    "likely configs": (_likely, 15),
    "random trees": (_trees, 15),
    "large files": (_large, 1),
}
"""Each way to make input, with its share."""


def main() -> int:
    """Run and print; 1 on any exception or any input over the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backends", action="store_true")
    options = parser.parse_args()
    backends = [name for name in BACKENDS if hasattr(get_backend(name), "lower")] if options.backends else []
    made, codes, valid, worst = Counter[str](), Counter[str](), 0, (0.0, "", 0)
    failures: list[str] = []
    dice = random.Random(options.seed)
    names = [name for name, (_, share) in MAKERS.items() for _ in range(share)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        for number in range(options.count):
            name = names[number % len(names)]
            data = MAKERS[name][0](dice)
            made[name] += 1
            path.write_bytes(data)
            start = time.process_time()
            try:
                loaded = load(path, presets=preset, environ={})
                found = check_loaded(loaded, backends if loaded.config else ())
                for style in ("text", "json"):
                    text = render(found, style, loaded.texts)
                    assert all(char.isprintable() or char == "\n" for char in text), "a control character in the output"
                assert loaded.config or any(item.severity == "error" for item in found), "neither a config nor an error"
            except Exception:
                failures.append(f"input {number} ({name}):\n{traceback.format_exc(limit=-4)}")
                continue
            seconds = time.process_time() - start
            worst = max(worst, (seconds, name, number))
            valid += loaded.config is not None
            codes.update({item.code for item in found} or {"clean"})
            if seconds > LIMIT:
                failures.append(f"input {number} ({name}, {len(data)} bytes) took {seconds:.2f} s")
    _report(made, codes, valid, worst, failures)
    return int(bool(failures))


def _report(made: Counter[str], codes: Counter[str], valid: int, worst: tuple[float, str, int], failures: list[str]) -> None:
    print(f"{made.total()} inputs: " + ", ".join(f"{count} {name}" for name, count in made.items()))
    print(f"{valid} validate; inputs by code: " + ", ".join(f"{code} {count}" for code, count in sorted(codes.items())))
    print(f"slowest: {worst[0] * 1000:.0f} ms of CPU (input {worst[2]}, {worst[1]}); limit {LIMIT * 1000:.0f} ms")
    if os.name == "posix":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"most memory: {peak / (1024 if sys.platform != 'darwin' else 1024**2):.0f} MB")
    print(f"{len(failures)} failures")
    for text in failures[:20]:
        print(text)


if __name__ == "__main__":
    sys.exit(main())
