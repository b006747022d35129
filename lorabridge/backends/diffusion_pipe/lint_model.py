"""`[model]`: the type, its files, and the settings that only some types read."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.diffusion_pipe.archs import ARCHS
from lorabridge.backends.diffusion_pipe.lint_job import Job, numeric, report, spell, stranger, unexpanded
from lorabridge.backends.diffusion_pipe.lint_tables import DTYPES, NO_FULL, PATHS, REQUIRED, all_model_keys, model_keys
from lorabridge.backends.diffusion_pipe.lint_values import check_value
from lorabridge.backends.native.findings import nearest
from lorabridge.config.paths import KeyPath

_PRECISION = ("dtype", "transformer_dtype", "diffusion_model_dtype")
_CTOR = "it fails when the model is made, before caching"
_AT_ONCE = "KeyError as soon as the file is read"


def check_model(job: Job) -> None:
    """All rules about `[model]`."""
    table = job.data.get("model")
    if not isinstance(table, dict):
        return
    _type(job, table)
    _precision(job, table)
    good = _keys(job, table)
    if job.arch is None:
        return
    _files(job, table)
    _text_encoders(job, table)
    _noise(job, good)
    _losses(job, good)
    _rates(job, good)
    _whole_model(job, table)
    if job.type == "minimax_h3" and numeric(good.get("cfg")) and good["cfg"] > 1 and job.data.get("pipeline_stages", 1) != 1:
        job.report(
            "LB319", ("model", "cfg"), "`cfg` above 1 needs `pipeline_stages = 1`", "AssertionError when the model is made", "write 1"
        )


def _type(job: Job, table: dict[str, Any]) -> None:
    if "type" not in table:
        job.missing(("model", "type"), "KeyError before caching", "write the model's type, such as `type = 'qwen_image'`")
    elif job.arch is None:
        value = table["type"]
        plain = {name.replace("-", "_"): name for name in ARCHS}
        near = plain.get(nearest(str(value).replace("-", "_"), plain), "")
        fix = f'did you mean "{near}"?' if near else "known: " + ", ".join(ARCHS)
        job.report("LB314", ("model", "type"), f"no model type {spell(value)}", "NotImplementedError before caching", fix)


def _precision(job: Job, table: dict[str, Any]) -> None:
    assert job.main is not None
    if "dtype" not in table:
        job.missing(("model", "dtype"), _AT_ONCE, "write `dtype = 'bfloat16'`")
    for key in _PRECISION:
        if key in table and (table[key] or key == "dtype"):
            check_value(job.found, job.main, ("model", key), table[key], {"choices": DTYPES}, _AT_ONCE)
    if str(table.get("dtype", "")).startswith("float8"):
        fp8 = job.arch.fp8 if job.arch else ""
        fix = f"write `dtype = 'bfloat16'` and `{fp8} = {spell(table['dtype'])}`" if fp8 else "write `dtype = 'bfloat16'`"
        job.report(
            "LB317",
            ("model", "dtype"),
            "`dtype` is what the model computes in",
            "float8 holds weights, and cannot be computed with",
            fix,
            "warning",
        )


def _keys(job: Job, table: dict[str, Any]) -> dict[str, Any]:
    """Unknown keys and wrong types; returns what other rules may compute with."""
    assert job.main is not None
    good: dict[str, Any] = {}
    known = model_keys(job.type) if job.arch else {key: {} for key in all_model_keys()}
    for key, value in table.items():
        here: KeyPath = ("model", key)
        if key not in known:
            if key in all_model_keys():
                _unread(job, key, value)
            else:
                stranger(job.found, job.main, here, known, "[model]")
        elif key in (*_PRECISION, "type", "text_encoders", "merge_adapters"):
            continue
        elif check_value(job.found, job.main, here, value, known[key], _when(job, key)):
            good[key] = value
        if key in PATHS:
            unexpanded(job.found, job.main, here, value)
    if job.arch and "merge_adapters" in known and "merge_adapters" in table:
        _merges(job, table["merge_adapters"])
    return good


def _when(job: Job, key: str) -> str:
    if key in PATHS:
        return _CTOR
    if key == "timestep_sample_method":
        return (
            "NotImplementedError when the model is made"
            if job.type == "wan"
            else "NotImplementedError at the first batch, after everything is loaded"
        )
    return "the trainer checks no types; it is an error or an accident at the first batch"


def _unread(job: Job, key: str, value: Any) -> None:
    """A key that other model types read."""
    arch = job.arch
    assert arch is not None
    fix = "remove it"
    if key in ("transformer_dtype", "diffusion_model_dtype"):
        fix = f"write `{arch.fp8}` instead" if arch.fp8 else "remove it: this type cannot hold its weights in a lower precision"
    elif key in ("flux_shift", "lumina_shift") and arch.by_size:
        fix = f"write `{arch.by_size}` instead"
    elif key in PATHS:
        wanted = [name for names in REQUIRED[job.type] for name in names if name not in job.table("model")]
        fix = f"write `{wanted[0]}` instead" if wanted else "remove it"
    elif key == "timestep_sample_method" and job.type == "sdxl":
        fix = "remove it: SDXL draws all timesteps alike"
    job.report(
        "LB312",
        ("model", key),
        f"`{key}` is not read for {job.name}",
        f"other model types read it; for this one {spell(value)} has no effect",
        fix,
        "warning",
        "key",
    )


def _merges(job: Job, value: Any) -> None:
    if not value:
        return
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        for index, item in enumerate(value):
            unexpanded(job.found, job.main, ("model", "merge_adapters", index), item)  # type: ignore[arg-type]
        return
    why = (
        "each letter of a text is taken as a file: FileNotFoundError after caching" if isinstance(value, str) else "it fails after caching"
    )
    job.report("LB313", ("model", "merge_adapters"), "`merge_adapters` must be a list of files", why, f"write `[{spell(value)}]`")


def _files(job: Job, table: dict[str, Any]) -> None:
    for names in REQUIRED[job.type]:
        if any(name in table for name in names):
            continue
        why = (
            "KeyError when the VAE or text encoder is opened"
            if job.arch and job.arch.comfy
            else "KeyError when the model is made, before caching"
        )
        said = " or ".join(f"`{name}`" for name in names)
        job.missing(("model", names[0]), why, f"write {said}", message=f"{said} is missing in [model] for {job.name}")
    for names in REQUIRED[job.type]:
        for name in names:
            if table.get(name) == "":
                job.report("LB315", ("model", name), f"`{name}` is empty", _CTOR, "write the path")
    if job.type in ("cosmos_predict2", "anima") and "t5_path" in table and "llm_path" in table:
        why = "`t5_path` is asked for first and makes it a Cosmos-Predict2"
        job.report(
            "LB312",
            ("model", "llm_path"),
            "`llm_path` has no effect beside `t5_path`",
            why,
            "keep one of them",
            "warning",
            "key",
            [("model", "t5_path")],
        )


def _text_encoders(job: Job, table: dict[str, Any]) -> None:
    value, here = table.get("text_encoders"), ("model", "text_encoders")
    if value is None or "text_encoders" not in model_keys(job.type) or job.arch is None or job.main is None:
        return
    if not isinstance(value, list) or any(not isinstance(item, dict) for item in value):
        fix = "write `text_encoders = [{path = '...', type = '" + job.arch.clip + "'}]`"
        job.report("LB313", here, "`text_encoders` must be a list of tables", "TypeError when the model is made", fix)
        return
    if not value:
        job.report("LB315", here, "`text_encoders` is empty", "no captions can be encoded", "name the text encoder")
    if len(value) > 1:
        why = "each entry loads the files of the last one (models/base.py:588)"
        job.report("LB317", here, "only the last of the text encoders is loaded", why, "write one entry with `paths = [...]`")
    for index, entry in enumerate(value):
        where: KeyPath = (*here, index)
        for key, item in entry.items():
            if key not in ("path", "paths", "type"):
                stranger(job.found, job.main, (*where, key), ("path", "paths", "type"), "text_encoders")
            elif key == "paths" and not isinstance(item, str):
                check_value(job.found, job.main, (*where, key), item, {"type": "strs"}, "it fails in caching, and the run hangs")
            elif key in ("path", "type") and not (key == "path" and isinstance(item, list)):
                check_value(job.found, job.main, (*where, key), item, {"type": "str"}, "it fails when the model is made, or in caching")
            unexpanded(job.found, job.main, (*where, key), item)
        if "path" not in entry and "paths" not in entry:
            job.report(
                "LB318",
                where,
                "`path` is missing",
                "ValueError: need text encoder path in config, when the model is made",
                "write `path`",
                on="key",
            )
        _clip_type(job, where, entry)


def _clip_type(job: Job, where: KeyPath, entry: dict[str, Any]) -> None:
    assert job.arch is not None
    if "type" not in entry:
        job.report("LB318", where, "`type` is missing", "KeyError when the model is made", f"write `type = '{job.arch.clip}'`", on="key")
    elif isinstance(entry["type"], str) and entry["type"].lower() != job.arch.clip:
        why = "a word that ComfyUI does not know is taken as `stable_diffusion` in silence; another family's may load another encoder"
        says = f"text encoder type {spell(entry['type'])} is not that of {job.name}"
        job.report("LB317", (*where, "type"), says, why, f'write "{job.arch.clip}"', "warning")


def _noise(job: Job, good: dict[str, Any]) -> None:
    by_size = job.arch.by_size if job.arch else ""
    shift = good.get("shift")
    if shift and by_size and good.get(by_size):
        job.report(
            "LB312",
            ("model", by_size),
            f"`{by_size}` is overridden by `shift`",
            "the trainer asks for `shift` first",
            "keep one of them",
            "warning",
            "key",
            [("model", "shift")],
        )
    if numeric(shift) and shift < 0:
        job.report("LB317", ("model", "shift"), "a shift below 0", "the timesteps leave their range", "write a number above 0")
    scale = good.get("sigmoid_scale")
    if scale is not None and good.get("timestep_sample_method") == "uniform":
        why = "only `logit_normal` reads it"
        job.report(
            "LB312",
            ("model", "sigmoid_scale"),
            "`sigmoid_scale` has no effect with `uniform`",
            why,
            "remove it",
            "warning",
            "key",
            [("model", "timestep_sample_method")],
        )
    elif scale == 0:
        job.report(
            "LB317",
            ("model", "sigmoid_scale"),
            "`sigmoid_scale = 0`",
            "every sample is trained at the same timestep, 0.5",
            "write 1.0",
            "warning",
        )
    low, high = good.get("min_t", 0.0), good.get("max_t", 1.0)
    if numeric(low) and numeric(high) and low >= high and {"min_t", "max_t"} & good.keys():
        here = "min_t" if "min_t" in good else "max_t"
        job.report(
            "LB315",
            ("model", here),
            f"no timestep is between {low} and {high}",
            "it fails at the first batch, after everything is loaded",
            "write `min_t` below `max_t`",
        )
    elif numeric(low) and numeric(high) and not (0 <= low <= 1 and 0 <= high <= 1):
        here = "max_t" if not 0 <= high <= 1 else "min_t"
        job.report(
            "LB317", ("model", here), "timesteps are from 0 to 1", "beyond it there are none", "write a number from 0 to 1", "warning"
        )


def _losses(job: Job, good: dict[str, Any]) -> None:
    if good.get("debiased_estimation_loss") is False:
        why = "the trainer asks whether the key is there, not what it says (models/sdxl.py:376): the loss is changed"
        job.report(
            "LB317", ("model", "debiased_estimation_loss"), "`debiased_estimation_loss = false` switches it on", why, "remove the key"
        )
    gamma = good.get("min_snr_gamma")
    if numeric(gamma) and gamma <= 0:
        says = f"`min_snr_gamma = {gamma}` is no `off`"
        job.report(
            "LB323", ("model", "min_snr_gamma"), says, "the key's presence counts: every loss is weighted with 0 or less", "remove the key"
        )


def _rates(job: Job, good: dict[str, Any]) -> None:
    rates = [key for key in good if key.endswith("_lr") and numeric(good[key])]
    for key in rates:
        if good[key] < 0:
            job.report(
                "LB315", ("model", key), f"`{key}` is below 0", "the optimizer refuses it, after the models are loaded", "write 0 or more"
            )
    if "force_constant_lr" in job.data:
        for key in rates:
            why = "it replaces the rate of every group"
            job.report(
                "LB312",
                ("model", key),
                f"`{key}` is overridden by `force_constant_lr`",
                why,
                "keep one of them",
                "warning",
                "key",
                [("force_constant_lr",)],
            )
    if (
        job.type == "sdxl"
        and rates
        and not job.adapter
        and good.get("unet_lr") == 0
        and all(good.get(f"text_encoder_{n}_lr") == 0 for n in (1, 2))
    ):
        job.report("LB323", ("model", "unet_lr"), "all rates are 0", "nothing is learned", "write a rate above 0")
    if job.type in ("cosmos_predict2", "anima") and "lr" not in job.table("optimizer") and "optimizer" in job.data:
        why = "this type gives every group of weights a rate of its own; without `lr` it is none at all: TypeError after the models are loaded"
        job.missing(("optimizer", "lr"), why, "write `lr`")


def _whole_model(job: Job, table: dict[str, Any]) -> None:
    if job.adapter or job.main is None:
        return
    if job.type in NO_FULL:
        says = f"{job.name} cannot be trained without an [adapter]"
        report(
            job.found, job.main, "LB315", ("model", "type"), says, f"it fails {NO_FULL[job.type]}", "write [adapter] with `type` and `rank`"
        )
    for key in ("transformer_dtype", "diffusion_model_dtype"):
        if str(table.get(key, "")).startswith("float8") and key in model_keys(job.type):
            why = "without an [adapter] these weights themselves are trained, and float8 is too coarse for it"
            job.report(
                "LB319",
                ("model", key),
                f"`{key}` is float8 and the whole model is trained",
                why,
                "remove it, or add an [adapter]",
                "warning",
            )
