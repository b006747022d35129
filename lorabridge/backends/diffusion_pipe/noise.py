"""`noise` and `loss`: one word of the language is several keys of the trainer, or a number.

A timestep is drawn as t = sigmoid(scale * n) or t uniform, then shifted: s*t / (1 + (s-1)*t). Adding
m to the logit of t is a shift of exp(m), so a mean of the logit-normal distribution can be said exactly.
"""

from __future__ import annotations

import math

from lorabridge.backends.diffusion_pipe.archs import Arch
from lorabridge.backends.engine import Lowering

_FLUX_CURVE = ("flux", "chroma", "lumina_2")
_SAMPLING = "noise.timestep_sampling"


def noise(out: Lowering, arch: Arch) -> None:
    """The distribution of timesteps."""
    if arch.flow:
        _flow(out, arch)
    else:
        _fixed(out, arch)
    _range(out, arch)
    _loss(out, arch)


def _fixed(out: Lowering, arch: Arch) -> None:
    """Types with a distribution of their own: SDXL draws uniformly, Cosmos as it was trained."""
    own = "uniform" if arch.type == "sdxl" else "auto"
    value = out.config.noise.timestep_sampling
    if value not in (own, "auto"):
        _unsaid(out, value, f"the type `{arch.type}` draws timesteps in its own way", f"write `{own}`")
    elif out.wrote(_SAMPLING):
        out.note("exact", _SAMPLING, value, native="left out", text=f"the type `{arch.type}` always draws so")


def _flow(out: Lowering, arch: Arch) -> None:
    want = out.config.noise
    kind = want.timestep_sampling
    if kind == "auto" and want.shift != "auto" and out.wrote("noise.shift"):
        kind = "shift"
    method, scale, shift = "logit_normal", want.sigmoid_scale, None
    if kind == "uniform":
        method, scale = "uniform", 1.0
    elif kind == "logit-normal":
        scale = want.logit_std
        shift = math.exp(want.logit_mean) if want.logit_mean else None
    elif kind == "shift":
        shift = 1.0 if want.shift == "auto" else float(want.shift)
    elif kind == "resolution-shift":
        _by_size(out, arch)
    elif kind not in ("sigmoid", "auto"):
        _unsaid(
            out,
            kind,
            "it draws uniformly or from a logit-normal distribution, shifted or not",
            "write `uniform`, `sigmoid`, `logit-normal` or `shift`",
        )
    _draw(out, kind, method, scale)
    if shift is not None:
        _shift(out, arch, kind, shift)


def _draw(out: Lowering, kind: str, method: str, scale: float) -> None:
    out.put("main:model.timestep_sample_method", method, _SAMPLING)
    out.note("exact", _SAMPLING, kind, "main:model.timestep_sample_method", method)
    if scale != 1.0:
        path = "noise.logit_std" if kind == "logit-normal" else "noise.sigmoid_scale"
        out.put("main:model.sigmoid_scale", float(scale), path)
        out.note("exact", path, scale, "main:model.sigmoid_scale", float(scale))


def _shift(out: Lowering, arch: Arch, kind: str, shift: float) -> None:
    path = "noise.logit_mean" if kind == "logit-normal" else "noise.shift"
    value = out.config.noise.logit_mean if kind == "logit-normal" else shift
    if not arch.shifts:
        if path == "noise.shift" and not out.wrote(path):
            _unsaid(out, kind, f"the type `{arch.type}` cannot shift timesteps", "write `uniform`, `sigmoid` or `logit-normal`")
        else:
            out.refuse(path, value, f"the type `{arch.type}` cannot shift timesteps", "write `timestep_sampling: logit-normal` without it")
        return
    out.put("main:model.shift", shift, path)
    text = "a mean m of the logit is the same as a shift of exp(m)" if path == "noise.logit_mean" else ""
    out.note("rewritten" if text else "exact", path, value, "main:model.shift", shift, text)


def _by_size(out: Lowering, arch: Arch) -> None:
    if not arch.by_size:
        _unsaid(
            out,
            "resolution-shift",
            f"the type `{arch.type}` has no shift by picture size",
            "write `timestep_sampling: shift` with a number",
        )
        return
    own = arch.type in _FLUX_CURVE
    out.put(f"main:model.{arch.by_size}", True, _SAMPLING)
    text = "" if own else "the curve is FLUX.1's (mu 0.5 at 256 tokens, 1.15 at 4096), not this family's own"
    out.note("exact" if own else "rewritten", _SAMPLING, "resolution-shift", f"main:model.{arch.by_size}", True, text)
    if not own and out.wrote(_SAMPLING):
        out.problem(
            "LB302",
            _SAMPLING,
            f"`resolution-shift` is FLUX.1's curve here, also for {out.family.title}",
            "the family's own curve shifts by another amount",
            "write `timestep_sampling: shift` with a number to be sure",
            "hint",
        )


def _unsaid(out: Lowering, value: str, why: str, fix: str) -> None:
    if out.wrote(_SAMPLING):
        out.refuse(_SAMPLING, value, why, fix)
    else:
        out.note("defaulted", _SAMPLING, value, text=why)


def _range(out: Lowering, arch: Arch) -> None:
    want = out.config.noise
    for key, native, neutral in (("min_timestep", "min_t", 0), ("max_timestep", "max_t", 1000)):
        value = getattr(want, key)
        if value == neutral:
            continue
        if not arch.time_range:
            out.refuse(f"noise.{key}", value, f"the type `{arch.type}` draws from the whole range", "remove it")
        elif out.config.model.experts is not None:
            out.problem(
                "LB305",
                f"noise.{key}",
                f"`noise.{key}` and `model.experts` both set the range of timesteps",
                "the expert's range would be lost",
                "remove one of the two",
            )
        else:
            out.put(f"main:model.{native}", value / 1000, f"noise.{key}")
            out.note(
                "exact",
                f"noise.{key}",
                value,
                f"main:model.{native}",
                value / 1000,
                "the rest of the distribution is cut off, not squeezed",
            )


def _loss(out: Lowering, arch: Arch) -> None:
    loss = out.config.loss
    key, value = {"huber": ("huber_delta", loss.delta), "smooth-l1": ("smooth_l1_beta", loss.delta), "mae": ("smooth_l1_beta", 0.0)}.get(
        loss.type, ("", 0.0)
    )
    if loss.type != "mse" and not (key and arch.huber):
        why = f"the type `{arch.type}` always uses the squared error" if key else "it has no such distance"
        out.refuse("loss.type", loss.type, why, "write `mse`")
    elif key:
        out.put(f"main:{key}", float(value), "loss.type")
        text = "smooth L1 that turns linear at 0 is the absolute error" if loss.type == "mae" else ""
        out.note("rewritten" if text else "exact", "loss.type", loss.type, f"main:{key}", float(value), text)
    if arch.type != "sdxl":
        for name, neutral in (("min_snr_gamma", "off"), ("debiased", False)):
            if getattr(loss, name) != neutral:
                out.refuse(f"loss.{name}", getattr(loss, name), "it is for SDXL only", "remove it")
