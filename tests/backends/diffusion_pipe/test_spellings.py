"""What was dropped without a word, and spellings that the mutation test (`scripts/mutate_rows.py`) found unguarded."""

from __future__ import annotations

from typing import Any

import pytest

from lorabridge.backends.diffusion_pipe.rows import MAIN_ROWS

EVALUATE = "evaluate={every: 5 epochs, datasets: [{images: /data/eval, %s}]}"


@pytest.mark.parametrize("key", ["text_encoder_2", "transformer_high_noise", "byt5"])
def test_a_path_that_the_model_has_no_part_for_is_said(compile_: Any, key: str) -> None:
    made = compile_(f"model.paths.{key}=/m/part.safetensors") if key != "byt5" else compile_("model.paths.byt5=/m/b", family="sdxl")
    said = [(item.code, item.path, item.severity) for item in made.plan.diagnostics if item.path == f"model.paths.{key}"]
    assert said == [("LB302", f"model.paths.{key}", "warning")]
    assert made.notes(f"model.paths.{key}")


def test_the_other_expert_is_no_mistake(compile_: Any) -> None:
    made = compile_("model.experts={train: low-noise}", family="wan22")
    assert made.plan.ok
    assert made.notes("model.paths.transformer_high_noise") == [("rewritten", "")]
    assert not [item for item in made.plan.diagnostics if item.code == "LB302"]


@pytest.mark.parametrize(("value", "kind"), [("false", "exact"), ("true", "rewritten")])
def test_what_becomes_of_metadata_is_said(compile_: Any, value: str, kind: str) -> None:
    assert [found for found, _ in compile_(f"save.metadata={value}").notes("save.metadata")] == [kind]


REFUSED = [
    ("memory.attention=flash", "memory.attention"),
    ("hardware.device=cpu", "hardware.device"),
    ("cache.latents.to=memory", "cache.latents.to"),
    ("loss.min_snr_gamma=5", "loss.min_snr_gamma"),
    ("loss.debiased=true", "loss.debiased"),
]


@pytest.mark.parametrize(("change", "path"), REFUSED)
def test_what_it_has_no_word_for_is_refused(compile_: Any, change: str, path: str) -> None:
    assert ("LB301", path) in compile_(change).codes


@pytest.mark.parametrize("change", ["hardware.device=cuda", "hardware.device=auto", "memory.attention=auto", "cache.latents.to=disk"])
def test_what_it_does_anyway_may_be_said(compile_: Any, change: str) -> None:
    made = compile_(change)
    assert made.plan.ok
    assert not {key for key in ("device", "attention", "to") if key in made.main}


@pytest.mark.parametrize(
    "change",
    [
        *("mask_floor: 0.5, masks: /data/masks", "control_resolution: 512", "loss_weight: 2", "flip: horizontal", "upscale: false"),
        *("control: [/data/c1, /data/c2]", "cache_dir: /data/cache"),
        *("captions: {suffix: x}", "captions: {keep_tokens: 2, shuffle: true}"),
        *("video: {stride: 3}", "video: {samples: 3}", "video: {max_frames: 9}", "video: {fps: 12}"),
    ],
)
def test_the_datasets_of_an_evaluation_are_refused_alike(compile_: Any, change: str) -> None:
    made = compile_(EVALUATE % change)
    path = change.partition(",")[0].replace(": {", ".").partition(":")[0]
    assert ("LB301", f"evaluate.datasets[0].{path}") in made.codes


def test_the_datasets_of_an_evaluation_are_spelled_alike(compile_: Any) -> None:
    made = compile_(EVALUATE % "masks: /data/masks, control: [/data/c1], upscale: true, repeats: 3", "model.variant=edit")
    assert made.plan.ok, made.codes
    folder = made.eval["directory"][0]
    assert (folder["mask_path"], folder["control_path"], folder["num_repeats"]) == ("/data/masks", "/data/c1", 3)


def test_clipping_is_written_as_a_number_with_a_point(compile_: Any) -> None:
    assert "gradient_clipping = 2.0" in compile_("optimizer.max_grad_norm=2").texts["main.toml"]


@pytest.mark.parametrize("path", ["adapter.dtype", "save.dtype"])
def test_precisions_are_read_back(path: str) -> None:
    row = next(row for row in MAIN_ROWS if row.path == path)
    assert [row.unspell(native) for native in ("bfloat16", "float16", "float32")] == ["bf16", "fp16", "fp32"]
