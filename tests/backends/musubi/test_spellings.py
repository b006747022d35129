"""Spellings that the mutation test (`scripts/mutate_rows.py`) found unguarded."""

from __future__ import annotations

from lorabridge.backends.base import Site

from .helpers import codes, plan, train

GUIDED = """
lorabridge: 1
name: run
model:
  family: hunyuan-video
  paths: {transformer: /m/dit.safetensors, vae: /m/vae.pt, text_encoder: /m/llava.safetensors, text_encoder_2: /m/clip.safetensors}
datasets: [{images: /data/a}]
train: {for: 100 steps, seed: 1}
"""
LENIENT = Site(root="/project", unsupported="warn")


def test_each_precision_of_the_file() -> None:
    assert [train(f"save: {{dtype: {word}}}")["save_precision"] for word in ("bf16", "fp16", "fp32")] == ["bf16", "fp16", "fp32"]


def test_guidance_is_left_to_the_trainer_unless_it_is_said() -> None:
    made = plan("model: {guidance: auto}", base=GUIDED)
    assert made.ok, codes(made)
    assert "guidance_scale" not in made.files[0].text
    assert "guidance_scale = 6.0" in plan("model: {guidance: 6.0}", base=GUIDED).files[0].text


def test_guidance_is_never_written_where_training_has_none() -> None:
    made = plan("model: {guidance: 3}", site=LENIENT)
    assert made.ok
    assert "guidance_scale" not in made.files[0].text


def test_the_precision_that_it_always_trains_in_may_be_said() -> None:
    assert plan("adapter: {dtype: fp32}").ok
    assert codes(plan("adapter: {dtype: bf16}")) == [("LB301", "adapter.dtype")]
