"""The three processes: latents, text embeddings, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lorabridge.backends.base import Stage
from lorabridge.backends.engine import Lowering
from lorabridge.backends.musubi.archs import Arch, find
from lorabridge.backends.musubi.model import NATIVE_DTYPE, one_frame
from lorabridge.backends.musubi.samples import FILE
from lorabridge.backends.musubi.training import processes
from lorabridge.backends.paths import is_hub_id
from lorabridge.families.resolve import get

DATASET = "{files}/dataset.toml"


def stages(low: Lowering, arch: Arch, caches: Sequence[str], extra: tuple[list[str], list[str]], sampling: bool) -> tuple[Stage, ...]:
    """What to run, in order."""
    env, single = _environment(low), _environment(low, first=True)
    latents = (
        *_script(arch.latents),
        "--dataset_config",
        DATASET,
        *_paths(low, arch.latent_paths),
        *arch.latent_flags,
        *_latent_flags(low, arch),
    )
    text = (*_script(arch.text), "--dataset_config", DATASET, *_paths(low, arch.text_paths), *arch.text_flags, *_text_flags(low, arch))
    return (
        Stage("cache-latents", (*latents, *_cache(low, "latents"), *extra[0]), single, makes=tuple(caches), title="caching latents"),
        Stage("cache-text", (*text, *_cache(low, "text"), *extra[1]), single, makes=tuple(caches), title="caching text embeddings"),
        Stage(
            "train",
            (
                *_launcher(low),
                *_script(arch.train)[1:],
                "--config_file",
                "{files}/train.toml",
                "--dataset_config",
                DATASET,
                *_prompts(sampling),
                *arch.cli,
            ),
            env,
            needs=("cache-latents", "cache-text"),
            makes=(f"{low.output}/{low.config.name}.safetensors",),
            title="training",
        ),
    )


def launcher(low: Lowering) -> dict[str, Any]:
    """The configuration of accelerate: with one of our own, whatever the user once answered to `accelerate config` has no say."""
    count = processes(low)
    return {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "MULTI_GPU" if count > 1 else "NO",
        "mixed_precision": low.documents["train"].get("mixed_precision", "no"),
        "num_processes": count,
        "num_machines": 1,
        "machine_rank": 0,
        "gpu_ids": "all",
        "use_cpu": low.config.hardware.device == "cpu",
        "rdzv_backend": "static",
        "same_network": True,
        "main_training_function": "main",
        "downcast_bf16": "no",
        "debug": False,
    }


def _launcher(low: Lowering) -> tuple[str, ...]:
    threads = low.config.hardware.threads
    return (
        "{python}",
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        "{files}/accelerate.yaml",
        "--num_cpu_threads_per_process",
        "1" if threads == "auto" else str(threads),
    )


def _script(name: str) -> tuple[str, str]:
    return "{python}", f"{{home}}/src/musubi_tuner/{name}.py"


def _prompts(sampling: bool) -> tuple[str, ...]:
    return ("--sample_prompts", f"{{files}}/{FILE}") if sampling else ()


def _environment(low: Lowering, first: bool = False) -> dict[str, str]:
    """`PYTHONPATH`: the checkout that was found is the one that runs, installed or not."""
    hardware = low.config.hardware
    env = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONPATH": "{home}/src"}
    if hardware.gpus and hardware.device != "cpu":
        env["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, hardware.gpus[:1] if first else hardware.gpus))
    if hardware.threads != "auto":
        env["OMP_NUM_THREADS"] = str(hardware.threads)
    return env


def _paths(low: Lowering, options: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    arch = find(low.family.name, low.variant.name)
    for name, option in options.items():
        value = get(low.config, f"model.paths.{name}")
        if value is not None:
            found += [f"--{option}", value if arch is not None and name in arch.hub and is_hub_id(value) else low.path(value)]
    return found


def _latent_flags(low: Lowering, arch: Arch) -> list[str]:
    wanted = low.config.model.vae_dtype
    fixed = wanted == "auto" or not arch.cache_vae_dtype
    return ([] if fixed else ["--vae_dtype", NATIVE_DTYPE[wanted]]) + (["--one_frame"] if one_frame(low) else [])


def _text_flags(low: Lowering, arch: Arch) -> list[str]:
    if low.config.model.quantize.text_encoder != "fp8" or not arch.text_fp8:
        return []
    # HiDream-O1's text embeddings come out of the checkpoint itself (hidream_o1_cache_text_encoder_outputs.py:61).
    return [*(_paths(low, {"transformer": "dit"}) if not arch.text_paths else []), f"--{arch.text_fp8}"]


def _cache(low: Lowering, which: str) -> list[str]:
    plan, device = getattr(low.config.cache, which), low.config.hardware.device
    found: list[str] = []
    if plan.batch_size is not None:
        found += ["--batch_size", str(plan.batch_size)]
    if plan.workers is not None:
        found += ["--num_workers", str(max(1, plan.workers))]
    if low.config.cache.reuse:
        found.append("--skip_existing")
    return found + (["--device", device] if device != "auto" else [])


def caching(low: Lowering) -> None:
    """Say what became of the fields that only the caching scripts read."""
    for which in ("latents", "text"):
        plan, here = getattr(low.config.cache, which), f"cache.{which}"
        if plan.to != "disk":
            low.refuse(f"{here}.to", plan.to, "it trains from cache files only", "write `to: disk`")
        if plan.batch_size is not None:
            low.note("exact", f"{here}.batch_size", plan.batch_size, "--batch_size", plan.batch_size)
        if plan.workers == 0:
            low.note("rewritten", f"{here}.workers", 0, "--num_workers", 1, "one thread; 0 crashes there (IV:364)")
        elif plan.workers is not None:
            low.note("exact", f"{here}.workers", plan.workers, "--num_workers", plan.workers)
    if low.config.cache.reuse:
        low.note(
            "exact",
            "cache.reuse",
            True,
            "--skip_existing",
            True,
            "" if _users_caches(low) else "the folder's name changes with the settings, so stale files are not found",
        )


def _users_caches(low: Lowering) -> bool:
    return any(data.cache_dir is not None for data in low.config.datasets)


def hardware(low: Lowering) -> None:
    """GPUs, device and threads."""
    config = low.config.hardware
    if config.gpus and config.device == "cpu":
        low.problem(
            "LB307", "hardware.gpus", "`gpus` and `device: cpu` exclude each other", "accelerate would take one of them", "remove one"
        )
    if len(set(config.gpus)) != len(config.gpus):
        low.problem(
            "LB307", "hardware.gpus", "a GPU is listed twice", "two processes would share it and wait for each other", "list each once"
        )
    if config.gpus:
        low.note(
            "exact", "hardware.gpus", config.gpus, "CUDA_VISIBLE_DEVICES", ",".join(map(str, config.gpus)), f"{processes(low)} process(es)"
        )
    for key in ("device", "threads"):
        if low.wrote(f"hardware.{key}"):
            low.note(
                "exact",
                f"hardware.{key}",
                getattr(config, key),
                "accelerate.yaml" if key == "device" else "OMP_NUM_THREADS",
                getattr(config, key),
            )
