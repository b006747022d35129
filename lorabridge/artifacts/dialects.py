"""How LoRA files name their keys, as tables: a key is prefix + module name + ending.

The prefix tells the dialect, the part of the pipeline, and whether dots were kept; the ending tells the kind of adapter
and the tensor's role in it. What a module is called in between depends on the model (see `tables`).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Dialect = Literal["kohya", "comfyui", "diffusers", "peft", "lycoris", "trainer state", "bare"]
Kind = Literal["lora", "loha", "lokr", "dora", "glora", "oft", "full", "norm"]


class Prefix(NamedTuple):
    """One way to begin a key. `flat`: the module's dots were written as underscores."""

    text: str
    dialect: Dialect
    part: str
    flat: bool


class Ending(NamedTuple):
    """One way to end a key. `style` is the spelling of LoRA's two matrices, which dialects share or not."""

    text: str
    kind: Kind
    role: str
    style: str = ""


class Key(NamedTuple):
    """A key taken apart."""

    prefix: Prefix
    module: str
    ending: Ending


PREFIXES: tuple[Prefix, ...] = (
    Prefix("lora_unet_", "kohya", "transformer", True),
    Prefix("lora_te1_", "kohya", "text_encoder", True),
    Prefix("lora_te2_", "kohya", "text_encoder_2", True),
    Prefix("lora_te3_", "kohya", "text_encoder_3", True),
    Prefix("lora_te_", "kohya", "text_encoder", True),
    Prefix("lora_prior_unet_", "kohya", "transformer", True),
    Prefix("lora_transformer_", "kohya", "transformer", True),
    Prefix("lycoris_", "lycoris", "transformer", True),
    Prefix("base_model.model.text_encoder.", "peft", "text_encoder", False),
    Prefix("base_model.model.", "peft", "transformer", False),
    Prefix("diffusion_model.", "comfyui", "transformer", False),
    Prefix("model.diffusion_model.", "comfyui", "transformer", False),
    Prefix("text_encoders.", "comfyui", "text_encoder", False),
    Prefix("transformer.", "diffusers", "transformer", False),
    Prefix("unet.", "diffusers", "transformer", False),
    Prefix("text_encoder_3.", "diffusers", "text_encoder_3", False),
    Prefix("text_encoder_2.", "diffusers", "text_encoder_2", False),
    Prefix("text_encoder.", "diffusers", "text_encoder", False),
)
"""The longest that fits is taken."""

BARE = Prefix("", "bare", "transformer", False)
STATE = Prefix("", "trainer state", "transformer", False)
"""PEFT's own names inside a training run: no prefix, the adapter's name in the ending."""

DIALECTS: dict[Dialect, str] = {
    "kohya": "kohya (`lora_unet_*`, dots as underscores)",
    "comfyui": "ComfyUI (`diffusion_model.*`)",
    "diffusers": "diffusers (`transformer.*`, `unet.*`)",
    "peft": "PEFT (`base_model.model.*`)",
    "lycoris": "LyCORIS (`lycoris_*`, dots as underscores)",
    "trainer state": "a trainer's own state (PEFT with the adapter's name)",
    "bare": "no prefix",
}

