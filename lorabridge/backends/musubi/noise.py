"""Which noise levels are trained, and how much each counts."""

from __future__ import annotations

import math

from lorabridge.backends.engine import Lowering
from lorabridge.backends.musubi.archs import Arch
from lorabridge.backends.musubi.model import boundary, trained_experts

SAMPLINGS = {"uniform": "uniform", "sigmoid": "sigmoid", "shift": "shift", "sigma": "sigma", "logsnr": "logsnr"}
WEIGHTINGS = {"none": "none", "sigma-sqrt": "sigma_sqrt", "cosmap": "cosmap", "mode": "mode", "logit-normal": "logit_normal"}


def noise(low: Lowering, arch: Arch) -> None:
    """The distribution of timesteps and the weight of each."""
    config = low.config.noise
    sampling = _sampling(low, arch)
    low.put("train:timestep_sampling", sampling, "noise.timestep_sampling")
    if config.timestep_sampling == "logit-normal":
        _logit_normal(low)
    else:
        _shapes(low, sampling)
    _weighting(low, arch, sampling)
    _range(low)


def _sampling(low: Lowering, arch: Arch) -> str:
    wanted, path = low.config.noise.timestep_sampling, "noise.timestep_sampling"
    if wanted == "auto":
        low.note("exact", path, wanted, f"train:{path}", arch.sampling, "what the trainer's documentation recommends")
        return arch.sampling
    if wanted == "logit-normal":
        low.note(
            "rewritten", path, wanted, "train:timestep_sampling", "shift", "sigmoid(std·x), shifted by exp(mean), is the same distribution"
        )
        return "shift"
    native = arch.resolution_shift if wanted == "resolution-shift" else SAMPLINGS.get(wanted, "")
    if not native:
        low.refuse(path, wanted, f"it has no such distribution for {low.family.title}", "write `timestep_sampling: shift` with a `shift`")
        return arch.sampling
    low.note("exact", path, wanted, "train:timestep_sampling", native)
    return native


def _logit_normal(low: Lowering) -> None:
    config = low.config.noise
    shift = math.exp(config.logit_mean)
    low.put("train:discrete_flow_shift", shift, "noise.logit_mean")
    low.put("train:sigmoid_scale", config.logit_std, "noise.logit_std")
    low.note("rewritten", "noise.logit_mean", config.logit_mean, "train:discrete_flow_shift", shift)
    low.note("rewritten", "noise.logit_std", config.logit_std, "train:sigmoid_scale", config.logit_std)
    _unused(low, "noise.shift", "noise.sigmoid_scale")


def _shapes(low: Lowering, sampling: str) -> None:
    config = low.config.noise
    if sampling == "shift":
        shift = 1.0 if isinstance(config.shift, str) else config.shift
        low.put("train:discrete_flow_shift", shift, "noise.shift")
        low.note("exact", "noise.shift", config.shift, "train:discrete_flow_shift", shift)
    else:
        _unused(low, "noise.shift")
    if sampling == "sigmoid" or (sampling.endswith("shift") and sampling != "ideogram4_shift"):
        low.put("train:sigmoid_scale", config.sigmoid_scale, "noise.sigmoid_scale")
        low.note("exact", "noise.sigmoid_scale", config.sigmoid_scale, "train:sigmoid_scale", config.sigmoid_scale)
    else:
        _unused(low, "noise.sigmoid_scale")
    if sampling == "logsnr":
        low.put("train:logit_mean", config.logit_mean, "noise.logit_mean")
        low.put("train:logit_std", config.logit_std, "noise.logit_std")
        low.note(
            "exact",
            "noise.logit_mean",
            config.logit_mean,
            "train:logit_mean",
            config.logit_mean,
            "the mean of the log signal-to-noise ratio",
        )
        low.note("exact", "noise.logit_std", config.logit_std, "train:logit_std", config.logit_std)
    elif sampling != "sigma" or config.weighting != "logit-normal":
        _unused(low, "noise.logit_mean", "noise.logit_std")


