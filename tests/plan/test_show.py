"""`show`: the printed lines load to the same configuration, and tell where each value came from."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lorabridge.config.document import parse_text
from lorabridge.config.load import Loaded
from lorabridge.config.spell import flow
from lorabridge.families import FAMILIES
from lorabridge.families.resolve import Resolved, resolve, spelled_out
from lorabridge.plan.show import shown_lines
from tests.config.whole import whole, write
from tests.support import SMALL, LoadText

RICH = (
    SMALL
    + """\
save: {every: 0, keep_last: 3}
optimizer: {type: prodigy, lr: 1.0, betas: [0.9, 0.99], args: {d_coef: 2, nested: {a: [1, "no", null, .inf]}}}
sample: {prompts: ["a: b # c", "- dash", "'quoted' \\"twice\\"", " lead", "no", "1e-4", "", "é😀", "line\\nbreak", "\\e[31m"]}
backends: {musubi: {network_args: ["conv_dim=4", "x=[1, 2]"]}}
datasets: [{images: "C:\\\\data\\\\x"}, {videos: y, video: {frames: [1, 25]}, resolution: [[640, 480], 512]}]
"""
)


def _text(loaded: Loaded, *, resolved: bool) -> str:
    return "".join(f"{line}\n" for line, _ in shown_lines(loaded, resolved=resolved))


@pytest.mark.parametrize(
    "text",
    [SMALL, RICH.replace("datasets: [{images: pictures}]\n", "", 1).replace(', ""', ""), write(whole()).text],
    ids=["small", "rich", "whole"],
)
def test_what_is_shown_loads_to_the_same(text: str, load_text: LoadText) -> None:
    loaded = load_text(text)
    assert loaded.ok, loaded.diagnostics
    again = load_text(_text(loaded, resolved=False))
    assert again.ok, again.diagnostics
    assert again.config == loaded.config


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_shown_resolved_loads_to_the_resolved(family: str, load_text: LoadText) -> None:
    loaded = load_text(SMALL.replace("qwen-image", family) + "sample: {prompts: [x]}\n")
    assert loaded.config is not None
    resolved = resolve(loaded.config)
    assert isinstance(resolved, Resolved)
    again = load_text(_text(loaded, resolved=True))
    assert [item for item in again.diagnostics if item.severity == "error"] == []
    assert again.config == spelled_out(resolved).config


def test_resolved_says_what_is_inherited(load_text: LoadText) -> None:
    text = SMALL.replace("qwen-image", "sdxl").replace("images: pictures", "images: pictures, control: [c], resolution: [512]")
    loaded = load_text(text + "adapter: {text_encoder: true}\noptimizer: {lr: 1e-4}\nsample: {width: 640, steps: 9, prompts: [x]}\n")
    lines = dict(shown_lines(loaded, resolved=True))
    assert lines["      width: 640"] == "from sample.width"
    assert lines["      steps: 9"] == "from sample.steps"
    assert lines["  text_encoder_lr: 0.0001"] == "from optimizer.lr"
    assert lines["    control_resolution: 512"] == "from datasets[].resolution"


def test_origins(load_text: LoadText) -> None:
    loaded = load_text(f"extends: quick-test\n{SMALL}save: {{keep_last: 0}}\noptimizer: {{lr: null}}\n", "name=other")
    lines = dict(shown_lines(loaded, resolved=True))
    assert lines["name: other"] == "--set"
    assert lines["trigger: ohwx"] == "config.yaml:4:10"
    assert "quick-test.yaml:" in next(origin for line, origin in lines.items() if line.strip() == "every: 50 steps")
    assert "0 means unlimited" in lines["  keep_last: unlimited"]
    assert "null means auto" in next(origin for line, origin in lines.items() if line.startswith("  lr: "))
    assert lines["  batch_size: 1"] == "default"
    assert "from adapter.rank" in lines[f"  alpha: {loaded.config and 8.0}"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
def test_any_text_survives(value: str) -> None:
    shown = flow(value)
    assert all(char.isprintable() for char in shown)
    for text in (f"a: {shown}\n", f"a: [{shown}, x]\n", f"a: {{b: {shown}, c: x}}\n", f"{flow(value)}: x\n"):
        if text.startswith("a") or len(value) < 150:
            document = parse_text(text, "x")
            assert not document.diagnostics, (text, document.diagnostics)
    assert parse_text(f"a: [{shown}]\n", "x").data == {"a": [value]}


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",)), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLAIN)
@example({"<<": None})
def test_any_plain_data_survives(value: object) -> None:
    document = parse_text(f"a: {flow(value)}\n", "x")
    assert not document.diagnostics, document.diagnostics
    assert document.data == {"a": value}
