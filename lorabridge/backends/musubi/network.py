"""The adapter: network module, its arguments, the layers it is put on."""

from __future__ import annotations

import re
from typing import Any

from lorabridge.backends.engine import Lowering
from lorabridge.backends.musubi.archs import Arch


def adapter(low: Lowering, arch: Arch) -> None:
    """The network module and its arguments."""
    kind = low.config.adapter.type
    module = f"networks.{kind}" if kind in ("loha", "lokr") else arch.network
    if kind == "dora":
        low.refuse("adapter.type", kind, "it has LoRA, LoHa and LoKr", "write `type: lora`")
    elif kind != "lora" and not arch.generic:
        low.problem(
            "LB307",
            "adapter.type",
            f"`{kind}` does not know the layers of {low.family.title}",
            "it stops after the model is loaded (networks/network_arch.py:10)",
            "write `type: lora`",
        )
    low.put("train:network_module", module, "adapter.type")
    low.note("exact", "adapter.type", kind, "train:network_module", module)
    arguments = _network_args(low, kind) + _targets(low, arch)
    if arguments:
        low.put("train:network_args", arguments, "adapter")


def _network_args(low: Lowering, kind: str) -> list[str]:
    config, found = low.config.adapter, []

    def say(path: str, value: Any, text: str) -> None:
        found.append(text)
        low.note("exact", path, value, "train:network_args", text)

    if config.conv_rank != "off":
        if kind != "lora":
            low.refuse("adapter.conv_rank", config.conv_rank, f"its {kind} has linear layers only", "remove it")
        else:
            say("adapter.conv_rank", config.conv_rank, f"conv_dim={config.conv_rank}")
            say("adapter.conv_alpha", config.conv_alpha, f"conv_alpha={number(config.conv_alpha or float(config.conv_rank))}")
    for key in ("rank_dropout", "module_dropout"):
        value = getattr(config, key)
        if value != "off":
            say(f"adapter.{key}", value, f"{key}={number(value)}")
    if config.factor != "auto":
        if kind != "lokr":
            low.refuse("adapter.factor", config.factor, f"`type: {kind}` has no factor", "remove it")
        else:
            say("adapter.factor", config.factor, f"factor={config.factor}")
    if low.config.optimizer.lora_plus_ratio != "off":
        ratio = low.config.optimizer.lora_plus_ratio
        say("optimizer.lora_plus_ratio", ratio, f"loraplus_lr_ratio={number(ratio)}")
    return found


def number(value: float) -> str:
    """A number as an argument: `4` and not `4.0`."""
    return str(int(value)) if value == int(value) else repr(float(value))


def _targets(low: Lowering, arch: Arch) -> list[str]:
    """Excluding all other names keeps the trainer's default exclusions; its include patterns only bring names back (lora.py:640)."""
    targets = low.config.adapter.targets
    modules = low.family.modules("musubi")
    groups = {"auto": (), "attention": modules.attention, "all": modules.attention + modules.feed_forward}
    wanted = groups[targets.layers]
    if targets.layers != "auto" and not wanted:
        low.refuse(
            "adapter.targets.layers", targets.layers, f"the layer names of {low.family.title} are not known", "name them in `include`"
        )
    patterns = [only(names) for names in (list(wanted), targets.include) if names]
    patterns += [never(targets.exclude)] if targets.exclude else []
    if not patterns:
        return []
    if any("=" in name for name in (*targets.include, *targets.exclude)):
        low.refuse(
            "adapter.targets", targets.include + targets.exclude, "an argument cannot hold `=` (TB:1563)", "leave it out of the pattern"
        )
        return []
    text = f"exclude_patterns={[*patterns, *arch.shared_excludes]!r}"
    for key in ("layers", "include", "exclude"):
        if getattr(targets, key) not in ("auto", []):
            low.note("rewritten", f"adapter.targets.{key}", getattr(targets, key), "train:network_args", text, "said by what is left out")
    return [text, "include_patterns=[]"] if arch.keeps_includes else [text]


def only(names: list[str]) -> str:
    """A pattern for every name that holds none of `names`."""
    return f"(?!.*(?:{'|'.join(map(re.escape, names))})).*"


def never(names: list[str]) -> str:
    """A pattern for every name that holds one of `names`."""
    return f".*(?:{'|'.join(map(re.escape, names))}).*"
