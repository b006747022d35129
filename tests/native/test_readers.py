"""Readers of native files: data as the trainer sees it, positions, and traps of the dialects."""

from __future__ import annotations

import pytest

from lorabridge.backends.native import NativeFile, arguments, detect, launches, read_text
from lorabridge.backends.native.read import read_bytes
from lorabridge.plan.native import check_texts


def _places(file: NativeFile) -> dict[str, tuple[int, int, int, int]]:
    return {
        ".".join(map(str, path)): (place.key.line, place.key.column, place.value.line, place.value.column)
        for path, place in file.places.items()
    }


def test_toml_positions() -> None:
    file = read_text('a = 1\n[b]\nc = [1, [2, 3]] # x\n[[d]]\n"e f" = {g = "h"}\n[[d]]\nm = """\nx\n"""\nn.o = 2\n', "x.toml")
    assert file.diagnostics[0].code == "LB320", "a mixed array"
    places = _places(file)
    assert places["a"] == (1, 1, 1, 5)
    assert places["b.c"] == (3, 1, 3, 5)
    assert places["b.c.1.1"] == (3, 13, 3, 13)
    assert places["d.0.e f"] == (5, 1, 5, 9)
    assert places["d.0.e f.g"] == (5, 10, 5, 14)
    assert places["d.1.m"] == (7, 1, 7, 5)
    assert places["d.1.n.o"] == (10, 3, 10, 7)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a = 1\nb = [1, 0.5]\n", 2, "homogeneous"),
        ("a = .5\n", 1, "leading digit"),
        ('a = 1\np = "C:\\models"\n', 2, "escape"),
        ("a = 1\na = 2\n", 2, "Duplicate"),
        ("a = True\n", 1, "lowercase"),
        ("a = yes\n", 1, "leading digit"),
        ("a = [1, 2\n", 1, "Unclosed"),
        ("\ufeff[a]\nb = 1\n", 1, "byte-order mark"),
    ],
)
def test_toml_refused(text: str, line: int, word: str) -> None:
    found = read_text(text, "x.toml").diagnostics
    assert [(item.code, item.severity) for item in found[:1]] == [("LB320", "error")]
    assert word in found[0].message
    assert found[0].span
    assert found[0].span.line == line


def test_toml_byte_order_mark_loses_a_key() -> None:
    file = read_text("\ufeffa = 1\nb = 2\n", "x.toml")
    assert file.data == {"b": 2}
    assert "`a = 1` is not read" in file.diagnostics[0].message


def test_toml_line_ends() -> None:
    file = read_text("a = 1\r\nb = 2\r\n", "x.toml")
    assert (file.data, file.diagnostics) == ({"a": 1, "b": 2}, [])


@pytest.mark.parametrize(
    ("text", "value", "surprise"),
    [
        ("no", False, True), ("12:30", 750, True), ("010", 8, True), ("1_000", 1000, True), ("1e-4", 1e-4, False), ("1.5", 1.5, False), ("true", True, False),
        ("'no'", "no", False), ("~", None, False), ("some text", "some text", False), (".5", 0.5, False),
    ],
)  # fmt: skip
def test_yaml_values(text: str, value: object, surprise: bool) -> None:
    file = read_text(f"job: extension\nconfig:\n  x: {text}\n", "x.yaml")
    assert file.data["config"]["x"] == value
    assert bool(file.diagnostics) is surprise
    if surprise:
        assert (file.diagnostics[0].code, file.diagnostics[0].span and file.diagnostics[0].span.column) == ("LB320", 6)


def test_yaml_duplicates() -> None:
    file = read_text("a: 1\nb:\n  c: 1\n  c: 2\n", "x.yaml")
    assert file.data["b"] == {"c": 2}
    assert [(item.severity, item.span and item.span.line) for item in file.diagnostics] == [("error", 4)]


def test_yaml_broken() -> None:
    file = read_text("a:\n\tb: 1\n", "x.yaml")
    assert [item.code for item in file.diagnostics] == ["LB320"]
    assert "tabs" in file.diagnostics[0].fix


def test_json() -> None:
    file = read_text('{\n\t"job": "extension", "config": {"process": [{"a": 1}]}}', "x.json")
    assert _places(file)["config.process.0.a"][:2] == (2, 46)
    assert [item.code for item in read_text('{"a": 1,}', "x.json").diagnostics] == ["LB320"]


