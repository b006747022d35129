"""Every diagnostic code as one row: what it means, why it matters, a bad and a good example.

Codes are a stable contract: never renumbered, never reused. LB1xx syntax and types, LB2xx meanings
and contradictions, LB3xx trainers, LB4xx data, LB5xx models, LB6xx budget, LB7xx run, LB8xx artifacts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding. `bad` and `good` are YAML; `refs` are public threads or documents."""

    code: str
    title: str
    what: str
    why: str
    bad: str = ""
    good: str = ""
    refs: tuple[str, ...] = ()


_ROWS = (
    Code(
        "LB100",
        "not valid YAML",
        "The text cannot be read as one YAML 1.2 mapping.",
        "Nothing after the mistake can be trusted.",
        "train: {for: 10 steps",
        "train: {for: 10 steps}",
    ),
    Code(
        "LB101",
        "duplicate key",
        "A key stands twice in one section.",
        "YAML readers keep the last one in silence; the first was written for a reason.",
        "optimizer: {lr: 1e-4, lr: 5e-5}",
        "optimizer: {lr: 5e-5}",
    ),
    Code(
        "LB102",
        "unknown key",
        "The section has no such key.",
        "All three trainers ignore unknown keys; the run then uses a default that nobody chose.",
        "optimizer: {learning_rte: 1e-4}",
        "optimizer: {lr: 1e-4}",
        ("bmaltais/kohya_ss#2780",),
    ),
    Code(
        "LB103",
        "misplaced key",
        "The key exists, in another section.",
        "In the wrong place it has no effect.",
        "train: {lr: 1e-4}",
        "optimizer: {lr: 1e-4}",
        ("tdrussell/diffusion-pipe#372",),
    ),
    Code(
        "LB104",
        "missing key",
        "A key that is needed is not there.",
        "It cannot be guessed without risking the run.",
        "train: {batch_size: 1}",
        "train: {for: 1600 steps}",
    ),
    Code(
        "LB105",
        "wrong type",
        "The value is of another kind than the field takes.",
        'Trainers take `"false"` for true and crash on `"1e-4"` after the model is loaded.',
        'optimizer: {lr: "1e-4"}',
        "optimizer: {lr: 1e-4}",
    ),
    Code(
        "LB106",
        "out of range",
        "The value is outside what can work.",
        "The trainer would crash late, or train on garbage.",
        "noise: {max_timestep: 2000}",
        "noise: {max_timestep: 1000}",
    ),
    Code(
        "LB107",
        "unknown choice",
        "The value is not one of the words the field takes.",
        "Trainers fall back to a default in silence on a misspelt choice.",
        "noise: {timestep_sampling: shiftt}",
        "noise: {timestep_sampling: shift}",
        ("bmaltais/kohya_ss#2780",),
    ),
    Code(
        "LB108",
        "missing or unknown unit",
        "An amount has no unit, or one that does not fit.",
        "Epochs taken for steps have cost whole nights; units are written, never guessed.",
        "train: {for: 1600}",
        "train: {for: 1600 steps}",
        ("bmaltais/kohya_ss#1636",),
    ),
    Code(
        "LB109",
        "unreadable file",
        "The file cannot be read as UTF-8 text.",
        "A byte-order mark or another encoding makes trainers drop the first key.",
        "",
        "",
    ),
    Code(
        "LB110",
        "too large or too deep",
        "The document expands to more than any config needs.",
        "Aliases can blow a small file up until memory is gone.",
        "",
        "",
    ),
    Code(
        "LB112",
        "layer problem",
        "A preset or file named by `extends` cannot be used.",
        "The config would be incomplete.",
        "extends: charcter",
        "extends: character",
    ),
    Code(
        "LB113",
        "bad --set",
        "An override is not `key.path=value`, or its place does not exist.",
        "It would be ignored.",
        "--set lr",
        "--set optimizer.lr=1e-4",
    ),
    Code(
        "LB114",
        "environment variable not set",
        "`${env:NAME}` names a variable that is not set.",
        "The text would be used as it stands.",
        "output: ${env:NOWHERE}/out",
        "output: /data/out",
    ),
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
    Code(
        "LB301",
        "the trainer cannot say it",
        "The trainer has no setting with this meaning.",
        "It would be dropped in silence.",
        "adapter: {rank: 32, alpha: 16}   # diffusion-pipe",
        "adapter: {rank: 32, alpha: 32}",
    ),
    Code(
        "LB302",
        "said in another way",
        "The trainer gets another setting with the same meaning, or the nearest one it has.",
        "You should know what is really run.",
        "",
        "",
    ),
    Code(
        "LB303",
        "unknown native option",
        "The trainer reads no such option.",
        "It would be ignored.",
        "backends: {musubi: {network_arg: [conv_dim=4]}}",
        "backends: {musubi: {network_args: [conv_dim=4]}}",
    ),
    Code(
        "LB304",
        "wrong native value",
        "The value is not of the type, or not one of the choices, that the trainer takes.",
        "musubi-tuner does not check values that come from TOML.",
        "",
        "",
    ),
    Code(
        "LB305",
        "native option fights an intent field",
        "A native option sets what a field of the language already sets.",
        "One of the two would lose in silence.",
        "",
        "",
    ),
    Code(
        "LB306",
        "the trainer cannot train this model",
        "No script or class of the trainer handles the family or variant.",
        "Some trainers then load another architecture.",
        "",
        "",
    ),
    Code(
        "LB307",
        "a combination that fails there",
        "The trainer crashes on it, hangs, or ignores one half.",
        "It fails after the model is loaded, or never.",
        "",
        "",
    ),
    Code(
        "LB308",
        "unit cannot be said",
        "The trainer counts in another unit, and the data would have to be known to convert.",
        "A guess would make epochs out of steps.",
        "train: {for: 16 epochs}   # ai-toolkit",
        "train: {for: 1600 steps}",
        ("bmaltais/kohya_ss#1636",),
    ),
    Code(
        "LB401",
        "data not found",
        "A folder or file of the data does not exist.",
        "Trainers train on nothing, delete caches, or hang.",
        "",
        "",
    ),
    Code(
        "LB402", "no usable data", "The folder holds no pictures or clips that the trainer reads.", "Trainers drop them in silence.", "", ""
    ),
    Code(
        "LB403",
        "captions missing",
        "Pictures have no caption file.",
        "musubi-tuner and diffusion-pipe drop them, ai-toolkit trains on an empty prompt.",
        "",
        "",
    ),
    Code(
        "LB501",
        "unknown model family",
        "No trainer here knows the family.",
        "ai-toolkit would load Stable Diffusion 1.5 instead.",
        "model: {family: qwen-imgae}",
        "model: {family: qwen-image}",
    ),
    Code("LB502", "unknown variant", "The family has no such variant.", "The wrong architecture would be loaded.", "", ""),
    Code(
        "LB503",
        "missing model path",
        "The trainer needs a file or folder that is not named.",
        "It fails after minutes, or when the first sample is drawn.",
        "",
        "",
    ),
    Code(
        "LB504",
        "distilled model",
        "The variant is distilled and no training adapter is given.",
        "Training undoes the distillation; the LoRA works on neither model.",
        "",
        "",
        ("kohya-ss/musubi-tuner#769",),
    ),
    Code("LB505", "model file not found", "A path of the model does not exist.", "The trainer would fail after caching.", "", ""),
    Code("LB506", "no such part", "The setting is about a part that the model does not have.", "It would be ignored.", "", ""),
    Code(
        "LB507",
        "control pictures without use",
        "The variant takes no control pictures.",
        "Trainers ignore them or hang while caching.",
        "",
        "",
    ),
    Code(
        "LB508",
        "edit model without control pictures",
        "An edit variant is trained on pictures alone.",
        "Trainers then train text-to-image in silence.",
        "",
        "",
    ),
    Code("LB701", "trainer not found", "The trainer is not installed where it was looked for.", "Nothing can be started.", "", ""),
    Code("LB702", "trainer failed", "A stage ended with an error.", "The run is not complete.", "", ""),
    Code(
        "LB703",
        "ended without training",
        "The trainer ended without an error, but the planned steps were not done.",
        "Exit code 0 does not mean trained.",
        "",
        "",
    ),
)

CODES: dict[str, Code] = {row.code: row for row in _ROWS}
