"""Tokens and keys in a config are refused, and no finding repeats them."""

from __future__ import annotations

import pytest

from lorabridge.diagnostics.render import Format, render
from tests.support import LoadText

HF = "hf_" + "a1B2" * 8
WANDB = "0123456789abcdef" * 2 + "01234567"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (f"logging: {{wandb: {{project: {HF}}}}}", "logging.wandb.project"),
        (f"logging: {{wandb: {{wandb_api_key: '{WANDB}'}}}}", "logging.wandb.wandb_api_key"),
        (f"logging: {{wandb: {{project: '{WANDB}'}}}}", "logging.wandb.project"),
        ("wandb_api_key: short", "wandb_api_key"),
        (f"output: https://user:{HF}@huggingface.co/x", "output.dir"),
        ("backends: {musubi: {huggingface_token: abc}}", "backends.musubi.huggingface_token"),
        ("backends: {musubi: {huggingface-TOKEN: abc}}", "backends.musubi.huggingface-TOKEN"),
        (f"optimizer: {{lr: {HF}}}", "optimizer.lr"),
        (f"scheduler: {{type: {HF}}}", "scheduler.type"),
        (f"sample: {{prompts: [{HF}]}}", "sample.prompts[0]"),
        ("output: sk-" + "x" * 30, "output.dir"),
    ],
)
@pytest.mark.parametrize("style", ["text", "json", "github", "sarif"])
def test_a_secret_is_refused_and_never_printed(line: str, path: str, style: Format, load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}{line}\n")
    assert ("LB205", path) in [(item.code, item.path) for item in loaded.diagnostics]
    assert not loaded.ok
    text = render(loaded.diagnostics, style, loaded.texts)
    for secret in (HF, WANDB, "abc", "sk-xxx"):
        assert secret not in text or secret not in line
    assert "LB205" in text


@pytest.mark.parametrize(
    "line",
    [
        "logging: {wandb: {key_env: WANDB_API_KEY}}",
        f"output: /root/.cache/huggingface/hub/models--a--b/snapshots/{WANDB}/vae",
        f"output: /root/.cache/huggingface/hub/models--a--b/snapshots/{WANDB}",
        f"output: org/name@{WANDB}",
        f"output: models/{WANDB}.safetensors",
        f"optimizer: {{args: {{revision: '{WANDB}'}}}}",
        "datasets: [{images: x, captions: {keep_tokens: 1}}]",
        "output: hf_models/qwen",
        f"output: {WANDB}{WANDB}",
    ],
)
def test_what_only_looks_like_one(line: str, load_text: LoadText, small: str) -> None:
    text = small if not line.startswith("datasets") else small.replace("datasets: [{images: pictures}]\n", "")
    assert load_text(f"{text}{line}\n").diagnostics == []


def test_a_secret_from_the_environment_is_refused_too(load_text: LoadText, small: str) -> None:
    loaded = load_text(f"{small}output: ${{env:TOKEN}}\n", environ={"TOKEN": HF})
    assert [(item.code, item.path) for item in loaded.diagnostics] == [("LB205", "output.dir")]
    assert HF not in render(loaded.diagnostics, "text", loaded.texts)
