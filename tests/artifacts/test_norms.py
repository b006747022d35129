"""The norm of an update without forming it equals the norm of the update that is formed."""

from __future__ import annotations

import numpy as np
import pytest

from lorabridge.artifacts.header import read_header
from lorabridge.artifacts.inspect import inspect
from lorabridge.artifacts.modules import assemble
from lorabridge.artifacts.norms import norms_of, product_norm
from lorabridge.artifacts.read import Reader

from .makers import FILES, pair, write

RNG = np.random.default_rng(3)


def norm(tmp_path, arrays):
    path = write(tmp_path / "x.safetensors", arrays)
    return next(iter(norms_of(assemble(read_header(path)).modules.values(), path).values()))


def random(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("alpha", [None, 4, 1, 16])
def test_lora(tmp_path, alpha):
    arrays = pair("a", 70, 50, rank=4, alpha=alpha)
    up, down = arrays["diffusion_model.a.lora_B.weight"], arrays["diffusion_model.a.lora_A.weight"]
    assert norm(tmp_path, arrays) == pytest.approx((1 if alpha is None else alpha / 4) * np.linalg.norm(up @ down), rel=1e-5)


def test_convolution(tmp_path):
    up, down = random(8, 4, 1, 1), random(4, 6, 3, 3)
    formed = np.einsum("or,rixy->oixy", up[:, :, 0, 0], down)
    assert norm(tmp_path, {"lora_unet_c.lora_up.weight": up, "lora_unet_c.lora_down.weight": down}) == pytest.approx(
        np.linalg.norm(formed), rel=1e-5
    )


def test_loha(tmp_path):
    one, two, three, four = random(600, 3), random(3, 40), random(600, 3), random(3, 40)
    arrays = {f"lora_unet_c.hada_{role}": value for role, value in (("w1_a", one), ("w1_b", two), ("w2_a", three), ("w2_b", four))}
    assert norm(tmp_path, arrays) == pytest.approx(np.linalg.norm((one @ two) * (three @ four)), rel=1e-5)


def test_lokr(tmp_path):
    one, two, three = random(4, 3), random(20, 2), random(2, 10)
    arrays = {"lora_unet_c.lokr_w1": one, "lora_unet_c.lokr_w2_a": two, "lora_unet_c.lokr_w2_b": three, "lora_unet_c.alpha": np.float32(1)}
    assert norm(tmp_path, arrays) == pytest.approx(0.5 * np.linalg.norm(np.kron(one, two @ three)), rel=1e-5)


def test_what_has_no_norm(tmp_path):
    arrays = pair("a", 8, 8) | {"diffusion_model.a.lora_mid.weight": random(4, 4)}
    assert norm(tmp_path, arrays) is None


def test_large_and_broken_numbers():
    up, down = random(8, 4) * 1e15, random(4, 8) * 1e15
    assert product_norm(up, down) == pytest.approx(np.linalg.norm(up.astype(np.float64) @ down.astype(np.float64)), rel=1e-5)
    up[0, 0] = np.nan
    assert np.isnan(product_norm(up, down))


def test_real_file_against_the_formed_product():
    path = FILES / "sd15_lora.safetensors"
    found = inspect(path, "on")
    with Reader(path) as reader:
        for module in found.modules:
            up, down = (reader.array(module.tensors[role]) for role in ("up", "down"))
            formed = module.scale * up.reshape(up.shape[0], -1) @ down.reshape(down.shape[0], -1)
            assert found.norms[module.key] == pytest.approx(np.linalg.norm(formed), rel=1e-4)
    blocks = found.blocks()
    assert sum(block.modules for block in blocks) == len(found.modules)
    assert sum(block.norm**2 for block in blocks) == pytest.approx(sum(value**2 for value in found.norms.values()))
