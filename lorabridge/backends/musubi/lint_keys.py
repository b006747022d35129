"""Names, types and choices of single settings; keys that count only beside another."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from lorabridge.backends.musubi.lint_model import WHOLE, Setting, Setup, train_scripts
from lorabridge.backends.musubi.lint_tables import AFTER_DATA, AFTER_DIT, AT_ONCE, FIRST_SAVE, FIRST_STEP, NEEDS, NEUTRAL, VALUES
from lorabridge.backends.musubi.native import contract, options_of
from lorabridge.backends.native.findings import nearest

SILENT = "the trainer takes any key from a file and uses those it knows: this one does nothing"
LEAKS = frozenset((*contract()["dataset"]["image"], *contract()["dataset"]["video"], "architecture", "debug_dataset"))
"""Dataset parameters: in the training file they become the default of datasets that do not set them."""
ELSEWHERE = {
    "train_batch_size": "`batch_size` in the dataset file", "cache_latents": "the latent caching script", "cache_latents_to_disk": "the latent caching script",
    "unet_lr": "`learning_rate`", "text_encoder_lr": "nothing: text encoders are not trained", "network_train_unet_only": "nothing: only the DiT is trained",
    "pretrained_model_name_or_path": "`dit`", "train_data_dir": "`image_directory` in the dataset file", "shuffle_caption": "nothing", "clip_skip": "nothing",
    "noise_offset": "nothing", "min_snr_gamma": "nothing", "conv_dim": '`network_args = ["conv_dim=4"]`', "conv_alpha": '`network_args = ["conv_alpha=1"]`',
    "epochs": "`max_train_epochs`", "steps": "`max_train_steps`", "lr": "`learning_rate`", "rank": "`network_dim`", "dim": "`network_dim`", "alpha": "`network_alpha`",
    "weight_decay": '`optimizer_args = ["weight_decay=0.01"]`', "betas": '`optimizer_args = ["betas=(0.9,0.99)"]`', "gradient_clipping": "`max_grad_norm`",
}  # fmt: skip
"""Keys of other trainers and what says the same here."""
NUMBERS_AS_TEXT = frozenset(("max_grad_norm", "ddp_timeout"))
"""Number keys for which a text that holds a number works."""
WHOLE_AS_FLOAT = frozenset(
    (
        "save_every_n_epochs",
        "save_every_n_steps",
        "sample_every_n_epochs",
        "sample_every_n_steps",
        "min_timestep",
        "max_timestep",
        "ddp_timeout",
        "save_last_n_steps",
    )
)
"""Whole-number keys for which `2.0` works."""
LOOSE_TEXT = frozenset(
    (
        "training_comment",
        "log_prefix",
        "log_tracker_name",
        "wandb_run_name",
        "wandb_api_key",
        "compile_backend",
        "compile_mode",
        "compile_dynamic",
        "huggingface_repo_id",
        "huggingface_repo_type",
        "huggingface_path_in_repo",
        "huggingface_token",
        "huggingface_repo_visibility",
        "text_encoder",
    )
)
"""Text keys that only other settings read, or that are printed."""
LATE = {
    "metadata_": FIRST_SAVE,
    "output_": FIRST_SAVE,
    "save_last": FIRST_SAVE,
    "save_every": FIRST_STEP,
    "sample_every": FIRST_STEP,
    "seed": AT_ONCE,
    "dataset_config": AT_ONCE,
    "log": AFTER_DATA,
    "vae": AFTER_DATA,
}
_CRASHING_CHOICE = {
    "mixed_precision": AFTER_DATA,
    "log_with": AFTER_DATA,
    "save_precision": AFTER_DIT,
    "dynamo_backend": AFTER_DATA,
    "compile_dynamic": AFTER_DIT,
    "model_version": AT_ONCE,
    "task": AT_ONCE,
    "model_type": AT_ONCE,
}
_EXTRA_CHOICES = {
    "model_version": ("original", "edit", "edit-2509", "edit-2511", "layered"),
    "save_precision": ("bfloat16", "float16", "float32"),
    "mixed_precision": ("",),
}
_DTYPES = (
    "bf16",
    "bfloat16",
    "fp16",
    "float16",
    "fp32",
    "float32",
    "float",
    "fp8",
    "fp8_e4m3fn",
    "fp8_e4m3fnuz",
    "fp8_e5m2",
    "fp8_e5m2fnuz",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
)
_ABSENT_BACKENDS = (
    "AOT_TS_NVFUSER",
    "NVPRIMS_NVFUSER",
    "OFI",
    "FX2TRT",
    "ONNXRT",
    "TENSORRT",
    "AOT_TORCHXLA_TRACE_ONCE",
    "TORCHXLA_TRACE_ONCE",
    "IPEX",
    "TVM",
    "HPU_BACKEND",
)
"""Choices of `dynamo_backend` that today's torch has only with further packages, or not at all."""
ALWAYS = frozenset(("sample_every_n_steps", "sample_every_n_epochs", "lr_decay_steps", "max_train_steps"))
"""Keys that are computed with even where they have no effect: a wrong type stops the trainer."""
EMPTY_IS_OFF = frozenset(("blocks_to_swap", "scale_weight_norms", "ddp_timeout", "save_last_n_epochs_state", "save_last_n_steps_state"))
"""Number keys for which an empty text counts as off."""
_FALSE = ("false", "no", "off", "0", "none", "disable", "disabled")


