"""Native options: keys of the trainer under `backends.diffusion-pipe`, checked against the contract.

backends:
  diffusion-pipe:
    x_axis_examples: true              # a key of the main file
    model: {multiscale_loss_weight: 0.5}
    dataset: {cache_shuffle_num: 10}   # the top of the dataset file
    directory: {default_mask_file: /data/white.png}   # every folder
    args: {master_port: 29501}         # flags of train.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from lorabridge.backends.diffusion_pipe.archs import Arch
from lorabridge.backends.diffusion_pipe.contract import contract
from lorabridge.backends.engine import Lowering, spell

SECTIONS = ("model", "adapter", "monitoring", "dataset", "directory", "args")
_OURS = frozenset({"output_dir", "dataset", "eval_datasets", "model", "adapter", "optimizer", "monitoring"})
_OUR_ARGS = frozenset({"config", "local_rank", "deepspeed", "deepspeed_config", "deepscale", "deepscale_config"})
_FORBIDDEN = {
    "force_constant_lr": "it would override the rate of every group, the warmup and the schedule",
    "resume_from_checkpoint": "`train.resume_from` says it",
}
_KINDS: dict[str, Callable[[Any], bool]] = {
    "int": lambda v: type(v) is int,
    "float": lambda v: type(v) in (int, float),
    "bool": lambda v: type(v) is bool,
    "flag": lambda v: type(v) is bool,
    "str": lambda v: type(v) is str,
    "Path": lambda v: type(v) is str,
    "ints": lambda v: isinstance(v, list) and all(type(item) is int for item in v),
    "strs": lambda v: isinstance(v, list) and all(type(item) is str for item in v),
    "list": lambda v: isinstance(v, list),
    "table": lambda v: isinstance(v, dict),
    "tables": lambda v: isinstance(v, list) and all(isinstance(item, dict) for item in v),
    "sizes": lambda v: isinstance(v, list) and all(isinstance(item, list) and len(item) == 2 for item in v),
}


def native(out: Lowering, arch: Arch) -> dict[str, Any]:
    """Check and apply the native options; returns the flags for `train.py`."""
    options = out.config.backends.get(out.backend) or {}
    flags: dict[str, Any] = {}
    for key, value in options.items():
        here = f"backends.{out.backend}.{key}"
        if key == "optimizer":
            out.problem(
                "LB305",
                here,
                "`optimizer` has its own section in the language",
                "two sections would name one optimizer",
                "use `optimizer.args` for further arguments",
            )
        elif key not in SECTIONS:
            _set(out, here, "main", key, value, contract()["main"], _OURS)
        elif not isinstance(value, Mapping):
            out.problem("LB304", here, f"`{key}` is a table of keys", "", f"write `{key}: {{…: …}}`")
        else:
            _section(out, arch, here, key, value, flags)
    return flags


def _section(out: Lowering, arch: Arch, here: str, section: str, options: Mapping[str, Any], flags: dict[str, Any]) -> None:
    known = contract()[section] if section != "model" else contract()["model"][arch.type]
    for key, value in options.items():
        path = f"{here}.{key}"
        if section == "args":
            if _fits(out, path, key, value, known, _OUR_ARGS):
                flags[key] = value
                out.note("native", path, value, "train.py", f"--{key}")
        elif section in ("model", "adapter", "monitoring"):
            _set(
                out,
                path,
                "main",
                f"{section}.{key}",
                value,
                {f"{section}.{name}": facts for name, facts in known.items()},
                frozenset({"model.type", "monitoring.wandb_api_key"}),
            )
        elif section == "dataset":
            for document in ("dataset", "eval"):
                if document in out.documents:
                    _set(out, path, document, key, value, known, frozenset({"directory"}))
        elif _fits(out, path, key, value, known, frozenset({"path"})):
            _everywhere(out, path, key, value)


def _everywhere(out: Lowering, path: str, key: str, value: Any) -> None:
    for document in ("dataset", "eval"):
        for table in out.documents.get(document, {}).get("directory", ()):
            if (
                key in table
                and table[key] != value
                and key in ("mask_path", "control_path", "num_repeats", "caption_prefix", "resolutions")
            ):
                out.problem(
                    "LB305",
                    path,
                    f"`directory.{key}` and the datasets' own settings both set it",
                    "one of the two would be lost",
                    "remove one of the two",
                )
                return
            table[key] = value
    out.note("native", path, value, f"directory:{key}", value)


def _set(out: Lowering, path: str, document: str, key: str, value: Any, known: Mapping[str, Any], ours: frozenset[str]) -> None:
    if not _fits(out, path, key, value, known, ours):
        return
    at = f"{document}:{key}"
    intent = out.sources.get(at, "")
    if intent and out.wrote(intent) and _now(out, document, key) != value:
        out.problem(
            "LB305",
            path,
            f"`{key}` is what `{intent}` already says",
            f"it says {spell(_now(out, document, key))}, the native option {spell(value)}; one would be lost",
            "remove one of the two",
        )
        return
    out.put(at, value, intent)
    out.note("native", path, value, at, value, f"instead of the default of `{intent}`" if intent else "")


def _now(out: Lowering, document: str, key: str) -> Any:
    here: Any = out.documents.get(document, {})
    for part in key.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _fits(out: Lowering, path: str, key: str, value: Any, known: Mapping[str, Any], ours: frozenset[str]) -> bool:
    if key in ours or key in _FORBIDDEN:
        why = _FORBIDDEN.get(key, "lorabridge writes it")
        out.problem("LB305", path, f"`{key}` cannot be set here", why, "use the fields of the language")
        return False
    if key not in known:
        near = get_close_matches(key, known, 1, 0.6)
        hint = f"did you mean `{near[0]}`?" if near else "known: " + ", ".join(f"`{name}`" for name in sorted(known))
        out.problem("LB303", path, f"the trainer reads no key `{key}` here", "it would be ignored in silence", hint)
        return False
    facts = known[key]
    kinds = facts.get("type", "").split("|")
    if "choices" in facts and not any(type(item) is type(value) and item == value for item in facts["choices"]):
        out.problem(
            "LB304",
            path,
            f"`{key}: {spell(value)}` is not one of its choices",
            "the trainer would fail on it",
            "known: " + ", ".join(f"`{spell(item)}`" for item in facts["choices"]),
        )
        return False
    if "choices" not in facts and not any(_KINDS[kind](value) for kind in kinds):
        out.problem(
            "LB304",
            path,
            f"`{key}: {spell(value)}` is of the wrong type",
            "the trainer checks no types and fails late",
            f"it takes: {' or '.join(kinds)}",
        )
        return False
    return True
