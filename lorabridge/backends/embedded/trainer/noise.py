"""Noise levels, weights and losses. Levels `t` go from 0 (clean) to 1 (noise only)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from .data import derive
from .job import Noise


def generator(seed: int, serial: int, purpose: str) -> torch.Generator:
    """A CPU generator for one picture shown once: what is drawn depends on neither batch size, nor device, nor history."""
    return torch.Generator().manual_seed(derive(seed, purpose, serial))


def resolution_shift(tokens: int) -> float:
    """The shift for a picture of so many tokens: e^0.5 at 256, e^1.15 at 4096, log-linear between and beyond."""
    return math.exp(0.5 + (1.15 - 0.5) * (tokens - 256) / (4096 - 256))


def sample_level(noise: Noise, tokens: int, rng: torch.Generator) -> float:
    """Draw one level in [min_timestep, max_timestep]."""
    if noise.timestep_sampling == "uniform":
        level = float(torch.rand((), generator=rng))
    else:
        normal = float(torch.randn((), generator=rng))
        if noise.timestep_sampling == "logit_normal":
            normal = noise.mean + noise.std * normal
        else:
            normal *= noise.sigmoid_scale
        level = 1 / (1 + math.exp(-normal)) if normal > -700 else 0.0
        shift = 1.0
        if noise.timestep_sampling == "shift":
            shift = noise.shift
        elif noise.timestep_sampling == "auto_shift":
            shift = resolution_shift(tokens)
        level = shift * level / (1 + (shift - 1) * level)
    level = _lean(level, noise.bias, float(torch.rand((), generator=rng)))
    return noise.min_timestep + (noise.max_timestep - noise.min_timestep) * level


def _lean(level: float, bias: str, coin: float) -> float:
    """Cubes push a level to one end: a uniform one then has its mean at 1/4 (content) or 3/4 (style)."""
    if bias == "balanced":
        bias = "content" if coin < 0.5 else "style"
    if bias == "content":
        return level**3
    if bias == "style":
        return 1 - (1 - level) ** 3
    return level


def draw_noise(noise: Noise, shape: Sequence[int], tokens: int, seed: int, serials: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Levels (B,) and noise (B, *shape) in float32 on the CPU, each picture from its own generator."""
    levels, draws = [], []
    for serial in serials:
        rng = generator(seed, serial, "noise")
        levels.append(sample_level(noise, tokens, rng))
        drawn = torch.randn(*shape, generator=rng)
        if noise.noise_offset:
            drawn = drawn + noise.noise_offset * torch.randn(shape[0], *(1,) * (len(shape) - 1), generator=rng)
        draws.append(drawn)
    return torch.tensor(levels), torch.stack(draws)


def level_weights(noise: Noise, levels: torch.Tensor, snr: torch.Tensor | None, velocity: bool = False) -> torch.Tensor:
    """A weight per picture, (B,). `snr` is the signal-to-noise ratio of epsilon models, None for flow models;
    `velocity` tells that such a model predicts velocity instead of noise.

    bell_shaped is a Gaussian around the middle level with the mean over all levels set to one.
    """
    if noise.weighting == "bell_shaped":
        return torch.exp(-8 * (levels - 0.5) ** 2) / _BELL_MEAN
    if noise.weighting == "sigma_sqrt":
        return levels.clamp_min(1e-2) ** -2.0
    if noise.weighting == "cosmap":
        return 2 / (math.pi * (1 - 2 * levels + 2 * levels**2))
    if noise.weighting == "min_snr" and snr is not None:
        return snr.clamp_max(noise.min_snr_gamma) / (snr + 1 if velocity else snr.clamp_min(1e-8))
    return torch.ones_like(levels)


# integral over [0, 1] of exp(-8 (t - 1/2)^2)
_BELL_MEAN = math.sqrt(math.pi / 8) * math.erf(math.sqrt(2))


def picture_losses(noise: Noise, predicted: torch.Tensor, target: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Mean loss of each picture, (B,), in float32. `mask` is (B, 1, h, w), its mean need not be one."""
    predicted, target = predicted.float(), target.float()
    if noise.loss == "huber":
        each = functional.huber_loss(predicted, target, reduction="none", delta=noise.delta)
    elif noise.loss == "smooth_l1":
        each = functional.smooth_l1_loss(predicted, target, reduction="none", beta=noise.delta)
    else:
        each = functional.mse_loss(predicted, target, reduction="none")
    if mask is None:
        return each.flatten(1).mean(dim=1)
    whole = mask.expand_as(each)
    return (each * whole).flatten(1).sum(dim=1) / whole.flatten(1).sum(dim=1).clamp_min(1e-6)
