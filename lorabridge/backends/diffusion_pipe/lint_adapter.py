"""`[adapter]` and `[monitoring]`."""

from __future__ import annotations

import re
from typing import Any

from lorabridge.backends.diffusion_pipe.contract import contract
from lorabridge.backends.diffusion_pipe.lint_job import Job, numeric, spell, stranger, unexpanded
from lorabridge.backends.diffusion_pipe.lint_values import check_value
from lorabridge.config.paths import KeyPath

_AT_ONCE = "as soon as the file is read"
_LATE = "after caching and after the models are loaded"
_FOR = {"dropout": "lora", "rank_dropout": "lokr", "decompose_factor": "lokr"}


def check_adapter(job: Job) -> None:
    """All rules about `[adapter]`."""
    table = job.data.get("adapter")
    if not isinstance(table, dict) or job.main is None:
        return
    good = _keys(job, table)
    kind = good.get("type")
    for key, why, fix in (
        ("type", f"KeyError {_AT_ONCE}", "write `type = 'lora'`"),
        ("rank", f"KeyError {_AT_ONCE}", "write `rank = 32`"),
    ):
        if key not in table:
            job.missing(("adapter", key), why, fix)
    _rank(job, table, kind)
    _kind(job, table, kind)
    _dropout(job, good, kind)
    _loading(job, table, kind)
    _excluded(job, table)


def _keys(job: Job, table: dict[str, Any]) -> dict[str, Any]:
    assert job.main is not None
    known: dict[str, Any] = contract()["adapter"]
    good: dict[str, Any] = {}
    for key, value in table.items():
        here: KeyPath = ("adapter", key)
        if key == "alpha":
            fix = "remove it: alpha always equals rank here"
            job.report(
                "LB315", here, "`alpha` cannot be set", f"NotImplementedError {_AT_ONCE}: the trainer forces alpha = rank", fix, on="key"
            )
        elif key not in known:
            stranger(job.found, job.main, here, known, "[adapter]")
        elif key in ("rank", "exclude_modules", "fuse_adapters") or _FOR.get(key, table.get("type")) != table.get("type"):
            continue
        elif check_value(job.found, job.main, here, value, known[key], _when(key)):
            good[key] = value
    if str(table.get("dtype", "")).startswith("float8"):
        why = "the adapter's own weights are trained in it, and float8 is too coarse and mostly not computed with"
        job.report("LB317", ("adapter", "dtype"), "an adapter in float8", why, "write `dtype = 'bfloat16'` or 'float32'", "warning")
    return good


def _when(key: str) -> str:
    if key == "type":
        return f"NotImplementedError {_AT_ONCE}"
    if key == "dtype":
        return f"KeyError {_AT_ONCE}"
    return f"it fails {_LATE}"


def _rank(job: Job, table: dict[str, Any], kind: Any) -> None:
    value, here = table.get("rank"), ("adapter", "rank")
    if "rank" not in table:
        return
    if isinstance(value, float) and kind == "lokr" and value > 0:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        fix = f"write `{int(value)}`" if isinstance(value, float) and value.is_integer() else "write a whole number"
        job.report("LB313", here, f"`rank = {spell(value)}` is no whole number", f"TypeError {_LATE}", fix)
    elif value < 1:
        job.report("LB315", here, f"`rank = {value}`", f"ValueError {_LATE}: it must be 1 or more", "write `rank = 32`")


def _kind(job: Job, table: dict[str, Any], kind: Any) -> None:
    for key, owner in _FOR.items():
        if key in table and kind in ("lora", "lokr") and kind != owner:
            says = f"`{key}` is not read for {kind}"
            job.report(
                "LB312", ("adapter", key), says, f"only `type = '{owner}'` reads it", "remove it", "warning", "key", [("adapter", "type")]
            )
    if kind == "lokr" and job.arch is not None and not job.arch.lokr:
        when = "at the first save, after all that training" if job.type == "flux" else _LATE
        job.report("LB315", ("adapter", "type"), f"{job.name} has no lokr", f"NotImplementedError {when}", "write `type = 'lora'`")