def _unused(low: Lowering, *paths: str) -> None:
    config = low.config.noise
    plain = {"noise.sigmoid_scale": 1.0, "noise.logit_mean": 0.0, "noise.logit_std": 1.0, "noise.mode_scale": 1.29}
    for path in paths:
        value = getattr(config, path.removeprefix("noise."))
        if low.wrote(path) and value != plain.get(path, "auto"):
            low.refuse(
                path,
                value,
                f"with `timestep_sampling: {config.timestep_sampling}` and `weighting: {config.weighting}` nothing reads it there",
                "remove it",
            )


def _weighting(low: Lowering, arch: Arch, sampling: str) -> None:
    config, path = low.config.noise, "noise.weighting"
    native = WEIGHTINGS.get(config.weighting)
    if native is None:
        low.refuse(
            path,
            config.weighting,
            "it has no such weighting",
            "known there: none, sigma-sqrt, cosmap, and mode and logit-normal with `timestep_sampling: sigma`",
        )
        native = "none"
    elif not arch.weighting and native != "none":
        low.problem(
            "LB307", path, f"{low.family.title} takes `weighting: none` only", "the trainer stops at once", "write `weighting: none`"
        )
    density = native in ("mode", "logit_normal")
    if density and sampling != "sigma":
        low.problem(
            "LB307",
            path,
            f"`weighting: {config.weighting}` does nothing with `timestep_sampling: {config.timestep_sampling}`",
            "there it is a way to draw timesteps, used by `sigma` sampling only (TB:690)",
            "write `timestep_sampling: sigma`, or `weighting: none`",
        )
    low.put("train:weighting_scheme", native, path)
    low.note(
        "rewritten" if density else "exact",
        path,
        config.weighting,
        "train:weighting_scheme",
        native,
        "drawn more often instead of weighted more" if density else "",
    )
    if native == "mode":
        low.put("train:mode_scale", config.mode_scale, "noise.mode_scale")
        low.note("exact", "noise.mode_scale", config.mode_scale, "train:mode_scale", config.mode_scale)
    else:
        _unused(low, "noise.mode_scale")
    if native == "logit_normal" and sampling == "sigma":
        _logit_weighting(low)


def _logit_weighting(low: Lowering) -> None:
    config = low.config.noise
    # Index 0 of its schedule is pure noise: a positive mean means less noise (timesteps.py:46).
    low.put("train:logit_mean", -config.logit_mean + 0.0, "noise.logit_mean")
    low.put("train:logit_std", config.logit_std, "noise.logit_std")
    low.note(
        "rewritten",
        "noise.logit_mean",
        config.logit_mean,
        "train:logit_mean",
        -config.logit_mean + 0.0,
        "the sign is the other way round there",
    )
    low.note("exact", "noise.logit_std", config.logit_std, "train:logit_std", config.logit_std)


def _range(low: Lowering) -> None:
    config, which = low.config.noise, trained_experts(low)
    least, most = config.min_timestep, config.max_timestep
    edge = round(boundary(low) * 1000) if which in ("high-noise", "low-noise") else None
    if edge is not None:
        least, most = (max(least, edge), most) if which == "high-noise" else (least, min(most, edge))
    if least >= most:
        low.problem(
            "LB206",
            "noise.min_timestep",
            f"no timestep of the {which} expert lies between {config.min_timestep} and {config.max_timestep}",
            "it is trained on its own range only",
            "widen the range",
        )
    source = "model.experts.train" if edge is not None else "noise"
    if least > 0:
        low.put("train:min_timestep", least, source if edge else "noise.min_timestep")
    if most < 1000:
        low.put("train:max_timestep", most, source if edge else "noise.max_timestep")
    for key in ("min_timestep", "max_timestep"):
        low.note("exact", f"noise.{key}", getattr(config, key), f"train:{key}", low.documents["train"].get(key, "left out"))
    if least > 0 or most < 1000:
        low.add(
            "train:preserve_distribution_shape",
            True,
            "so that the range cuts the distribution of timesteps instead of squeezing it (advanced_config.md:683)",
        )