def check_keys(setup: Setup) -> None:
    """Every finding about one setting alone."""
    options = setup.options
    for key, setting in setup.settings.items():
        if key in ("config_file",):
            continue
        if key not in options:
            if not setting.typed:
                _unknown(setup, key, setting, options)
            continue
        if not setting.known:
            continue
        if not setting.typed and not _type(setup, key, setting.value, options[key]):
            continue
        if not setting.typed:
            _choice(setup, key, setting.value, options[key])
        _values(setup, key, setting.value)
        _effect(setup, key, setting.value)


def _unknown(setup: Setup, key: str, setting: Setting, options: Mapping[str, Any]) -> None:
    others = [script for script in sorted(train_scripts()) if key in options_of(script)]
    if key in LEAKS:
        soft = key in ("batch_size", "num_repeats")
        why = "the training takes it as the default of datasets that do not set it, the caching scripts do not: caches and training then differ"
        setup.say(
            "LB311",
            key,
            f"`{key}` belongs in the dataset file",
            why,
            "move it to `[general]` of the dataset file",
            severity="warning" if soft else "error",
            on="key",
        )
    elif others:
        setup.say(
            "LB310",
            key,
            f"{setup.script}.py has no option `{key}`; {others[0]}.py has",
            SILENT,
            "remove it, or check that the right script is used",
            on="key",
        )
    elif key in ELSEWHERE:
        setup.say("LB310", key, f"musubi-tuner has no option `{key}`", SILENT, f"what says this here: {ELSEWHERE[key]}", on="key")
    else:
        near = nearest(key, options)
        setup.say("LB310", key, f"musubi-tuner has no option `{key}`", SILENT, f"did you mean `{near}`?" if near else "remove it", on="key")


def _type(setup: Setup, key: str, value: Any, option: Mapping[str, Any]) -> bool:
    """Whether the value is of the right type; if not, say what happens."""
    kind = option["type"]
    if kind == "any" or (isinstance(value, str) and not value and kind in ("str", "list:str")):
        return True
    if kind in ("flag", "unflag"):
        return _switch(setup, key, value)
    if kind.startswith("list:"):
        return _list(setup, key, value, kind.removeprefix("list:"))
    if kind == "str":
        return isinstance(value, str) or _not_text(setup, key, value)
    return _numeric(setup, key, value, kind)


