"""The train section: what is trained and for how long, and what does not go together."""

from __future__ import annotations

from lorabridge.backends.ai_toolkit.lint_job import Process, number, truthy
from lorabridge.backends.ai_toolkit.lint_optimizer import adaptive, optimizer_name
from lorabridge.backends.ai_toolkit.lint_tables import ATTENTION


def check_train(process: Process) -> None:
    """All rules about the train section."""
    if _missing(process):
        return
    _steps(process)
    _accumulation(process)
    _preservation(process)
    _text_encoder(process)
    _parts(process)


def _missing(process: Process) -> bool:
    train = process.data.get("train")
    if isinstance(train, dict) and train:
        if "steps" not in train:
            process.say("LB318", ("train",), "`train.steps` is missing", "the trainer takes 1000", "write `steps:`", "warning", "key")
        name = optimizer_name(process)
        if "lr" not in train and not adaptive(name):
            why = "the trainer takes 1e-6, a hundredth of what a LoRA needs"
            process.say(
                "LB318",
                ("train",),
                "`train.lr` is missing",
                why,
                "write `lr:`",
                "warning" if name.startswith("automagic") else "error",
                "key",
            )
        return False
    if train is None or train == {}:
        state = "missing" if "train" not in process.data else "empty"
        why = "the trainer takes its defaults in silence: 1000 steps at a learning rate of 1e-6 in fp32"
        process.say(
            "LB323",
            ("train",),
            f"the section `train` is {state}",
            why,
            "write `train:` below the process, with steps, lr, batch_size",
            on="key",
        )
    return True


def _steps(process: Process) -> None:
    steps, start = process.get("train", "steps", 1000), process.get("train", "start_step")
    if number(start) and number(steps) and start >= steps > 0:
        why = "the trainer counts from there: nothing is trained, and it exits with 0"
        process.say(
            "LB323",
            ("train", "start_step"),
            f"`start_step: {start}` is not below `steps: {steps}`",
            why,
            "raise steps, or lower start_step",
        )


def _accumulation(process: Process) -> None:
    old, new = process.get("train", "gradient_accumulation_steps", 1), process.get("train", "gradient_accumulation", 1)
    place = ("train", "gradient_accumulation_steps")
    if not number(old) or not number(new):
        return
    if new > 1 and old != 1:
        why = "the trainer stops at once (ValueError)"
        process.say(
            "LB319",
            place,
            "`gradient_accumulation_steps` stands beside `gradient_accumulation`",
            why,
            "keep `gradient_accumulation`",
            on="key",
        )
    elif old > 1 or old == -1:
        why = "gradients are zeroed at every step: only the last of the accumulated batches is learned"
        process.say(
            "LB323",
            place,
            f"`gradient_accumulation_steps: {old}` does not accumulate",
            why,
            f"write `gradient_accumulation: {old if old > 1 else 4}`",
            on="key",
        )


def _preservation(process: Process) -> None:
    dop, blank = truthy(process.get("train", "diff_output_preservation")), truthy(process.get("train", "blank_prompt_preservation"))
    key = "diff_output_preservation" if dop else "blank_prompt_preservation"
    place = ("train", key)
    if dop and blank:
        process.say(
            "LB319", place, "both output preservations are on", "the trainer stops at once (ValueError)", "switch one of them off", on="key"
        )
    if (dop or blank) and process.data.get("network") is None:
        process.say(
            "LB319",
            place,
            f"`{key}` needs a network",
            "the trainer stops at once (ValueError)",
            "add a `network` section, or switch it off",
            on="key",
        )
    if not dop:
        return
    if process.data.get("trigger_word") is None and not any(entry.get("trigger_word") is not None for _, entry in process.datasets):
        process.say(
            "LB318",
            place,
            "`diff_output_preservation` needs a trigger word",
            "the trainer stops at once (ValueError)",
            "write `trigger_word:` in the process",
            on="key",
        )
    if truthy(process.get("train", "train_text_encoder")):
        process.say(
            "LB319",
            place,
            f"`{key}` does not go with `train_text_encoder`",
            "the trainer stops at once (ValueError)",
            "switch one of them off",
            on="key",
        )
    if not process.get("train", "diff_output_preservation_class"):
        why = "the trigger word is replaced by nothing"
        process.say(
            "LB318",
            place,
            "`diff_output_preservation_class` is missing",
            why,
            "write what the subject is: `person`, `cat`, ...",
            "warning",
            "key",
        )


