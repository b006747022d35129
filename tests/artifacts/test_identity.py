"""What real files and folders are; parts of models by their shapes; precisions."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lorabridge.artifacts.folders import describe, pickled
from lorabridge.artifacts.header import read_header
from lorabridge.artifacts.identity import identify
from lorabridge.artifacts.origin import epoch_in_name, origin_of, readable, step_in_name
from lorabridge.artifacts.parts import ENCODERS, VAES, precision_of

from .makers import FILES, header_file, model_file, write, z_image

FAMILIES_OF = {
    "flux1_lora": ("flux1",),
    "sd15_lora": ("sd15",),
    "zimage_lora": ("z-image",),
    "zimage_lokr": ("z-image",),
    "pipe_sdxl": ("sd15", "sd2", "sdxl"),
    "pipe_qwen/adapter_model": ("qwen-image",),
    "musubi_zimage-step00000006": ("z-image",),
    "musubi_qwen_slice": ("qwen-image",),
    "embedded_sana": ("sana",),
    "embedded_qwen": ("qwen-image",),
    "embedded_state": ("flux2",),
}


@pytest.mark.parametrize("name", FAMILIES_OF)
def test_real_files(name):
    found = identify(FILES / f"{name}.safetensors")
    assert found.role == "adapter"
    assert set(found.families) == set(FAMILIES_OF[name])


def test_tiny_models_are_said_to_be_of_no_published_size():
    assert any("no published model" in note for note in identify(FILES / "zimage_lora.safetensors").notes)
    assert identify(FILES / "musubi_qwen_slice.safetensors").known


def test_few_blocks_of_a_tiny_model_do_not_tell_the_variant():
    """Two blocks are more of Flex.1's eight than of FLUX.1's nineteen, which says nothing."""
    found = identify(FILES / "flux1_lora.safetensors")
    assert {name for _, name in found.variants} >= {"dev", "flex1"}
    assert not found.known


def test_what_names_cannot_tell_is_said():
    found = identify(FILES / "pipe_sdxl.safetensors")
    assert any("the same in" in note for note in found.notes)


def test_metadata_against_names(tmp_path):
    found = identify(write(tmp_path / "x.safetensors", z_image(), {"ss_base_model_version": "qwen_image"}))
    assert "qwen-image" not in found.families
    assert any("the metadata says `qwen_image`" in note for note in found.notes)


ORIGINS = {
    "flux1_lora": ("ai-toolkit", "0.12.26", 6),
    "musubi_zimage-step00000006": ("musubi", "", 6),
    "embedded_sana": ("embedded", "", 30),
    "pipe_flux": ("", "", None),
}


@pytest.mark.parametrize("name", ORIGINS)
def test_origins(name):
    found = origin_of(read_header(FILES / f"{name}.safetensors").metadata)
    assert (found.trainer, found.version, found.step) == ORIGINS[name]


def test_readable_metadata():
    rows = dict(readable(read_header(FILES / "musubi_zimage-step00000006.safetensors").metadata))
    assert rows["rank"] == "4"
    assert "None" not in rows.values()
    assert rows["started"].endswith("UTC")
    assert "resolution [128, 128]" in rows["datasets"]
    assert dict(readable({"ss_tag_frequency": json.dumps({"a": {"cat": 2}, "b": {"cat": 1, "dog": 1}})})) == {"tags": "cat (3), dog (1)"}
    assert dict(readable({"ss_datasets": "[broken", "x": "{}"})) == {"datasets": "[broken", "x": "{}"}


@pytest.mark.parametrize(
    ("name", "step", "epoch"),
    [
        ("cat-step00000250.safetensors", 250, None),
        ("cat-000003.safetensors", None, 3),
        ("stars-00000006.safetensors", 6, None),
        ("cat_000000500.safetensors", 500, None),
        ("cat_000000500_high_noise.safetensors", 500, None),
        ("epoch2/adapter_model.safetensors", None, 2),
        ("step40/adapter_model.safetensors", 40, None),
        ("cat.safetensors", None, None),
    ],
)
def test_names(tmp_path, name, step, epoch):
    assert (step_in_name(tmp_path / name), epoch_in_name(tmp_path / name)) == (step, epoch)


def encoder_file(path, encoder, layers=None):
    """The header of a text encoder with true widths; its data is a hole."""
    width, count = encoder.width, layers or encoder.layers
    names = {
        "clip": ("text_model.encoder.layers.{}.self_attn.q_proj.weight", "text_model.embeddings.token_embedding.weight"),
        "t5": ("encoder.block.{}.layer.0.SelfAttention.q.weight", "shared.weight"),
        "decoder": ("model.layers.{}.self_attn.q_proj.weight", "model.embed_tokens.weight"),
        "siglip": ("vision_model.encoder.layers.{}.self_attn.q_proj.weight", "vision_model.embeddings.position_embedding.weight"),
    }[encoder.kind]
    shapes = {names[0].format(layer): (width, width) for layer in range(count)}
    shapes[names[1]] = (encoder.vocabulary or 1000, width)
    if encoder.visual:
        shapes["visual.patch_embed.proj.weight"] = (8, 8)
    return header_file(path, shapes)


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder.name)
def test_encoders(tmp_path, encoder):
    found = identify(encoder_file(tmp_path / "te.safetensors", encoder))
    assert found.role in ("text encoder", "image encoder")
    assert found.name == encoder.name, found.measured
    assert encoder.source


@pytest.mark.parametrize("vae", VAES, ids=lambda vae: vae.name)
def test_vaes(tmp_path, vae):
    shapes = {"decoder.conv_in.weight": vae.first, "encoder.conv_in.weight": (128, 3, 3, 3)}
    if vae.also:
        shapes[vae.also] = vae.shape
    found = identify(header_file(tmp_path / "vae.safetensors", shapes))
    assert (found.role, found.name, found.twins) == ("vae", vae.name, vae.twins)


def test_vae_and_encoder_of_no_known_size(tmp_path):
    found = identify(
        header_file(tmp_path / "vae.safetensors", {"decoder.conv_in.weight": (8, 7, 3, 3), "encoder.conv_in.weight": (8, 3, 3, 3)})
    )
    assert (found.role, found.name, found.known) == ("vae", "", False)


@pytest.mark.parametrize(
    ("arrays", "word"),
    [
        ({"a.weight": (np.ones((4, 4)), "BF16")}, "bf16"),
        ({"a.weight": (np.ones((4, 4)), "F8_E4M3"), "a.bias": (np.ones(4), "BF16")}, "fp8"),
        ({"a.weight": (np.ones((4, 4)), "F8_E4M3"), "a.scale_weight": (np.ones(1), "F32")}, "fp8-scaled"),
        ({"a.weight": (np.ones((4, 4)), "F8_E5M2")}, "fp8-e5m2"),
        ({"a.weight": (np.ones((4, 4)), "F8_E4M3"), "scaled_fp8": (np.ones(0), "F8_E4M3")}, "fp8-scaled"),
        ({"a.weight": (np.ones((4, 4)), "U8"), "a.weight.quant_state.bitsandbytes__nf4": (np.ones(3), "U8")}, "nf4"),
        ({"a.weight": (np.ones((4, 4)), "F16")}, "fp16"),
    ],
)
def test_precisions(tmp_path, arrays, word):
    assert precision_of(read_header(write(tmp_path / "x.safetensors", arrays))).word == word


def test_pipeline_folder(tmp_path):
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    for part, shapes in (
        ("transformer", {f"transformer_blocks.0.attn.to_{x}.weight": (8, 8) for x in "qkv"}),
        ("vae", {"decoder.conv_in.weight": (512, 16, 3, 3), "encoder.conv_in.weight": (1, 1)}),
    ):
        (tmp_path / part).mkdir()
        header_file(tmp_path / part / "model.safetensors", shapes)
    found = identify(tmp_path)
    assert found.role == "checkpoint"
    assert found.parts["vae"].name == "FLUX.1 VAE"
    assert describe(tmp_path).kind == "a diffusers pipeline"


def test_a_file_that_holds_several_parts(tmp_path):
    more = {"first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3), "conditioner.embedders.0.transformer.a.weight": (8, 8)}
    found = identify(model_file(tmp_path / "x.safetensors", "sdxl", "base native", prefix="model.diffusion_model.", more=more))
    assert (found.role, found.families, found.known) == ("checkpoint", ("sdxl",), True)
    assert found.measured == "holds text_encoder, transformer, vae"


def test_shards_are_one_model(tmp_path):
    from lorabridge.artifacts.tables import tables

    table = next(table for table in tables() if (table.architecture, table.name) == ("z-image", "base"))
    names = list(table.shapes)
    for number, part in enumerate((names[::2], names[1::2]), 1):
        header_file(tmp_path / f"model-0000{number}-of-00002.safetensors", {f"{name}.weight": table.shapes[name] for name in part})
    found = identify(tmp_path)
    assert (found.role, found.families, found.known) == ("transformer", ("z-image",), True)


FOLDERS = {
    "a PEFT adapter": ("adapter_config.json", "adapter_model.safetensors"),
    "a DeepSpeed state": ("mp_rank_00_model_states.pt", "layer_00-model_states.pt"),
    "a diffusion-pipe run": ("latest", "ds.toml"),
    "an accelerate state": ("model.safetensors", "optimizer.bin", "random_states_0.pkl"),
    "an ai-toolkit run": ("config.yaml", "optimizer.pt", "loss_log.db"),
    "a state of the embedded trainer": ("state.json", "adapter.safetensors", "optimizer.pt"),
    "folder": ("notes.txt",),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders(tmp_path, kind):
    for name in FOLDERS[kind]:
        (tmp_path / name).write_bytes(b"{}")
    found = describe(tmp_path)
    assert found.kind == kind
    assert len([line for line in found.lines if "pickle" in line]) == sum(name.endswith((".pt", ".bin", ".pkl")) for name in FOLDERS[kind])


def test_pickles_are_listed_from_the_zip_directory(tmp_path):
    import zipfile

    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    import pickle

    path = tmp_path / "optimizer.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Evil()))
        archive.writestr("archive/data/0", bytes(64))
        archive.writestr("archive/data/1", bytes(36))
    assert pickled(path) == "a PyTorch archive, listed only: 2 tensors, 100 bytes"
    path.write_bytes(pickle.dumps(Evil()))
    assert pickled(path) == "a pickle; never opened"


def test_dora_of_ai_toolkit(tmp_path):
    arrays = z_image() | {
        name.replace("lora_A.weight", "magnitude"): np.ones(64) for name in z_image() if "lora_A" in name and "attention" in name
    }
    found = identify(write(tmp_path / "x.safetensors", arrays))
    assert (found.role, found.families[0]) == ("adapter", "z-image")


def test_states_inside_a_folder_are_named(tmp_path):
    """A run of diffusion-pipe or musubi-tuner holds its states in folders; each is said, none is opened."""
    for number in range(25):
        (tmp_path / f"global_step{number:02d}").mkdir()
        (tmp_path / f"global_step{number:02d}" / "mp_rank_00_model_states.pt").write_bytes(b"x")
    (tmp_path / "cat-state").mkdir()
    (tmp_path / "cat-state" / "random_states_0.pkl").write_bytes(b"x")
    (tmp_path / "latest").write_text("global_step24")
    (tmp_path / "pictures").mkdir()
    found = describe(tmp_path)
    assert found.kind == "a diffusion-pipe run"
    assert "cat-state/: an accelerate state" in found.lines
    assert "global_step03/: a DeepSpeed state" in found.lines
    assert found.lines[-1] == "and 6 more of these"
    assert not any("pictures" in line for line in found.lines)
