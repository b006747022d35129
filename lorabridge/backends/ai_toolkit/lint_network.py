"""The network section: without it the whole model is trained, and half of its words are ignored in silence."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell, truthy
from lorabridge.diagnostics import Severity

_FILTERS = ("only_if_contains", "ignore_if_contains", "full_if_contains")


def check_network(process: Process) -> None:
    """All rules about the network section."""
    network = process.data.get("network")
    if network is None:
        _absent(process)
    if not isinstance(network, dict):
        return
    _type(process)
    _rank(process)
    _alpha(process)
    _conv(process)
    _kwargs(process)


def _absent(process: Process) -> None:
    if (
        any(process.data.get(key) is not None for key in ("embedding", "adapter", "decorator"))
        or process.kind == "textual_inversion_trainer"
    ):
        return
    state = "missing" if "network" not in process.data else "empty"
    why = "the whole model is trained and saved in its full size, in silence"
    process.say(
        "LB323",
        ("network",),
        f"the section `network` is {state}",
        why,
        "write `network: {type: lora, linear: 16, linear_alpha: 16}`",
        "warning",
        "key",
    )


def _kind(process: Process) -> str:
    kind = process.get("network", "type", "lora")
    return kind.lower() if isinstance(kind, str) else ""


def _type(process: Process) -> None:
    kind, place = _kind(process), ("network", "type")
    if kind in ("locon", "lycoris"):
        why = "it finds no modules in transformers and fails on Stable Diffusion: the trainer stops after the model is loaded"
        process.say("LB315", place, f"`type: {kind}` does not work", why, "write `lora`, with `conv` for convolutions, or `lokr`")
    elif kind == "lorm" and not isinstance(process.get("network", "lorm"), dict):
        process.say("LB318", place, "`type: lorm` needs a `lorm` section", "the trainer stops at once", "write `type: lora`", on="value")


def _rank(process: Process) -> None:
    network = process.section("network")
    linear, rank = network.get("linear"), network.get("rank")
    full = _kind(process) == "lokr" and truthy(network.get("lokr_full_rank", True))
    if linear is None and rank is None and not full:
        if _kind(process) not in ("fullrank", "lorm"):
            process.say("LB318", ("network",), "the rank is missing", "the trainer takes 4", "write `linear: 16`", "warning", "key")
    elif number(linear) and number(rank) and linear != rank:
        process.say(
            "LB319",
            ("network", "linear"),
            f"`linear: {linear}` has no effect beside `rank: {rank}`",
            "`rank` wins",
            "keep one of them",
            "warning",
        )
    if full and (number(linear) or number(rank)):
        key = "rank" if number(rank) else "linear"
        severity: Severity = "hint" if "lokr_full_rank" in network else "warning"
        why = "`lokr_full_rank` is on by default: rank and alpha are not used"
        process.say(
            "LB312",
            ("network", key),
            f"`{key}` has no effect on a LoKr of full rank",
            why,
            "add `lokr_full_rank: false`, or set `lokr_factor`",
            severity,
            "key",
        )


def _alpha(process: Process) -> None:
    network, arch = process.section("network"), process.arch
    if _kind(process) == "lokr" or arch is None or not process.arch_known:
        return
    rank = network.get("rank") if network.get("rank") is not None else network.get("linear") if network.get("linear") is not None else 4
    key = "linear_alpha" if "linear_alpha" in network else "alpha"
    alpha = network.get(key)
    if arch.alpha:
        if alpha is None and number(rank) and rank != 1:
            why = f"its default is 1.0: the LoRA works at 1/{rank} of its strength while it trains"
            process.say("LB318", ("network",), "`linear_alpha` is missing", why, f"write `linear_alpha: {rank}`", "warning", "key")
        elif number(alpha) and alpha == 0:
            process.say(
                "LB317",
                ("network", key),
                f"`{key}: 0` is taken for the rank",
                "an alpha of 0 means `as the rank`",
                f"write `{rank}`",
                "warning",
            )
    elif number(alpha) and number(rank) and alpha != rank:
        why = f"on {process.arch_name} alpha is always the rank ({rank}), and it is not saved"
        process.say(
            "LB312", ("network", key), f"`{key}: {alpha}` has no effect", why, f"write `{key}: {rank}` and adapt `train.lr`", "warning"
        )


def _conv(process: Process) -> None:
    transformer = process.arch is not None and process.arch_known and not process.arch.alpha
    if transformer and number(process.get("network", "conv")) and _kind(process) != "lokr":
        why = f"{process.arch_name} has no convolutions that a LoRA is put on"
        process.say("LB312", ("network", "conv"), "`conv` has no effect", why, "remove it", "warning", "key")


def _kwargs(process: Process) -> None:
    kwargs = process.get("network", "network_kwargs")
    if not isinstance(kwargs, dict):
        return
    for key in _FILTERS:
        if key in kwargs:
            _filter(process, key, kwargs[key])
    if truthy(kwargs.get("module_dropout")):
        why = "the trainer stops at the first training step (AttributeError)"
        process.say(
            "LB315",
            ("network", "network_kwargs", "module_dropout"),
            "`module_dropout` does not work",
            why,
            "write `dropout` or `rank_dropout`",
            on="key",
        )
    dropped, place = kwargs.get("rank_dropout"), ("network", "network_kwargs", "rank_dropout")
    if dropped is not None and not number(dropped):
        why = "the trainer stops at the first training step"
        process.say("LB313", place, f"`rank_dropout: {spell(dropped)}` is no number", why, "write a number such as 0.1")
    elif isinstance(dropped, int | float) and not 0 <= dropped < 1:
        why = "it is the share of ranks that is dropped: none is left, and nothing is trained, in silence"
        process.say("LB317", place, f"`rank_dropout: {dropped}` is no share", why, "write a number such as 0.1")


def _filter(process: Process, key: str, value: Any) -> None:
    place = ("network", "network_kwargs", key)
    if isinstance(value, str):
        if key == "full_if_contains":
            return
        why = "it is gone through letter by letter: nearly every module holds one of the letters"
        process.say("LB317", place, f"`{key}` is text, not a list", why, f"write `[{spell(value)}]`")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if not isinstance(item, str):
                process.say(
                    "LB313",
                    (*place, index),
                    f"{spell(item)} is no text",
                    "the trainer stops after the model is loaded (TypeError)",
                    "put it in quotes",
                )
            elif item == "":
                process.say("LB317", (*place, index), "an empty text is part of every name", "all modules match", "remove it")
            elif is_pattern(item):
                process.say(
                    "LB317",
                    (*place, index),
                    f"`{item}` is looked for as it is",
                    "names are compared as plain text, not as patterns",
                    "write a part of the module's name",
                    "warning",
                )
        if key == "only_if_contains" and not value:
            why = "no module matches: the trainer stops after the model is loaded (ValueError)"
            process.say("LB315", place, "`only_if_contains` is an empty list", why, "remove it")
    elif value is not None:
        process.say("LB313", place, f"`{key}` is no list", "the trainer stops after the model is loaded", "write a list of texts")


def is_pattern(word: str) -> bool:
    """Whether a word of a filter was meant as a pattern."""
    return any(char in word for char in "*^$|\\")