def _dropout(job: Job, good: dict[str, Any], kind: Any) -> None:
    for key, owner in (("dropout", "lora"), ("rank_dropout", "lokr")):
        value, here = good.get(key), ("adapter", key)
        if not numeric(value) or kind != owner:
            continue
        if value > 1:
            why = f"ValueError {_LATE}" if key == "dropout" else "all of the adapter is dropped"
            job.report("LB315" if key == "dropout" else "LB323", here, f"`{key} = {value}`", why, "write a fraction, such as 0.1")
        elif value == 1:
            job.report("LB323", here, f"`{key} = {value}` drops all of the adapter", "nothing is learned", "write a fraction, such as 0.1")
        elif value < 0:
            job.report(
                "LB317", here, f"`{key} = {value}` has no effect", "only values above 0 switch it on", "write 0, or a fraction", "warning"
            )


def _loading(job: Job, table: dict[str, Any], kind: Any) -> None:
    assert job.main is not None
    start, here = table.get("init_from_existing"), ("adapter", "init_from_existing")
    unexpanded(job.found, job.main, here, start)
    if isinstance(start, str) and start.endswith((".safetensors", ".sft", ".pt", ".bin")) and job.type != "flux":
        why = f"a folder with one .safetensors is expected: `No safetensors file found` {_LATE}"
        job.report("LB315", here, "`init_from_existing` names a file", why, "name the folder that holds it")
    if start and kind == "lokr":
        why = f"its keys are not found again: RuntimeError {_LATE}"
        job.report("LB319", here, "a lokr cannot be loaded again", why, "remove it, or train a lora", related=[("adapter", "type")])
    fused, where = table.get("fuse_adapters"), ("adapter", "fuse_adapters")
    if not fused:
        return
    if job.arch is not None and job.arch.merges != "fuse_adapters":
        fix = f"write `{job.arch.merges}` in [model]" if job.arch.merges else "remove it"
        job.report("LB312", where, f"`fuse_adapters` is not read for {job.name}", "only flux and chroma read it", fix, "warning", "key")
    elif not isinstance(fused, list) or any(not isinstance(item, dict) or "path" not in item for item in fused):
        job.report(
            "LB313",
            where,
            "`fuse_adapters` must be a list of tables with `path` and `weight`",
            f"it fails {_LATE}",
            "write `[{path = '...', weight = 1.0}]`",
        )


def _excluded(job: Job, table: dict[str, Any]) -> None:
    value, here = table.get("exclude_modules"), ("adapter", "exclude_modules")
    if value is None or job.main is None:
        return
    if job.type == "sdxl":
        job.report("LB312", here, "`exclude_modules` is not read for sdxl", "the adapter is put everywhere", "remove it", "warning", "key")
        return
    if not check_value(job.found, job.main, here, value, contract()["adapter"]["exclude_modules"]):
        return
    if isinstance(value, str):
        try:
            re.compile(value)
        except re.error as error:
            job.report(
                "LB315",
                here,
                f"`exclude_modules` is no regular expression: {error}",
                f"it fails {_LATE}",
                "mend it, or write a list of names",
            )


def check_monitoring(job: Job) -> None:
    """All rules about `[monitoring]`."""
    table = job.data.get("monitoring")
    if not isinstance(table, dict) or job.main is None:
        return
    known: dict[str, Any] = contract()["monitoring"]
    on = table.get("enable_wandb")
    for key, value in table.items():
        if key not in known:
            stranger(job.found, job.main, ("monitoring", key), known, "[monitoring]")
        elif key == "enable_wandb" or on:
            check_value(job.found, job.main, ("monitoring", key), value, known[key])
    if not on:
        return
    for key in ("wandb_api_key", "wandb_tracker_name", "wandb_run_name"):
        if key not in table:
            job.missing(("monitoring", key), f"KeyError {_LATE}", f"write `{key}`, or `enable_wandb = false`")
    if table.get("wandb_api_key") == "":
        job.report(
            "LB315",
            ("monitoring", "wandb_api_key"),
            "`wandb_api_key` is empty",
            f"wandb asks for it or fails, {_LATE}",
            "write the key",
            "warning",
        )
