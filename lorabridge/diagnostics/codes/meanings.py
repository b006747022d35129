"""LB2xx: meanings and contradictions."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code(
        "LB201",
        "a value without meaning",
        "A zero, empty or null value stands where it can mean nothing.",
        "Each trainer reads it in its own way: as a default, as infinity, as a crash after hours.",
        "adapter: {rank: 0}",
        "adapter: {rank: 16}",
        ("bmaltais/kohya_ss#2976",),
    ),
    Code(
        "LB202",
        "contradiction",
        "Two fields exclude each other, or one needs the other.",
        "The trainer would follow one of them and drop the other in silence.",
        "scheduler: {type: cosine, decay: 10%}",
        "scheduler: {type: warmup-stable-decay, decay: 10%}",
    ),
    Code(
        "LB203",
        "seed 0 is random here",
        "The seed is 0, which this language reads as random.",
        "musubi-tuner reads 0 as a fixed seed, other tools as random; both cannot be pleased.",
        "train: {seed: 0}",
        "train: {seed: random}",
    ),
    Code(
        "LB204",
        "no effect",
        "The field does nothing in this combination.",
        "It was written for a reason.",
        "save: {keep_last: 3}",
        "save: {every: 100 steps, keep_last: 3}",
    ),
    Code(
        "LB205",
        "secret in the file",
        "A value looks like an access token or key.",
        "Configs are compiled, logged, locked and shared.",
        "logging: {wandb: {api_key: …}}",
        "logging: {wandb: {key_env: WANDB_API_KEY}}",
    ),
    Code(
        "LB206",
        "empty range",
        "A lower bound is above its upper bound.",
        "Trainers accept it and train on garbage.",
        "noise: {min_timestep: 900, max_timestep: 100}",
        "noise: {min_timestep: 100, max_timestep: 900}",
    ),
)
