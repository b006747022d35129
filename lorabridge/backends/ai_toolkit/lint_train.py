"""The train section: what is trained, for how long, with which optimizer and schedule."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.ai_toolkit.lint_job import Process, number, spell, truthy
from lorabridge.backends.ai_toolkit.lint_tables import (
    EXTRA_OPTIMIZERS, FIXED_EPS, LR_SCHEDULERS, OPTIMIZERS, OVERWRITTEN,
)  # fmt: skip
from lorabridge.backends.native.findings import nearest

_LATE = "the trainer stops when the optimizer is made, after the model load"


def check_train(process: Process) -> None:
    """All rules about the train section."""
    if _missing(process):
        return
    _steps(process)
    _rate(process)
    _optimizer(process)
    _scheduler(process)
    _accumulation(process)
    _preservation(process)
    _text_encoder(process)
    _parts(process)


def _missing(process: Process) -> bool:
    train = process.data.get("train")
    if isinstance(train, dict) and train:
        for key, default in (("steps", 1000), ("lr", 1e-6)):
            if key not in train:
                why = f"the trainer takes its default, {default}"
                process.say("LB318", ("train",), f"`train.{key}` is missing", why, f"write `{key}:`", "warning" if key == "steps" else "error", "key")
        return False
    if train is None or train == {}:
        state = "missing" if "train" not in process.data else "empty"
        why = "the trainer takes its defaults in silence: 1000 steps at a learning rate of 1e-6 in fp32"
        process.say("LB323", ("train",), f"the section `train` is {state}", why, "write `train:` below the process, with steps, lr, batch_size", on="key")
    return True


def _steps(process: Process) -> None:
    steps, start = process.get("train", "steps", 1000), process.get("train", "start_step")
    if number(start) and number(steps) and start >= steps > 0:
        why = "the trainer counts from there: nothing is trained, and it exits with 0"
        process.say("LB323", ("train", "start_step"), f"`start_step: {start}` is not below `steps: {steps}`", why, "raise steps, or lower start_step")


def _optimizer_name(process: Process) -> str:
    name = process.get("train", "optimizer", "adamw")
    return name.lower() if isinstance(name, str) else ""


def _adaptive(name: str) -> bool:
    return name.startswith(("prodigy", "dadaptation"))


def _rate(process: Process) -> None:
    rate, name, place = process.get("train", "lr"), _optimizer_name(process), ("train", "lr")
    if not number(rate):
        return
    if rate == 0:
        process.say("LB323", place, "`lr: 0` trains nothing", "all steps are made, the LoRA stays as it began, and the trainer exits with 0", "write a rate such as 0.0001")
    elif rate < 0:
        process.say("LB315", place, f"`lr: {rate}` is negative", _LATE, "write a rate such as 0.0001")
    elif rate != rate or rate == float("inf"):
        process.say("LB323", place, f"`lr: {rate}` is no finite number", "weights become NaN", "write a rate such as 0.0001")
    elif _adaptive(name):
        if rate < 0.1:
            why = f"{name} takes its rate from the data; below 0.1 the trainer puts 1.0 in its place"
            process.say("LB317", place, f"`lr: {rate}` is replaced by 1.0", why, "write `lr: 1.0`", "warning")
        elif rate > 10:
            process.say("LB317", place, f"`lr: {rate}` is far above 1", f"{name} multiplies its own estimate with it", "write `lr: 1.0`", "warning")
    elif rate >= 0.1:
        why = "the loss becomes NaN, which the trainer counts as 0; it goes on and saves"
        process.say("LB323", place, f"`lr: {rate}` destroys the weights", why, "0.0001 is usual for a LoRA", "error" if rate >= 1 else "warning")
    elif rate > 0.01:
        process.say("LB317", place, f"`lr: {rate}` is a hundred times the usual rate", "training may diverge", "0.0001 is usual for a LoRA", "warning")


def _optimizer(process: Process) -> None:
    written = process.get("train", "optimizer", "adamw")
    name, place = _optimizer_name(process), ("train", "optimizer")
    if not isinstance(written, str):
        return
    if name in EXTRA_OPTIMIZERS:
        package = "lion-pytorch" if name == "lion" else "dadaptation"
        process.say("LB315", place, f"`{written}` needs the package {package}", f"it is not in the trainer's requirements; without it {_LATE}", f"pip install {package}, or write adamw8bit", "warning")
    elif name.startswith("prodigy8bit") or (name.startswith("prodigy") and name in ("prodigy",)):
        pass
    elif name.startswith("prodigy"):
        process.say("LB317", place, f"`{written}` is taken for plain Prodigy", "any name that begins with prodigy is", "did you mean `prodigy8bit`?" if "8" in name else "write `prodigy`", "warning")
    elif name not in OPTIMIZERS:
        near = nearest(name, (*OPTIMIZERS, *EXTRA_OPTIMIZERS))
        fix = f"did you mean `{near}`?" if near else "known: " + ", ".join(f"`{item}`" for item in OPTIMIZERS)
        process.say("LB314", place, f"unknown optimizer {spell(written)}", f"{_LATE} (ValueError)", fix)
        return
    _optimizer_params(process, "prodigy8bit" if name.startswith("prodigy8bit") else "prodigy" if name.startswith("prodigy") else name)


def _optimizer_params(process: Process, name: str) -> None:
    params = process.get("train", "optimizer_params")
    for key, value in params.items() if isinstance(params, dict) else ():
        place = ("train", "optimizer_params", key)
        if key == "lr" or (key == "eps" and name in FIXED_EPS):
            fix = "write it as `train.lr`" if key == "lr" else "remove it: it is 1e-6"
            process.say("LB315", place, f"`{key}` is given twice to {name}", f"the trainer hands it over itself: TypeError; {_LATE}", fix, on="key")
        elif name in OPTIMIZERS and key not in OPTIMIZERS[name]:
            near = nearest(str(key), OPTIMIZERS[name])
            fix = f"did you mean `{near}`?" if near else "it knows " + ", ".join(f"`{item}`" for item in sorted(OPTIMIZERS[name]))
            process.say("LB315", place, f"{name} knows no parameter `{key}`", f"{_LATE} (TypeError)", fix, on="key")
        elif isinstance(value, str) and _looks_number(value):
            process.say("LB313", place, f"`{key}: {spell(value)}` is text, not a number", f"{_LATE}, or at the first step", f"write `{value}` without quotes")
        elif key == "weight_decay" and number(value) and value < 0:
            process.say("LB315", place, f"`weight_decay: {value}` is negative", _LATE, "write 0 or more")


def _looks_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _scheduler(process: Process) -> None:
    name, place = process.get("train", "lr_scheduler", "constant"), ("train", "lr_scheduler")
    params = process.get("train", "lr_scheduler_params")
    params = params if isinstance(params, dict) else {}
    if not isinstance(name, str):
        return
    if name not in LR_SCHEDULERS:
        near = nearest(name, LR_SCHEDULERS)
        if name in ("step", "polynomial", "piecewise_constant") or name.endswith("_with_min_lr"):
            why = "the trainer always hands it `total_iters`, which it does not take; it stops after the model is loaded"
        else:
            why = "the trainer stops after the model is loaded (ValueError)"
        fix = f"did you mean `{near}`?" if near else "known: " + ", ".join(f"`{item}`" for item in LR_SCHEDULERS)
        process.say("LB314" if name != "step" else "LB315", place, f"the schedule {spell(name)} does not start", why, fix)
        return
    if name == "linear" and not {"start_factor", "end_factor"} & params.keys():
        why = "it is torch's LinearLR: the rate climbs from a third of lr to lr and never falls"
        process.say("LB317", place, "`linear` warms up, it does not decay", why, "write `constant`, `cosine`, or set start_factor and end_factor", "warning")
    if name == "constant_with_warmup" and "num_warmup_steps" not in params:
        process.say("LB318", place, "`num_warmup_steps` is missing", "the trainer takes 1000", "write `lr_scheduler_params: {num_warmup_steps: 100}`", "warning")
    if name == "cosine_with_restarts":
        process.say("LB317", place, "`cosine_with_restarts` never restarts", "the trainer sets its first period to all steps", "write `cosine`", "warning")
    for key, value in params.items():
        _scheduler_param(process, name, key, value)


def _scheduler_param(process: Process, name: str, key: Any, value: Any) -> None:
    place = ("train", "lr_scheduler_params", key)
    if key in OVERWRITTEN and OVERWRITTEN[key] in ("", name):
        process.say("LB312", place, f"`{key}` has no effect", "the trainer writes `train.steps` over it", "remove it", "warning", "key")
    elif key not in LR_SCHEDULERS[name]:
        near = nearest(str(key), LR_SCHEDULERS[name])
        known = ", ".join(f"`{item}`" for item in sorted(LR_SCHEDULERS[name] - {"last_epoch"}))
        fix = f"did you mean `{near}`?" if near else "write `lr_scheduler: constant_with_warmup`" if "warmup" in str(key) else f"it takes {known}"
        process.say("LB315", place, f"the schedule `{name}` knows no `{key}`", "the trainer stops after the model is loaded (TypeError)", fix, on="key")
    elif isinstance(value, str):
        process.say("LB313", place, f"`{key}: {spell(value)}` is text, not a number", "the trainer stops after the model is loaded", "write a number")
    steps = process.get("train", "steps", 1000)
    if key == "num_warmup_steps" and number(value) and number(steps) and value >= steps > 0:
        why = f"the run ends after {steps} steps, before the rate is reached"
        process.say("LB317", place, f"`num_warmup_steps: {value}` lasts longer than the run", why, "lower it", "warning")


def _accumulation(process: Process) -> None:
    old, new = process.get("train", "gradient_accumulation_steps", 1), process.get("train", "gradient_accumulation", 1)
    place = ("train", "gradient_accumulation_steps")
    if not number(old) or not number(new):
        return
    if new > 1 and old != 1:
        why = "the trainer stops at once (ValueError)"
        process.say("LB319", place, "`gradient_accumulation_steps` stands beside `gradient_accumulation`", why, "keep `gradient_accumulation`", on="key")
    elif old > 1 or old == -1:
        why = "gradients are zeroed at every step: only the last of the accumulated batches is learned"
        process.say("LB323", place, f"`gradient_accumulation_steps: {old}` does not accumulate", why, f"write `gradient_accumulation: {old if old > 1 else 4}`", on="key")


def _preservation(process: Process) -> None:
    dop, blank = truthy(process.get("train", "diff_output_preservation")), truthy(process.get("train", "blank_prompt_preservation"))
    key = "diff_output_preservation" if dop else "blank_prompt_preservation"
    place = ("train", key)
    if dop and blank:
        process.say("LB319", place, "both output preservations are on", "the trainer stops at once (ValueError)", "switch one of them off", on="key")
    if (dop or blank) and process.data.get("network") is None:
        process.say("LB319", place, f"`{key}` needs a network", "the trainer stops at once (ValueError)", "add a `network` section, or switch it off", on="key")
    if not dop:
        return
    if process.data.get("trigger_word") is None and not any(entry.get("trigger_word") is not None for _, entry in process.datasets):
        process.say("LB318", place, "`diff_output_preservation` needs a trigger word", "the trainer stops at once (ValueError)", "write `trigger_word:` in the process", on="key")
    if truthy(process.get("train", "train_text_encoder")):
        process.say("LB319", place, f"`{key}` does not go with `train_text_encoder`", "the trainer stops at once (ValueError)", "switch one of them off", on="key")
    if not process.get("train", "diff_output_preservation_class"):
        why = "the trigger word is replaced by nothing"
        process.say("LB318", place, "`diff_output_preservation_class` is missing", why, "write what the subject is: `person`, `cat`, ...", "warning", "key")


def _text_encoder(process: Process) -> None:
    train, arch = process.section("train"), process.arch
    trains = truthy(train.get("train_text_encoder"))
    caches = truthy(train.get("cache_text_embeddings")) or any(truthy(entry.get("cache_text_embeddings")) for _, entry in process.datasets)
    unloads = truthy(train.get("unload_text_encoder"))
    place = ("train", "train_text_encoder")
    if trains and (caches or unloads):
        other = "cache_text_embeddings" if caches else "unload_text_encoder"
        process.say("LB319", place, f"`train_text_encoder` does not go with `{other}`", "the trainer stops before the first step", "switch one of them off", on="key")
    elif trains and process.arch_known and arch is not None and not arch.text_encoder and process.data.get("network") is not None:
        why = f"{process.arch_name} gets no LoRA in its text encoder: nothing of it is trained, in silence"
        process.say("LB312", place, "`train_text_encoder` has no effect", why, "remove it", on="key")
    if unloads and not caches:
        why = "captions are ignored: every picture is trained on the trigger word, or on nothing"
        fix = "write `cache_text_embeddings: true` in its place to keep the captions"
        process.say("LB317", ("train", "unload_text_encoder"), "`unload_text_encoder` drops the captions", why, fix, "warning", "key")
    if unloads and process.arch_name in ("qwen_image_edit", "boogu_image_edit"):
        why = "its control pictures are encoded with the text; the trainer stops at once (ValueError)"
        process.say("LB319", ("train", "unload_text_encoder"), f"{process.arch_name} cannot unload its text encoder", why, "write `cache_text_embeddings: true`", on="key")
    if process.get("train", "bypass_guidance_embedding") and process.get("train", "do_guidance_loss"):
        process.say("LB319", ("train", "do_guidance_loss"), "`do_guidance_loss` does not go with `bypass_guidance_embedding`", "the trainer stops at once (ValueError)", "switch one of them off", on="key")


def _parts(process: Process) -> None:
    train = process.section("train")
    trains = train.get("train_unet", True)
    if trains is False and not truthy(train.get("train_text_encoder")) and not process.section("adapter") and not process.section("embedding"):
        why = "no weight is left to train: the trainer stops after the model is loaded"
        process.say("LB323", ("train", "train_unet"), "neither the model nor the text encoder is trained", why, "write `train_unet: true`")
    ema = train.get("ema_config")
    if isinstance(ema, dict) and ema and not truthy(ema.get("use_ema")):
        others = [key for key in ema if key != "use_ema"]
        if others and "use_ema" not in ema:
            why = "without `use_ema: true` the section is ignored"
            process.say("LB312", ("train", "ema_config"), "`ema_config` has no effect", why, "write `use_ema: true` in it", "warning", "key")
    validation = train.get("validation_config")
    if isinstance(validation, dict) and not validation.get("validation_items"):
        process.say("LB318", ("train", "validation_config"), "`validation_items` is missing", "nothing is validated", "list pictures with their prompts", "warning", "key")