ENDINGS: tuple[Ending, ...] = (
    Ending(".lora_down.weight", "lora", "down", "down/up"),
    Ending(".lora_up.weight", "lora", "up", "down/up"),
    Ending(".lora_mid.weight", "lora", "mid", "down/up"),
    Ending(".lora_A.weight", "lora", "down", "A/B"),
    Ending(".lora_B.weight", "lora", "up", "A/B"),
    Ending(".lora_A.default.weight", "lora", "down", "A/B default"),
    Ending(".lora_B.default.weight", "lora", "up", "A/B default"),
    Ending(".lora_A", "lora", "down", "A/B"),
    Ending(".lora_B", "lora", "up", "A/B"),
    Ending(".lora_B.bias", "lora", "up_bias", "A/B"),
    Ending(".lora.down.weight", "lora", "down", "old diffusers"),
    Ending(".lora.up.weight", "lora", "up", "old diffusers"),
    Ending("_lora.down.weight", "lora", "down", "old diffusers"),
    Ending("_lora.up.weight", "lora", "up", "old diffusers"),
    Ending(".lora_linear_layer.down.weight", "lora", "down", "old diffusers"),
    Ending(".lora_linear_layer.up.weight", "lora", "up", "old diffusers"),
    Ending(".alpha", "lora", "alpha"),
    Ending(".dora_scale", "dora", "magnitude"),
    Ending(".magnitude", "dora", "magnitude"),
    Ending(".lora_magnitude_vector", "dora", "magnitude"),
    Ending(".lora_magnitude_vector.weight", "dora", "magnitude"),
    Ending(".lora_magnitude_vector.default.weight", "dora", "magnitude"),
    *(Ending(f".{role}", "loha", role) for role in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2")),
    *(Ending(f".{role}", "lokr", role) for role in ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")),
    *(Ending(f".{role}.weight", "glora", role) for role in ("a1", "a2", "b1", "b2")),
    *(Ending(f".{role}", "oft", role) for role in ("oft_blocks", "oft_diag", "oft_R.weight", "rescale")),
    Ending(".diff", "full", "diff"),
    Ending(".diff_b", "full", "diff_b"),
    Ending(".set_weight", "full", "set_weight"),
    Ending(".w_norm", "norm", "w_norm"),
    Ending(".b_norm", "norm", "b_norm"),
)

UP_ROLES: dict[Kind, tuple[str, ...]] = {
    "lora": ("up",), "dora": ("up",), "loha": ("hada_w2_a",), "lokr": ("lokr_w2", "lokr_w2_b"), "glora": ("a2", "b2"),
    "full": ("diff", "diff_b"), "oft": ("oft_blocks", "oft_diag", "oft_R.weight"), "norm": ("w_norm", "b_norm"),
}  # fmt: skip
"""The tensors that start at zero: as long as they are, the adapter changes nothing. Trainers differ for LoHa and LoKr:
there every product that is zero counts (see `norms`)."""

PAIRS: dict[Kind, tuple[tuple[str, ...], ...]] = {
    "lora": (("down", "up"),),
    "dora": (("down", "up"),),
    "loha": (("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"),),
    "lokr": tuple((*one, *two) for one in (("lokr_w1",), ("lokr_w1_a", "lokr_w1_b")) for two in (("lokr_w2",), ("lokr_w2_a", "lokr_w2_b"))),
    "glora": (("a1", "a2", "b1", "b2"),),
}
"""The tensors that belong together: one of these sets must be there in full."""

_BY_TEXT = {ending.text: ending for ending in ENDINGS}
_BY_DOT: dict[str, list[Ending]] = {}
for _ending in ENDINGS:
    _BY_DOT.setdefault(re.split(r"[._]", _ending.text)[-1], []).append(_ending)
_STARTS: dict[str, list[Prefix]] = {}
for _prefix in sorted(PREFIXES, key=lambda prefix: -len(prefix.text)):
    _STARTS.setdefault(_prefix.text[0], []).append(_prefix)


def take_apart(key: str) -> Key | None:
    """The parts of a LoRA's key; None for a key of something else."""
    ending = _ending_of(key)
    name = key[: -len(ending.text)] if ending else ""
    if ending is None or not name:
        return None
    for prefix in _STARTS.get(name[0], ()):
        if name.startswith(prefix.text):
            return Key(prefix, name[len(prefix.text) :], ending)
    return Key(STATE if ".default" in ending.text else BARE, name, ending)


def _ending_of(key: str) -> Ending | None:
    """The ending of a key. No ending ends another one, so there is at most one."""
    last = key.rfind(".")
    found = _BY_TEXT.get(key[key.rfind(".", 0, max(last, 0)) :]) if last > 0 else None
    if found is None:
        near = _BY_DOT.get(key[max(last, key.rfind("_")) + 1 :], ())
        found = next((ending for ending in near if key.endswith(ending.text)), None)
    return found


def neighbour(key: str, before: str) -> Ending | None:
    """The ending of a key that begins with the prefix and name of the one before it, as most do; None where it has another."""
    return _BY_TEXT.get(key[len(before) :]) if key.startswith(before) else None


def put_together(key: Key) -> str:
    """The key's text."""
    return key.prefix.text + key.module + key.ending.text
