"""Values that musubi-tuner stops on or takes for something else, as rows. Executed at commit 30c658c with the real trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lorabridge.backends.musubi.lint_model import Setup
from lorabridge.diagnostics import Severity

AT_ONCE = "the trainer stops at once"
AFTER_DATA = "the trainer stops after it has read the dataset"
AFTER_DIT = "the trainer stops after the model is loaded"
FIRST_STEP = "the trainer stops at the first step"
FIRST_SAVE = "the trainer stops at the first save, after the time spent until then"
END_OF_EPOCH = "the trainer stops at the end of the first epoch"


@dataclass(frozen=True)
class Value:
    """One row: a key, the values that it is about, and what the trainer makes of them."""

    key: str
    test: Callable[[Any], bool]
    code: str
    message: str
    why: str
    fix: str = ""
    severity: Severity = "error"
    when: Callable[[Setup], bool] = lambda setup: True


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def zero(value: Any) -> bool:
    """0 or 0.0, not false."""
    return _number(value) and value == 0


def empty(value: Any) -> bool:
    """The empty text."""
    return isinstance(value, str) and not value


def below(limit: float) -> Callable[[Any], bool]:
    """A number under the limit."""
    return lambda value: _number(value) and value < limit


def above(limit: float) -> Callable[[Any], bool]:
    """A number over the limit."""
    return lambda value: _number(value) and value > limit


def outside(low: float, high: float) -> Callable[[Any], bool]:
    """A number that is not in the closed range."""
    return lambda value: _number(value) and not low <= value <= high


def _swaps(setup: Setup) -> bool:
    return (setup.number("blocks_to_swap") or 0) > 0


def _saves_steps(setup: Setup) -> bool:
    return "save_every_n_steps" in setup.settings


def _saves_epochs(setup: Setup) -> bool:
    return "save_every_n_epochs" in setup.settings


def scaled(setup: Setup) -> bool:
    """Whether `sigmoid_scale` shapes the timesteps."""
    name = setup.text("timestep_sampling")
    return name == "sigmoid" or (name.endswith("shift") and name != "ideogram4_shift") or name.startswith("qinglong")


def logit(setup: Setup) -> bool:
    """Whether `logit_mean` and `logit_std` shape the timesteps."""
    name = setup.text("timestep_sampling")
    return name in ("logsnr", "qinglong_flux") or (name in ("sigma", "") and setup.text("weighting_scheme") == "logit_normal")


def mode(setup: Setup) -> bool:
    """Whether `mode_scale` shapes the timesteps."""
    return setup.text("timestep_sampling") in ("sigma", "") and setup.text("weighting_scheme") == "mode"


_LEAVE = "leave the key out"
_ZERO_STEPS = "the loop ends before its first step; an untrained LoRA is saved and the exit code is 0"
_MODULO = "the trainer divides by it (ZeroDivisionError)"

VALUES: tuple[Value, ...] = (
    Value("max_train_steps", below(1), "LB323", "no step is trained", _ZERO_STEPS, "write the number of steps", when=lambda setup: "max_train_epochs" not in setup.settings),
    Value("max_train_epochs", below(1), "LB323", "no step is trained", f"0 does not mean `use max_train_steps`: {_ZERO_STEPS}", "write the number of epochs, or leave it out to use max_train_steps"),
    Value("gradient_accumulation_steps", below(1), "LB315", "`gradient_accumulation_steps` must be 1 or more", f"{AFTER_DIT} (ZeroDivisionError)", "write 1"),
    Value("save_every_n_epochs", zero, "LB315", "0 does not mean never", f"{_MODULO} {END_OF_EPOCH.removeprefix('the trainer stops ')}; nothing has been saved", _LEAVE),
    Value("save_every_n_steps", zero, "LB315", "0 does not mean never", f"{_MODULO} at the first step", _LEAVE),
    Value("sample_every_n_epochs", zero, "LB315", "0 does not mean never", f"{_MODULO} {END_OF_EPOCH.removeprefix('the trainer stops ')}", _LEAVE),
    Value("sample_every_n_steps", zero, "LB315", "0 does not mean never", f"{_MODULO} at the first step", _LEAVE),
    *(
        Value(key, below(0), "LB317", "a negative number counts like its positive one", "the trainer tests `step % n == 0`", "write a positive number, or leave the key out", "warning")
        for key in ("save_every_n_epochs", "save_every_n_steps", "sample_every_n_epochs", "sample_every_n_steps")
    ),
    Value("save_last_n_epochs", zero, "LB317", "0 does not mean keep all", "each epoch's checkpoint is deleted right after it is written", "leave the key out to keep all", when=_saves_epochs),
    Value("save_last_n_steps", zero, "LB317", "0 does not mean keep all", "only the newest checkpoint is kept", "leave the key out to keep all", when=_saves_steps),
    Value("save_last_n_epochs", below(0), "LB317", "a negative number keeps all", "the trainer looks for checkpoints of the future", _LEAVE, "warning"),
    Value("learning_rate", zero, "LB315", "a learning rate of 0 trains nothing", f"{AFTER_DIT}: `optimizer got an empty parameter list`", "write a positive number"),
    Value("learning_rate", below(0), "LB315", "the learning rate is negative", f"{AFTER_DIT}", "write a positive number"),
    Value("learning_rate", above(0.1), "LB317", "a learning rate above 0.1 destroys the LoRA", "usual are 1e-5 to 1e-3; adaptive optimizers (Prodigy, D-Adaptation) take 1", "write it with its exponent: 1e-4", "warning", when=lambda setup: not adaptive(setup)),
    Value("network_dim", zero, "LB315", "a rank of 0 makes no LoRA", f"{AFTER_DIT}: `No LoRA modules found`", "write the rank, for example 32"),
    Value("network_dim", below(0), "LB315", "the rank is negative", AFTER_DIT, "write the rank, for example 32"),
    Value("network_alpha", zero, "LB317", "0 does not switch alpha off: it becomes network_dim", "the scale is then 1, and the saved file says alpha = rank", "write alpha as a number; network_dim for a scale of 1"),
    Value("network_alpha", below(0), "LB317", "a negative alpha turns the LoRA's sign around", "the scale is alpha / rank", "write a positive number", "warning"),
    Value("network_dropout", outside(0, 1), "LB315", "a dropout must be between 0 and 1", f"{FIRST_STEP}: `dropout probability has to be between 0 and 1`", "write for example 0.1"),
    Value("network_dropout", lambda value: _number(value) and value == 1, "LB323", "a dropout of 1 drops everything", "no LoRA weight ever gets a gradient", "write for example 0.1"),
    Value("scale_weight_norms", below(0), "LB317", "a negative norm limit", "all LoRA weights are scaled to a norm below zero", "write a positive number, or leave the key out"),
    Value("max_grad_norm", below(0), "LB317", "a negative gradient limit turns gradients around", "clipping multiplies each gradient by limit / norm", "write a positive number; 0 switches it off"),
    Value("discrete_flow_shift", below(1e-9), "LB323", "with this shift every timestep is 0", "the model is trained on clean pictures, without noise", "write a positive number; 1 means no shift", when=lambda setup: setup.text("timestep_sampling") == "shift"),
    Value("sigmoid_scale", zero, "LB317", "with a sigmoid_scale of 0 every sample gets the same timestep", "the normal sample is multiplied by it", "write 1.0", "warning", when=scaled),
    Value("logit_std", zero, "LB317", "with a logit_std of 0 every sample gets the same timestep", "it is the width of the distribution", "write 1.0", "warning", when=logit),
    Value("logit_std", below(0), "LB315", "logit_std is negative", f"{FIRST_STEP}: a standard deviation cannot be negative", "write 1.0", when=logit),
    Value("max_timestep", zero, "LB323", "with max_timestep = 0 every timestep is 0", "the model is trained on clean pictures, without noise", "write a number up to 1000, or leave the key out"),
    Value("min_timestep", outside(0, 1000), "LB317", "timesteps run from 0 to 1000", "the range is used as it is: the model sees noise levels that do not exist", "write a number from 0 to 1000"),
    Value("max_timestep", outside(0, 1000), "LB317", "timesteps run from 0 to 1000", "with `sigma` the trainer stops at the first step (IndexError); otherwise the model sees noise levels that do not exist", "write a number from 1 to 1000, or leave the key out"),
    Value("num_timestep_buckets", below(0), "LB317", "a negative number of buckets", "is taken for none", _LEAVE, "warning"),
    Value("seed", outside(0, 2**32 - 1), "LB315", "a seed is a number from 0 to 4294967295", AT_ONCE, "leave the key out for a random seed"),
    Value("seed", zero, "LB317", "0 is a fixed seed, not a random one", "two runs with it are equal", "leave the key out for a random seed", "hint"),
    Value("max_data_loader_n_workers", below(0), "LB315", "the number of workers is negative", AFTER_DIT, "write 0 or more"),
    Value("blocks_to_swap", below(0), "LB317", "a negative number of blocks swaps none", "it is taken for off", "write 0, or leave the key out", "warning"),
    Value("block_swap_ring_size", below(1), "LB315", "the ring needs 1 place or more", AFTER_DIT, "write 2", when=_swaps),
    Value("timestep_sampling", empty, "LB317", "an empty text means `sigma`", "it is no known sampling, and the trainer falls through to plain sigma", "write the sampling, for example \"shift\""),
    Value("weighting_scheme", empty, "LB317", "an empty text means no weighting", "it is no known scheme, and the trainer falls through", 'write "none"', "warning"),
    Value("logging_dir", empty, "LB317", "an empty text does not switch logging off", "logs go to `/<date and time>`, in the root of the disk", "leave the key out"),
    Value("log_with", empty, "LB315", "an empty text is no tracker", AFTER_DATA, _LEAVE),
    Value("log_tracker_config", empty, "LB315", "an empty path cannot be opened", AFTER_DIT, _LEAVE),
    Value("dynamo_backend", empty, "LB315", "an empty text is no backend", AFTER_DATA, 'leave the key out, or write "NO"'),
    Value("vae_dtype", empty, "LB315", "an empty text is no precision", AFTER_DATA, _LEAVE),
    Value("save_precision", empty, "LB315", "an empty text is no precision", AFTER_DIT, "leave the key out to save fp32"),
    Value("dit", empty, "LB315", "the path to the DiT is empty", "the trainer stops after the dataset, where it opens the file", "write the path"),
    Value("dataset_config", empty, "LB315", "the path to the dataset config is empty", AT_ONCE, "write the path"),
    Value("network_module", empty, "LB315", "no network module", AFTER_DIT, "write the module, for example \"networks.lora_zimage\""),
    Value("network_weights", empty, "LB315", "an empty path does not mean `from scratch`", f"{AFTER_DIT} (FileNotFoundError)", _LEAVE),
    Value("lr_scheduler", empty, "LB315", "an empty text is no scheduler", AFTER_DIT, 'write "constant"', when=lambda setup: not setup.on("lr_scheduler_type") and not schedule_free(setup)),
    Value("optimizer_type", empty, "LB315", "an empty text does not mean AdamW", f"{AFTER_DIT}: `module 'torch.optim' has no attribute ''`", 'write "adamw8bit" or "AdamW"'),
    Value("output_name", empty, "LB315", "the output name is empty", FIRST_SAVE, "write a name"),
    Value("output_dir", empty, "LB315", "the output folder is empty", FIRST_SAVE, "write a path"),
    Value("metadata_reso", empty, "LB315", "an empty text is no resolution", FIRST_SAVE, _LEAVE),
    Value("compile_dynamic", empty, "LB315", "an empty text is no choice", AFTER_DIT, _LEAVE, when=lambda setup: setup.on("compile")),
    Value("huggingface_repo_id", empty, "LB317", "an empty repository name", "an upload is tried at every save; its errors are logged only", _LEAVE, "warning"),
    Value("dim_from_weights", bool, "LB315", "dim_from_weights does not work at this version", f"{AFTER_DIT}: the switch itself is opened as a file", "remove it; set network_dim to the rank of the weights"),
    Value("sage_attn", bool, "LB315", "SageAttention cannot train", AT_ONCE, "write `sdpa = true` instead"),
    Value("show_timesteps", bool, "LB323", "show_timesteps prints a chart and ends", "nothing is trained", "remove it to train"),
    Value("wandb_api_key", empty, "LB312", "an empty key", "it is given to wandb.login only with log_with = \"wandb\"; the environment's key is then not used", "leave it out and set WANDB_API_KEY", "hint"),
    Value("wandb_api_key", bool, "LB205", "a secret stands in the file", "files are kept and shared; the trainer also writes its settings to the tracker", "set WANDB_API_KEY in the environment", "warning"),
    Value("huggingface_token", bool, "LB205", "a secret stands in the file", "files are kept and shared", "set HF_TOKEN in the environment", "warning"),
)  # fmt: skip
"""Every value that is known to be wrong for its key, whatever stands beside it."""


def adaptive(setup: Setup) -> bool:
    """Whether the optimizer finds its step size itself, from a learning rate of about 1."""
    name = setup.text("optimizer_type").lower()
    return "prodigy" in name or "dadapt" in name or name.endswith("came")


def schedule_free(setup: Setup) -> bool:
    """Whether the optimizer ignores schedulers."""
    return setup.text("optimizer_type").lower().endswith("schedulefree")


_SCHEDULES = {
    "lr_scheduler_num_cycles": ("cosine_with_restarts", "cosine_with_min_lr", "warmup_stable_decay"),
    "lr_scheduler_power": ("polynomial",),
    "lr_scheduler_timescale": ("inverse_sqrt",),
    "lr_scheduler_min_lr_ratio": ("rex", "cosine_with_min_lr", "warmup_stable_decay"),
    "lr_decay_steps": ("warmup_stable_decay",),
}
"""Scheduler options and the schedulers that read them."""


def _scheduled(key: str) -> Callable[[Setup], bool]:
    return lambda setup: (
        setup.text("lr_scheduler").lower() in _SCHEDULES[key] and not setup.on("lr_scheduler_type") and not schedule_free(setup)
    )


def _on(*keys: str) -> Callable[[Setup], bool]:
    return lambda setup: any(setup.on(key) for key in keys)


def _samples(setup: Setup) -> bool:
    return setup.on("sample_prompts")


@dataclass(frozen=True)
class Need:
    """When a key has any effect. `else_` ends the sentence "`key` has no effect: "."""

    test: Callable[[Setup], bool]
    else_: str
    fix: str = "remove it"


_COMPILE = Need(_on("compile"), "`compile` is off", "set `compile = true`, or remove it")
_DYNAMO = Need(lambda setup: setup.text("dynamo_backend").upper() not in ("NO", ""), "`dynamo_backend` is not set")
_SWAP = Need(_swaps, "no blocks are swapped", "set `blocks_to_swap`, or remove it")
_HUB = Need(_on("huggingface_repo_id"), "`huggingface_repo_id` is not set")
_TEXT = Need(_samples, "text encoders are loaded for samples only", "remove it; the caching script has its own")
_GUIDED = ("hv_train_network", "fpack_train_network", "flux_kontext_train_network", "")

NEEDS: dict[str, Need] = {
    **{key: Need(_scheduled(key), f"only the schedulers {', '.join(names)} read it") for key, names in _SCHEDULES.items()},
    **dict.fromkeys(("compile_backend", "compile_mode", "compile_dynamic", "compile_fullgraph", "compile_cache_size_limit"), _COMPILE),
    **dict.fromkeys(("dynamo_mode", "dynamo_fullgraph", "dynamo_dynamic"), _DYNAMO),
    **dict.fromkeys(("use_pinned_memory_for_block_swap", "block_swap_h2d_only", "block_swap_ring_size"), _SWAP),
    **dict.fromkeys(
        ("huggingface_repo_type", "huggingface_path_in_repo", "huggingface_repo_visibility", "save_state_to_huggingface", "async_upload"),
        _HUB,
    ),
    **dict.fromkeys(("fp8_llm", "fp8_vl", "fp8_t5", "fp8_text_encoder"), _TEXT),
    "guidance_scale": Need(lambda setup: setup.script in _GUIDED, "this model has no embedded guidance"),
    "base_weights_multiplier": Need(_on("base_weights"), "there are no `base_weights`"),
    "sigmoid_scale": Need(scaled, "this timestep_sampling does not read it"),
    "logit_mean": Need(logit, "it counts with `logsnr`, and with `sigma` and `logit_normal`"),
    "logit_std": Need(logit, "it counts with `logsnr`, and with `sigma` and `logit_normal`"),
    "mode_scale": Need(mode, "it counts with timestep_sampling `sigma` and weighting_scheme `mode`"),
    "discrete_flow_shift": Need(
        lambda setup: setup.text("timestep_sampling") == "shift",
        "only timestep_sampling `shift` reads it",
        'set `timestep_sampling = "shift"`, or remove it',
    ),
    "gradient_checkpointing_cpu_offload": Need(_on("gradient_checkpointing"), "`gradient_checkpointing` is off"),
    "save_last_n_epochs": Need(
        _saves_epochs, "`save_every_n_epochs` is not set: no epoch is saved", "set `save_every_n_epochs`, or remove it"
    ),
    "save_last_n_steps": Need(_saves_steps, "`save_every_n_steps` is not set: no step is saved", "set `save_every_n_steps`, or remove it"),
    "save_last_n_epochs_state": Need(
        lambda setup: _saves_epochs(setup) and setup.on("save_state"), "it needs `save_state` and `save_every_n_epochs`"
    ),
    "save_last_n_steps_state": Need(
        lambda setup: _saves_steps(setup) and setup.on("save_state"), "it needs `save_state` and `save_every_n_steps`"
    ),
    "sample_every_n_steps": Need(
        _samples, "there are no `sample_prompts`: an error is logged each time and nothing is drawn", "set `sample_prompts`, or remove it"
    ),
    "sample_every_n_epochs": Need(
        _samples, "there are no `sample_prompts`: an error is logged each time and nothing is drawn", "set `sample_prompts`, or remove it"
    ),
    "sample_at_first": Need(_samples, "there are no `sample_prompts`", "set `sample_prompts`, or remove it"),
    "resume_from_huggingface": Need(_on("resume"), "`resume` is not set"),
    "log_prefix": Need(_on("logging_dir"), "`logging_dir` is not set"),
    "wandb_run_name": Need(lambda setup: setup.text("log_with") in ("wandb", "all"), 'it needs `log_with = "wandb"`'),
    "max_train_steps": Need(
        lambda setup: "max_train_epochs" not in setup.settings, "`max_train_epochs` overrides it", "keep one of the two"
    ),
    "preserve_distribution_shape": Need(_on("min_timestep", "max_timestep"), "neither min_timestep nor max_timestep is set"),
}
"""Keys that count only beside another."""

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "lr_decay_steps": (0,), "lr_scheduler_num_cycles": (0, 1), "lr_scheduler_power": (0, 1), "lr_scheduler_min_lr_ratio": (0,), "discrete_flow_shift": (1,), "sigmoid_scale": (0, 1),
    "logit_mean": (0,), "logit_std": (0, 1), "mode_scale": (0, 1.29), "block_swap_ring_size": (2,), "compile_backend": ("inductor",), "compile_mode": ("default",), "max_train_steps": (1600,),
    "guidance_scale": (0, 1),
    "save_last_n_epochs_state": (0,), "save_last_n_steps_state": (0,),
}  # fmt: skip
"""Values of keys without effect that nobody misses: the default, and what means nothing."""
