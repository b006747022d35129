"""A run that trains, to change one thing of at a time; and pictures on disk."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lorabridge.diagnostics import Diagnostic
from lorabridge.plan.native import check_texts

MODELS = {
    "sdxl": "checkpoint_path = '/data/sdxl.safetensors'",
    "flux": "diffusers_path = '/data/flux'",
    "qwen_image": "diffusers_path = '/data/qwen'",
    "wan": "ckpt_path = '/data/wan'",
    "ltx-video": "diffusers_path = '/data/ltx'\nsingle_file_path = '/data/ltx.safetensors'",
    "cosmos_predict2": "transformer_path = '/data/t'\nvae_path = '/data/v'\nt5_path = '/data/t5'",
    "z_image": "diffusion_model = '/data/z'\nvae = '/data/v'\ntext_encoders = [{path = '/data/q', type = 'lumina2'}]",
    "flux2": "diffusion_model = '/data/z'\nvae = '/data/v'\ntext_encoders = [{path = '/data/q', type = 'flux2'}]",
    "cosmos": "transformer_path = '/data/t'\nvae_path = '/data/v'\ntext_encoder_path = '/data/t5'",
    "minimax_h3": "diffusion_model = '/d'\nvae = '/v'\naudio_vae = '/a'\ntext_encoders = [{path = '/data/q', type = 'minimax'}]",
}
DATASET = "resolutions = [512]\n{top}\n[[directory]]\npath = '/data/pictures'\n{directory}\n"


def main_text(
    model: str = "sdxl", *, top: str = "", inside: str = "", adapter: str = "", optimizer: str = "", tail: str = "", without: str = ""
) -> str:
    """A main file with lines added to its sections; `without` removes the line that starts with it."""
    text = (
        f"output_dir = '/data/out'\ndataset = '/data/ds.toml'\nepochs = 2\nsave_every_n_epochs = 1\n{top}\n"
        f"[model]\ntype = '{model}'\ndtype = 'bfloat16'\n{MODELS[model]}\n{inside}\n"
        f"[adapter]\ntype = 'lora'\nrank = 8\n{adapter}\n[optimizer]\ntype = 'adamw'\nlr = 1e-4\n{optimizer}\n{tail}\n"
    )
    return "".join(line + "\n" for line in text.splitlines() if not (without and line.startswith(without)))


def check(main: str = "", dataset: str = "", script: str = "", paths: bool = False) -> list[Diagnostic]:
    """The findings about one run."""
    texts = {"main.toml": main or main_text(), "ds.toml": dataset or DATASET.format(top="", directory="")}
    return check_texts(texts | ({"train.sh": script} if script else {}), trainer="diffusion-pipe", paths=paths)


def told(found: list[Diagnostic]) -> list[str]:
    """Findings as `severity code path`."""
    return [f"{item.severity} {item.code} {item.path}".strip() for item in found]


def png(path: Path, width: int = 64, height: int = 64) -> None:
    """A white picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress((b"\0" + b"\xff" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of pictures, with captions unless told otherwise."""

    def make(name: str = "data", count: int = 4, width: int = 64, height: int = 64, captions: bool = True) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for index in range(count):
            png(folder / f"v{index}.png", width, height)
            if captions:
                (folder / f"v{index}.txt").write_text("a cat", encoding="utf-8")
        return folder

    return make
