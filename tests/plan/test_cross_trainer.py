"""One config of each trainer, for the other two: every difference that cannot be said is named. Goldens a person can read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lorabridge.plan.convert import converted
from lorabridge.plan.imports import import_texts
from tests.plan.test_round_trip import DATASET, MODELS, QWEN_SH
from tests.plan.test_round_trip import JOB as JOB_TEXT

GOLDENS = Path(__file__).parents[1] / "goldens" / "convert"
TRAINERS = ("musubi", "diffusion-pipe", "ai-toolkit")
MAIN = """
output_dir = '/results/cat'
dataset = 'data.toml'
epochs = 16
micro_batch_size_per_gpu = 1
gradient_clipping = 1.0
warmup_steps = 10
save_every_n_epochs = 2
checkpoint_every_n_minutes = 60
activation_checkpointing = true
save_dtype = 'bfloat16'
caching_batch_size = 4
blocks_to_swap = 8
[model]
type = 'qwen_image'
transformer_path = '/models/dit.safetensors'
vae_path = '/models/vae.safetensors'
text_encoder_path = '/models/te.safetensors'
dtype = 'bfloat16'
transformer_dtype = 'float8'
timestep_sample_method = 'logit_normal'
[adapter]
type = 'lora'
rank = 32
dtype = 'bfloat16'
[optimizer]
type = 'adamw_optimi'
lr = 5e-5
betas = [0.9, 0.99]
weight_decay = 0.01
"""
BUCKETS = (
    "resolutions = [512]\nenable_ar_bucket = true\nmin_ar = 0.5\nmax_ar = 2.0\nnum_ar_buckets = 7\n[[directory]]\npath = '/pictures'\n"
)
MUSUBI = QWEN_SH.replace("--network_dim 16", "--network_dim 16 --network_alpha 8 --network_dropout 0.1 --blocks_to_swap 20")
SOURCES = {
    "musubi": {"train.sh": MUSUBI.replace(" models/", " /models/"), "data.toml": DATASET},
    "diffusion-pipe": {"main.toml": MAIN, "data.toml": BUCKETS},
    "ai-toolkit": {"job.yaml": JOB_TEXT.replace("MODEL", MODELS["qwen"]).replace("linear_alpha: 32", "linear_alpha: 8")},
}


_ELSEWHERE = ("output.dir", "train.seed")
"""Values that depend on the machine, or are drawn."""


def _told(source: str, target: str) -> str:
    made = import_texts(SOURCES[source], trainer=source)
    plan = converted(made, target, "warn")
    lines = [f"{source} to {target}", ""]
    lines += sorted(f"{item.severity} {item.code} {item.path or '-'}: {item.message}" for item in plan.diagnostics)
    lines += ["", "rewritten:"]
    lines += [
        f"  {note.path}: {note.value} -> {note.at} {note.native}"
        for note in plan.notes
        if note.kind == "rewritten" and note.at and note.path not in _ELSEWHERE
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("source", "target"), [(one, two) for one in TRAINERS for two in TRAINERS if one != two])
def test_what_another_trainer_cannot_be_told(source: str, target: str) -> None:
    path = GOLDENS / f"{source}-to-{target}.txt"
    found = _told(source, target)
    if os.environ.get("LORABRIDGE_UPDATE_GOLDENS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, "utf-8", newline="\n")
    assert found == path.read_text("utf-8")


@pytest.mark.parametrize("target", ["diffusion-pipe", "ai-toolkit"])
def test_an_alpha_that_is_not_the_rank_is_an_error_and_its_way_out_is_said(target: str) -> None:
    plan = converted(import_texts(SOURCES["musubi"], trainer="musubi"), target, "error")
    (found,) = [item for item in plan.diagnostics if item.path == "adapter.alpha"]
    assert found.severity == "error"
    assert not plan.files
    assert found.fix
    assert "16" in found.message + found.why + found.fix


@pytest.mark.parametrize(
    ("family", "rank", "alpha"), [("flux", 32, 8), ("qwen_image", 4, 1), ("sd3", 8, 16), ("wan21", 16, 1), ("zimage", 16, 32)]
)
def test_an_alpha_that_ai_toolkit_ignores_is_told_for_every_transformer(family: str, rank: int, alpha: int) -> None:
    model = f'{{name_or_path: "a/b", arch: "{family}"}}'
    job = JOB_TEXT.replace("MODEL", model).replace("linear: 32, linear_alpha: 32", f"linear: {rank}, linear_alpha: {alpha}")
    made = import_texts({"job.yaml": job})
    assert made.loaded is not None
    assert made.loaded.written["adapter"]["alpha"] == rank, "what the trainer really uses"
    (found,) = [item for item in made.findings if item.code == "LB312"]
    assert f"linear_alpha: {alpha}" in found.message
    assert f"alpha = rank = {rank}" in found.message


def test_an_alpha_that_is_used_stays() -> None:
    job = JOB_TEXT.replace("MODEL", '{name_or_path: "a/b", arch: sdxl}').replace("linear_alpha: 32", "linear_alpha: 8")
    made = import_texts({"job.yaml": job})
    assert made.loaded is not None
    assert made.loaded.written["adapter"]["alpha"] == 8
    plan = converted(made, "diffusion-pipe", "warn")
    assert [item.severity for item in plan.diagnostics if item.path == "adapter.alpha"] == ["warning"]
