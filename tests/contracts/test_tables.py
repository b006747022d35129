"""Each way in which a trainer reads a key of its config, in a class of a few lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lorabridge.contracts.model import Section

Keys = Callable[..., dict[str, Section]]


def facts(section: Section, name: str) -> dict[str, object]:
    return section.keys[name].facts()


CLASS = "class Job:\n    def __init__(self, config):\n        self.config = config\n        {}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = config.get('rank', 4)", {"default": 4}),
        ("x = config.get('rank')", {}),
        ("x = config['rank']", {"required": True}),
        ("x = config.pop('rank', None)", {}),
        ("config.setdefault('rank', 8)", {"default": 8}),
        ("x = 'rank' in config", {}),
        ("x = self.config.get('rank', [1, 2])", {"default": [1, 2]}),
        ("x = int(config.get('rank', 4))", {"type": "int", "default": 4}),
        ("self.rank: int = config.get('rank', 4)", {"type": "int", "default": 4}),
        ("self.rank: 'int | None' = config.get('rank')", {"type": "int|null"}),
        ("x = config['rank'] if 'rank' in config else None", {}),
        ("x = {'a': 1, 'b': 2}[config['rank']]", {"choices": ["a", "b"], "required": True}),
        ("x = config.get('rank', not_here.value)", {"default_of": "not_here.value"}),
        ("if x := config.get('rank', 0): pass", {"default": 0}),
        ("x = (config.get('rank') or 4)", {}),
        ("x = dict(config)['rank']", {"required": True}),
        ("if y: x = config['rank']", {}),
    ],
)
def test_one_read(keys: Keys, line: str, expected: dict[str, object]) -> None:
    found = keys(CLASS.format(line))
    assert set(found) == {"job"}
    assert set(found["job"].keys) == {"rank"}
    assert facts(found["job"], "rank") == expected
    assert found["job"].keys["rank"].at == "main.py:4"


@pytest.mark.parametrize(
    "line",
    [
        "config['rank'] = 4",
        "x = other.get('rank', 4)",
        "x = {'rank': 1}.get('rank')",
        "x = config.rank",
        "text = \"config.get('rank')\"",
        "if False: x = config['rank']",
        "x = config.get(name)",
    ],
)
def test_what_is_no_read(keys: Keys, line: str) -> None:
    assert "rank" not in keys(CLASS.format(line)).get("job", Section({})).keys


def test_sections_nest_through_classes(keys: Keys) -> None:
    found = keys(
        """
        from typing import List, Literal, Optional
        from parts import Inner, Kind
        class Job:
            def __init__(self, config):
                self.net = Inner(**config.get('net', {}))
                raw = config.get('sets', None)
                if raw is not None:
                    raw = split(raw)
                    for item in raw:
                        one = Data(**item)
                self.many = [Data(**x) for x in config.get('more', [])]
        class Data:
            def __init__(self, **kwargs):
                self.path: Optional[str] = kwargs.get('path', None)
        def split(raw):
            out = []
            for item in raw:
                copy = item.copy()
                copy['size'] = item.get('size', 512)
                out.append(copy)
            return out
        """,
        parts="""
        from typing import Literal
        Kind = Literal['lora', 'lokr']
        class Outer:
            def __init__(self, **kwargs):
                self.alpha: float = kwargs.get('alpha', 1.0)
        class Inner(Outer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.type: Kind = kwargs.get('type', 'lora')
                self.linear_alpha: float = kwargs.get('linear_alpha', self.alpha)
                self.keep: bool
        """,
    )
    assert set(found) == {"job", "net", "sets[]", "more[]"}
    assert set(found["job"].keys) == {"net", "sets", "more"}
    assert facts(found["net"], "type") == {"type": "str", "default": "lora", "suggested": ["lora", "lokr"]}
    assert facts(found["net"], "linear_alpha") == {"type": "float", "default": 1.0, "default_of": "alpha"}
    assert set(found["sets[]"].keys) == {"size", "path"}
    assert facts(found["more[]"], "path") == {"type": "str|null"}


def test_named_parameters_are_keys_of_what_is_handed_over(keys: Keys) -> None:
    found = keys(
        """
        import elsewhere
        class Job:
            def __init__(self, config):
                self.opt = Optimizer([], **config['optimizer'])
                elsewhere.make(**config['other'])
        class Optimizer:
            def __init__(self, params, lr: float = 1e-3, *, eps=1e-8, **kwargs):
                self.extra = kwargs.get('extra')
        """
    )
    assert facts(found["optimizer"], "lr") == {"type": "float", "default": 1e-3}
    assert set(found["optimizer"].keys) == {"lr", "eps", "extra"}
    assert "other" in found["job"].keys


def test_methods_and_functions_that_nothing_calls_by_name(keys: Keys) -> None:
    found = keys(
        """
        class Job:
            def __init__(self, config):
                self.config = config
                self.part = config['part']
            def loss(self):
                def inner(output):
                    if 'delta' in self.config:
                        return self.config['delta']
                return inner
            def saver(self, skip=True):
                if skip:
                    return None
                return lambda: self.part.get('dtype', 'bf16')
        """
    )
    assert set(found["job"].keys) == {"part", "delta"}
    assert facts(found["part"], "dtype") == {"default": "bf16"}
    assert facts(found["job"], "delta") == {}


def test_choices_that_branches_enforce(keys: Keys) -> None:
    found = keys(
        """
        class Job:
            def __init__(self, config):
                method = config.get('method', 'a')
                if method == 'a':
                    pass
                elif method == 'b' or method == 'c':
                    pass
                else:
                    raise NotImplementedError
                self.form = config.get('form', 'x')
                if self.form not in ['x', 'y']:
                    raise ValueError
                free = config.get('free', 'x')
                if free == 'x':
                    pass
                elif free == 'y':
                    pass
                if 'alpha' in config:
                    raise NotImplementedError
                mode = config.get('mode', False)
                if mode == True:
                    pass
                elif mode == 'unsloth':
                    pass
                elif mode:
                    raise ValueError
                way = config.get('way', False)
                if way == True:
                    pass
                elif way == 'unsloth':
                    pass
                else:
                    raise ValueError
        """
    )["job"]
    assert facts(found, "mode") == {"default": False}
    assert facts(found, "way") == {"default": False, "choices": [False, True, "unsloth"]}
    assert facts(found, "method")["choices"] == ["a", "b", "c"]
    assert facts(found, "form")["choices"] == ["x", "y"]
    assert facts(found, "free") == {"default": "x"}
    assert facts(found, "alpha") == {"refused": True}


def test_what_the_trainer_writes_first_is_overwritten(keys: Keys) -> None:
    found = keys(
        "class Job:\n    def __init__(self, config):\n        config['dtype'] = 'x'\n        if y:\n            config['z'] = 1\n        a, b = config.get('dtype'), config.get('z')\n"
    )
    assert facts(found["job"], "dtype") == {"overwritten": True}
    assert facts(found["job"], "z") == {}


SELECT = """
class Job:
    def __init__(self, config):
        kind = config['model']['type']
        if kind == 'flux':
            config['model'].get('guidance', 1.0)
        elif kind.lower() in ('wan', 'wan22'):
            config['model'].get('t5')
            if kind not in ('wan',):
                config['model'].get('expert')
        else:
            raise ValueError
        config['model'].get('path')
"""


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("flux", {"guidance", "path"}),
        ("wan", {"t5", "path"}),
        ("wan22", {"t5", "expert", "path"}),
        ("", {"guidance", "t5", "expert", "path"}),
    ],
)
def test_a_selecting_key_decides_branches(keys: Keys, kind: str, expected: set[str]) -> None:
    found = keys(SELECT, fixed={("job", "model", "type"): kind} if kind else {})
    assert set(found["model"].keys) == {"type", *expected}


def test_a_reading_method_of_the_trainer(keys: Keys) -> None:
    found = keys(
        """
        class Base:
            def get_conf(self, key, default=None, required=False, as_type=None):
                return self.config[key]
        class Job(Base):
            def __init__(self, config):
                self.config = config
                self.name = self.get_conf('name', required=True)
                self.every = self.get_conf('log.every', 10)
        """,
        readers={"get_conf": "config"},
    )
    assert facts(found["job"], "name") == {"required": True}
    assert facts(found["log"], "every") == {"default": 10}


def test_a_branch_does_not_lose_a_table(keys: Keys) -> None:
    found = keys(
        "class Job:\n    def __init__(self, config):\n        raw = config.get('a')\n        if y:\n            raw = other()\n        raw['k']\n"
    )
    assert set(found["a"].keys) == {"k"}
    found = keys("class Job:\n    def __init__(self, config):\n        raw = config.get('a')\n        raw = other()\n        raw['k']\n")
    assert "a" not in found


def test_an_attribute_does_not_lose_a_table(keys: Keys) -> None:
    body = "self.net = config.get('net')\n        self.net = None\n    def later(self):\n        return self.net['x']\n"
    assert set(keys(CLASS.format(body))["net"].keys) == {"x"}


def test_a_word_that_is_searched_for_is_no_key(keys: Keys) -> None:
    found = keys("class Job:\n    def __init__(self, config):\n        if 'lokr' in config.get('type', 'lora'):\n            pass\n")
    assert set(found) == {"job"}
    assert set(found["job"].keys) == {"type"}


def test_a_table_that_is_walked_through_is_open(keys: Keys) -> None:
    found = keys(
        "class Job:\n    def __init__(self, config):\n        for k, v in config['opt'].items():\n            pass\n        config['opt'].get('lr')\n"
    )
    assert found["opt"].takes == ("*",)
