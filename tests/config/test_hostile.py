"""Input that means harm, or none at all: a finding within a second, bounded memory, never an exception."""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorabridge.config.load import MAX_FINDINGS, Loaded, load
from lorabridge.diagnostics.render import render
from lorabridge.plan.check import check_loaded
from lorabridge.resources import preset
from tests.support import SMALL

from .whole import whole, write

SECONDS = 5.0
"""Against a blow-up, which takes minutes. The promised second is measured by `benchmarks/fuzz.py`: a busy machine stretches CPU time too."""
WHOLE = write(whole()).text


def _bomb(width: int = 9, levels: int = 9) -> str:
    lines = [f"a: &a [{', '.join(['x'] * width)}]"]
    for upper, lower in zip(string.ascii_lowercase[1 : levels + 1], string.ascii_lowercase, strict=False):
        lines.append(f"{upper}: &{upper} [{', '.join([f'*{lower}'] * width)}]")
    return "\n".join(lines)


def _many(line: str, count: int, head: str = "") -> str:
    return SMALL + head + "".join(line.format(n=n) for n in range(count))


HOSTILE: dict[str, str | bytes] = {
    "bomb of lists": _bomb(),
    "bomb of mappings": SMALL + "a: &a {x: 1, y: 2}\nb: &b {x: *a, y: *a}\n" + "".join(f"k{n}: {{x: *b, y: *b}}\n" for n in range(3000)),
    "an alias to itself": SMALL + "output: &a [*a]\n",
    "a mapping inside itself": SMALL + "optimizer: &a {args: *a}\n",
    "100 k brackets": SMALL + "a: " + "[" * 100_000,
    "100 k braces": SMALL + "a: " + "{a: " * 100_000,
    "100 k closed brackets": SMALL + "a: " + "[" * 50_000 + "]" * 50_000,
    "100 k brackets in quotes": SMALL + 'trigger2: "' + "[" * 100_000 + '"',
    "100 k dashes": SMALL + "a:\n" + "- " * 100_000,
    "100 k question marks": SMALL + "a:\n  " + "? " * 100_000,
    "deep block": "".join(" " * n + "a:\n" for n in range(1300)),
    "deep block of lists": SMALL + "a:\n" + "".join("  " * n + "-\n" for n in range(250)),
    "deep args": SMALL + "optimizer: {args: " + "{a: " * 200 + "1" + "}" * 201 + "\n",
    "huge file": "# comment\n" * 200_000,
    "a megabyte in one line": SMALL + 'output: "' + "x" * 950_000 + '"\n',
    "a megabyte where a number belongs": SMALL + 'optimizer: {lr: "' + "x" * 950_000 + '"}\n',
    "a megabyte where a choice belongs": SMALL + 'scheduler: {type: "' + "cosin" * 190_000 + '"}\n',
    "a megabyte where an amount belongs": SMALL + 'save: {every: "' + "9" * 900_000 + ' steps"}\n',
    "a megabyte as a key": SMALL + "? " + "x" * 950_000 + "\n: 1\n",
    "a megabyte as a name": SMALL.replace("cat-toy", "a" * 950_000),
    "an open quote": SMALL + 'output: "' + "x" * 950_000,
    "spaces": " " * 990_000,
    "tabs": SMALL + "\t" * 900_000,
    "line ends": "\n" * 990_000,
    "comment of one line": "#" * 990_000,
    "colons": ":" * 990_000,
    "anchors": "&" * 990_000,
    "percent signs": "%" * 990_000,
    "tags": SMALL + "a: " + "! " * 400_000,
    "a list of commas": "a: [" + "," * 990_000 + "]",
    "a long list": SMALL + "a: [" + "a," * 490_000 + "a]",
    "45 k wrong items": SMALL + "hardware: {gpus: [" + ",".join(["x"] * 45_000) + "]}\n",
    "9 k wrong items": SMALL + "hardware: {gpus: [" + ",".join(["x"] * 9_000) + "]}\n",
    "40 k unknown keys": _many("k{n}: 1\n", 40_000),
    "9 k unknown keys": _many("learning_rat{n}: 1\n", 9_000),
    "9 k unknown keys in a section": _many("  leraning_rate{n}: 1\n", 9_000, "optimizer:\n"),
    "40 k duplicates": _many("  lr: 1\n", 40_000, "optimizer:\n"),
    "40 k anchors": _many("k{n}: &a{n} 1\n", 40_000),
    "40 k merge keys": _many("<<: {{}}\n", 20_000),
    "many wrong prompts": _many("  - {{prompt: a, widht: 1}}\n", 4_000, "sample:\n  prompts:\n"),
    "many datasets": SMALL.replace("datasets: [{images: pictures}]", "datasets:\n" + "  - {images: x}\n" * 4_900),
    "many empty datasets": SMALL.replace("datasets: [{images: pictures}]", "datasets:\n" + "  - {}\n" * 4_900),
    "many variables": SMALL + 'output: "' + "${env:X}" * 100_000 + '"\n',
    "many different variables": SMALL + 'output: "' + "".join(f"${{env:V{n}}}" for n in range(90_000)) + '"\n',
    "many open variables": SMALL + 'output: "' + "${env:" * 150_000 + '"\n',
    "many almost-secrets": SMALL + "output: " + ("a" * 39 + "g") * 20_000 + "\n",
    "400 digits": SMALL + "adapter: {rank: " + "9" * 400 + "}\n",
    "5000 digits": SMALL + "adapter: {rank: " + "9" * 5000 + "}\n",
    "a megabyte of digits": SMALL + "optimizer: {lr: " + "9" * 900_000 + "}\n",
    "a huge hexadecimal": SMALL + "optimizer: {lr: 0x" + "f" * 5000 + "}\n",
    "a huge hexadecimal where text belongs": SMALL.replace("cat-toy", "0x" + "f" * 5000),
    "a huge hexadecimal in free arguments": SMALL + "optimizer: {args: {a: 0x" + "f" * 5000 + "}}\n",
    "a huge exponent": SMALL + "optimizer: {lr: 1e999999999}\n",
    "a tiny exponent": SMALL + "optimizer: {lr: 1e-999999999}\n",
    "64 bits": SMALL + "adapter: {rank: 18446744073709551615}\ntrain2: -9223372036854775808\n",
    "infinity and not a number": SMALL + "optimizer: {lr: .inf, eps: .nan, args: {x: -.inf}}\n",
    "a NUL": SMALL + "output: a\0b\n",
    "an escaped NUL": SMALL + 'output: "a\\0b"\nextends: "a\\0b.yaml"\n',
    "only NULs": b"\0" * 900_000,
    "binary": bytes(range(256)) * 3000,
    "random bytes": random.Random(1).randbytes(300_000),
    "a program": Path(sys.executable).read_bytes()[:2_000_000],
    "UTF-16": SMALL.encode("utf-16"),
    "UTF-16 without a mark": SMALL.encode("utf-16-le"),
    "UTF-32": SMALL.encode("utf-32"),
    "Latin-1": (SMALL + "output: café\n").encode("latin-1"),
    "half a character": SMALL.encode() + b"output: \xf0\x9f\x98\n",
    "lone surrogates": (SMALL + "output: \ud800\n").encode("utf-8", "surrogatepass"),
    "escaped surrogates": SMALL + 'output: "\\ud800"\n',
    "two byte-order marks": b"\xef\xbb\xbf\xef\xbb\xbf" + SMALL.encode(),
    "terminal escapes": SMALL + "output: \x1b]0;owned\x07\x1b[2J\n",
    "written terminal escapes": SMALL + '"\\e]0;owned\\a": 1\nname2: "\\e[2J\\x9b2J\\u202e"\noptimizer: {lr: "\\e[31m"}\n',
    "C1 controls": SMALL + "optimizer: {l\x9br: 1}\n",
    "right to left": SMALL + "opti\u202emizer: {lr: 1}\n",
    "other line ends": SMALL.replace("\n", "\x85") + SMALL.replace("\n", "\u2028"),
    "many documents": "---\n" * 40_000,
    "many directives": "%TAG ! tag:x,2000:\n" * 20_000,
    "a long folded text": SMALL + "output: >\n" + "  x\n\n" * 15_000,
    "keys that are the marks of paths": SMALL
    + '"[": 1\n".": 1\n"[]": 1\n"[0]": 1\n"a.b[0]": 1\n"": 1\n"]": {"[": 1}\noptimizer: {"[": 1, ".": 1}\n',
    "all names of all keys": SMALL + "optimizer: {" + ", ".join(f"{key}: 1" for key in "abcdefghijklmnopqrstuvwxyz") + "}\n",
}

