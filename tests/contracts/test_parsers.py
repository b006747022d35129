"""Each way in which a script adds options, in a script of a few lines."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from lorabridge.contracts.model import Entry

Options = Callable[..., dict[str, Entry]]

HEAD = "import argparse\nparser = argparse.ArgumentParser()\n"


@pytest.mark.parametrize(
    ("call", "name", "facts"),
    [
        ('"--steps", type=int, default=1600', "steps", {"type": "int", "default": 1600}),
        ('"--lr", type=float, default=2.0e-6', "lr", {"type": "float", "default": 2e-6}),
        ('"--shift", type=float, default=-1', "shift", {"type": "float", "default": -1}),
        ('"--cache", action="store_true"', "cache", {"action": "store_true", "default": False}),
        ('"--no_norm", action="store_false", dest="norm"', "no_norm", {"action": "store_false", "dest": "norm", "default": True}),
        ('"--on", action="store_true", default=True', "on", {"action": "store_true", "default": True}),
        ('"--vae", type=str, required=True', "vae", {"type": "str", "required": True}),
        ('"--args", nargs="*", default=None', "args", {"nargs": "*"}),
        ('"--resume", nargs="?", const=True', "resume", {"nargs": "?", "const": True}),
        ('"-n", "--name", help="x"', "name", {"flags": ["-n", "--name"]}),
        ('"--max-steps"', "max-steps", {"dest": "max_steps"}),
        ('"path", nargs="+"', "path", {"nargs": "+", "required": True, "flags": ["path"]}),
        ('"extra", nargs="?"', "extra", {"nargs": "?", "flags": ["extra"]}),
        ('"--mu", type=float, help=argparse.SUPPRESS', "mu", {"type": "float", "hidden": True}),
        ('"--mode", choices=["a", "b"], default="a"', "mode", {"default": "a", "choices": ["a", "b"]}),
        ('"--level", choices=[None, "x"]', "level", {"choices": [None, "x"]}),
        ('"--size", type=lambda text: int(text)', "size", {"type": "lambda"}),
        ('"--betas", type=float, nargs=2, default=(0.9, 0.99)', "betas", {"type": "float", "nargs": 2, "default": [0.9, 0.99]}),
    ],
)
def test_one_option(options: Options, call: str, name: str, facts: dict[str, object]) -> None:
    found = options(f"{HEAD}parser.add_argument({call})\n")
    assert {key: entry.facts() for key, entry in found.items()} == {name: facts}
    assert found[name].at == "main.py:3"


def test_the_facts_are_those_of_the_parser_itself(options: Options) -> None:
    source = HEAD + "parser.set_defaults(late=3, early=4)\n" + "".join(
        f"parser.add_argument({call})\n"
        for call in (
            '"--no_z", action="store_false", dest="zed"', '"--early", type=int', '"--late", action="store_true"', '"--kept", default=7', '"--count", action="count"', '"--x", "-x", dest="why"',
        )
    )  # fmt: skip
    source += "parser.set_defaults(kept=9, zed=5)\n"
    namespace: dict[str, argparse.ArgumentParser] = {}
    exec(source, namespace)
    real = {action.dest: action.default for action in namespace["parser"]._actions if action.dest != "help"}
    assert {entry.dest or name: entry.default for name, entry in options(source).items()} == real


def test_builders_in_other_modules(options: Options) -> None:
    found = options(
        """
        from shared import make, add_vae as vae
        import shared
        def own(parser):
            parser.add_argument("--own")
            return parser
        def main():
            parser = make()
            vae(parser)
            parser = own(parser)
            shared.Family().setup(parser)
            args = parser.parse_args()
        if __name__ == "__main__":
            main()
        """,
        shared="""
        import argparse
        def _more(parser):
            parser.add_argument("--more", default=SIZE * 2)
        def make() -> argparse.ArgumentParser:
            parser = argparse.ArgumentParser()
            _more(parser)
            return parser
        def add_vae(parser, tiling=False):
            parser.add_argument("--vae")
            if tiling:
                parser.add_argument("--tiling")
        class Base:
            def setup(self, parser):
                parser.add_argument("--base")
        class Family(Base):
            def setup(self, parser):
                super().setup(parser)
                parser.add_argument("--family")
        SIZE = 4
        """,
    )
    assert list(found) == ["more", "vae", "own", "base", "family"]
    assert found["more"].default == 8
    assert found["more"].at == "shared.py:4"


def test_groups_and_parents_and_subcommands(options: Options) -> None:
    found = options(
        """
        import argparse
        base = argparse.ArgumentParser(add_help=False)
        base.add_argument("--seed", type=int)
        parser = argparse.ArgumentParser(parents=[base])
        group = parser.add_argument_group("g")
        group.add_mutually_exclusive_group().add_argument("--flash")
        sub = parser.add_subparsers(dest="command")
        train = sub.add_parser("train", parents=[base])
        train.add_argument("--steps")
        """
    )
    assert set(found) == {"seed", "flash", "train:seed", "train:steps"}


def test_choices_and_defaults_from_elsewhere(options: Options) -> None:
    found = options(
        """
        import argparse, torch
        from enum import Enum
        from tables import CONFIGS, PRESETS, NAMES
        from accelerate.utils import DynamoBackend
        class Mode(Enum):
            FAST = "fast"
            SLOW = "slow"
        parser = argparse.ArgumentParser()
        parser.add_argument("--task", choices=list(CONFIGS.keys()), default=NAMES[0])
        parser.add_argument("--preset", choices=sorted(PRESETS))
        parser.add_argument("--mode", choices=[mode.value for mode in Mode], default=Mode.SLOW.value)
        parser.add_argument("--backend", choices=[item.value for item in DynamoBackend])
        parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
        parser.add_argument("--dtype", default=torch.bfloat16)
        for name in ("a", "b"):
            parser.add_argument(f"--loss_{name}", default=1.0)
        common = {"type": int, "default": 3}
        parser.add_argument("--common", **common)
        """,
        tables="""
        import copy
        first = object()
        CONFIGS = {"t2v": first, "i2v": copy.deepcopy(first)}
        PRESETS = {"slow": 1, "fast": 2}
        NAMES = ["x", "y"]
        """,
    )
    assert found["task"].choices == ("t2v", "i2v")
    assert found["task"].default == "x"
    assert found["preset"].choices == ("fast", "slow")
    assert (found["mode"].choices, found["mode"].default) == (("fast", "slow"), "slow")
    assert found["backend"].choices is None
    assert found["backend"].choices_of == "accelerate.utils.DynamoBackend.value"
    assert (found["device"].default, found["device"].default_of) == (None, "computed")
    assert found["dtype"].default_of == "torch.bfloat16"
    assert found["loss_a"].default == found["loss_b"].default == 1.0
    assert found["common"].default == 3


def test_commented_and_dead_code_adds_nothing(options: Options) -> None:
    found = options(
        HEAD + '# parser.add_argument("--gone")\nif False:\n    parser.add_argument("--dead")\ntext = \'parser.add_argument("--text")\'\n'
    )
    assert found == {}


def test_nothing_is_imported_or_run(options: Options, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    body = f"import shared\nopen({str(mark)!r}, 'w').close()\n{HEAD}parser.add_argument('--x', default=__import__('os').getcwd())\n"
    found = options(body, shared=f"open({str(mark)!r}, 'w').close()\nraise SystemExit(3)\n")
    assert list(found) == ["x"]
    assert not mark.exists()
