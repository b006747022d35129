"""Train the toy base: a SANA-like model of a few megabytes that draws circles, squares, triangles, diamonds and crosses.

Run as `python -m lorabridge.backends.embedded.trainer.toy OUT_DIR`. About ten minutes on one CPU core. The result is an
ordinary diffusers folder. The autoencoder sees every shape; the denoiser never sees a star, so a LoRA has one to learn.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from . import shapes
from .tokens import qwen_tokenizer

SIDE = 64
_WIDTHS = (16, 32, 64, 64)


def _pixels(scenes: list[shapes.Scene]) -> torch.Tensor:
    """Scenes as (N, 3, SIDE, SIDE) in [-1, 1]."""
    stacked = np.stack([np.asarray(shapes.draw(scene, SIDE)) for scene in scenes])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def _corpus() -> list[str]:
    words = [*shapes.COLORS, *shapes.BACKGROUNDS, *shapes.SIZES, *shapes.SHAPES, "background", "sks", "toy"]
    return [f"a {word} on a {word} background" for word in words] * 20


def build_vae() -> Any:
    """An autoencoder of residual blocks: (N, 3, 64, 64) to (N, 16, 8, 8) and back."""
    from diffusers import AutoencoderDC

    levels = len(_WIDTHS)
    return AutoencoderDC(
        latent_channels=16,
        encoder_block_types="ResBlock",
        decoder_block_types="ResBlock",
        encoder_block_out_channels=_WIDTHS,
        decoder_block_out_channels=_WIDTHS,
        encoder_layers_per_block=(1,) * levels,
        decoder_layers_per_block=(1,) * levels,
        encoder_qkv_multiscales=((),) * levels,
        decoder_qkv_multiscales=((),) * levels,
    )


def build_text_encoder(vocab_size: int) -> Any:
    """A Gemma without layers: a table of words that is trained together with the denoiser.

    Without layers an embedding does not depend on its neighbours, so SANA's long instruction in front of every prompt
    costs nothing and changes nothing.
    """
    from transformers import Gemma2Config, Gemma2Model

    config = Gemma2Config(
        vocab_size=vocab_size,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=0,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
    )
    return Gemma2Model(config)


def build_denoiser(width: int, layers: int) -> Any:
    """A small SANA transformer over (N, 16, 8, 8) latents."""
    from diffusers import SanaTransformer2DModel

    heads = width // 32
    return SanaTransformer2DModel(
        in_channels=16,
        out_channels=16,
        num_attention_heads=heads,
        attention_head_dim=32,
        num_layers=layers,
        num_cross_attention_heads=heads,
        cross_attention_head_dim=32,
        cross_attention_dim=width,
        caption_channels=64,
        sample_size=16,
    )


def _cosine(step: int, total: int, peak: float) -> float:
    warm = min(1.0, (step + 1) / 100)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))


def _say(kind: str, step: int, total: int, loss: float, start: float) -> None:
    if step % 100 == 0 or step == total:
        print(f"{kind} {step}/{total} loss {loss:.4f} {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def train_vae(vae: Any, steps: int, batch: int, rng: random.Random) -> None:
    """Fit the autoencoder to drawings of every shape. A little noise on the latents makes its decoder forgiving."""
    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3, weight_decay=0.0)
    start = time.monotonic()
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = _cosine(step, steps, 2e-3)
        pixels = _pixels([shapes.random_scene(rng, shapes.SHAPES) for _ in range(batch)])
        latents = vae.encode(pixels).latent
        noisy = latents + 0.05 * latents.detach().std() * torch.randn_like(latents)
        restored = vae.decode(noisy).sample
        # the small penalty keeps latents near unit scale without a variational term
        loss = functional.l1_loss(restored, pixels) + functional.mse_loss(restored, pixels) + 1e-3 * latents.square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        _say("vae", step, steps, float(loss.detach()), start)


def _latent_pool(vae: Any, count: int, rng: random.Random) -> tuple[torch.Tensor, list[str]]:
    scenes = [shapes.random_scene(rng) for _ in range(count)]
    with torch.no_grad():
        parts = [vae.encode(_pixels(scenes[at : at + 64])).latent for at in range(0, count, 64)]
    return torch.cat(parts), [scene.caption for scene in scenes]


def _token_table(tokenizer: Any, captions: list[str]) -> dict[str, torch.Tensor]:
    """The ids that SanaPipeline keeps of each caption: the first of the instruction, the last of it, and the caption."""
    import inspect

    from diffusers import SanaPipeline

    instruction = "\n".join(inspect.signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default)
    lead = len(tokenizer.encode(instruction))
    table = {}
    for caption in {*captions, ""}:
        ids = tokenizer.encode(instruction + caption)
        table[caption] = torch.tensor([ids[0], *ids[lead - 1 :]])
    return table


def _embed(encoder: Any, ids: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in ids], batch_first=True)
    return encoder(padded, attention_mask=mask)[0], mask


def train_denoiser(denoiser: Any, encoder: Any, tokenizer: Any, pool: torch.Tensor, captions: list[str], *, steps: int, batch: int) -> None:
    """Fit denoiser and word table to the latents by flow matching; both end as the average of their last weights.

    `pool` is (N, 16, 8, 8), scaled to unit deviation; `captions` has one line per latent.
    """
    table = _token_table(tokenizer, captions)
    parameters = [*denoiser.parameters(), *encoder.parameters()]
    average = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01, betas=(0.9, 0.98))
    start, rng = time.monotonic(), random.Random(3)
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = _cosine(step, steps, 1.5e-3)
        picks = [rng.randrange(len(captions)) for _ in range(batch)]
        words = [table["" if rng.random() < 0.1 else captions[at]] for at in picks]
        embeds, mask = _embed(encoder, words)
        clean, noise = pool[picks], torch.randn(batch, *pool.shape[1:])
        t = torch.sigmoid(torch.randn(batch) + 0.4)
        shaped = t.view(-1, 1, 1, 1)
        predicted = denoiser(
            (1 - shaped) * clean + shaped * noise,
            encoder_hidden_states=embeds,
            encoder_attention_mask=mask,
            timestep=t * 1000,
            return_dict=False,
        )[0]
        loss = functional.mse_loss(predicted, noise - clean)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        decay = min(0.997, step / (step + 20))
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - decay)
        _say("denoiser", step, steps, float(loss.detach()), start)
    with torch.no_grad():
        for parameter, mean in zip(parameters, average, strict=True):
            parameter.copy_(mean)


def build(out: Path, vae_steps: int, steps: int, *, width: int = 128, layers: int = 5, batch: int = 16, pool_size: int = 4096) -> Path:
    """Train everything and write the diffusers folder `out` in bfloat16; returns `out`."""
    from diffusers import FlowMatchEulerDiscreteScheduler, SanaPipeline

    torch.manual_seed(1)
    rng = random.Random(1)
    tokenizer = qwen_tokenizer(_corpus(), vocab_size=420, max_length=4096)
    vae, encoder = build_vae(), build_text_encoder(len(tokenizer))
    denoiser = build_denoiser(width, layers)
    train_vae(vae, vae_steps, batch, rng)
    vae.eval()
    pool, captions = _latent_pool(vae, pool_size, rng)
    scale = 1.0 / float(pool.std())
    vae.register_to_config(scaling_factor=scale)
    train_denoiser(denoiser, encoder, tokenizer, pool * scale, captions, steps=steps, batch=batch)
    pipe = SanaPipeline(tokenizer, encoder, vae, denoiser, FlowMatchEulerDiscreteScheduler(shift=2.0))
    # stored at half size: the error of bfloat16 is far below what the eye sees in 64 pixels
    pipe.to(torch.bfloat16).save_pretrained(out)
    return out


def main(argv: list[str] | None = None) -> int:
    """Command line of this module; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lorabridge.backends.embedded.trainer.toy", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--vae-steps", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=5000)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    build(args.out, args.vae_steps, args.steps)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
