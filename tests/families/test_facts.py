"""Facts of single families that others rely on."""

from __future__ import annotations

import pytest

from lorabridge.families import FAMILIES, Variant
from lorabridge.families.check import needs_of


def variant_of(family: str, name: str) -> Variant:
    found = FAMILIES[family].variant(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("variant", "encoder"),
    [("klein-base-4b", "Qwen3-4B"), ("klein-4b", "Qwen3-4B"), ("klein-base-9b", "Qwen3-8B"), ("klein-9b", "Qwen3-8B")],
)
def test_klein_pairs_with_its_text_encoder(variant: str, encoder: str) -> None:
    assert variant_of("flux2", variant).pairs["text_encoder"] == encoder


def test_dev_reads_mistral() -> None:
    assert variant_of("flux2", "dev").pairs["text_encoder"].startswith("Mistral")


def test_loras_of_klein_sizes_are_not_interchangeable() -> None:
    group = {name: variant_of("flux2", name).lora_group for name in ("klein-base-4b", "klein-4b", "klein-base-9b", "klein-9b", "dev")}
    assert group["klein-base-4b"] == group["klein-4b"]
    assert group["klein-base-9b"] == group["klein-9b"]
    assert len(set(group.values())) == 3


def test_the_base_klein_is_the_one_to_train() -> None:
    assert FAMILIES["flux2"].variants[0].name == "klein-base-4b"
    assert [v.name for v in FAMILIES["flux2"].variants if v.distilled] == ["klein-4b", "klein-9b"]


@pytest.mark.parametrize("name", ["base", "turbo", "de-turbo"])
def test_z_image_reads_qwen3_4b_and_shares_loras(name: str) -> None:
    variant = variant_of("z-image", name)
    assert variant.pairs["text_encoder"] == "Qwen3-4B"
    assert variant.lora_group == "z-image"


def test_z_image_turbo_needs_its_adapter() -> None:
    turbo = variant_of("z-image", "turbo")
    assert turbo.distilled
    assert turbo.adapter == "ostris/zimage_turbo_training_adapter/zimage_turbo_training_adapter_v2.safetensors"
    assert turbo.defaults is not None
    assert turbo.defaults.values["sample.guidance"] == 1.0


@pytest.mark.parametrize("family", ["qwen-image", "krea2", "anima", "nucleus-image"])
def test_who_shares_the_qwen_image_vae(family: str) -> None:
    assert FAMILIES[family].variants[0].pairs["vae"] == "Qwen-Image VAE"


def test_qwen_image_follows_the_trainers_page() -> None:
    values = FAMILIES["qwen-image"].defaults.values
    assert (values["adapter.rank"], values["optimizer.lr"], values["noise.timestep_sampling"], values["noise.shift"]) == (
        16,
        5e-5,
        "shift",
        2.2,
    )
    assert variant_of("qwen-image", "auto").pairs["text_encoder"] == "Qwen2.5-VL-7B"


def test_flux2_follows_the_guide() -> None:
    values = FAMILIES["flux2"].defaults.values
    assert (values["adapter.rank"], values["optimizer.lr"]) == (32, 1e-4)


def test_wan22_has_two_experts_or_one_small_model() -> None:
    wan = FAMILIES["wan22"]
    assert [v.name for v in wan.variants if v.experts] == ["t2v-a14b", "i2v-a14b"]
    assert needs_of(wan, variant_of("wan22", "5b"), "musubi") is None
    assert needs_of(wan, variant_of("wan22", "5b"), "ai-toolkit") is not None


def test_wan21_pictures_need_clip_in_musubi_only() -> None:
    wan, variant = FAMILIES["wan21"], variant_of("wan21", "i2v-480p-14b")
    assert needs_of(wan, variant, "musubi") == (("transformer", "vae", "text_encoder", "image_encoder"),)
    assert needs_of(wan, variant, "ai-toolkit") == (("repo",),)


def test_frame_rules() -> None:
    rules = {name: row.frame_rule for name, row in FAMILIES.items() if row.frame_rule}
    assert rules.pop("minimax-h3") == (17, 5)
    assert {name for name, rule in rules.items() if rule == (8, 1)} == {"ltx-video", "ltx2", "cosmos"}
    assert {name for name, rule in rules.items() if rule == (4, 1)} == {
        "wan21",
        "wan22",
        "hunyuan-video",
        "hunyuan-video-1.5",
        "kandinsky5",
    }


def test_the_embedded_trainer_knows_five_families() -> None:
    assert {name for name, row in FAMILIES.items() if "embedded" in row.needs} == {"flux2", "qwen-image", "z-image", "sdxl", "sana"}
    assert set(FAMILIES["sana"].needs) == {"embedded"}
    flux2 = FAMILIES["flux2"]
    assert [v.name for v in flux2.variants if needs_of(flux2, v, "embedded") is None] == ["dev"]


@pytest.mark.parametrize("name", ["sdxl", "sd15", "sd2", "pixart"])
def test_epsilon_models(name: str) -> None:
    assert FAMILIES[name].objective == "epsilon"


def test_everything_else_flows() -> None:
    assert sum(row.objective == "epsilon" for row in FAMILIES.values()) == 4
