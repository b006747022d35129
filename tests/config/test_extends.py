"""Layers: files and presets that a config builds on, `--set`, the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lorabridge.config.load import MAX_LAYERS, Loaded, load
from lorabridge.plan.start import presets
from lorabridge.resources import preset
from tests.support import SMALL, LoadText

Files = Callable[..., Loaded]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Write files and load the first one."""

    def run(*overrides: str, **texts: str) -> Loaded:
        for name, text in texts.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return load(tmp_path / f"{next(iter(texts))}.yaml", overrides=overrides, presets=preset, environ={})

    return run


def _problems(loaded: Loaded) -> list[tuple[str, str]]:
    return [(item.code, item.message) for item in loaded.diagnostics]


def test_mappings_merge_lists_and_values_replace(files: Files) -> None:
    base = "save: {every: 100 steps, keep_last: 2}\nhardware: {gpus: [0, 1]}\noptimizer: {lr: 1e-4, type: adamw}\n"
    loaded = files(top=f"extends: base.yaml\n{SMALL}save: {{keep_last: 5}}\nhardware: {{gpus: [3]}}\n", base=base)
    assert loaded.ok
    assert loaded.config is not None
    assert str(loaded.config.save.every) == "100 steps"
    assert loaded.config.save.keep_last == 5
    assert loaded.config.hardware.gpus == [3]
    assert loaded.config.optimizer.type == "adamw"


def test_each_value_knows_its_file(files: Files) -> None:
    loaded = files(top=f"extends: base.yaml\n{SMALL}save: {{keep_last: 5}}\n", base="save: {every: 100 steps, keep_last: 2}\n")
    assert Path(loaded.places["save", "every"].value.file).name == "base.yaml"
    assert Path(loaded.places["save", "keep_last"].value.file).name == "top.yaml"
    assert ("hardware", "gpus", 1) not in loaded.places


def test_a_replaced_list_leaves_no_places_behind(files: Files) -> None:
    loaded = files(top=f"extends: base.yaml\n{SMALL}hardware: {{gpus: [3]}}\n", base="hardware: {gpus: [0, 1, 2]}\n")
    assert [path for path in loaded.places if path[:2] == ("hardware", "gpus")] == [("hardware", "gpus"), ("hardware", "gpus", 0)]


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ("optimizer: prodigy\n", "optimizer: {lr: 1.0}\n", {"type": "prodigy", "lr": 1.0}),
        ("optimizer: {lr: 1.0}\n", "optimizer: prodigy\n", {"type": "prodigy", "lr": 1.0}),
        ("cache: {latents: memory}\n", "cache: {latents: {batch_size: 2}}\n", {"to": "memory", "batch_size": 2}),
    ],
)
def test_short_forms_merge_like_the_section_they_stand_for(base: str, over: str, expected: dict[str, Any], files: Files) -> None:
    loaded = files(top=f"extends: base.yaml\n{SMALL}{over}", base=base)
    assert loaded.ok
    section = loaded.data["cache"]["latents"] if "cache" in over else loaded.data["optimizer"]
    assert section == expected


def test_what_is_off_switches_a_layer_off(files: Files) -> None:
    loaded = files(top=f"extends: base.yaml\n{SMALL}preservation: null\n", base="preservation: {class: cat}\n")
    assert loaded.ok
    assert loaded.config is not None
    assert loaded.config.preservation is None


def test_chains_and_lists_apply_in_order(files: Files) -> None:
    loaded = files(
        top=f"extends: [one.yaml, sub/two.yaml]\n{SMALL}",
        one="sample: {steps: 1, seed: 1}\noutput: one\n",
        sub__two="extends: three.yaml\noutput: two\n",
        sub__three="sample: {steps: 3}\noutput: three\n",
    )
    assert loaded.ok
    assert loaded.config is not None
    assert (loaded.config.sample.steps, loaded.config.sample.seed, loaded.config.output.dir) == (3, 1, "two")


