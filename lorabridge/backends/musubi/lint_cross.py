"""Settings that are missing, that exclude each other, or that a model cannot take."""

from __future__ import annotations

import re

from lorabridge.backends.musubi.lint_model import SHIFTS, WHOLE, Setup
from lorabridge.backends.musubi.lint_outputs import check_logging, check_sampling, check_saving
from lorabridge.backends.musubi.lint_tables import AFTER_DIT, AT_ONCE, FIRST_STEP, scaled
from lorabridge.backends.musubi.lint_weights import check_model, check_weights

_NEEDED = (
    ("dataset_config", AT_ONCE, 'dataset_config = "dataset.toml"'),
    ("dit", AT_ONCE, 'dit = "model.safetensors"'),
    (
        "output_name",
        "the trainer crashes at the first save; without saves in between that is after the whole training",
        'output_name = "my-lora"',
    ),
    (
        "output_dir",
        "the trainer crashes at the first save; without saves in between that is after the whole training",
        'output_dir = "output"',
    ),
    ("optimizer_type", f"the default is an empty text: {AFTER_DIT}", 'optimizer_type = "adamw8bit"'),
)
_UNSCALED = ("krea2_train_network", "hidream_o1_train_network")
_PLAIN_LOSS = ("hidream_o1_train_network", "ideogram4_train_network")


def check_cross(setup: Setup) -> None:
    """Every finding about more than one setting."""
    if setup.complete:
        _missing(setup)
        _attention(setup)
        _defaults(setup)
    _length(setup)
    _precision(setup)
    _memory(setup)
    _noise(setup)
    check_saving(setup)
    check_sampling(setup)
    check_logging(setup)
    check_weights(setup)
    check_model(setup)


def _missing(setup: Setup) -> None:
    for key, why, example in _NEEDED:
        if key not in setup.settings and not (
            key == "optimizer_type" and setup.launch is not None and setup.launch.script.endswith("hv_train")
        ):
            setup.say("LB318", key, f"`{key}` is missing", why, f"write `{example}`")
    if not setup.full and "network_module" not in setup.settings:
        module = setup.arch.network if setup.arch else "networks.lora_zimage"
        setup.say("LB318", "network_module", "`network_module` is missing", AFTER_DIT, f'write `network_module = "{module}"`')


def _defaults(setup: Setup) -> None:
    if "learning_rate" not in setup.settings and setup.text("optimizer_type").lower() != "adafactor":
        setup.say(
            "LB318",
            "learning_rate",
            "`learning_rate` is missing: the default is 2e-6",
            "that is 50 times less than usual for a LoRA",
            "write `learning_rate = 1e-4`",
            severity="warning",
        )
    if not setup.full and "network_dim" not in setup.settings and not setup.on("dim_from_weights"):
        setup.say(
            "LB318",
            "network_dim",
            "`network_dim` is missing: the rank is 4",
            "that is the trainer's default, and the file will not tell it",
            "write `network_dim = 32`",
            severity="warning",
        )
    if not setup.full and "network_alpha" not in setup.settings and (setup.number("network_dim") or 1) > 1:
        setup.say(
            "LB318",
            "network_alpha",
            "`network_alpha` is missing: it is 1",
            "the LoRA is scaled by alpha / rank",
            "write `network_alpha` as you want it, often the rank",
            severity="hint",
        )
    if "seed" not in setup.settings:
        setup.say(
            "LB318", "seed", "`seed` is missing: a random one is drawn", "the run cannot be repeated", "write `seed = 42`", severity="hint"
        )


