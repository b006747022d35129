"""The main file: its top-level keys and what they say together."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lorabridge.backends.diffusion_pipe.lint_eval import check_evaluation
from lorabridge.backends.diffusion_pipe.lint_job import SILENT, Job, numeric, spell, stranger, unexpanded
from lorabridge.backends.diffusion_pipe.lint_tables import BATCHES, SAVES, main_keys, swap_limit
from lorabridge.backends.diffusion_pipe.lint_values import check_value
from lorabridge.backends.diffusion_pipe.lint_zero import check_zeros, good_count
from lorabridge.config.paths import KeyPath

_WHEN = {
    "save_dtype": "KeyError as soon as the file is read",
    "lr_scheduler": "NotImplementedError after the models are loaded",
    "activation_checkpointing": "NotImplementedError after the models are loaded",
}
_SECTIONS = ("model", "adapter", "optimizer", "monitoring")
_OWN_RULES = frozenset({"eval_datasets", "video_clip_mode"})


def check_main(job: Job) -> None:
    """All rules about the top of the main file."""
    good = _keys(job)
    _needed(job)
    check_zeros(job, good)
    _batches(job, good)
    _saves(job, good)
    _lengths(job, good)
    _pipeline(job, good)
    _checkpointing(job, good)
    check_evaluation(job)
    _loss(job)
    _clips(job)
    _resume(job)


def _keys(job: Job) -> dict[str, Any]:
    """Unknown keys and wrong types; returns what other rules may compute with."""
    known, good = main_keys(), {}
    assert job.main is not None
    for key, value in job.data.items():
        if key == "regenerate_cache":
            why = "the command line's own default always wins (train.py:305-308)"
            job.report(
                "LB312", key, "`regenerate_cache` in the file has no effect", why, "use the flag --regenerate_cache", "warning", "key"
            )
        elif key not in known:
            _stranger(job, key, value)
        elif key in _SECTIONS and not isinstance(value, dict):
            why = "it is a TypeError or KeyError"
            job.report("LB313", key, f"`{key}` must be one section", why, f"write `[{key}]`, once, and the keys below it")
        elif (
            key not in _OWN_RULES
            and not _pointless(job, key, value)
            and check_value(job.found, job.main, (key,), value, known[key], _WHEN.get(key, _late(key)))
        ):
            good[key] = value
    if job.data.get("dataset") == "":
        job.report("LB315", "dataset", "`dataset` is empty", "the trainer stops at once (FileNotFoundError)", "name the dataset file")
    if job.data.get("output_dir") == "":
        why = "the run's folder is made where the trainer is started"
        job.report("LB317", "output_dir", "`output_dir` is empty", why, "write `output_dir = '/data/runs/name'`", "warning")
    for key in ("output_dir", "dataset"):
        unexpanded(job.found, job.main, (key,), job.data.get(key))
    return good


def _pointless(job: Job, key: str, value: Any) -> bool:
    """Whether nothing computes with the value: its kind does not matter then."""
    if key in ("huber_delta", "smooth_l1_beta"):
        return job.arch is not None and not job.arch.huber
    evaluation = key in BATCHES or key == "eval_gradient_accumulation_steps"
    return evaluation and key.startswith("eval_") and not job.data.get("eval_datasets") and not isinstance(value, list)


def _late(key: str) -> str:
    if key in BATCHES:
        return "it is an AttributeError or TypeError before or after the models are loaded"
    if key in ("caching_batch_size", "map_num_proc"):
        return "the caching process dies on it and the run waits for it for ever"
    if key == "steps_per_print":
        return "it is a TypeError in the first step"
    if key.startswith(("save_every", "checkpoint_every", "logging", "max_steps")):
        return "it is a TypeError after the first step or at the end of the first epoch"
    return "the trainer checks no types; it is an error where the value is first used, mostly after the models are loaded"


def _stranger(job: Job, key: str, value: Any) -> None:
    assert job.main is not None
    why = SILENT
    if isinstance(value, dict) and not job.adapter and ({"rank", "dim", "network_dim"} & value.keys()):
        why += "; without [adapter] the whole model is trained"
    stranger(job.found, job.main, (key,), main_keys(), "the top of the main file, before the first [section]", why)


def _needed(job: Job) -> None:
    if not any(key in job.data for key in SAVES):
        why = "a bare AssertionError as soon as the file is read"
        job.missing(
            "save_every_n_epochs", why, "write `save_every_n_epochs = 1`", message="none of " + ", ".join(f"`{key}`" for key in SAVES)
        )
    for key, why, fix in (
        ("output_dir", "KeyError after caching and after the models are loaded", "write `output_dir = '/data/runs/name'`"),
        ("dataset", "KeyError after the model's text encoder and VAE are opened", "write `dataset = '/data/dataset.toml'`"),
        ("model", "KeyError as soon as the file is read", "write `[model]` with `type` and `dtype`"),
        ("optimizer", "KeyError before caching", "write `[optimizer]` with `type` and `lr`"),
    ):
        if key not in job.data:
            job.missing(key, why, fix)
    if "epochs" not in job.data:
        scheduled = job.data.get("lr_scheduler") in ("linear", "cosine")
        why = (
            "KeyError when the schedule is made"
            if scheduled
            else "KeyError at the end of the first epoch, unless `max_steps` comes before it"
        )
        job.missing("epochs", why, "write `epochs = 10`", "warning" if "max_steps" in job.data and not scheduled else "error")


def _batches(job: Job, good: dict[str, Any]) -> None:
    for key in BATCHES:
        value = good.get(key)
        if not isinstance(value, list):
            continue
        if not value:
            job.report("LB315", key, f"`{key}` is an empty list", "IndexError before caching", "write a number, or `[[512, 4], [1024, 1]]`")
        for index, pair in enumerate(value):
            if type(pair[1]) is not int or pair[1] < 1:
                job.report(
                    "LB315",
                    (key, index),
                    f"a batch of {pair[1]}",
                    "it fails after the models are loaded",
                    "write `[side, batch]`, both whole numbers",
                )
        for side, times in Counter(pair[0] for pair in value).items():
            if times > 1:
                job.report("LB317", key, f"side {side} is written twice in `{key}`", "the last one wins", "write it once", "warning")


def per_step(job: Job) -> int | None:
    """Samples of one step on one data-parallel rank, by the first entry of the batch size; None where it is no number."""
    given, pile = job.data.get("micro_batch_size_per_gpu", 1), job.data.get("gradient_accumulation_steps", 1)
    batch: Any = given
    if isinstance(given, list):
        batch = given[0][1] if given and isinstance(given[0], list) and len(given[0]) == 2 else None
    return batch * pile if good_count(batch) and good_count(pile) else None


def ranks(job: Job) -> int | None:
    """How many data-parallel ranks a run has, when the launch tells."""
    stages = job.data.get("pipeline_stages", 1)
    if job.start is None or job.start.gpus is None or not good_count(stages) or job.start.gpus % stages:
        return None
    return job.start.gpus // stages


def _saves(job: Job, good: dict[str, Any]) -> None:
    size = per_step(job)
    for key in ("save_every_n_examples", "eval_every_n_examples"):
        other = key.replace("examples", "steps")
        value = good.get(key)
        if not value:
            continue
        if other in job.data:
            job.report(
                "LB312",
                other,
                f"`{other}` is overridden by `{key}`",
                "the trainer computes it from the examples",
                "keep one of them",
                "warning",
                "key",
                [(key,)],
            )
        if size is None or not isinstance(value, int | float):
            continue
        whole = size * (ranks(job) or 1)
        if value < whole and key.startswith("save"):
            says = f"`{key} = {spell(value)}` is less than one step of {whole} samples"
            job.report(
                "LB315", key, says, "it becomes `save_every_n_steps = 0`: ZeroDivisionError after the first step", f"write {whole} or more"
            )
        elif value < whole:
            says = f"`{key} = {spell(value)}` is less than one step of {whole} samples"
            job.report("LB317", key, says, "it becomes 0, which switches the evaluation off", f"write {whole} or more", "warning")


def _lengths(job: Job, good: dict[str, Any]) -> None:
    warmup, steps = good.get("warmup_steps", 0), good.get("max_steps")
    if numeric(warmup) and warmup > 0 and numeric(steps) and 0 < steps <= warmup and "force_constant_lr" not in job.data:
        says = f"the warmup of {warmup} steps does not end within {steps} steps"
        job.report(
            "LB319", "warmup_steps", says, "the learning rate is never reached", "shorten the warmup", "warning", related=[("max_steps",)]
        )
    if "max_steps" in good and good.get("lr_scheduler") in ("linear", "cosine"):
        says = f"`max_steps` does not shorten the `{good['lr_scheduler']}` schedule"
        why = "its length is `epochs` times the steps of an epoch; a run that ends earlier never comes to its end"
        job.report("LB317", "max_steps", says, why, "choose `epochs` so that both end together", "hint", "key")
    if "force_constant_lr" not in job.data:
        return
    for key in ("lr_scheduler", "warmup_steps"):
        if good.get(key) not in (None, 0, "constant"):
            says = f"`{key}` is overridden by `force_constant_lr`"
            job.report(
                "LB312",
                key,
                says,
                "it replaces the schedule and every group's rate",
                "remove one of them",
                "warning",
                "key",
                [("force_constant_lr",)],
            )


def _pipeline(job: Job, good: dict[str, Any]) -> None:
    stages = good.get("pipeline_stages", 1)
    if good_count(stages) and stages > 1:
        gpus = job.start.gpus if job.start else None
        says = f"`pipeline_stages = {stages}` must divide the number of GPUs"
        why = "RuntimeError after the models are loaded"
        if gpus is None:
            job.report(
                "LB319", "pipeline_stages", says, why + "; the usual `--num_gpus=1` fails", f"start it with --num_gpus={stages}", "warning"
            )
        elif gpus % stages:
            job.report("LB315", "pipeline_stages", f"{says}, which is {gpus}", why, f"start it with --num_gpus={stages}, or write 1")
    blocks = good.get("blocks_to_swap", 0)
    if numeric(blocks) and blocks > 0:
        _swap(job, int(blocks), stages)
    _partition(job, good, stages)


def _swap(job: Job, blocks: int, stages: Any) -> None:
    key, after = "blocks_to_swap", "after caching and after the models are loaded"
    if good_count(stages) and stages > 1:
        job.report(
            "LB319",
            key,
            "`blocks_to_swap` needs `pipeline_stages = 1`",
            f"AssertionError {after}",
            "keep one of them",
            related=[("pipeline_stages",)],
        )
    if not job.adapter:
        job.report("LB319", key, "`blocks_to_swap` needs an [adapter]", f"AssertionError {after}: it only works for LoRA", "remove it")
    if job.arch is None:
        return
    most = swap_limit(job.type)
    if most == 0:
        job.report("LB315", key, f"{job.name} cannot swap blocks", f"NotImplementedError {after}", "remove it")
    elif most is not None and blocks > most:
        job.report("LB315", key, f"{job.name} can swap {most} blocks at most", f"AssertionError {after}", f"write {most} or less")


def _partition(job: Job, good: dict[str, Any], stages: Any) -> None:
    method, split = good.get("partition_method", "parameters"), good.get("partition_split")
    lower = method.lower() if isinstance(method, str) else ""
    if "partition_method" in good and lower not in ("parameters", "uniform", "manual") and not lower.startswith("type:"):
        fix = 'known: "parameters", "uniform", "manual", "type:REGEX"'
        job.report(
            "LB314",
            "partition_method",
            f"`partition_method` knows no {spell(method)}",
            "NotImplementedError after the models are loaded",
            fix,
        )
    if lower == "manual" and good_count(stages) and (split is None or len(split) != stages - 1):
        says = f"`manual` needs `partition_split` with {stages - 1} numbers (pipeline_stages - 1)"
        where: KeyPath = ("partition_split",) if split is not None else ("partition_method",)
        job.report(
            "LB319" if split is not None else "LB318",
            where,
            says,
            "AssertionError after the models are loaded",
            "write it, or another method",
        )
    elif lower != "manual" and split is not None:
        why = 'only `partition_method = "manual"` reads it'
        job.report("LB312", "partition_split", "`partition_split` has no effect", why, "remove it, or choose `manual`", "warning", "key")


def _checkpointing(job: Job, good: dict[str, Any]) -> None:
    way, again = good.get("activation_checkpointing"), good.get("reentrant_activation_checkpointing")
    if not way:
        if again:
            why = "`activation_checkpointing` is off"
            job.report("LB312", "reentrant_activation_checkpointing", "it has no effect", why, "switch both on or off", "warning", "key")
        return
    if (way != "unsloth" and not again) or job.arch is None or not job.arch.breaks_reentrant:
        return
    key = "activation_checkpointing" if way == "unsloth" else "reentrant_activation_checkpointing"
    why = "AssertionError at the first step (`loss must be a scalar tensor`): its first layer is checkpointed too"
    sure = job.type == "sdxl"
    job.report(
        "LB315",
        key,
        f"reentrant checkpointing does not work for {job.name}",
        why,
        "write `activation_checkpointing = true`",
        "error" if sure else "warning",
    )


def _loss(job: Job) -> None:
    both = "huber_delta" in job.data and "smooth_l1_beta" in job.data
    if both:
        why = "the trainer asks for `huber_delta` first"
        job.report(
            "LB312",
            "smooth_l1_beta",
            "`smooth_l1_beta` is overridden by `huber_delta`",
            why,
            "keep one of them",
            "warning",
            "key",
            [("huber_delta",)],
        )
    for key in ("huber_delta", "smooth_l1_beta"):
        if key in job.data and job.arch is not None and not job.arch.huber:
            why = f"{job.name} computes its loss itself and never reads it"
            job.report("LB312", key, f"`{key}` has no effect on {job.name}", why, "remove it", "warning", "key")


def _clips(job: Job) -> None:
    value = job.data.get("video_clip_mode")
    known = main_keys()["video_clip_mode"]["choices"]
    if value is None or value in known:
        return
    why = (
        "NotImplementedError in the caching process as soon as a clip is read, and the run waits for it for ever; pictures never ask for it"
    )
    sure = job.arch is not None and job.arch.fps is not None
    fix = "known: " + ", ".join(spell(item) for item in known)
    job.report("LB314", "video_clip_mode", f"`video_clip_mode` knows no {spell(value)}", why, fix, "error" if sure else "warning")


def _resume(job: Job) -> None:
    value, key = job.data.get("resume_from_checkpoint"), "resume_from_checkpoint"
    if value is None or value is False or (job.start and job.start.says(key)):
        return
    if value == "":
        why = "it names `output_dir` itself: the run is written there, between the folders of other runs"
        job.report("LB317", key, '`resume_from_checkpoint = ""` is no way to switch it off', why, "write `false`, or remove it", "warning")
    elif isinstance(value, str) and value.lower() in ("true", "false", "latest", "last"):
        why = "it is taken as a folder of that name: the folder is made, then AssertionError after the models are loaded"
        job.report(
            "LB315", key, f'"{value}" is taken as the name of a folder', why, "write `true` or `false` without quotes, or the folder's name"
        )
    elif value is True:
        why = "the last entry of `output_dir` by name is taken, whatever it is; with none, IndexError after the models are loaded"
        job.report("LB317", key, "every start of this file resumes", why, "use the flag --resume_from_checkpoint for one start", "warning")
