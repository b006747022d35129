"""The model's files and what is trained on them: weights, versions, the network module."""

from __future__ import annotations

from typing import Any

from lorabridge.backends.musubi.lint_model import SHIFTS, Setup
from lorabridge.backends.musubi.lint_tables import AFTER_DIT, AT_ONCE, adaptive


def check_weights(setup: Setup) -> None:
    """Weights to start from, and states to resume."""
    resume = setup.text("resume")
    if resume.endswith((".safetensors", ".pt", ".ckpt")) and setup.has("resume"):
        setup.say(
            "LB315",
            "resume",
            "`resume` takes the folder of a state, not a file",
            AFTER_DIT,
            "write `…-state`; to go on from weights use `network_weights`",
        )
    elif resume and setup.has("resume"):
        setup.say(
            "LB317",
            "resume",
            "after a resume steps and file names count from 0 again",
            "earlier checkpoints of the same output_name are overwritten, and max_train_steps more steps are trained",
            "give it another output_name",
            severity="hint",
        )
    if setup.on("resume") and setup.on("network_weights"):
        setup.say(
            "LB319",
            "network_weights",
            "`resume` replaces `network_weights`",
            "the state holds the weights too and is loaded later",
            "keep one of the two",
            severity="warning",
            also="resume",
        )
    if isinstance(setup.get("base_weights"), list) and "" in setup.get("base_weights"):
        setup.say("LB315", "base_weights", "`base_weights` holds an empty path", AFTER_DIT, "remove it")
    many, factors = setup.get("base_weights"), setup.get("base_weights_multiplier")
    if isinstance(many, list) and isinstance(factors, list) and len(factors) != len(many):
        setup.say(
            "LB319",
            "base_weights_multiplier",
            f"{len(factors)} multipliers for {len(many)} files",
            "files without one get 1.0; more are ignored",
            "write one for each file",
            severity="warning",
            also="base_weights",
        )


def check_model(setup: Setup) -> None:
    """What each script asks of its model."""
    script = setup.script
    if script == "kandinsky5_train_network" and setup.complete:
        task = setup.settings.get("task")
        if task is None or not task.typed:
            setup.say(
                "LB318",
                "task",
                "Kandinsky needs `--task` on the command line",
                "it is required there before the file is read (exit 2)",
                "add `--task k5-lite-t2v-5s-sd` to the command",
                severity="error" if setup.launch or task is None else "warning",
            )
    if script == "krea2_train_network":
        if setup.on("turbo_dit_cache") and not setup.on("turbo_dit"):
            setup.say("LB319", "turbo_dit_cache", "`turbo_dit_cache` needs `turbo_dit`", AT_ONCE, "write `turbo_dit`")
        if setup.on("turbo_dit") and setup.get("blocks_to_swap"):
            setup.say(
                "LB319",
                "turbo_dit",
                "`turbo_dit` does not work with `blocks_to_swap`",
                AT_ONCE,
                "remove one of the two",
                also="blocks_to_swap",
            )
    if (
        script == "wan_train_network"
        and setup.on("dit_high_noise")
        and setup.on("offload_inactive_dit")
        and (setup.number("blocks_to_swap") or 0) > 0
    ):
        setup.say(
            "LB319",
            "offload_inactive_dit",
            "`offload_inactive_dit` does not work with `blocks_to_swap`",
            AT_ONCE,
            "remove one of the two",
            also="blocks_to_swap",
        )
    if script == "qwen_image_train_network" and setup.on("remove_first_image_from_target") and setup.get("model_version") != "layered":
        setup.say(
            "LB319",
            "remove_first_image_from_target",
            "it is for the layered model only",
            AT_ONCE,
            'remove it, or write `model_version = "layered"`',
        )
    if script == "fpack_train_network" and setup.text("vae_dtype") not in ("", "float16"):
        setup.say("LB315", "vae_dtype", "FramePack's VAE is float16 only", AT_ONCE, "remove it")
    if script == "flux_2_train_network" and "model_version" not in setup.settings and setup.complete:
        setup.say(
            "LB318",
            "model_version",
            "`model_version` is missing: FLUX.2 dev is assumed",
            "a klein checkpoint then fails to load",
            "write `model_version`",
            severity="hint",
        )
    module: Any = setup.settings.get("network_module")
    if module is not None and module.known and isinstance(module.value, str) and module.value:
        _network(setup, module.value)
    if (
        adaptive(setup)
        and 0 < (setup.number("learning_rate") or 1) < 0.01
        and setup.has("learning_rate")
        and "came" not in setup.text("optimizer_type").lower()
    ):
        setup.say(
            "LB317",
            "learning_rate",
            "this optimizer finds its step size itself and takes a learning rate of 1",
            "a small one slows it down by that factor",
            "write `learning_rate = 1.0`",
            severity="warning",
        )


def _network(setup: Setup, value: str) -> None:
    from lorabridge.backends.musubi.lint_model import by_network, family_of_path
    from lorabridge.backends.native.findings import nearest

    package, _, name = value.rpartition(".")
    ours = [*by_network(), "loha", "lokr"]
    if package in ("networks", "musubi_tuner.networks"):
        if name not in ours:
            setup.say(
                "LB314",
                "network_module",
                f"musubi-tuner has no network module `{value}`",
                f"{AFTER_DIT} (ModuleNotFoundError)",
                f"did you mean `{package}.{nearest(name, ours) or ours[0]}`?",
            )
            return
    elif not package and name in ours:
        setup.say(
            "LB314",
            "network_module",
            f"`{value}` is no module that can be imported",
            f"{AFTER_DIT} (ModuleNotFoundError)",
            f'write "networks.{value}"',
        )
        return
    else:
        near = nearest(value, [f"networks.{item}" for item in ours])
        hint = f"did you mean `{near}`?" if near else "check that it can be imported in the trainer's environment"
        setup.say(
            "LB314",
            "network_module",
            f"`{value}` is no network module of musubi-tuner",
            f"where it cannot be imported, {AFTER_DIT}",
            hint,
            severity="warning",
        )
        return
    arch = setup.arch
    if name in ("loha", "lokr"):
        if arch is not None and not arch.generic:
            setup.say(
                "LB319",
                "network_module",
                f"`{value}` does not know this model",
                f"{AFTER_DIT}: the model cannot be recognised",
                f'write "{arch.network}"',
            )
        return
    wanted = setup.script if setup.launch is not None else family_of_path(setup.text("dit")) or by_name_of_options(setup)
    if wanted and by_network()[name] != wanted:
        right = next((module for module, script in by_network().items() if script == wanted), "")
        by_launch = setup.launch is not None
        why = (
            f"{AFTER_DIT}: `No LoRA modules found`"
            if by_launch
            else f"the path of the DiT speaks of another model; {AFTER_DIT} if it is one"
        )
        setup.say(
            "LB319",
            "network_module",
            f"`{value}` is for another model",
            why,
            f'write "networks.{right}"',
            also="dit",
            severity="error" if by_launch else "warning",
        )


def by_name_of_options(setup: Setup) -> str:
    """The script by the samplings and keys that only one model has."""
    sampling = setup.text("timestep_sampling")
    return SHIFTS.get(sampling, "") if sampling in ("flux2_shift", "krea2_shift", "ideogram4_shift") else ""
