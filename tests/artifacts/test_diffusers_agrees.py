"""The key maps against diffusers' own conversion of published weights, written by others: every row of every weight, in order."""

from __future__ import annotations

import numpy as np
import pytest

from lorabridge.artifacts.convert import convert
from lorabridge.artifacts.key_maps import spelled
from lorabridge.artifacts.tables import tables

from .makers import write

torch = pytest.importorskip("torch", reason="needs torch")
single = pytest.importorskip("diffusers.loaders.single_file_utils", reason="needs diffusers")

CONVERSIONS = {
    ("flux1", "dev native"): "convert_flux_transformer_checkpoint_to_diffusers",
    ("flux2", "klein-4b native"): "convert_flux2_transformer_checkpoint_to_diffusers",
    ("chroma", "base native"): "convert_chroma_transformer_checkpoint_to_diffusers",
    ("sd3", "3.5-medium native"): "convert_sd3_transformer_checkpoint_to_diffusers",
    ("lumina2", "base native"): "convert_lumina2_to_diffusers",
    ("hunyuan-video", "t2v native"): "convert_hunyuan_video_transformer_to_diffusers",
    ("wan", "i2v-14b native"): "convert_wan_transformer_to_diffusers",
    ("cosmos", "predict2-2b native"): "convert_cosmos_transformer_checkpoint_to_diffusers",
    ("z-image", "base native"): "convert_z_image_transformer_checkpoint_to_diffusers",
    ("krea2", "raw native"): "convert_krea2_transformer_checkpoint_to_diffusers",
    ("ltx-video", "2b native"): "convert_ltx_transformer_checkpoint_to_diffusers",
    ("ltx2", "2.0 native"): "convert_ltx2_transformer_to_diffusers",
}


class Checkpoint(dict):
    """A published file's weights; norms and biases, which no LoRA has, are made when they are asked for."""

    def pop(self, key, *default):
        if key in self:
            return super().pop(key)
        if default:
            return default[0]
        return self[key]

    def __missing__(self, key):
        return torch.zeros(self.rows.get(key.removesuffix(".bias"), 12))


def columns(table):
    """One column for each native weight: a conversion only moves rows, so that one column tells all."""
    found, start = {}, 0
    for name, shape in table.shapes.items():
        if len(shape) == 2:
            found[name] = (np.arange(start, start + shape[0], dtype=np.float32) % 16_000_000)[:, None]
            start += shape[0]
    return found


@pytest.mark.parametrize(("architecture", "name"), CONVERSIONS)
def test_rows_go_where_diffusers_puts_them(architecture, name, tmp_path):
    table = next(item for item in tables() if (item.architecture, item.name) == (architecture, name))
    ups = columns(table)
    checkpoint = Checkpoint({f"{module}.weight": torch.from_numpy(up) for module, up in ups.items()})
    checkpoint.rows = {module: len(up) for module, up in ups.items()}
    theirs = getattr(single, CONVERSIONS[architecture, name])(checkpoint)

    arrays = {}
    for module, up in ups.items():
        arrays[f"diffusion_model.{module}.lora_A.weight"] = np.ones((1, table.shapes[module][1]), np.float32)
        arrays[f"diffusion_model.{module}.lora_B.weight"] = up
    found = convert(write(tmp_path / "a.safetensors", arrays), "diffusers", family=table.families[0])
    ours = {
        key.removeprefix("transformer.").removesuffix(".lora_B.weight"): data.values
        for key, data in found.tensors.items()
        if "lora_B" in key
    }
    assert len(ours) >= len(ups)
    for module, up in ours.items():
        assert f"{module}.weight" in theirs, module
        np.testing.assert_array_equal(up, theirs[f"{module}.weight"].numpy(), module)


def test_a_swap_that_is_forgotten_is_seen(monkeypatch, tmp_path):
    from lorabridge.artifacts import naming

    monkeypatch.setattr(naming, "_swapped", lambda row, item: False)
    with pytest.raises(AssertionError):
        test_rows_go_where_diffusers_puts_them("sd3", "3.5-medium native", tmp_path)


def test_musubis_spelling_is_that_of_the_published_code():
    table = next(item for item in tables() if (item.architecture, item.name) == ("hunyuan-video", "t2v native"))
    comfy = next(item for item in tables() if (item.architecture, item.name) == ("hunyuan-video", "t2v comfyui"))
    assert {spelled(name, "hunyuan-video", comfyui=True) for name in table.shapes if "_blocks." in name and "refiner" not in name} == {
        name for name in comfy.shapes if "_blocks." in name and "refiner" not in name
    }