def test_script() -> None:
    text = 'export DIT=/m/x\nM="$HOME/m"\nCUDA=0 accelerate launch --a b dir/zimage_train_network.py \\\n  --dit $DIT --vae "$M/v" --x=~/o \'$y\' && python run.py j.yaml\n'
    file = read_text(text, "x.sh")
    first, second = launches(file)
    assert (first.launcher, first.script, [word.text for word in first.before]) == (
        "accelerate",
        "zimage_train_network",
        ["accelerate", "launch", "--a", "b"],
    )
    assert {name: word.text for name, word in first.env.items()} == {"DIT": "/m/x", "CUDA": "0"}
    dit, vae, other, last = arguments(first.after)
    assert (dit.name, dit.values[0].text, dit.values[0].known, dit.word.span.line, dit.word.span.column) == ("--dit", "/m/x", True, 4, 3)
    assert (vae.values[0].text, vae.values[0].unknown) == ("$HOME/m/v", ("HOME",))
    assert (other.values[0].text, other.values[0].literal) == ("~/o", True)
    assert (last.name, last.values[0].text, last.values[0].literal) == ("", "$y", True)
    assert second.script == "run"
    assert arguments(second.after)[0].values[0].text == "j.yaml"


@pytest.mark.parametrize(
    ("text", "launcher", "script"),
    [
        ("python -m accelerate.commands.launch --x y a/t.py --z", "accelerate", "t"),
        ("python -m musubi_tuner.wan_train_network --z", "python", "wan_train_network"),
        ("uv run --extra cu128 accelerate launch t.py", "uv", "t"),
        ("/opt/venv/bin/python3 -u t.py", "python3", "t"),
    ],
)
def test_launchers(text: str, launcher: str, script: str) -> None:
    (found,) = launches(read_text(text, "x.sh"))
    assert (found.launcher, found.script) == (launcher, script)


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("python t.py \\\n --a 1\n", 0),
        ("python t.py \\ \n --a 1\n", 1),
        ("python t.py \\\n # why\n --a 1\n", 1),
        ("python t.py \\\r\n --a 1\r\n", 1),
    ],
)
def test_script_continuations(text: str, errors: int) -> None:
    assert sum(item.severity == "error" for item in read_text(text, "x.sh").diagnostics) == errors


def test_windows_script() -> None:
    file = read_text('set DIT=C:\\m\\x\npython zimage_train_network.py ^\r\n --dit %DIT% --vae "C:\\v"\r\n', "x.bat")
    assert [[word.text for word in item.values] for item in arguments(launches(file)[0].after)] == [["C:\\m\\x"], ["C:\\v"]]
    assert file.diagnostics == []


@pytest.mark.parametrize(
    ("name", "text", "trainer", "role"),
    [
        ("a.toml", '[model]\ntype = "sdxl"\n[adapter]\ntype = "lora"\n', "diffusion-pipe", "main"),
        ("a.toml", 'resolutions = [512]\n[[directory]]\npath = "x"\n', "diffusion-pipe", "dataset"),
        ("a.toml", '[[datasets]]\nimage_directory = "x"\n', "musubi", "dataset"),
        ("a.toml", 'dit = "x"\nnetwork_module = "networks.lora"\n', "musubi", "train"),
        ("a.toml", '[model]\ndit = "x"\n[network]\nnetwork_module = "networks.lora"\n', "musubi", "train"),
        ("a.yaml", "job: extension\nconfig:\n  process: []\n", "ai-toolkit", "job"),
        ("a.json", '{"job": "extension", "config": {"process": []}}', "ai-toolkit", "job"),
        ("a.sh", "python run.py x.yaml\n", "ai-toolkit", "launch"),
        ("a.sh", "deepspeed --num_gpus=1 train.py --deepspeed --config x.toml\n", "diffusion-pipe", "launch"),
        ("a.sh", "accelerate launch wan_train_network.py\n", "musubi", "launch"),
        ("a.toml", "x = 1\n", "", ""),
        ("a.sh", "echo hello\n", "", ""),
    ],
)
def test_detection(name: str, text: str, trainer: str, role: str) -> None:
    file = read_text(text, name)
    detect(file)
    assert (file.trainer, file.role) == (trainer, role)


def test_strangers_are_named() -> None:
    found = check_texts({"x.toml": "a = 1\n"})
    assert [(item.code, item.severity) for item in found] == [("LB320", "error")]


@pytest.mark.parametrize("raw", [b"\xff\xfea\x00", b"a = '\xe4'\n", b"a\0b"])
def test_bytes(raw: bytes) -> None:
    file = read_bytes(raw, "x.toml")
    assert file.diagnostics[0].severity == "error"
    assert file.data == {}