def _attention(setup: Setup) -> None:
    on = [key for key in WHOLE if setup.on(key)]
    if not on:
        setup.say(
            "LB318",
            "sdpa",
            "no attention is chosen",
            "there is no default: the trainer stops after the dataset, before it loads the DiT",
            "write `sdpa = true`",
        )
        return
    known = [key for key in on if setup.has(key)]
    if len(known) > 1 and "sage_attn" not in known:
        setup.say(
            "LB319",
            known[1],
            f"two attentions are chosen; `{known[0]}` is used",
            "the order is sdpa, flash_attn, sage_attn, xformers, flash3",
            "keep one of them",
            severity="warning",
            also=known[0],
        )
    if on[0] == "flash3" and setup.has("flash3"):
        fits = setup.arch is not None and setup.script in (
            "hv_train_network",
            "fpack_train_network",
            "wan_train_network",
            "kandinsky5_train_network",
        )
        if not fits:
            setup.say(
                "LB315",
                "flash3",
                "flash3 is not supported for this model",
                f"{FIRST_STEP}: `Unsupported attention mode: flash3`",
                "write `sdpa = true` instead",
                severity="error" if setup.script else "warning",
            )
    elif on[0] in ("xformers", "flash_attn"):
        package = {"xformers": "xformers", "flash_attn": "flash-attn"}[on[0]]
        setup.say(
            "LB315",
            on[0],
            f"`{on[0]}` needs the package {package}",
            f"it is not among the trainer's requirements; where it is missing, {FIRST_STEP}",
            "install it in the trainer's environment, or write `sdpa = true`",
            severity="warning",
        )


def _length(setup: Setup) -> None:
    steps, warmup = setup.number("max_train_steps"), setup.settings.get("lr_warmup_steps")
    if "max_train_epochs" in setup.settings or warmup is None or steps is None or not warmup.known:
        return
    if isinstance(warmup.value, int) and not isinstance(warmup.value, bool) and steps > 0 and warmup.value >= steps:
        setup.say(
            "LB319",
            "lr_warmup_steps",
            f"the warmup of {warmup.value} steps is as long as the training of {steps:g}",
            "the learning rate never reaches its value",
            "write fewer warmup steps",
            severity="error" if setup.text("lr_scheduler").lower() == "rex" and warmup.value > steps else "warning",
            also="max_train_steps",
        )


def _precision(setup: Setup) -> None:
    launched = _launcher_precision(setup)
    if setup.has("mixed_precision") and launched and setup.text("mixed_precision") and setup.text("mixed_precision") != launched:
        setup.say(
            "LB319",
            "mixed_precision",
            f"the launcher says mixed precision {launched}, the trainer {setup.text('mixed_precision')}",
            "the trainer's setting is used",
            "write the same in both",
            severity="warning",
        )
    value = setup.text("mixed_precision")
    if setup.script == "zimage_train_network":
        if not value and setup.complete:
            setup.say(
                "LB318",
                "mixed_precision",
                "without the trainer's own `mixed_precision` the Z-Image DiT is loaded in fp32",
                "the launcher's setting comes too late for it: twice the memory, and slower",
                'write `mixed_precision = "bf16"`',
                severity="warning",
            )
        elif value == "no":
            setup.say(
                "LB317",
                "mixed_precision",
                "with `no` the Z-Image DiT is loaded in fp32",
                "twice the memory, and slower",
                'write `mixed_precision = "bf16"`',
                severity="warning",
            )
    if setup.script == "wan_train_network" and not value and setup.complete:
        setup.say(
            "LB318",
            "mixed_precision",
            "Wan needs the trainer's own `mixed_precision`",
            f"{AT_ONCE}: it must be the precision of the DiT file, or `no`; the launcher's setting is not read there",
            'write `mixed_precision = "bf16"` (fp16 for an fp16 file)',
        )
    if (
        value == "fp16"
        and setup.has("mixed_precision")
        and setup.script in ("zimage_train_network", "qwen_image_train_network", "krea2_train_network")
    ):
        setup.say(
            "LB315",
            "mixed_precision",
            "this model does not train in fp16",
            "its activations overflow, and parts of it run in other precisions: the first step fails or the loss is nan",
            'write `mixed_precision = "bf16"`',
            severity="warning",
        )
    name = re.split(r"[\\/]", setup.text("dit"))[-1].lower()
    if setup.script == "wan_train_network" and value in ("bf16", "fp16"):
        for other in {"bf16", "fp16"} - {value}:
            if other in name and value not in name:
                setup.say(
                    "LB319",
                    "mixed_precision",
                    f"the DiT's name says {other}, mixed_precision says {value}",
                    f"{AT_ONCE} when the file is {other}",
                    f'write `mixed_precision = "{other}"`',
                    also="dit",
                    severity="warning",
                )


def _launcher_precision(setup: Setup) -> str:
    words = [word.text for word in setup.launch.before] if setup.launch else []
    for index, word in enumerate(words):
        if word == "--mixed_precision" and index + 1 < len(words):
            return words[index + 1]
        if word.startswith("--mixed_precision="):
            return word.partition("=")[2]
    return ""


