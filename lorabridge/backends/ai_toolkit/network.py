"""`network`: the adapter. It is always written: without the section the whole model is trained."""

from __future__ import annotations

from lorabridge.backends.ai_toolkit.archs import NAME, TITLE, Arch
from lorabridge.backends.engine import Lowering
from lorabridge.families.resolve import get

TEXT_ENCODER = "lora_te"
"""Part of every module name of the text encoders: without it a list of UNet layers would leave them out."""
_FORCED = "alpha is forced to the rank on this architecture, and not saved"


def network(low: Lowering, arch: Arch) -> None:
    """Alpha, convolutions, LoKr, targets, start weights, the text encoder's part."""
    _alpha(low, arch)
    _conv(low, arch)
    _lokr(low)
    _targets(low, arch)
    _text_encoder(low, arch)
    start = low.config.adapter.init_from
    if start is not None:
        low.put("process:network.pretrained_lora_path", low.path(start), "adapter.init_from")
        low.note(
            "exact",
            "adapter.init_from",
            start,
            "process:network.pretrained_lora_path",
            low.path(start),
            "a file that is missing is passed over in silence; a checkpoint of the same run comes first",
        )


def _alpha(low: Lowering, arch: Arch) -> None:
    adapter = low.config.adapter
    rank, alpha = adapter.rank, adapter.alpha
    low.put("process:network.linear_alpha", _plain(alpha), "adapter.alpha")
    if arch.alpha or alpha == rank:
        low.note("exact", "adapter.alpha", alpha, "process:network.linear_alpha", _plain(alpha), "" if arch.alpha else _FORCED)
        return
    fix = f"write `alpha: {rank}` (strength 1), or `rank: {_plain(alpha)}` to keep the alpha"
    if low.wrote("adapter.alpha"):
        low.refuse("adapter.alpha", alpha, _FORCED, fix)
    else:
        low.note("defaulted", "adapter.alpha", alpha, "process:network.linear_alpha", rank, _FORCED)


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _conv(low: Lowering, arch: Arch) -> None:
    adapter = low.config.adapter
    if adapter.conv_rank == "off":
        return
    if not arch.alpha:
        low.refuse("adapter.conv_rank", adapter.conv_rank, "this architecture has no convolutions to adapt", "remove it")
        return
    low.put("process:network.conv", adapter.conv_rank, "adapter.conv_rank")
    low.put("process:network.conv_alpha", _plain(adapter.conv_alpha), "adapter.conv_alpha")
    low.note("exact", "adapter.conv_rank", adapter.conv_rank, "process:network.conv", adapter.conv_rank)


def _lokr(low: Lowering) -> None:
    adapter = low.config.adapter
    if adapter.type == "lokr":
        factor = -1 if adapter.factor == "auto" else adapter.factor
        low.put("process:network.lokr_factor", factor, "adapter.factor")
        low.note("exact", "adapter.factor", adapter.factor, "process:network.lokr_factor", factor)
        low.add("process:network.lokr_full_rank", False, "the default ignores the rank")
    elif adapter.factor != "auto":
        low.refuse("adapter.factor", adapter.factor, "only LoKr has a factor", "write `type: lokr`, or remove it")


def _targets(low: Lowering, arch: Arch) -> None:
    targets = low.config.adapter.targets
    only = _group(low, targets.layers)
    if only and low.config.adapter.text_encoder and arch.text_encoder:
        only.append(TEXT_ENCODER)
    if targets.include:
        if only:
            low.problem(
                "LB307",
                "adapter.targets.include",
                f"{TITLE} cannot narrow `layers: {targets.layers}` by names",
                "its list of names adds up; it has no `and`",
                "write the names alone, without `layers`",
            )
        only = list(targets.include)
    if only:
        path = "adapter.targets.include" if targets.include else "adapter.targets.layers"
        low.put("process:network.network_kwargs.only_if_contains", only, path)
        low.note("exact", path, get(low.config, path), "process:network.network_kwargs.only_if_contains", only)
    skip = [*targets.exclude, *(name for name in arch.ignore if not only)]
    if skip:
        low.put("process:network.network_kwargs.ignore_if_contains", skip, "adapter.targets.exclude" if targets.exclude else "")
        kind = "exact" if targets.exclude else "added"
        text = "" if targets.exclude else "what ai-toolkit's own pages leave out for this model"
        low.note(
            "exact" if kind == "exact" else "added",
            "adapter.targets.exclude" if targets.exclude else "",
            targets.exclude,
            "process:network.network_kwargs.ignore_if_contains",
            skip,
            text,
        )


def _group(low: Lowering, layers: str) -> list[str]:
    if layers == "auto":
        return []
    modules = low.family.modules(NAME)
    names = [*modules.attention, *(modules.feed_forward if layers == "all" else ())]
    if not names:
        low.refuse("adapter.targets.layers", layers, f"the layer names of {low.family.title} are not known", "name them: `include: [name]`")
    return names


def _text_encoder(low: Lowering, arch: Arch) -> None:
    on = low.config.adapter.text_encoder
    if on and not arch.text_encoder:
        low.refuse(
            "adapter.text_encoder",
            True,
            "it finds nothing to train in this text encoder, and says so in one line of its log",
            "write `text_encoder: false`",
        )
    low.put("process:train.train_text_encoder", on and arch.text_encoder, "adapter.text_encoder")
    if low.wrote("adapter.text_encoder"):
        low.note("exact", "adapter.text_encoder", on, "process:train.train_text_encoder", on)
