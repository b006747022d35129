"""Small safetensors files for tests: whole ones, and broken ones byte by byte."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lorabridge.artifacts.header import BITS
from lorabridge.artifacts.numbers import encode
from lorabridge.artifacts.parts import ENCODERS
from lorabridge.artifacts.tables import tables
from lorabridge.artifacts.write import Planned, write_safetensors

FILES = Path(__file__).parent / "files"


def write(path, arrays, metadata=None, dtype="F32"):
    """A file of numpy arrays; a value may be (array, dtype)."""
    planned = []
    for name, value in arrays.items():
        array, kind = value if isinstance(value, tuple) else (value, dtype)
        raw = encode(array, kind)
        planned.append(Planned(name, kind, tuple(np.shape(array)), len(raw), lambda raw=raw: raw))
    write_safetensors(path, planned, metadata)
    return path


def raw_file(path, document, data=b"", length=None):
    """A file with this JSON (an object, or bytes as they are) and these data."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(start, end, shape=None, dtype="U8"):
    """A tensor's description."""
    return {"dtype": dtype, "shape": [end - start] if shape is None else shape, "data_offsets": [start, end]}


def header_file(path, shapes, dtype="BF16"):
    """A file with these shapes whose data is a hole: as large as a real model, without taking the room."""
    document, here = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape, dtype=np.int64)) * BITS[dtype] // 8
        document[name] = entry(here, here + size, list(shape), dtype)
        here += size
    raw_file(path, document)
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size + here)
    return path


def model_file(path, architecture, table, dtype="BF16", prefix="", more=None):
    """The header of a base model from its key table."""
    found = next(item for item in tables() if (item.architecture, item.name) == (architecture, table))
    return header_file(path, {f"{prefix}{name}.weight": shape for name, shape in found.shapes.items()} | (more or {}), dtype)


def encoder_file(path, name):
    """The header of a decoder text encoder."""
    encoder = next(item for item in ENCODERS if item.name == name)
    shapes = {f"model.layers.{layer}.self_attn.q_proj.weight": (encoder.width, encoder.width) for layer in range(encoder.layers)}
    return header_file(
        path, shapes | {"model.embed_tokens.weight": (1000, encoder.width)} | ({"visual.a.weight": (8, 8)} if encoder.visual else {})
    )


def pair(module, out, into, rank=4, alpha=None, style="comfyui", seed=0, up_zero=False):
    """The tensors of one LoRA module."""
    rng = np.random.default_rng(seed)
    down, up = rng.standard_normal((rank, into), dtype=np.float32) * 0.1, rng.standard_normal((out, rank), dtype=np.float32) * 0.1
    if up_zero:
        up = np.zeros_like(up)
    if style == "kohya":
        name, endings = "lora_unet_" + module.replace(".", "_"), ("lora_down", "lora_up")
    else:
        name, endings = (
            {"comfyui": "diffusion_model.", "diffusers": "transformer.", "peft": "base_model.model."}[style] + module,
            ("lora_A", "lora_B"),
        )
    found = {f"{name}.{endings[0]}.weight": down, f"{name}.{endings[1]}.weight": up}
    if alpha is not None:
        found[f"{name}.alpha"] = np.float32(alpha)
    return found


Z = {
    "layers.{}.attention.to_q": (64, 64),
    "layers.{}.attention.to_k": (64, 64),
    "layers.{}.attention.to_v": (64, 64),
    "layers.{}.attention.to_out.0": (64, 64),
    "layers.{}.feed_forward.w1": (170, 64),
    "layers.{}.feed_forward.w2": (64, 170),
    "layers.{}.feed_forward.w3": (170, 64),
}


def z_image(only="", **how):
    """A tiny Z-Image LoRA of two blocks."""
    found = {}
    for block in range(2):
        for number, (name, (out, into)) in enumerate(Z.items()):
            if only in name:
                found |= pair(name.format(block), out, into, seed=block * 100 + number, **how)
    return found
