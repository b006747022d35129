"""Which noise levels are drawn, and how much each counts."""

from __future__ import annotations

from lorabridge.backends.ai_toolkit.archs import NAME, TITLE, Arch
from lorabridge.backends.engine import Lowering

TYPES = {"uniform": "linear", "sigmoid": "sigmoid", "weighted": "weighted"}
"""`timestep_type` by sampling, where both mean the same (custom_flowmatch_sampler.py:99-205)."""
BIASES = {"off": "balanced", "content": "style", "style": "content"}
"""`content_or_style` by bias. Its `content` draws index r^3 of timesteps that fall from 1000: high noise
(BaseSDTrainProcess.py:1268-1284; its own page labels it High Noise). The language's `content` is low noise."""


def noise(low: Lowering, arch: Arch) -> None:
    """`noise_scheduler` (its default, ddpm, ruins flow models), sampling, bias, range, weighting."""
    low.add("process:train.noise_scheduler", arch.scheduler, "the default is ddpm, which a flow model accepts in silence")
    kind = _flow(low, arch) if arch.scheduler == "flowmatch" else _epsilon(low)
    _logit(low)
    _bias(low)
    _range(low, kind)
    if low.wrote("noise.shift") and low.config.noise.shift != "auto":
        low.refuse(
            "noise.shift",
            low.config.noise.shift,
            f"the shift of {arch.native.partition(':')[0]} is fixed in its scheduler",
            "remove it; `timestep_sampling: resolution-shift` uses the model's own where it has one",
        )


def _flow(low: Lowering, arch: Arch) -> str:
    asked = low.config.noise
    said = low.wrote("noise.timestep_sampling") and asked.timestep_sampling != "auto"
    wanted: str = asked.timestep_sampling if asked.timestep_sampling != "auto" else "sigmoid"
    bell = asked.weighting == "bell-shaped"
    if bell and not said:
        wanted = "uniform"
    kind = _kind(low, arch, wanted, said)
    low.put("process:train.timestep_type", kind, "noise.timestep_sampling")
    if not said:
        low.note("defaulted", "noise.timestep_sampling", wanted, "process:train.timestep_type", kind)
    _weighting(low, kind)
    return kind


def _kind(low: Lowering, arch: Arch, wanted: str, said: bool) -> str:
    path = "noise.timestep_sampling"
    if wanted in TYPES:
        if said:
            low.note("exact", path, wanted, "process:train.timestep_type", TYPES[wanted])
        return TYPES[wanted]
    if wanted == "logit-normal" and (low.config.noise.logit_mean, low.config.noise.logit_std) == (0.0, 1.0):
        low.note(
            "rewritten" if said else "defaulted",
            path,
            wanted,
            "process:train.timestep_type",
            "sigmoid",
            "a sigmoid of a standard normal is logit-normal(0, 1)",
        )
        return "sigmoid"
    if not said:
        own = low.family.trainer_defaults.get(NAME)
        return "shift" if wanted == "shift" and own is not None and own.values.get(path) == "shift" else "sigmoid"
    if wanted == "resolution-shift" and arch.dynamic:
        text = "shifted by the picture's size as for sampling; drawn evenly before the shift, where other trainers draw from a sigmoid"
        low.note("rewritten", path, wanted, "process:train.timestep_type", "shift", text)
        low.problem("LB302", path, f"`resolution-shift` is {TITLE}'s `timestep_type: shift`", text, severity="hint")
        return "shift"
    _refuse_sampling(low, wanted)
    return "sigmoid"


def _refuse_sampling(low: Lowering, wanted: str) -> None:
    why = {
        "shift": "its `shift` shifts an even distribution by the model's own amount; the language's shifts a sigmoid by `noise.shift`",
        "resolution-shift": "the scheduler of this model has a fixed shift",
        "logit-normal": "its sigmoid is logit-normal with mean 0 and spread 1, and nothing else",
    }.get(wanted, "it has no such distribution")
    low.refuse("noise.timestep_sampling", wanted, why, "write `sigmoid`, `uniform` or `weighted`")


