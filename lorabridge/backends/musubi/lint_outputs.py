"""What is saved, sampled and logged while training."""

from __future__ import annotations

import re

from lorabridge.backends.musubi.lint_model import Setup
from lorabridge.backends.musubi.lint_tables import AFTER_DATA, FIRST_SAVE


def check_saving(setup: Setup) -> None:
    """Saves that crash, delete themselves, or never come."""
    every, last = setup.number("save_every_n_steps"), setup.number("save_last_n_steps")
    if every and last and 0 < last < every and setup.has("save_last_n_steps"):
        count = int(last)
        setup.say(
            "LB317", "save_last_n_steps", f"save_last_n_steps counts steps, not files: {count} keeps the newest checkpoint only",
            f"a checkpoint is removed when it is more than {count} steps old", f"to keep {count} files write {int(every) * max(1, count - 1)}", also="save_every_n_steps",
            severity="error" if count > 1 else "warning",
        )  # fmt: skip
    name = setup.text("output_name")
    if re.search(r"[/\\]" if "\\" in name and ":" in name else "/", name):
        setup.say(
            "LB315",
            "output_name",
            "`output_name` is a name, not a path",
            f"{FIRST_SAVE}: the folder in it does not exist",
            "put the folder into `output_dir`",
        )
    elif len(name.encode()) > 230:
        setup.say("LB315", "output_name", "`output_name` is longer than file names can be", FIRST_SAVE, "write a shorter name")
    elif name.endswith(".safetensors"):
        setup.say(
            "LB317",
            "output_name",
            "`output_name` needs no suffix",
            "files will be called `….safetensors.safetensors`",
            "write the name without suffix",
            severity="warning",
        )
    if setup.has("output_dir") and setup.text("output_dir").lower().endswith(".safetensors"):
        setup.say(
            "LB315",
            "output_dir",
            "`output_dir` is a folder, not a file",
            f"a folder of this name is made; where a file has it, {FIRST_SAVE}",
            "write the folder; the name goes into `output_name`",
            severity="warning",
        )
    reso = setup.settings.get("metadata_reso")
    if reso is not None and isinstance(reso.value, str) and reso.value and not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*(,.*)?)?", reso.value):
        setup.say("LB315", "metadata_reso", f"`{reso.value}` is no resolution", FIRST_SAVE, 'write "1024" or "1024,768"')
    if setup.complete and not any(key in setup.settings for key in ("save_every_n_steps", "save_every_n_epochs")):
        setup.say(
            "LB318",
            "save_every_n_epochs",
            "nothing is saved before the end",
            "a crash loses everything",
            "write `save_every_n_epochs = 1`",
            severity="hint",
        )


def check_sampling(setup: Setup) -> None:
    """Sample pictures without what they need."""
    prompts = setup.settings.get("sample_prompts")
    if prompts is None or not prompts.known or not isinstance(prompts.value, str) or not prompts.value:
        return
    if not prompts.value.endswith((".txt", ".toml", ".json")):
        setup.say(
            "LB315",
            "sample_prompts",
            "the prompt file must end in .txt, .toml or .json",
            "the trainer stops after the dataset (UnboundLocalError)",
            "give it one of these endings; prompts themselves do not go here",
        )
    asked = any(setup.get(key) for key in ("sample_every_n_steps", "sample_every_n_epochs", "sample_at_first"))
    if not asked and setup.complete and not any(key in setup.settings for key in ("sample_every_n_steps", "sample_every_n_epochs")):
        setup.say(
            "LB312",
            "sample_prompts",
            "prompts without `sample_every_n_steps` or `sample_every_n_epochs` are never drawn",
            "the VAE and the text encoder are loaded for nothing",
            "write `sample_every_n_epochs = 1`",
            severity="warning",
        )
    arch = setup.arch
    if not setup.complete:
        return
    keys = (
        dict.fromkeys(["vae", *(key for name, key in arch.keys.items() if name.startswith(("text_encoder",)) or name == "byt5")])
        if arch
        else {"vae": None}
    )
    for key in keys:
        if key == "vae" and setup.script == "hidream_o1_train_network":
            continue
        if not setup.get(key):
            setup.say(
                "LB318",
                "sample_prompts",
                f"`sample_prompts` needs `{key}`",
                "the trainer loads it for the samples and stops after the dataset",
                f"write `{key}`, or remove the sample options",
            )


def check_logging(setup: Setup) -> None:
    """Trackers without a folder or a name."""
    kind = setup.text("log_with")
    if kind in ("tensorboard", "all") and "logging_dir" not in setup.settings and setup.complete:
        setup.say("LB318", "log_with", f"`{kind}` needs `logging_dir`", AFTER_DATA, "write `logging_dir`")
    if kind in ("wandb", "all") and setup.has("log_with"):
        setup.say(
            "LB315",
            "log_with",
            f"`{kind}` needs the package wandb, and a login",
            f"wandb is not among the trainer's requirements; where it is missing, {AFTER_DATA}",
            "install it in the trainer's environment",
            severity="warning",
        )
