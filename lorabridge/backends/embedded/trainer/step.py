"""One optimizer step: forward and backward over its micro-batches, clipping, update."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import torch

from . import data, lora
from .errors import NotFiniteError
from .families import Batch, Embeds
from .noise import draw_noise, level_weights, picture_losses
from .optim import rate_factor, set_rate
from .setup import Session


@dataclass(frozen=True)
class Outcome:
    """What one step did. `preservation` is None where none was computed."""

    loss: float
    preservation: float | None
    rate: float
    norm: float


@dataclass(frozen=True)
class Prepared:
    """A micro-batch on the device: tensors are (B, C, h, w) unless said otherwise; `weights` (B,)."""

    items: list[data.Item]
    batch: Batch
    target: torch.Tensor
    mask: torch.Tensor | None
    weights: torch.Tensor


def train_step(session: Session, step: int) -> Outcome:
    """Do step `step`, counted from 0.

    The loss is the mean over all pictures of the step, however they are cut into micro-batches.

    Raises:
        NotFiniteError: a loss or the gradient is not finite; the weights are as before the step.
    """
    job, batches = session.job, session.order.step(step)
    pictures = sum(len(batch) for batch in batches)
    rate = job.optimizer.lr * rate_factor(job.scheduler, step, session.total_steps)
    set_rate(session.optimizer, rate)
    session.optimizer.zero_grad(set_to_none=True)
    preserving = job.preservation is not None and step % job.preservation.every == 0
    loss_sum, kept_sum, kept = 0.0, 0.0, 0
    for shown in batches:
        prepared = _prepare(session, shown)
        loss_sum += _learn(session, prepared, pictures, step)
        if preserving and any(item.class_caption is not None for item in prepared.items):
            kept_sum += _preserve(session, prepared, pictures, step)
            kept += 1
    norm = _update(session, step)
    return Outcome(loss_sum, kept_sum if kept else None, rate, norm)


def _prepare(session: Session, shown: tuple[data.Shown, ...]) -> Prepared:
    job, items = session.job, [session.items[each.item] for each in shown]
    entries, embeds = [], []
    for each, item in zip(shown, items, strict=True):
        rng = random.Random(data.derive(job.train.seed, "caption", each.serial))
        flipped = item.flip and rng.random() < 0.5
        entries.append(session.store.get(session.keys.latents(item, flipped)))
        caption = rng.choice(item.captions)
        embeds.append(session.prompt("" if rng.random() < item.dropout else caption))
    latents = torch.stack([entry["latents"] for entry in entries]).to(session.device)
    levels, noise = draw_noise(
        job.noise,
        latents.shape[1:],
        session.family.tokens(latents.shape[1:]),
        job.train.seed,
        [each.serial for each in shown],
    )
    levels, noise = levels.to(session.device), noise.to(session.device)
    family, pipe = session.family, session.pipe
    velocity = pipe.scheduler.config.get("prediction_type") == "v_prediction"
    weights = level_weights(job.noise, levels, family.snr(pipe, levels), velocity)
    weights = weights * torch.tensor([item.weight for item in items], device=session.device)
    noisy = family.mix(pipe, latents, noise, levels).to(lora.DTYPES[job.model.dtype])
    batch = Batch(noisy, levels, embeds, _time_ids(items).to(session.device))
    return Prepared(items, batch, family.target(pipe, latents, noise, levels), _mask(entries, session), weights)


def _mask(entries: list[dict[str, torch.Tensor]], session: Session) -> torch.Tensor | None:
    if not any("mask" in entry for entry in entries):
        return None
    rows = [entry["mask"] if "mask" in entry else torch.ones(1, *entry["latents"].shape[1:]) for entry in entries]
    return torch.stack(rows).to(session.device)


def _time_ids(items: list[data.Item]) -> torch.Tensor:
    """Original height and width, top and left of the cut in the scaled picture, height and width; in pixels."""
    rows = []
    for item in items:
        (original_width, original_height), (width, height) = item.original, item.size
        scale = max(width / original_width, height / original_height)
        top, left = (original_height * scale - height) / 2, (original_width * scale - width) / 2
        rows.append([original_height, original_width, round(top), round(left), height, width])
    return torch.tensor(rows, dtype=torch.float32)


def _learn(session: Session, prepared: Prepared, pictures: int, step: int) -> float:
    with session.autocast():
        predicted = session.family.predict(session.pipe, prepared.batch)
    losses = picture_losses(session.job.noise, predicted, prepared.target, prepared.mask)
    loss = (losses * prepared.weights).sum() / pictures
    return _backward(session, loss, step)


def _preserve(session: Session, prepared: Prepared, pictures: int, step: int) -> float:
    """Hold the adapted model to what the bare one says about the same noisy pictures under the class word."""
    preservation = session.job.preservation
    assert preservation is not None
    chosen = [at for at, item in enumerate(prepared.items) if item.class_caption is not None]
    embeds: list[Embeds] = [session.prompt(prepared.items[at].class_caption or "") for at in chosen]
    whole = prepared.batch
    batch = Batch(whole.noisy[chosen], whole.levels[chosen], embeds, whole.time_ids[chosen])
    with torch.no_grad(), session.autocast():
        lora.activate(session.denoiser, [name for name in session.adapters if name != lora.TRAINED])
        base = session.family.predict(session.pipe, batch)
    lora.activate(session.denoiser, session.adapters)
    with session.autocast():
        predicted = session.family.predict(session.pipe, batch)
    losses = (predicted.float() - base.float()).square().flatten(1).mean(dim=1)
    return _backward(session, preservation.multiplier * losses.sum() / pictures, step)


def _backward(session: Session, loss: torch.Tensor, step: int) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise NotFiniteError(f"the loss is {value} in step {step + 1}", step + 1)
    session.scaler.scale(loss).backward()
    return value


def _update(session: Session, step: int) -> float:
    session.scaler.unscale_(session.optimizer)
    limit = session.job.train.max_grad_norm
    norm = float(torch.nn.utils.clip_grad_norm_(session.parameters.values(), limit if limit is not None else math.inf))
    # with a scaler an overflow is expected now and then: it skips the step and lowers its scale
    if not math.isfinite(norm) and not session.scaler.is_enabled():
        raise NotFiniteError(f"the gradient is {norm} in step {step + 1}", step + 1)
    session.scaler.step(session.optimizer)
    session.scaler.update()
    if session.average is not None:
        session.average.update(session.parameters, step + 1)
    return norm