def _text_encoder(process: Process) -> None:
    train, arch = process.section("train"), process.arch
    trains = truthy(train.get("train_text_encoder"))
    caches = truthy(train.get("cache_text_embeddings")) or any(truthy(entry.get("cache_text_embeddings")) for _, entry in process.datasets)
    unloads = truthy(train.get("unload_text_encoder"))
    place = ("train", "train_text_encoder")
    if trains and (caches or unloads):
        other = "cache_text_embeddings" if caches else "unload_text_encoder"
        process.say(
            "LB319",
            place,
            f"`train_text_encoder` does not go with `{other}`",
            "the trainer stops before the first step",
            "switch one of them off",
            on="key",
        )
    elif trains and process.arch_known and arch is not None and not arch.text_encoder and process.data.get("network") is not None:
        why = f"{process.arch_name} gets no LoRA in its text encoder: nothing of it is trained, in silence"
        process.say("LB312", place, "`train_text_encoder` has no effect", why, "remove it", on="key")
    if unloads and not caches:
        why = "captions are ignored: every picture is trained on the trigger word, or on nothing"
        fix = "write `cache_text_embeddings: true` in its place to keep the captions"
        process.say("LB317", ("train", "unload_text_encoder"), "`unload_text_encoder` drops the captions", why, fix, "warning", "key")
    if unloads and process.arch_name in ("qwen_image_edit", "boogu_image_edit"):
        why = "its control pictures are encoded with the text; the trainer stops at once (ValueError)"
        process.say(
            "LB319",
            ("train", "unload_text_encoder"),
            f"{process.arch_name} cannot unload its text encoder",
            why,
            "write `cache_text_embeddings: true`",
            on="key",
        )
    if process.get("train", "bypass_guidance_embedding") and process.get("train", "do_guidance_loss"):
        process.say(
            "LB319",
            ("train", "do_guidance_loss"),
            "`do_guidance_loss` does not go with `bypass_guidance_embedding`",
            "the trainer stops at once (ValueError)",
            "switch one of them off",
            on="key",
        )


def _parts(process: Process) -> None:
    train = process.section("train")
    trains = train.get("train_unet", True)
    if (
        trains is False
        and not truthy(train.get("train_text_encoder"))
        and not process.section("adapter")
        and not process.section("embedding")
    ):
        why = "no weight is left to train: the trainer stops after the model is loaded"
        process.say("LB323", ("train", "train_unet"), "neither the model nor the text encoder is trained", why, "write `train_unet: true`")
    backend = train.get("attention_backend", "native")
    if isinstance(backend, str) and backend.lower() in ATTENTION and not backend.lower().startswith(("native", "_native", "flex")):
        why = "it is not in the trainer's requirements; without it, or on another kind of GPU, the trainer stops after the model is loaded"
        process.say(
            "LB315",
            ("train", "attention_backend"),
            f"`{backend}` needs a package of its own",
            why,
            "install it, or write `native`",
            "warning",
        )
    if truthy(train.get("xformers")):
        why = "it is not in the trainer's requirements; without it the trainer stops after the model is loaded"
        process.say(
            "LB315", ("train", "xformers"), "`xformers` needs a package of its own", why, "install it, or remove the line", "warning", "key"
        )
    ema = train.get("ema_config")
    if isinstance(ema, dict) and ema and not truthy(ema.get("use_ema")):
        others = [key for key in ema if key != "use_ema"]
        if others and "use_ema" not in ema:
            why = "without `use_ema: true` the section is ignored"
            process.say(
                "LB312", ("train", "ema_config"), "`ema_config` has no effect", why, "write `use_ema: true` in it", "warning", "key"
            )
    validation = train.get("validation_config")
    if isinstance(validation, dict) and not validation.get("validation_items"):
        process.say(
            "LB318",
            ("train", "validation_config"),
            "`validation_items` is missing",
            "nothing is validated",
            "list pictures with their prompts",
            "warning",
            "key",
        )
