"""Sources that are broken, enormous or meant to harm: an answer in time, and nothing run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lorabridge.contracts.extract import NotATrainerError, extract
from lorabridge.contracts.model import Entry

Options = Callable[..., dict[str, Entry]]
START = "import argparse\nparser = argparse.ArgumentParser()\n"
END = "parser.add_argument('--x', default=a)\n"


@pytest.mark.parametrize(
    "middle",
    [
        "a = 'x' * 10 ** 9\n",
        "a = 'x' * 400\n" + "a = a * 400\n" * 20,
        "a = 'x'\n" + "a = f'{a}{a}'\n" * 60,
        "a = [1]\n" + "a = [*a, *a]\n" * 60,
        "a = [1]\n" + "a = a + a\n" * 60,
        "a = 2\n" + "a = a * a\n" * 60,
        "a = '%999999999d' % 1\n",
        "a = 1 / 0\n",
        "a = 9 ** 9 ** 9\n",
        "a = " + " + ".join(["1"] * 900) + "\n",
        "a = " + "-" * 90 + "1\n",
        "a = []\na.append(a)\n",
        "a = {}\na['a'] = a\n",
        "a = a\n",
        "def f(x):\n    return f(x)\na = f(parser)\n",
        "def f(p, x):\n    return f(p, lambda: x)\na = f(parser, 1)\n",
        "def f(p):\n    g(p); g(p)\ndef g(p):\n    f(p); f(p)\na = f(parser)\n",
        "class A(A):\n    pass\na = A(parser).b\n",
        "from main import a\n",
        "from main import *\n",
    ],
)
def test_one_script(options: Options, middle: str) -> None:
    started = time.monotonic()
    assert set(options(START + middle + END)) == {"x"}
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("value", ["'x' * 10 ** 9", "'%99999d' % 1", "9 ** 9 ** 9", "[0] * 401", "'x' * 300 + 'y' * 401"])
def test_what_is_too_large_is_not_followed(options: Options, value: str) -> None:
    assert options(f"{START}a = {value}\n{END}")["x"].facts() == {"default_of": "computed"}


def test_nested_loops_end(options: Options) -> None:
    loops = (
        "L = "
        + repr(list(range(300)))
        + "\n"
        + "".join(f"{'  ' * depth}for v{depth} in L:\n" for depth in range(6))
        + "  " * 6
        + "x = v0 + v1\n"
    )
    with pytest.raises(ValueError, match="more than can be followed"):
        options(START + loops)


@pytest.mark.parametrize("text", ["def broken(:\n", "\0", "\udcff".encode("utf-8", "surrogatepass").decode("latin-1"), "x = " + "(" * 5000])
def test_a_broken_module_is_passed_over(options: Options, text: str) -> None:
    assert set(options(f"import other\n{START}a = other.value\n{END}", other=text)) == {"x"}


def test_no_trainer(tmp_path: Path) -> None:
    with pytest.raises(NotATrainerError, match="no checkout of musubi, diffusion-pipe, ai-toolkit"):
        extract(tmp_path)
    with pytest.raises(NotATrainerError, match="nothing that musubi reads"):
        extract(tmp_path, "musubi")
    with pytest.raises(NotATrainerError, match="no trainer `kohya`"):
        extract(tmp_path, "kohya")


def test_a_hollow_checkout(tree: Callable[[dict[str, str]], Path]) -> None:
    root = tree({"train.py": "", "models/base.py": "", "utils/dataset.py": ""})
    with pytest.raises(NotATrainerError, match="nothing that diffusion-pipe reads"):
        extract(root)
