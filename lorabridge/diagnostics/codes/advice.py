"""LB65x and LB66x: advice from papers and trainers' pages. Hints only; `lorabridge plan` and `check --hints` give it."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code(
        "LB650",
        "long training of a distilled model",
        "A distilled variant is trained for long, even with its adapter.",
        "The distillation wears off.",
    ),
    Code(
        "LB651",
        "unusual learning rate",
        "The rate is far from what the family's source recommends.",
        "Too high collapses colours and anatomy, too low learns nothing.",
    ),
    Code(
        "LB652",
        "rate of an optimizer that finds its own",
        "Prodigy and D-Adaptation scale the rate themselves; 1 is meant.",
        "Another number scales their estimate.",
    ),
    Code(
        "LB653",
        "preservation of a style",
        "Differential preservation is on for a style.",
        "A style is meant to reach everything; preservation holds it back.",
    ),
    Code(
        "LB654",
        "preservation in every step",
        "A large model pays the extra passes of preservation in every step.",
        "A step takes more than twice as long.",
    ),
    Code(
        "LB655",
        "text encoder on the GPU",
        "Captions are encoded in every step although nothing varies them.",
        "The text encoder fills the GPU.",
    ),
    Code(
        "LB656",
        "pictures encoded in every step",
        "Latents are not cached although nothing varies the pictures.",
        "Time and memory are spent on the VAE.",
    ),
    Code(
        "LB657",
        "steps beyond the useful",
        "The run is longer than a source found useful for the model.",
        "Anatomy distorts and training pictures are copied.",
    ),
    Code(
        "LB658",
        "rank for the purpose",
        "The rank is above or below what the guides use.",
        "High ranks copy the data and cost memory, low ones learn little.",
    ),
    Code(
        "LB659",
        "resolution far from the model's",
        "The training size is well below what the model was made for.",
        "Some models draw noise at other sizes.",
    ),
    Code(
        "LB660",
        "batch and rate",
        "A step averages many samples with the rate for a few.",
        "The number of updates falls; little is learned in the same time.",
    ),
    Code(
        "LB661", "no sample pictures", "Nothing is drawn while training.", "Over-training is seen in pictures long before the loss tells."
    ),
    Code(
        "LB662",
        "alpha far from the rank",
        "alpha / rank scales what is learned.",
        "Far below 1 little is seen, far above 1 it becomes unstable.",
    ),
    Code(
        "LB663",
        "quantization that hurts",
        "The precision of the frozen weights is known to hurt this model.",
        "The LoRA learns to mend the rounding.",
    ),
    Code(
        "LB664",
        "weight decay for texture",
        "The decay is ten times and more above what the source uses for the model.",
        "Fine texture is smoothed away.",
    ),
    Code(
        "LB665",
        "one checkpoint only",
        "A long run keeps nothing but its end.",
        "The best step is rarely the last one, and a crash loses all.",
    ),
    Code("LB666", "no trigger word", "Nothing calls what is learned.", "A subject then appears always, or mixes with its class."),
    Code(
        "LB667", "trigger word with a meaning", "The trigger is an everyday word.", "The model's own idea of the word fights the new one."
    ),
)