@pytest.mark.parametrize("name", presets())
def test_every_preset_loads(name: str, files: Files) -> None:
    loaded = files(top=f"extends: {name}\n{SMALL.replace('train: {for: 1600 steps}', '')}sample: {{prompts: [x]}}\n")
    assert loaded.diagnostics == []
    assert loaded.ok


@pytest.mark.parametrize(
    ("extends", "says"),
    [
        ("charcter", "no preset is called `charcter`"),
        ("gone.yaml", "no such file"),
        ("top.yaml", "`top.yaml` extends itself"),
        ("./top.yaml", "extends itself"),
        ("loop.yaml", "`top.yaml` extends itself"),
        ("5", "takes a preset or a file"),
        ("[character, 5]", "takes a preset or a file"),
        ('""', "takes a preset or a file"),
        ("{a: 1}", "takes a preset or a file"),
        ("a" * 300, "no preset"),
        ("a" * 300 + ".yaml", "no such file"),
        ('"a\\0b.yaml"', "no such file"),
        ('"../../../../../../../../etc/shadow/x.yaml"', "no such file"),
        ("./", "no such file"),
        ("folder.yaml", "no such file"),
        ("ring.yaml", "no such file"),
    ],
)
def test_layers_that_cannot_be_used(extends: str, says: str, files: Files, tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "ring.yaml").symlink_to(tmp_path / "ring.yaml")
    loaded = files(top=f"extends: {extends}\n{SMALL}", loop="extends: top.yaml\n")
    (item,) = loaded.diagnostics
    assert item.code == "LB112"
    assert says in item.message
    assert item.path == "extends"
    assert item.span is not None
    assert item.span.line == 1
    assert not loaded.ok


def test_a_layer_that_is_not_yaml(files: Files) -> None:
    loaded = files(top=f"extends: base.yaml\n{SMALL}", base="a: [\n")
    assert [item.code for item in loaded.diagnostics] == ["LB100"]
    assert not loaded.ok


def test_layers_are_counted_not_only_their_depth(files: Files) -> None:
    """Each file names the next one ten times: 10 to the power of 9 loads, were they not counted."""
    texts = {f"f{n}": "extends: [" + ", ".join([f"f{n + 1}.yaml"] * 10) + "]\n" for n in range(9)} | {"f9": "output: x\n"}
    texts["f0"] += SMALL
    loaded = files(**texts)
    assert loaded.layers <= MAX_LAYERS
    assert any(f"more than {MAX_LAYERS} layers" in item.message for item in loaded.diagnostics)


def test_many_large_layers_are_refused(files: Files) -> None:
    texts = {f"f{n}": "optimizer: {args: {" + ", ".join(f"k{n}_{i}: 1" for i in range(3000)) + "}}\n" for n in range(1, 6)}
    loaded = files(f0=f"extends: [{', '.join(f'{name}.yaml' for name in texts)}]\n{SMALL}", **texts)
    assert "LB110" in {item.code for item in loaded.diagnostics}
    assert not loaded.ok


# --set


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("optimizer.lr=1e-4", ("optimizer", "lr"), 1e-4),
        ("name=other", ("name",), "other"),
        ("train.for=16 epochs", ("train", "for"), "16 epochs"),
        ("hardware.gpus=[0, 1]", ("hardware", "gpus"), [0, 1]),
        ("datasets[0].repeats=3", ("datasets", 0, "repeats"), 3),
        ("datasets[].repeats=3", ("datasets", 0, "repeats"), 3),
        ("datasets[0].captions.prefix=a", ("datasets", 0, "captions", "prefix"), "a"),
        ("datasets[0]={images: other}", ("datasets", 0, "images"), "other"),
        ("sample.prompts[0].prompt=hello", ("sample", "prompts", 0, "prompt"), "hello"),
        ("model.paths.vae=/x=y.safetensors", ("model", "paths", "vae"), "/x=y.safetensors"),
        ("save.every=never", ("save", "every"), "never"),
        ("backends.musubi.network_args=[a]", ("backends", "musubi", "network_args"), ["a"]),
    ],
)
def test_set(text: str, path: tuple[Any, ...], value: Any, load_text: LoadText, small: str) -> None:
    loaded = load_text(small, text)
    assert loaded.diagnostics == []
    here: Any = loaded.written
    for part in path:
        here = here[part]
    assert here == value
    assert loaded.places[path].value.file == f"--set {text}"


