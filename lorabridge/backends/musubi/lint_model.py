"""What a lint knows of one musubi-tuner training: its settings as the trainer will have them, each with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from lorabridge.backends.musubi.archs import ARCHS, Arch
from lorabridge.backends.musubi.native import contract, options_of
from lorabridge.backends.native import Findings, Launch, NativeFile
from lorabridge.diagnostics import Severity, Span

FULL = {
    "qwen_image_train": "qwen_image_train_network",
    "zimage_train": "zimage_train_network",
    "hidream_o1_train": "hidream_o1_train_network",
    "hv_train": "hv_train_network",
}
"""Scripts that train all weights, and the LoRA script whose options they share."""
FULL_OPTIONS = ("full_bf16", "full_fp16", "fused_backward_pass", "mem_eff_save", "block_swap_optimizer_patch_params", "trainable_modules")
SELF_FLOW = (
    "self_flow", "self_flow_gamma", "self_flow_gamma_warmup_steps", "self_flow_teacher_coupling_decay", "self_flow_teacher_coupling_decay_steps",
    "self_flow_teacher_coupling_prob", "self_flow_teacher_mismatch_ratio", "student_feature_layer", "teacher_feature_layer", "mask_ratio", "ema_decay",
    "network_weights_ema", "network_weights_proj",
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """One option as it will reach the trainer. `known` is False where a variable of the shell is in it."""

    value: Any
    span: Span
    key_span: Span
    typed: bool = False
    known: bool = True


@dataclass
class Setup:
    """One training: the settings of file and command line together.

    `script` is the training script, empty where it is not known; `complete` is False where settings may come from a file that
    was not given. `datasets` are the dataset files that were given too.
    """

    findings: Findings
    settings: dict[str, Setting] = field(default_factory=dict)
    script: str = ""
    full: bool = False
    complete: bool = True
    launch: Launch | None = None
    file: NativeFile | None = None
    datasets: Sequence[NativeFile] = ()

    @property
    def arch(self) -> Arch | None:
        """The architecture, as far as it is known."""
        return arch_of(self)

    @property
    def options(self) -> Mapping[str, Mapping[str, Any]]:
        """The options that the script has; those of all training scripts where it is not known."""
        known = dict(options_of(self.script)) if self.script else dict(_union())
        if self.full or not self.script:
            known |= {name: {"type": "any"} for name in FULL_OPTIONS}
        if self.launch is not None and self.launch.script.endswith("self_flow"):
            known |= {name: {"type": "any"} for name in SELF_FLOW}
        return known

    def get(self, key: str, default: Any = None) -> Any:
        """The value that the trainer will have: written, or its default."""
        if key in self.settings:
            return self.settings[key].value
        found = self.options.get(key, {}).get("default", default)
        return default if found is None else found

    def has(self, key: str) -> bool:
        """Whether the key is written, with a value that can be judged."""
        return key in self.settings and self.settings[key].known

    def on(self, key: str) -> bool:
        """Whether a switch or a text counts as true for the trainer."""
        return bool(self.get(key))

    def number(self, key: str) -> float | None:
        """The value of a number, None where it is none, or not finite."""
        value = self.get(key)
        return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None

    def text(self, key: str) -> str:
        """The value of a text, empty where it is none."""
        value = self.get(key)
        return value if isinstance(value, str) else ""

    def start(self) -> Span:
        """Where to report what is missing."""
        if self.file is not None:
            return self.file.span()
        if self.launch is not None:
            return self.launch.word.span
        return next((setting.span for setting in self.settings.values()), Span("", 1, 1, 1, 1))

    def say(
        self,
        code: str,
        key: str,
        message: str,
        why: str = "",
        fix: str = "",
        *,
        severity: Severity = "error",
        on: Literal["key", "value"] = "value",
        also: str = "",
    ) -> None:
        """One finding at a setting, or at the start of the file where the setting is missing. `also` names the other half of a contradiction."""
        setting = self.settings.get(key)
        span = self.start() if setting is None else setting.key_span if on == "key" else setting.span
        other = self.settings.get(also)
        related = ((other.span, f"`{also}` stands here"),) if other is not None and also != key else ()
        self.findings.add(code, span, message, why, fix, severity=severity, related=related)


@cache
def _union() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for script in sorted(train_scripts()):
        for name, option in options_of(script).items():
            choices = [*found.get(name, {}).get("choices", []), *option.get("choices", [])]
            found[name] = {**option, "choices": list(dict.fromkeys(choices))} if choices else option
    return found


@cache
def train_scripts() -> frozenset[str]:
    """The training scripts of the contract."""
    return frozenset(name for name, facts in contract()["scripts"].items() if facts["group"] == "train")


@cache
def by_network() -> dict[str, str]:
    """Network module without package to training script."""
    return {arch.network.rpartition(".")[2]: arch.train for arch in ARCHS.values()}


FAMILIES: tuple[tuple[str, str], ...] = (
    ("qwen_image_train_network", r"qwen[-_ .]?image"),
    ("zimage_train_network", r"z[-_ .]?image"),
    ("flux_2_train_network", r"flux[-_ .]?2|klein"),
    ("flux_kontext_train_network", r"kontext"),
    ("fpack_train_network", r"frame[-_ ]?pack|fpack"),
    ("wan_train_network", r"(?<![a-z])wan(?![a-z])"),
    ("hv_1_5_train_network", r"hunyuan[-_ ]?video[-_ .]?1[-_.]5"),
    ("hv_train_network", r"hunyuan[-_ ]?video"),
    ("krea2_train_network", r"krea[-_ .]?2"),
    ("ideogram4_train_network", r"ideogram"),
    ("hidream_o1_train_network", r"hidream"),
    ("kandinsky5_train_network", r"kandinsky"),
)


def family_in(name: str) -> str:
    """The training script that a file name speaks of, or nothing."""
    return next((script for script, pattern in FAMILIES if re.search(pattern, name.lower())), "")


def family_of_path(path: str) -> str:
    """The training script that a path speaks of: its last part that names a family."""
    parts = path.replace("\\", "/").split("/")
    return next((found for part in reversed(parts) if (found := family_in(part))), "")


def arch_of(setup: Setup) -> Arch | None:
    """The architecture of a setup: by script, and by the option that chooses the version."""
    if not setup.script:
        return None
    fits = [arch for arch in ARCHS.values() if arch.train == setup.script]
    for arch in fits:
        if arch.flags and all(setup.get(key) == value for key, value in arch.flags.items()):
            return arch
    return fits[0] if fits else None


WHOLE = ("sdpa", "flash_attn", "xformers", "flash3", "sage_attn")
"""The switches of which one must be on."""
SHIFTS = {
    "flux_shift": "flux_kontext_train_network", "flux2_shift": "flux_2_train_network", "qwen_shift": "qwen_image_train_network",
    "krea2_shift": "krea2_train_network", "ideogram4_shift": "ideogram4_train_network",
}  # fmt: skip