def _logit(low: Lowering) -> None:
    """Centre and spread without `logit-normal`: they would be dropped."""
    if low.config.noise.timestep_sampling == "logit-normal":
        return
    for path, value, default in (
        ("noise.logit_mean", low.config.noise.logit_mean, 0.0),
        ("noise.logit_std", low.config.noise.logit_std, 1.0),
    ):
        if value != default:
            low.refuse(path, value, "its sigmoid is logit-normal with mean 0 and spread 1, and nothing else", "remove it")


def _weighting(low: Lowering, kind: str) -> None:
    weighting = low.config.noise.weighting
    if weighting == "none":
        return
    if weighting != "bell-shaped":
        low.refuse("noise.weighting", weighting, "it weighs by a bell or not at all", "write `bell-shaped` or `none`")
    elif kind != "linear":
        low.problem(
            "LB307",
            "noise.weighting",
            f"{TITLE} weighs with a bell under uniform sampling only",
            "its switch for the bell also makes the sampling uniform",
            "write `timestep_sampling: uniform`, or `weighting: none`",
        )
    else:
        low.put("process:train.linear_timesteps", True, "noise.weighting")
        low.note("exact", "noise.weighting", weighting, "process:train.linear_timesteps", True)


def _epsilon(low: Lowering) -> str:
    asked = low.config.noise
    if low.wrote("noise.timestep_sampling") and asked.timestep_sampling not in ("auto", "uniform"):
        low.refuse(
            "noise.timestep_sampling",
            asked.timestep_sampling,
            "it draws the timesteps of an epsilon model uniformly",
            "write `uniform`, or remove it",
        )
    if asked.weighting != "none":
        low.refuse(
            "noise.weighting",
            asked.weighting,
            "it weighs the timesteps of flow models only",
            "write `none`; `loss.min_snr_gamma` weighs epsilon models",
        )
    low.note("exact", "noise.timestep_sampling", "uniform")
    return "epsilon"


def _bias(low: Lowering) -> None:
    bias = low.config.noise.bias
    if bias == "balanced":
        low.refuse("noise.bias", bias, "what it calls balanced is no bias at all; it cannot mix both", "write `bias: off`")
        return
    low.put("process:train.content_or_style", BIASES[bias], "noise.bias")
    text = "" if bias == "off" else f"its `{BIASES[bias]}` is what the language calls `{bias}`: its content favours high noise"
    low.note("rewritten" if text else "exact", "noise.bias", bias, "process:train.content_or_style", BIASES[bias], text)


def _range(low: Lowering, kind: str) -> None:
    """Timesteps as indices from the noisy end: index i is timestep 1000 - i (999 - i for epsilon models)."""
    least, most = low.config.noise.min_timestep, low.config.noise.max_timestep
    if (least, most) == (0, 1000):
        return
    if kind not in ("linear", "weighted", "epsilon"):
        path = "noise.min_timestep" if least else "noise.max_timestep"
        low.problem(
            "LB307",
            path,
            f"{TITLE} limits the range of uniform sampling only",
            f"with `{kind}` its limits cut by rank, not by noise level",
            "write `timestep_sampling: uniform` or `weighted`, or remove the limits",
        )
        return
    first = 1000 - most if kind != "epsilon" else max(0, 998 - most)
    last = min(999, 1001 - least)
    low.put("process:train.min_denoising_steps", first, "noise.max_timestep")
    low.put("process:train.max_denoising_steps", last, "noise.min_timestep")
    low.note("rewritten", "noise.max_timestep", most, "process:train.min_denoising_steps", first, "counted from the noisy end")
    low.note("rewritten", "noise.min_timestep", least, "process:train.max_denoising_steps", last, "counted from the noisy end, exclusive")
