"""`adapter` and `preservation`: alpha, targets, and what only one kind of adapter has."""

from __future__ import annotations

import re

from lorabridge.backends.diffusion_pipe.archs import NAME, Arch
from lorabridge.backends.engine import Lowering, spell

DEFAULT_RANK = 16


def adapter(out: Lowering, arch: Arch) -> None:
    """The keys of `[adapter]` that a table cannot say."""
    if out.config.adapter.rank == "auto":
        out.put("main:adapter.rank", DEFAULT_RANK, "adapter.rank")
        out.note("rewritten", "adapter.rank", "auto", "main:adapter.rank", DEFAULT_RANK, "the family recommends none")
    _alpha(out)
    _kinds(out, arch)
    _targets(out, arch)
    _start(out, arch)
    if out.config.preservation is not None:
        out.refuse(
            "preservation", out.config.preservation.type, "it has no preservation loss", "remove the section, or compile for ai-toolkit"
        )


def _alpha(out: Lowering) -> None:
    want = out.config.adapter
    rank = DEFAULT_RANK if want.rank == "auto" else want.rank
    if want.alpha is None or float(want.alpha) == float(rank):
        out.note("exact", "adapter.alpha", rank, native="left out", text="the trainer sets alpha = rank; the key itself is an error there")
        return
    strength = float(want.alpha) / float(rank)
    out.refuse(
        "adapter.alpha",
        want.alpha,
        f"it always sets alpha = rank ({spell(rank)}), so the update would be {spell(1 / strength)} times as strong",
        f"write `alpha: {spell(rank)}` and choose the learning rate for that (to keep the effective update of an Adam-like optimizer, "
        f"about {spell(strength)} times the present one), or compile for musubi or ai-toolkit, which keep alpha",
    )


def _kinds(out: Lowering, arch: Arch) -> None:
    want = out.config.adapter
    if want.type == "lokr" and not arch.lokr:
        when = "when it saves" if arch.type == "flux" else "after caching"
        out.problem("LB307", "adapter.type", f"LoKr does not work for `{arch.type}`", f"the trainer fails {when}", "write `type: lora`")
    for key, kind, native, spelled in (
        ("dropout", "lora", "dropout", float),
        ("rank_dropout", "lokr", "rank_dropout", float),
        ("factor", "lokr", "decompose_factor", int),
    ):
        value = getattr(want, key)
        if value in ("off", "auto"):
            continue
        if want.type != kind:
            title = {"lora": "LoRA", "lokr": "LoKr"}[kind]
            out.refuse(f"adapter.{key}", value, f"it takes it for {title} only", "remove it")
        else:
            out.put(f"main:adapter.{native}", spelled(value), f"adapter.{key}")
            out.note("exact", f"adapter.{key}", value, f"main:adapter.{native}", spelled(value))


def _targets(out: Lowering, arch: Arch) -> None:
    """Every linear layer of the blocks is a target; a regular expression leaves modules out (peft matches it in full)."""
    want = out.config.adapter.targets
    parts: list[tuple[str, str]] = []
    if want.layers != "auto":
        modules = out.family.modules(NAME)
        names = modules.attention + (modules.feed_forward if want.layers == "all" else ())
        if not modules.attention:
            out.refuse(
                "adapter.targets.layers",
                want.layers,
                f"the layer names of {out.family.title} are not known here",
                "name them with `adapter.targets.include`",
            )
            return
        parts.append(("adapter.targets.layers", _without(names)))
    if want.include:
        parts.append(("adapter.targets.include", _without(want.include)))
    if want.exclude:
        parts.append(("adapter.targets.exclude", f".*(?:{_any(want.exclude)}).*"))
    if not parts:
        return
    if arch.type == "sdxl":
        out.refuse(parts[0][0], "…", "for SDXL it adapts every linear layer of the blocks", "remove `adapter.targets`")
        return
    pattern = "|".join(part for _path, part in parts)
    out.put("main:adapter.exclude_modules", pattern, parts[0][0])
    for path, _part in parts:
        out.note(
            "exact",
            path,
            "…",
            "main:adapter.exclude_modules",
            pattern,
            "all linear layers of the blocks, less what this pattern leaves out",
        )


def _any(names: list[str] | tuple[str, ...]) -> str:
    return "|".join(re.escape(name) for name in names)


def _without(names: list[str] | tuple[str, ...]) -> str:
    return f"(?!.*(?:{_any(names)})).*"


def _start(out: Lowering, arch: Arch) -> None:
    value = out.config.adapter.init_from
    if value is None:
        return
    path, file = "adapter.init_from", value.endswith((".safetensors", ".pt", ".bin"))
    if out.config.adapter.type == "lokr":
        out.problem(
            "LB307", path, "a LoKr cannot be loaded back", "the trainer fails after the model is loaded", "remove it, or train a LoRA"
        )
    elif file and arch.type not in ("flux", "sdxl"):
        out.refuse(path, value, "it reads a folder with exactly one `.safetensors` file, not a file", "name that folder")
    else:
        out.put("main:adapter.init_from_existing", out.path(value), path)
        text = (
            "rank and dtype then come from the file"
            if arch.type in ("flux", "sdxl")
            else "the folder must hold exactly one `.safetensors` file, of the same rank"
        )
        out.note("exact", path, value, "main:adapter.init_from_existing", out.path(value), text)