Check = Callable[..., Loaded]


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Check a file in every format; no exception, no control character, no flood."""
    path = tmp_path_factory.mktemp("hostile") / "x.yaml"

    def run(data: str | bytes, *overrides: str) -> Loaded:
        path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
        loaded = load(path, presets=preset, overrides=overrides, environ={})
        found = check_loaded(loaded)
        assert len(found) < 2 * MAX_FINDINGS
        for style in ("text", "json", "github", "sarif"):
            text = render(found, style, loaded.texts)
            assert all(char.isprintable() or char == "\n" for char in text)
            assert len(text) < 2_000_000
        assert loaded.config is not None or any(item.severity == "error" for item in found)
        return loaded

    return run


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name: str, check: Check) -> None:
    start = time.process_time()
    check(HOSTILE[name])
    assert time.process_time() - start < SECONDS


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory")
def test_memory_stays_bounded(tmp_path: Path) -> None:
    names = (
        "bomb of lists",
        "bomb of mappings",
        "an alias to itself",
        "100 k brackets",
        "a long list",
        "9 k wrong items",
        "40 k anchors",
        "binary",
    )
    for number, name in enumerate(names):
        data = HOSTILE[name]
        (tmp_path / f"{number}.yaml").write_bytes(data if isinstance(data, bytes) else data.encode())
    code = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\nfrom lorabridge.cli.main import main\nmain()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "check", *(str(path) for path in sorted(tmp_path.iterdir()))],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "internal error" not in ended.stdout


@pytest.mark.parametrize(
    "override",
    [
        "output=\udc80",
        "a\udc80b=1",
        "output=\x1b[31m",
        "=".join(["a"] * 10_000),
        "[" * 10_000 + "=1",
        "a" * 100_000,
        "output=" + "[" * 100_000,
    ],
)
def test_hostile_overrides(override: str, check: Check) -> None:
    start = time.process_time()
    assert not check(SMALL, override).ok
    assert time.process_time() - start < SECONDS


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links and pipes")
def test_hostile_paths(tmp_path: Path) -> None:
    ring = tmp_path / "ring.yaml"
    ring.symlink_to(ring)
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "left.yaml").symlink_to(tmp_path / "right.yaml")
    (tmp_path / "right.yaml").symlink_to(tmp_path / "left.yaml")
    deep = tmp_path
    for _ in range(20):
        deep = deep / ("d" * 100)
    for path in (
        ring,
        tmp_path / "folder.yaml",
        tmp_path / "left.yaml",
        deep / "x.yaml",
        Path("/dev/zero"),
        Path("/dev/null"),
        Path("a\0b"),
        Path("x" * 5000),
        Path(),
    ):
        start = time.process_time()
        loaded = load(path, presets=preset, environ={})
        assert [item.code for item in loaded.diagnostics] in (["LB109"], ["LB100"]), path
        assert time.process_time() - start < SECONDS
        render(loaded.diagnostics, "text", loaded.texts)


# Generated input

KEYS = st.sampled_from(
    [*SMALL.replace(":", " ").split(), "save", "every", "optimizer", "lr", "sample", "prompts", "noise", "args", "backends", "musubi"]
) | st.text(max_size=6)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["10 steps", "never", "off", "auto", "10%", "${env:X}", "hf_" + "a" * 30, "[trigger]", "", "0 steps", "1e-4"])
)
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25)
GENEROUS = settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@GENEROUS
@given(st.dictionaries(KEYS, DATA, max_size=8))
def test_any_nested_data(check: Check, data: dict[str, object]) -> None:
    check(json.dumps(data))


@GENEROUS
@given(
    st.dictionaries(
        st.sampled_from(["model", "datasets", "train", "optimizer", "noise", "save", "sample", "adapter", "evaluate", "backends"]),
        DATA,
        max_size=4,
    )
)
def test_any_data_in_known_sections(check: Check, data: dict[str, object]) -> None:
    base = {"lorabridge": 1, "name": "x", "model": {"family": "qwen-image"}, "datasets": [{"images": "x"}], "train": {"for": "10 steps"}}
    check(json.dumps(base | data))


@GENEROUS
@given(st.binary(max_size=400))
def test_any_bytes(check: Check, data: bytes) -> None:
    check(data)


@GENEROUS
@given(st.text(alphabet=st.sampled_from("ab:-?[]{}&*!|>'\"%@`#,~<= \n\t0.e"), max_size=200))
def test_any_yaml_like_text(check: Check, text: str) -> None:
    check(text)


@GENEROUS
@given(st.integers(0, len(WHOLE)), st.integers(0, 12), st.text(max_size=6))
def test_a_whole_config_with_a_piece_replaced(check: Check, at: int, length: int, piece: str) -> None:
    check((WHOLE[:at] + piece + WHOLE[at + length :]).encode("utf-8", "surrogatepass"))


@GENEROUS
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_whole_config_with_bytes_replaced(check: Check, changes: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE.encode())
    for at, value in changes:
        data[at % len(data)] = value
    check(bytes(data))


@GENEROUS
@given(st.lists(st.text(max_size=20), max_size=3))
def test_any_overrides(check: Check, overrides: list[str]) -> None:
    check(SMALL, *overrides)