def _switch(setup: Setup, key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return True
    if not value:
        if key in ("sdpa",) or not isinstance(value, int):
            setup.say(
                "LB313",
                key,
                f"`{key}` wants `true` or `false`",
                "an empty value counts as false",
                "write `false`, or leave the key out",
                severity="warning",
            )
        return True
    if isinstance(value, str) and value.strip().lower() in _FALSE:
        if _idle(setup, key):
            setup.say(
                "LB313",
                key,
                f"`{key}` wants `true` or `false`",
                "the text counts as true; nothing reads it here",
                f"write `{key} = false`, without quotes",
                severity="warning",
            )
            return False
        setup.say(
            "LB313",
            key,
            f'`{key} = "{value}"` switches it on',
            "any text that is not empty counts as true",
            f"write `{key} = false`, without quotes",
        )
        return False
    setup.say("LB313", key, f"`{key}` wants `true` or `false`", "the value counts as true", "write `true`", severity="warning")
    return True


def _idle(setup: Setup, key: str) -> bool:
    """Whether nothing reads the key beside these others."""
    if key in WHOLE and key != "sage_attn" and any(setup.get(other) is True for other in WHOLE[: WHOLE.index(key)]):
        return True
    return key not in ALWAYS and key in NEEDS and not NEEDS[key].test(setup)


def _list(setup: Setup, key: str, value: Any, inner: str) -> bool:
    if isinstance(value, list):
        good = (str,) if inner == "str" else (int, float)
        if all(isinstance(item, good) and not isinstance(item, bool) for item in value):
            return True
        if _idle(setup, key):
            return True
        setup.say(
            "LB313",
            key,
            f"`{key}` is a list of {'texts' if inner == 'str' else 'numbers'}",
            AFTER_DIT,
            f"write `{key} = {_example(key, inner)}`",
        )
        return False
    if _idle(setup, key):
        return True
    way = "the trainer goes through the text letter by letter and stops" if isinstance(value, str) else "the trainer stops"
    setup.say("LB313", key, f"`{key}` must be a list", f"{way} after the model is loaded", f"write `{key} = {_example(key, inner)}`")
    return False


def _example(key: str, inner: str) -> str:
    if inner != "str":
        return "[1.0]"
    return '["path.safetensors"]' if key == "base_weights" else '["name=value"]'


def _not_text(setup: Setup, key: str, value: Any) -> bool:
    idle = _idle(setup, key)
    if (
        key in LOOSE_TEXT
        or idle
        or (not value and key in ("sample_prompts", "resume", "lr_scheduler_type", "mixed_precision", "show_timesteps"))
    ):
        setup.say(
            "LB313",
            key,
            f"`{key}` wants a text",
            "the value is of another kind; nothing reads it here" if idle else "the trainer does not convert it",
            "put it in quotes",
            severity="warning",
        )
        return False
    if key in ("timestep_sampling", "weighting_scheme"):
        setup.say(
            "LB314",
            key,
            f"`{key}` wants the name of a choice",
            "no choice is recognised, and the trainer falls through to its default in silence",
            "write a name in quotes",
        )
        return False
    works = key == "metadata_reso" and isinstance(value, list)
    setup.say(
        "LB313",
        key,
        f"`{key}` wants a text",
        "a list happens to work" if works else _when(key),
        "put it in quotes",
        severity="warning" if works else "error",
    )
    return False


def _numeric(setup: Setup, key: str, value: Any, kind: str) -> bool:
    noun = "a whole number" if kind == "int" else "a number"
    idle = _idle(setup, key) or (not value and key in EMPTY_IS_OFF) or key == "ddp_timeout"
    if isinstance(value, bool):
        stops = value and key in ("network_dim", "gradient_accumulation_steps")
        setup.say(
            "LB313",
            key,
            f"`{key}` wants {noun}",
            "`true` counts as 1, `false` as 0",
            f"write {noun}",
            severity="error" if stops else "warning",
        )
        return False
    if isinstance(value, float) and not math.isfinite(value) and not (key == "max_grad_norm" and value > 0):
        setup.say(
            "LB317",
            key,
            f"`{key} = {value}` is no number to train with",
            "it makes the loss nan, or stops the trainer",
            f"write {noun}",
            severity="warning" if idle else "error",
        )
        return False
    if isinstance(value, int) or (isinstance(value, float) and kind != "int"):
        return True
    if isinstance(value, float):
        return _fraction(setup, key, value, idle)
    text = isinstance(value, str) and bool(re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", value))
    works = idle or (text and key in NUMBERS_AS_TEXT and float(value) != 0)
    why = "nothing reads it here" if idle else "it happens to work" if works else f"values from a file are not converted: {_when(key)}"
    fix = f"write `{key} = {value.strip()}`, without quotes" if text else f"write {noun}" if value != "" else "leave the key out"
    setup.say("LB313", key, f"`{key}` wants {noun}, not {_kind(value)}", why, fix, severity="warning" if works else "error")
    return False


def _fraction(setup: Setup, key: str, value: float, idle: bool) -> bool:
    whole = math.isfinite(value) and value == int(value)
    if (
        idle
        or (whole and key in WHOLE_AS_FLOAT)
        or (key == "num_timestep_buckets" and value <= 1)
        or key in ("min_timestep", "max_timestep", "ddp_timeout")
    ):
        setup.say(
            "LB313",
            key,
            f"`{key}` wants a whole number",
            "a number with a point works here",
            f"write {int(value)}" if whole else "write a whole number",
            severity="warning",
        )
        return True
    if key in WHOLE_AS_FLOAT:
        quiet = key in NEEDS and not NEEDS[key].test(setup)
        setup.say(
            "LB317",
            key,
            f"`{key}` wants a whole number",
            "`step % n == 0` is then true at other steps than meant, or never",
            "write a whole number",
            severity="warning" if quiet else "error",
        )
        return False
    setup.say(
        "LB313",
        key,
        f"`{key}` wants a whole number, not `{value}`",
        f"values from a file are not converted: {_when(key)}",
        f"write {int(value)}" if whole else "write a whole number",
    )
    return False


def _kind(value: Any) -> str:
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list) else f"`{value}`"


def _when(key: str) -> str:
    return next((when for start, when in LATE.items() if key.startswith(start)), AFTER_DIT)


def _choice(setup: Setup, key: str, value: Any, option: Mapping[str, Any]) -> None:
    if key == "vae_dtype" and isinstance(value, str) and value and value not in _DTYPES:
        near = nearest(value, _DTYPES)
        setup.say(
            "LB314", key, f"`{value}` is no precision", AFTER_DATA, f"did you mean `{near}`?" if near else f"known: {', '.join(_DTYPES)}"
        )
    if key == "dynamo_backend" and isinstance(value, str) and value.upper() in _ABSENT_BACKENDS:
        setup.say(
            "LB314",
            key,
            f"torch has no backend `{value}` of its own",
            "torch.compile stops at the first step where the package that brings it is missing",
            'write "INDUCTOR"',
            severity="warning",
        )
    choices = [*option.get("choices", []), *_EXTRA_CHOICES.get(key, ())] if option.get("choices") or key == "model_version" else []
    if not choices or not isinstance(value, str) or value in choices or not value:
        return
    if key == "model_version" and setup.script == "qwen_image_train_network" and value.lower() in choices:
        return
    if (key == "dynamo_backend" and value.upper() in choices) or (key == "compile_dynamic" and value.lower() in choices):
        return
    near = nearest(value, [choice for choice in choices if choice])
    listed = ", ".join(choice for choice in dict.fromkeys(choices) if choice)
    fix = f"did you mean `{near}`?" if near else f"write one of {listed}"
    if _idle(setup, key):
        setup.say("LB314", key, f"`{value}` is no choice of `{key}`", "nothing reads it here", fix, severity="warning")
    elif key == "timestep_sampling":
        setup.say(
            "LB314",
            key,
            f"`{value}` is no timestep_sampling",
            "the trainer falls through to `sigma` in silence; discrete_flow_shift then has no effect",
            fix,
        )
    elif key == "weighting_scheme":
        setup.say(
            "LB314",
            key,
            f"`{value}` is no weighting_scheme",
            "the trainer falls through to no weighting in silence",
            fix,
            severity="warning" if value.lower() == "none" else "error",
        )
    elif key == "log_with" and value in ("aim", "comet_ml", "mlflow", "clearml", "dvclive"):
        setup.say(
            "LB314",
            key,
            f"`{value}` is no choice of `log_with`",
            "accelerate knows it, the trainer does not set it up; without the package nothing is logged",
            fix,
            severity="warning",
        )
    elif key in _CRASHING_CHOICE:
        setup.say("LB314", key, f"`{value}` is no choice of `{key}`", _CRASHING_CHOICE[key], f"{fix}; known: {listed}")
    elif key.startswith(("huggingface", "show")):
        setup.say("LB314", key, f"`{value}` is no choice of `{key}`", "the trainer does not check it", fix, severity="warning")
    else:
        setup.say(
            "LB314",
            key,
            f"`{value}` is no choice of `{key}`",
            "the command line would refuse it; from a file it reaches code that does not know it",
            f"{fix}; known: {listed}",
        )


def _values(setup: Setup, key: str, value: Any) -> None:
    for row in VALUES:
        if row.key == key and row.test(value) and row.when(setup):
            setup.say(row.code, key, row.message, row.why, row.fix, severity=row.severity)


def _effect(setup: Setup, key: str, value: Any) -> None:
    need = NEEDS.get(key)
    if need is None or value in (None, False, "", []) or need.test(setup):
        return
    quiet = value in NEUTRAL.get(key, ()) and not isinstance(value, bool)
    setup.say(
        "LB312", key, f"`{key}` has no effect: {need.else_}", "it is parsed and not used", need.fix, severity="hint" if quiet else "warning"
    )
