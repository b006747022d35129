"""`memory` and `cache`: what depends on the model type, or shares one key."""

from __future__ import annotations

from lorabridge.backends.diffusion_pipe.archs import Arch
from lorabridge.backends.engine import Lowering


def memory(out: Lowering, arch: Arch) -> None:
    """Checkpointing, block swap and caches."""
    _checkpointing(out, arch)
    _swap(out, arch)
    _cache(out, arch)


def _checkpointing(out: Lowering, arch: Arch) -> None:
    want = out.config.memory
    path = "memory.checkpoint_offload" if want.checkpoint_offload else "memory.gradient_checkpointing"
    if want.checkpoint_offload and not want.gradient_checkpointing:
        out.problem(
            "LB202",
            path,
            "`memory.checkpoint_offload` needs `gradient_checkpointing: true`",
            "without checkpoints there is nothing to keep in main memory",
            "remove one of the two",
        )
        return
    native: bool | str = "unsloth" if want.checkpoint_offload else want.gradient_checkpointing
    if native == "unsloth" and arch.breaks_reentrant:
        sure = arch.type == "sdxl"
        message = f"offloaded checkpoints {'crash' if sure else 'are likely to crash'} at the first step for `{arch.type}`"
        out.problem(
            "LB307",
            path,
            message,
            "the first layer is recomputed without gradients of its inputs",
            "write `checkpoint_offload: false`",
            "error" if sure else "warning",
        )
    out.put("main:activation_checkpointing", native, path)
    out.note("exact", path, True if native == "unsloth" else native, "main:activation_checkpointing", native)


def _swap(out: Lowering, arch: Arch) -> None:
    value, path = out.config.memory.blocks_to_swap, "memory.blocks_to_swap"
    if value == "off":
        return
    if arch.swap == 0:
        out.refuse(path, value, f"it swaps no blocks of `{arch.type}`", "write `off`")
    elif arch.swap is not None and value > arch.swap:
        out.problem(
            "LB307",
            path,
            f"{value} blocks are more than {out.family.title} ({out.variant.name}) can swap",
            "the trainer stops with an assertion after the model is loaded",
            f"write at most {arch.swap}",
        )
    elif out.config.hardware.pipeline_stages > 1:
        out.problem(
            "LB307",
            path,
            "block swap and `hardware.pipeline_stages` exclude each other",
            "the trainer stops with an assertion after the model is loaded",
            "keep one of the two",
        )
    else:
        out.put("main:blocks_to_swap", int(value), path)
        out.note("exact", path, value, "main:blocks_to_swap", int(value))


def _cache(out: Lowering, arch: Arch) -> None:
    latents, text = out.config.cache.latents, out.config.cache.text
    sizes = {item for item in (latents.batch_size, text.batch_size) if item is not None}
    if len(sizes) > 1:
        out.refuse(
            "cache.text.batch_size",
            text.batch_size,
            f"one number serves both caches, and `cache.latents.batch_size` is {latents.batch_size}",
            "make them equal, or remove one",
        )
    elif sizes:
        path = "cache.latents.batch_size" if latents.batch_size is not None else "cache.text.batch_size"
        out.put("main:caching_batch_size", sizes.pop(), path)
        out.note(
            "exact",
            path,
            out.documents["main"]["caching_batch_size"],
            "main:caching_batch_size",
            out.documents["main"]["caching_batch_size"],
            "for pictures and captions",
        )
    if latents.workers is not None:
        native = max(1, latents.workers)
        out.put("main:map_num_proc", native, "cache.latents.workers")
        zero = "a 0 would be read as the default; one process is the least"
        out.note(
            "exact" if latents.workers else "rewritten",
            "cache.latents.workers",
            latents.workers,
            "main:map_num_proc",
            native,
            "" if latents.workers else zero,
        )
    _text(out, arch)


def _text(out: Lowering, arch: Arch) -> None:
    want = out.config.cache.text.to
    if arch.type == "sdxl":
        if want == "memory":
            out.refuse("cache.text.to", want, "for SDXL captions are encoded in every step", "write `off`")
        elif want == "off" or out.wrote("cache.text.to"):
            out.note(
                "exact" if want == "off" else "rewritten",
                "cache.text.to",
                want,
                native="left out",
                text="for SDXL captions are encoded in every step",
            )
    elif want == "off" and arch.text_cache:
        out.put("main:model.cache_text_embeddings", False, "cache.text.to")
        out.note("exact", "cache.text.to", "off", "main:model.cache_text_embeddings", False)
    elif want != "disk":
        out.refuse("cache.text.to", want, f"for `{arch.type}` encoded captions always go to disk", "write `disk`")
