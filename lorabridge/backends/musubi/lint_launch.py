"""The commands of a launch script: the caching steps, the launcher, and what ties the steps together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lorabridge.backends.musubi.archs import ARCHS
from lorabridge.backends.musubi.lint_model import Setting, Setup
from lorabridge.backends.musubi.lint_read import cache_launches, command_line
from lorabridge.backends.musubi.native import contract, options_of
from lorabridge.backends.native import Findings, Launch, NativeFile, arguments

_REQUIRED = {
    "cache_text_encoder_outputs": ("text_encoder1", "text_encoder2"), "hv_1_5_cache_text_encoder_outputs": ("text_encoder", "byt5"), "wan_cache_text_encoder_outputs": ("t5",),
    "fpack_cache_text_encoder_outputs": ("text_encoder1", "text_encoder2"), "fpack_cache_latents": ("image_encoder",), "flux_kontext_cache_text_encoder_outputs": ("text_encoder1", "text_encoder2"),
    "flux_2_cache_text_encoder_outputs": ("text_encoder",), "qwen_image_cache_text_encoder_outputs": ("text_encoder",), "kandinsky5_cache_text_encoder_outputs": ("text_encoder_qwen", "text_encoder_clip"),
    "zimage_cache_text_encoder_outputs": ("text_encoder",), "ideogram4_cache_text_encoder_outputs": ("text_encoder",), "krea2_cache_text_encoder_outputs": ("text_encoder",),
}  # fmt: skip
"""What caching scripts require beside `dataset_config`."""
_NO_VAE_DTYPE = ("qwen_image_cache_latents", "krea2_cache_latents", "fpack_cache_latents")


class _CacheSetup(Setup):
    """A caching command as a setup: its options are its script's."""

    @property
    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """The options of the caching script."""
        return options_of(self.script)


def check_launches(files: Sequence[NativeFile], setups: Sequence[Setup], say: Findings) -> None:
    """Every finding about the commands of the scripts."""
    for launch in cache_launches(files):
        if launch.script in contract()["scripts"]:
            _cache(launch, setups, say)
    for setup in setups:
        if setup.launch is not None:
            _launcher(setup, setup.launch, say)


def _cache(launch: Launch, setups: Sequence[Setup], say: Findings) -> None:
    setup = _CacheSetup(say, script=launch.script, launch=launch)
    if any(item.name == "--config_file" for item in arguments(launch.after)):
        say.add(
            "LB311",
            launch.word.span,
            f"{launch.script}.py takes no `--config_file`",
            "the command line is checked at once (exit 2)",
            "write its options on the command line",
        )
    setup.settings |= command_line(setup, launch)
    for key in ("dataset_config", *_REQUIRED.get(launch.script, ())):
        if key not in setup.settings:
            say.add(
                "LB318",
                launch.word.span,
                f"{launch.script}.py needs `--{key}`",
                "the command line is checked at once (exit 2)",
                f"add `--{key} PATH`",
            )
    if launch.script.endswith("cache_latents") and "vae" not in setup.settings:
        say.add(
            "LB318", launch.word.span, f"{launch.script}.py needs `--vae`", "the script stops where it loads the VAE", "add `--vae PATH`"
        )
    if launch.script in _NO_VAE_DTYPE and setup.has("vae_dtype"):
        setup.say("LB315", "vae_dtype", f"{launch.script}.py refuses `--vae_dtype`", "it stops at once", "remove it")
    for key in ("num_workers", "batch_size"):
        if setup.has(key) and (setup.number(key) or 0) < 1:
            setup.say("LB315", key, f"`--{key}` must be 1 or more", "the script stops after it has loaded its model", "leave it out")
    for train in setups:
        _together(setup, train)


def _together(cache: Setup, train: Setup) -> None:
    """The same dataset file and the same model version in all steps."""
    if not any(cache.script in (arch.latents, arch.text) and arch.train == train.script for arch in ARCHS.values()):
        if train.script and train.launch is not None:
            cache.say(
                "LB319",
                "dataset_config",
                f"{cache.script}.py caches for another model than {train.script}.py trains",
                "the training finds no items in the cache",
                "use the scripts of one model",
                severity="warning",
            )
        return
    for key in ("dataset_config", "model_version", "task"):
        ours: Setting | None = cache.settings.get(key)
        theirs = train.settings.get(key)
        if ours is None or theirs is None or not ours.known or not theirs.known or ours.value == theirs.value:
            continue
        why = (
            "what is cached is not what is trained on"
            if key == "dataset_config"
            else "embeddings of one version do not fit another, and nothing notices"
        )
        cache.findings.add(
            "LB319",
            ours.span,
            f"`{key}` is `{ours.value}` here and `{theirs.value}` in the training",
            why,
            "write the same in all steps",
            severity="warning",
            related=((theirs.span, "the training's"),),
        )
    if "model_version" in train.settings and "model_version" in cache.options and "model_version" not in cache.settings:
        cache.findings.add(
            "LB318",
            cache.start(),
            f"{cache.script}.py is not told the `--model_version`",
            "it caches for its default version; the training then finds nothing, or wrong embeddings",
            f"add `--model_version {train.get('model_version')}`",
            severity="warning",
        )


def _launcher(setup: Setup, launch: Launch, say: Findings) -> None:
    words = {word.text for word in launch.before}
    if launch.launcher == "deepspeed" or "--use_deepspeed" in words:
        say.add(
            "LB315",
            launch.word.span,
            "musubi-tuner does not work with DeepSpeed",
            "it prepares the accelerator without it",
            "use `accelerate launch`",
        )
    if setup.launch is not None and "config_file" in setup.settings and setup.file is None:
        say.add(
            "LB322",
            setup.settings["config_file"].span,
            f"`{setup.settings['config_file'].value}` was not given, so its settings are not checked",
            "",
            "name the file too",
            severity="hint",
        )
