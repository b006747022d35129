"""The arguments of the network module."""

from __future__ import annotations

import ast
import re
from typing import Any

from lorabridge.backends.musubi.lint_model import Setup
from lorabridge.backends.musubi.lint_tables import AFTER_DIT
from lorabridge.backends.native.findings import nearest

_NETWORK = (
    "conv_dim",
    "conv_alpha",
    "rank_dropout",
    "module_dropout",
    "verbose",
    "loraplus_lr_ratio",
    "exclude_patterns",
    "include_patterns",
)


def check_network_args(setup: Setup, args: dict[str, Any]) -> None:
    """Arguments that the network module takes, and what it makes of them."""
    module = setup.text("network_module").rpartition(".")
    if module[0] not in ("networks", "musubi_tuner.networks"):
        return
    known = (*_NETWORK, "factor") if module[2] == "lokr" else _NETWORK
    for key, value in args.items():
        if key not in known:
            near = nearest(key, known)
            own = {"network_dim", "network_alpha", "network_dropout", "rank", "dim", "alpha"} & {key}
            fix = "write it as a key of its own" if own else f"did you mean `{near}`?" if near else f"known are {', '.join(known)}"
            setup.say("LB310", "network_args", f"{setup.text('network_module')} knows no argument `{key}`", "it is ignored in silence", fix)
            continue
        _network_value(setup, key, value)


def _network_value(setup: Setup, key: str, value: str) -> None:
    if key == "verbose":
        if value != "True":
            off = value in ("False", "None", "")
            setup.say(
                "LB317",
                "network_args",
                f"`verbose={value}` is off",
                "only `True` in this spelling switches it on",
                'write "verbose=True"',
                severity="hint" if off else "warning",
            )
        return
    if key.endswith("_patterns"):
        _patterns(setup, key, value)
        return
    kind = int if key in ("conv_dim", "factor") else float
    try:
        number = kind(value)
    except ValueError:
        setup.say(
            "LB315",
            "network_args",
            f"`{key}={value}` is no {'whole ' if kind is int else ''}number",
            f"{AFTER_DIT} (ValueError)",
            "write a number",
        )
        return
    if key.endswith("dropout") and not 0 <= number <= 1:
        setup.say(
            "LB315",
            "network_args",
            f"`{key}={value}` is not between 0 and 1",
            "the first step fails, or nothing is trained",
            "write for example 0.1",
        )
    elif key.endswith("dropout") and number == 1:
        setup.say("LB323", "network_args", f"`{key}=1` drops everything", "no weight is trained", "write for example 0.1")
    elif key == "loraplus_lr_ratio" and number <= 0:
        setup.say(
            "LB317",
            "network_args",
            f"`loraplus_lr_ratio={value}` trains nothing",
            "with 0 the up weights are left out of the optimizer and stay zero",
            "write for example 4",
        )


def _patterns(setup: Setup, key: str, value: str) -> None:
    try:
        patterns = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        setup.say(
            "LB315",
            "network_args",
            f"`{key}={value}` is no Python list",
            f"{AFTER_DIT}: it is read by ast.literal_eval",
            f"write \"{key}=[r'.*attn.*']\"",
        )
        return
    if not isinstance(patterns, list | tuple) or not all(isinstance(item, str) for item in patterns):
        setup.say(
            "LB317",
            "network_args",
            f"`{key}={value}` is no list of texts",
            "a text is taken letter by letter",
            f"write \"{key}=[r'.*attn.*']\"",
        )
        return
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            setup.say(
                "LB317",
                "network_args",
                f"`{pattern}` is no regular expression: {error}",
                "it is logged and left out; training goes on without it",
                "mend the expression",
            )
    if key == "exclude_patterns" and ".*" in patterns and "include_patterns" not in str(setup.get("network_args")):
        setup.say(
            "LB315",
            "network_args",
            "`.*` excludes every module",
            f"{AFTER_DIT}: `No LoRA modules found`",
            "add include_patterns, or exclude less",
        )
