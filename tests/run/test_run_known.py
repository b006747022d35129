"""Known causes, and the changes of `--on-oom retry`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lorabridge.config.load import load
from lorabridge.run.cause import cause_of, find_cause, read_tail
from lorabridge.run.causes import KNOWN, known
from lorabridge.run.retry import Edit, next_attempt
from lorabridge.run.view import StageView
from tests.logs.recorded import LOGS

SAID = {
    "gpu-memory": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
    "main-memory": "RuntimeError: [enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes",
    "killed": "the trainer ended with return code = -9",
    "segfault": "exits with return code = -11",
    "disk-full": "OSError: [Errno 28] No space left on device",
    "shared-memory": "RuntimeError: DataLoader worker (pid 77) is killed by signal: Bus error.",
    "no-permission": "PermissionError: [Errno 13] Permission denied: '/x'",
    "gated": "huggingface_hub.errors.GatedRepoError: 401 Client Error.",
    "offline": "OSError: We couldn't connect to 'https://huggingface.co' to load this model",
    "no-repo": "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name'",
    "not-safetensors": "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge",
    "other-model": "RuntimeError: Error(s) in loading state_dict for ZImageTransformer2DModel: size mismatch",
    "no-cache": "ValueError: No training items found in the dataset.",
    "no-data": "AssertionError: Directory /x had no images/videos!",
    "no-modules": "RuntimeError: No LoRA modules found",
    "no-attention": "ValueError: either --sdpa, --flash-attn or --xformers must be specified",
    "attention": "AttributeError: 'NoneType' object has no attribute 'memory_efficient_attention'",
    "swap-limit": "AssertionError: Cannot swap more than 28 blocks. Requested 100 blocks.",
    "no-swap": "NotImplementedError: Block swapping is not implemented for this model",
    "optimizer-name": "AttributeError: module 'torch.optim' has no attribute 'Lion'",
    "optimizer-args": "TypeError: AdamW.__init__() got an unexpected keyword argument 'weightdecay'",
    "nothing-to-train": "ValueError: optimizer got an empty parameter list",
    "scheduler": "ValueError: cosin is not a valid SchedulerType, please select one of",
    "interval-0": "ZeroDivisionError: integer modulo by zero",
    "dtype": "RuntimeError: Invalid device string: 'fp12'",
    "dtypes-mixed": "RuntimeError: mat1 and mat2 must have the same dtype, but got Float and Half",
    "devices-mixed": "RuntimeError: Expected all tensors to be on the same device, but found at least two",
    "no-cuda": "AssertionError: Torch not compiled with CUDA enabled",
    "gpu-lost": "RuntimeError: CUDA error: unspecified launch failure",
    "bitsandbytes": "ImportError: bitsandbytes is not installed",
    "module-missing": "ModuleNotFoundError: No module named 'torchao'",
    "submodule": "ImportError: cannot import name 'cached_download' from 'huggingface_hub'",
    "port": "OSError: [Errno 98] Address already in use",
    "peers": "torch.distributed.DistBackendError: NCCL error in: x.cpp",
    "python-version": "TypeError: 'autocommit' is an invalid keyword argument for Connection()",
    "toml": "toml.decoder.TomlDecodeError: Not a homogeneous array (line 3 column 1 char 75)",
    "config-text": 'ValueError: config file error. Missing "config.training_folder" key',
    "extra-keys": "voluptuous.error.MultipleInvalid: extra keys not allowed @ data['datasets'][0]['repeats']",
    "arguments": "train.py: error: unrecognized arguments: --foo",
    "words-for-numbers": "TypeError: '<=' not supported between instances of 'float' and 'str'",
    "neg-missing": 'TypeError: can only concatenate str (not "bool") to str',
    "trigger": "TypeError: replace() argument 2 must be str, not int",
    "picture": "PIL.UnidentifiedImageError: cannot identify image file '/x/a.png'",
    "mask": "ValueError: Mask shape (32, 32) was not the same as image shape (96, 96).",
    "control": "RuntimeError: No control file exists for image /x/a.png",
    "mixed-sizes": "RuntimeError: stack expects each tensor to be equal size, but got [16, 32, 32]",
    "many-resolutions": "WARNING: You have set a lot of resolutions in the dataset config.",
    "save-exists": "FileExistsError: [Errno 17] File exists: '/x/tmp'",
    "no-save-name": "TypeError: unsupported operand type(s) for +: 'NoneType' and 'str'",
    "wandb": "KeyError: 'wandb_api_key'",
    "triton": "RuntimeError: Triton is not available",
    "cuda-compute": "RuntimeError: cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
    "no-file": "FileNotFoundError: [Errno 2] No such file or directory: '/x'",
}


@pytest.mark.parametrize("name", [row.name for row in KNOWN])
def test_every_known_cause_is_found_by_words_of_a_trainer(name):
    found = known(SAID[name])
    assert found is not None
    row, what, fix = found
    assert row.name == name
    assert fix
    assert "{" not in what + re.sub(r"`[^`]*`", "", fix)


def test_groups_are_filled_in():
    assert known(SAID["swap-limit"])[2] == "`memory.blocks_to_swap: 28` at most"
    assert known(SAID["module-missing"])[1] == "the Python package `torchao` is not installed in the trainer's environment"


@pytest.mark.parametrize("log", [log for log in LOGS if log.verdict == "failed"], ids=lambda log: log.name)
def test_every_recorded_failure_has_a_cause_and_a_way_out(log, tmp_path):
    (tmp_path / "x.log").write_bytes(log.data)
    cause = find_cause(StageView("train"), 1, read_tail(tmp_path / "x.log"))
    assert log.cause in cause.text
    assert cause.fix
    assert cause.where


def test_the_key_of_the_config_is_named(tmp_path):
    lines = [
        "Traceback (most recent call last):",
        '  File "a.py", line 3, in f',
        "FileNotFoundError: No such file: '/models/qwen/vae.safetensors'",
    ]
    config = {"model": {"paths": {"vae": "/models/qwen/vae.safetensors", "transformer": "/models/qwen"}}, "name": "cat"}
    cause = find_cause(StageView("train"), 1, lines, config)
    assert cause.text.endswith("the config says it at `model.paths.vae: /models/qwen/vae.safetensors`")
    assert (cause.name, cause.where) == ("no-file", "a.py:3")


def test_what_is_not_known_is_the_final_exception_and_where():
    lines = ["Traceback (most recent call last):", '  File "a.py", line 3, in f', "BirdError: it flew away"]
    cause = find_cause(StageView("train"), 1, lines)
    assert (cause.text, cause.fix, cause.where) == ("BirdError: it flew away", "", "a.py:3")
    assert find_cause(StageView("train"), -9, []).name == "killed"


BASE = """\
lorabridge: 1
name: cat
model: {family: qwen-image}
datasets: [{images: a, resolution: [768, 1024]}, {images: b}]
"""


def edits(tmp_path: Path, text: str, stage: str = "train", **no: bool) -> list[Edit]:
    """Every change after the other, as a run that never has enough memory would make them."""
    file = tmp_path / "x.yaml"
    file.write_text(BASE + text)
    overrides: list[str] = []
    made: list[Edit] = []
    while len(made) < 40:
        loaded = load(file, overrides=overrides)
        assert loaded.config is not None, loaded.diagnostics
        edit = next_attempt(loaded.config, stage, lambda edit: edit.path not in no)
        if edit is None:
            break
        made.append(edit)
        overrides += edit.overrides
    return made


def test_the_order_of_changes(tmp_path):
    text = "train: {for: 10 steps, batch_size: 4, gradient_accumulation: 2}\nmemory: {gradient_checkpointing: false}\n"
    made = edits(tmp_path, text, **{"memory.blocks_to_swap": True, "memory.layer_offload": True})
    assert [(edit.path, edit.old, edit.new) for edit in made][:6] == [
        ("memory.gradient_checkpointing", "false", "true"),
        ("train.batch_size", "4", "2"),
        ("train.batch_size", "2", "1"),
        ("memory.checkpoint_offload", "false", "true"),
        ("model.quantize.transformer", "off", "fp8-scaled"),
        ("datasets[].resolution", "1024", "768"),
    ]
    assert [edit.same for edit in made[:6]] == [True, True, True, True, False, False]
    assert "gradients of 4 passes make a step" in made[1].why
    assert "gradients of 8 passes make a step" in made[2].why
    assert made[-1].path == "datasets[].resolution"
    assert int(made[-1].new) >= 256
    assert len(made) < 20, "it comes to an end"


def test_blocks_are_swapped_further_each_time(tmp_path):
    made = edits(tmp_path, "train: {for: 10 steps}\n", **{"memory.layer_offload": True})
    assert [edit.new for edit in made if edit.path == "memory.blocks_to_swap"][:3] == ["8", "16", "24"]


def test_caching(tmp_path):
    made = edits(tmp_path, "train: {for: 10 steps}\ncache: {latents: {batch_size: 4}}\n", "cache-latents")
    assert made[0].sentence() == "cache.latents.batch_size: 4 -> 1: one at a time is encoded"


def test_only_what_the_trainer_can_do(tmp_path):
    assert next_attempt(load_config(tmp_path), fits=lambda edit: False) is None


def load_config(tmp_path):
    (tmp_path / "y.yaml").write_text(BASE + "train: {for: 10 steps}\n")
    return load(tmp_path / "y.yaml").config


def test_the_sentence_of_a_verdict_has_the_way_out():
    lines = ["Traceback (most recent call last):", '  File "a.py", line 3, in f', "ModuleNotFoundError: No module named 'torchao'"]
    assert cause_of(StageView("train"), 1, lines) == (
        "ModuleNotFoundError: No module named 'torchao' (the Python package `torchao` is not installed in the trainer's environment);"
        " install the trainer's requirements again, in its own environment"
    )
    assert "killed" not in cause_of(StageView("train"), -9, []), "nobody knows who did it"
