"""Intent to musubi-tuner: rows for what a table can say, one named function for each thing it cannot."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.base import File, Plan, Site
from lorabridge.backends.engine import Lowering
from lorabridge.backends.musubi import model, native, network, noise, stages, training
from lorabridge.backends.musubi.archs import Arch, find
from lorabridge.backends.musubi.datasets import datasets
from lorabridge.backends.musubi.rows import HANDLED, ROWS
from lorabridge.backends.musubi.samples import samples
from lorabridge.config.load import Loaded
from lorabridge.families.resolve import Resolved

NAME = "musubi"
TITLE = "musubi-tuner"

DATASET_PARAMETERS = frozenset(
    (
        "resolution",
        "enable_bucket",
        "bucket_no_upscale",
        "caption_extension",
        "batch_size",
        "num_repeats",
        "cache_directory",
        "debug_dataset",
        "architecture",
        "image_directory",
        "image_jsonl_file",
        "control_directory",
        "multiple_target",
        "fp_latent_window_size",
        "fp_1f_clean_indices",
        "fp_1f_target_index",
        "fp_1f_no_post",
        "no_resize_control",
        "control_resolution",
        "video_directory",
        "video_jsonl_file",
        "target_frames",
        "frame_extraction",
        "frame_stride",
        "frame_sample",
        "max_frames",
        "source_fps",
    )
)
"""Keys that the trainer would take for dataset parameters if they stood in the training file (CU:37-82, CU:226)."""


def lower(resolved: Resolved, loaded: Loaded, site: Site) -> Plan:
    """The files and stages for one configuration, with everything that became of it."""
    low = Lowering(NAME, resolved, loaded, site)
    low.documents["train"] = {}
    arch = find(resolved.family.name, resolved.variant.name)
    if arch is None:
        low.problem(
            "LB306",
            "model.variant",
            f"musubi-tuner cannot train {resolved.family.title} ({resolved.variant.name})",
            "it has no script for it",
        )
        return low.finish((), (), HANDLED)
    model.model(low, arch)
    _output(low)
    low.rows(ROWS)
    network.adapter(low, arch)
    steps = training.length(low)
    training.seed(low)
    training.resume(low)
    training.optimizer(low)
    training.scheduler(low)
    noise.noise(low, arch)
    _memory(low, arch)
    training.save(low)
    training.logging(low)
    stages.caching(low)
    stages.hardware(low)
    _refuse_sections(low)
    prompts = samples(low, arch)
    caches = datasets(low, arch)
    extra = native.native(low, arch)
    _workers(low)
    if any(item.severity == "error" for item in low.diagnostics):
        return low.finish((), (), HANDLED, steps)
    return low.finish(_files(low, prompts), stages.stages(low, arch, caches, extra, prompts is not None), HANDLED, steps)


def _output(low: Lowering) -> None:
    low.put("train:output_dir", low.output, "output.dir")
    low.note("exact", "output.dir", low.config.output.dir, "train:output_dir", low.output)


def _memory(low: Lowering, arch: Arch) -> None:
    memory, family = low.config.memory, low.family.title
    key = {"auto": "sdpa", "flash": "flash_attn"}.get(memory.attention, memory.attention)
    if key == "sage":
        low.refuse("memory.attention", "sage", "SageAttention cannot train (TB:1400)", "write `attention: sdpa`")
        low.put("train:sdpa", True, "memory.attention")
    elif key == "flash3" and not arch.flash3:
        low.problem(
            "LB307",
            "memory.attention",
            f"{family} has no `flash3`",
            "the first step fails (modules/attention.py:289)",
            "write `attention: flash` or `sdpa`",
        )
    else:
        low.put(f"train:{key}", True, "memory.attention")
        low.note("exact", "memory.attention", memory.attention, f"train:{key}", True)
    if memory.split_attention and memory.attention == "flash3":
        low.problem(
            "LB307",
            "memory.split_attention",
            "`split_attention` and `attention: flash3` exclude each other",
            "the first step fails (wan/modules/attention.py:178)",
            "remove one",
        )
    if memory.checkpoint_offload and not memory.gradient_checkpointing:
        low.problem(
            "LB307",
            "memory.checkpoint_offload",
            "`checkpoint_offload` does nothing without `gradient_checkpointing`",
            "there are no checkpoints to move (TB:1607)",
            "write `gradient_checkpointing: true`",
        )
    swap = memory.blocks_to_swap
    if swap != "off" and arch.swap is not None and swap > arch.swap:
        low.problem(
            "LB307",
            "memory.blocks_to_swap",
            f"{family} ({low.variant.name}) can swap at most {arch.swap} blocks",
            "the trainer stops after the model is loaded",
            f"write `blocks_to_swap: {arch.swap}` or less",
        )


def _refuse_sections(low: Lowering) -> None:
    config = low.config
    if config.train.ema is not None:
        low.refuse(
            "train.ema",
            config.train.ema.decay,
            "it keeps no moving average while training",
            "remove it; its lora_post_hoc_ema.py averages saved checkpoints afterwards",
        )
    if config.preservation is not None:
        low.refuse(
            "preservation",
            config.preservation.type,
            "it has no preservation loss",
            "remove it, or compile for ai-toolkit or the embedded trainer; class pictures as another dataset come near",
        )
    if config.evaluate is not None:
        low.refuse("evaluate", "", "it has no held-out loss", "remove it, or compile for diffusion-pipe")


def _workers(low: Lowering) -> None:
    train = low.documents["train"]
    if train.get("max_data_loader_n_workers") != 0 and "persistent_data_loader_workers" not in train:
        low.add(
            "train:persistent_data_loader_workers", True, "workers are kept between epochs; with 0 workers it would crash, and is left out"
        )


def _files(low: Lowering, prompts: File | None) -> list[File]:
    from lorabridge.backends.emit import EmitError, toml_file, yaml_file

    train, source = low.documents["train"], low.site.source
    leaking = DATASET_PARAMETERS & train.keys()
    if leaking:
        raise EmitError(f"train.toml: {sorted(leaking)} would leak into the datasets")
    files = [
        toml_file("train.toml", train, _comments(low, "train"), source, TITLE),
        toml_file("dataset.toml", low.documents["dataset"], _comments(low, "dataset"), source, TITLE),
        yaml_file(
            "accelerate.yaml",
            stages.launcher(low),
            {"mixed_precision": "train.mixed_precision", "num_processes": "hardware.gpus", "use_cpu": "hardware.device"},
            source,
            TITLE,
        ),
    ]
    return files + ([prompts] if prompts else [])


def _comments(low: Lowering, document: str) -> dict[str, Any]:
    return {at.partition(":")[2]: path for at, path in low.sources.items() if at.startswith(f"{document}:")}