def _memory(setup: Setup) -> None:
    base, scale = setup.on("fp8_base"), setup.on("fp8_scaled")
    if scale and not base and setup.script != "kandinsky5_train_network" and setup.has("fp8_scaled"):
        setup.say("LB319", "fp8_scaled", "`fp8_scaled` needs `fp8_base`", AT_ONCE, "write `fp8_base = true` too")
    if base and not scale and setup.script in _UNSCALED and setup.complete:
        setup.say("LB319", "fp8_base", "this model takes `fp8_base` only with `fp8_scaled`", AT_ONCE, "write `fp8_scaled = true` too")
    if scale and setup.script == "hv_train_network":
        setup.say(
            "LB312",
            "fp8_scaled",
            "HunyuanVideo ignores `fp8_scaled`",
            "the trainer switches it off in silence",
            "remove it",
            severity="warning",
        )
    swap, arch = setup.number("blocks_to_swap"), setup.arch
    if swap and arch is not None and setup.has("blocks_to_swap") and arch.swap is not None and swap > arch.swap:
        late = AT_ONCE if setup.script == "ideogram4_train_network" else AFTER_DIT
        setup.say("LB315", "blocks_to_swap", f"this model can swap {arch.swap} blocks at most", late, f"write {arch.swap} or less")
    elif swap and arch is None and swap > 60:
        setup.say("LB315", "blocks_to_swap", "no model has so many blocks to swap", AFTER_DIT, "59 is the most, for Qwen-Image")
    if swap and swap > 0 and setup.on("block_swap_h2d_only") and not setup.on("gradient_checkpointing") and setup.complete:
        setup.say(
            "LB319",
            "block_swap_h2d_only",
            "`block_swap_h2d_only` needs `gradient_checkpointing`",
            AFTER_DIT,
            "write `gradient_checkpointing = true` too",
        )
    if setup.on("persistent_data_loader_workers") and setup.get("max_data_loader_n_workers") == 0:
        setup.say(
            "LB319",
            "persistent_data_loader_workers",
            "persistent workers need 1 worker or more",
            AFTER_DIT,
            "remove it, or write `max_data_loader_n_workers = 2`",
            also="max_data_loader_n_workers",
        )


def _noise(setup: Setup) -> None:
    low, high = setup.number("min_timestep"), setup.number("max_timestep")
    if low is not None and high is not None and 0 <= low <= 1000 and 0 < high <= 1000 and low >= high:
        equal = low == high
        setup.say(
            "LB319", "min_timestep", f"min_timestep {low:g} is {'equal to' if equal else 'above'} max_timestep {high:g}",
            "every sample gets the same timestep" if equal else "the trainer accepts it and turns the distribution around", "write the lower number first", also="max_timestep",
            severity="warning" if equal else "error",
        )  # fmt: skip
    scheme, sampling = setup.text("weighting_scheme"), setup.text("timestep_sampling")
    if setup.script in _PLAIN_LOSS and scheme not in ("none",) and "weighting_scheme" in setup.settings:
        setup.say("LB315", "weighting_scheme", "this model takes weighting_scheme `none` only", AT_ONCE, 'write "none", or remove it')
    elif scheme in ("logit_normal", "mode") and sampling not in ("sigma", "") and sampling in setup.options["timestep_sampling"]["choices"]:
        setup.say(
            "LB312",
            "weighting_scheme",
            f"`{scheme}` has no effect with timestep_sampling `{sampling}`",
            "it draws timesteps, and only `sigma` lets it",
            'write `timestep_sampling = "sigma"`, or "none" here',
            severity="warning",
            also="timestep_sampling",
        )
    if sampling in SHIFTS and setup.script and SHIFTS[sampling] != setup.script and setup.has("timestep_sampling"):
        setup.say(
            "LB319",
            "timestep_sampling",
            f"`{sampling}` is the shift of another model",
            "the trainer computes it all the same, from that model's numbers",
            'use `timestep_sampling = "shift"` with a discrete_flow_shift',
            severity="warning",
        )
    if scaled(setup) and (setup.number("sigmoid_scale") or 1) < 0:
        setup.say(
            "LB317",
            "sigmoid_scale",
            "a negative sigmoid_scale counts like its positive one",
            "it scales a normal distribution",
            "write a positive number",
            severity="warning",
        )