@pytest.mark.parametrize(
    "text", ["lr", "", "=5", "[0]=1", "datasets[9].repeats=1", "name.x[2]=1", "hardware.gpus[1]=1", "..=1", "datasets.images=x"]
)
def test_set_where_nothing_is(text: str, load_text: LoadText, small: str) -> None:
    loaded = load_text(small, text)
    assert [item.code for item in loaded.diagnostics][:1] == ["LB113"]
    assert loaded.diagnostics[0].fix
    assert not loaded.ok


def test_set_with_a_bad_value(load_text: LoadText, small: str) -> None:
    loaded = load_text(small, "optimizer.lr=[1", "train.batch_size=x")
    assert [(item.code, item.span.file) for item in loaded.diagnostics if item.span] == [
        ("LB100", "--set optimizer.lr=[1"),
        ("LB105", "--set train.batch_size=x"),
    ]


@pytest.mark.parametrize(
    ("short", "override", "section", "expected"),
    [
        ("optimizer: prodigy", "optimizer.lr=1.0", ("optimizer",), {"type": "prodigy", "lr": 1.0}),
        ("cache: {latents: memory}", "cache.latents.batch_size=4", ("cache", "latents"), {"to": "memory", "batch_size": 4}),
        ("save: 100 steps", "save.keep_last=2", ("save",), {"every": "100 steps", "keep_last": 2}),
        ("sample: {prompts: [hello]}", "sample.prompts[0].seed=1", ("sample", "prompts", 0), {"prompt": "hello", "seed": 1}),
    ],
)
def test_set_into_a_short_form_keeps_its_value(
    short: str, override: str, section: tuple[Any, ...], expected: dict[str, Any], load_text: LoadText, small: str
) -> None:
    loaded = load_text(f"{small}{short}\n", override)
    assert [item for item in loaded.diagnostics if item.severity == "error"] == []
    here: Any = loaded.written
    for part in section:
        here = here[part]
    assert here == expected


def test_set_over_a_section_forgets_what_stood_there(load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}noise: {{timestep_sampling: uniform, shift: 3}}\n", "noise={timestep_sampling: uniform}")
    assert loaded.diagnostics == []
    assert ("noise", "shift") not in loaded.places


def test_a_later_set_wins(load_text: LoadText, small: str) -> None:
    loaded = load_text(small, "name=a", "name=b")
    assert loaded.config is not None
    assert loaded.config.name == "b"


# the environment


def test_the_environment_is_expanded_only_where_asked_for(load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}output: ${{env:OUT}}/x/$OUT\n", environ={"OUT": "/data"})
    assert loaded.config is not None
    assert loaded.config.output.dir == "/data/x/$OUT"


def test_a_variable_that_is_not_set_is_told_once(load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}output: ${{env:OUT}}/${{env:OUT}}\n")
    assert [(item.code, item.path) for item in loaded.diagnostics] == [("LB114", "output.dir")]
    assert not loaded.ok


@pytest.mark.parametrize("value", ["\udc80", "a\0b"])
def test_a_variable_that_is_not_text(value: str, load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}output: ${{env:X}}\n", environ={"X": value})
    assert [(item.code, item.path) for item in loaded.diagnostics] == [("LB105", "output.dir")]


def test_expansion_is_not_repeated(load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}output: ${{env:A}}\n", environ={"A": "${env:B}", "B": "x"})
    assert loaded.config is not None
    assert loaded.config.output.dir == "${env:B}"


def test_the_environment_in_lists_and_overrides(load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}sample: {{prompts: ['${{env:P}}']}}\n", "output=${env:P}", environ={"P": "hello"})
    assert loaded.config is not None
    assert (loaded.config.sample.prompts[0].prompt, loaded.config.output.dir) == ("hello", "hello")
