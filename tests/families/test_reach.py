"""Whatever a trainer can train has a row here. The lists were read from the trainers at their pinned commits."""

from __future__ import annotations

import pytest

from lorabridge.families import FAMILIES
from lorabridge.families.check import needs_of

Place = tuple[str, str]

AI_TOOLKIT: dict[str, Place] = {
    "ace_step_15": ("ace-step", "1.5"),
    "ace_step_15_xl": ("ace-step", "1.5-xl"),
    "anima": ("anima", "base"),
    "auraflow": ("auraflow", "v0.3"),
    "boogu_image": ("boogu-image", "base"),
    "boogu_image_edit": ("boogu-image", "edit"),
    "chroma": ("chroma", "base"),
    "chroma_radiance": ("chroma", "radiance"),
    "cogview4": ("cogview4", "6b"),
    "ernie_image": ("ernie-image", "base"),
    "f-lite": ("f-lite", "base"),
    "flex1": ("flux1", "flex1"),
    "flex2": ("flex2", "preview"),
    "flux": ("flux1", "dev"),
    "flux2": ("flux2", "dev"),
    "flux2_klein_4b": ("flux2", "klein-base-4b"),
    "flux2_klein_9b": ("flux2", "klein-base-9b"),
    "flux_kontext": ("flux1-kontext", "dev"),
    "hidream": ("hidream", "full"),
    "hidream_e1": ("hidream", "e1"),
    "hidream_o1": ("hidream-o1", "full"),
    "ideogram4": ("ideogram4", "base"),
    "krea2": ("krea2", "raw"),
    "krea2:turbo": ("krea2", "turbo"),
    "krea2:o_edit": ("krea2", "raw-edit"),
    "krea2:o_edit_turbo": ("krea2", "turbo-edit"),
    "ltx2": ("ltx2", "2.0"),
    "ltx2.3": ("ltx2", "2.3"),
    "ltx2.5": ("ltx2", "2.5"),
    "lumina2": ("lumina2", "base"),
    "mageflow": ("mage-flow", "base"),
    "mageflow_edit": ("mage-flow", "edit"),
    "minimax_h3": ("minimax-h3", "fl2va"),
    "minimax_h3_ref2va": ("minimax-h3", "ref2va"),
    "nucleus_image": ("nucleus-image", "base"),
    "omnigen2": ("omnigen2", "base"),
    "pixart": ("pixart", "alpha"),
    "pixart_sigma": ("pixart", "sigma"),
    "prx_pixel": ("prx-pixel", "t2i"),
    "qwen_image": ("qwen-image", "base"),
    "qwen_image:2512": ("qwen-image", "2512"),
    "qwen_image_edit": ("qwen-image", "edit"),
    "qwen_image_edit_plus": ("qwen-image", "edit-2509"),
    "qwen_image_edit_plus:2511": ("qwen-image", "edit-2511"),
    "sd1": ("sd15", "base"),
    "sd15": ("sd15", "base"),
    "sd2": ("sd2", "2.1"),
    "sd3": ("sd3", "3.5-medium"),
    "sdxl": ("sdxl", "base"),
    "ssd": ("sdxl", "ssd-1b"),
    "vega": ("sdxl", "vega"),
    "wan21:14b": ("wan21", "t2v-14b"),
    "wan21:1b": ("wan21", "t2v-1.3b"),
    "wan21_i2v:14b": ("wan21", "i2v-720p-14b"),
    "wan21_i2v:14b480p": ("wan21", "i2v-480p-14b"),
    "wan22_14b": ("wan22", "t2v-a14b"),
    "wan22_14b_i2v": ("wan22", "i2v-a14b"),
    "wan22_5b": ("wan22", "5b"),
    "zeta_chroma": ("zeta-chroma", "base"),
    "zimage": ("z-image", "base"),
    "zimage:turbo": ("z-image", "turbo"),
    "zimage:deturbo": ("z-image", "de-turbo"),
    "zimage_l2p": ("z-image", "l2p"),
}

MUSUBI: dict[str, Place] = {
    "hv": ("hunyuan-video", "t2v"),
    "hv15 t2v": ("hunyuan-video-1.5", "t2v"),
    "hv15 i2v": ("hunyuan-video-1.5", "i2v"),
    "fp": ("framepack", "base"),
    "fp --f1": ("framepack", "f1"),
    "fk": ("flux1-kontext", "dev"),
    "zi": ("z-image", "base"),
    "i4": ("ideogram4", "base"),
    "kr2": ("krea2", "raw"),
    "ho1 full": ("hidream-o1", "full"),
    "ho1 dev": ("hidream-o1", "dev"),
    "wan t2v-14B": ("wan21", "t2v-14b"),
    "wan t2v-1.3B": ("wan21", "t2v-1.3b"),
    "wan i2v-14B": ("wan21", "i2v-480p-14b"),
    "wan t2i-14B": ("wan21", "t2i-14b"),
    "wan flf2v-14B": ("wan21", "flf2v-14b"),
    "wan t2v-1.3B-FC": ("wan21", "t2v-1.3b-fun-control"),
    "wan t2v-14B-FC": ("wan21", "t2v-14b-fun-control"),
    "wan i2v-14B-FC": ("wan21", "i2v-14b-fun-control"),
    "wan t2v-A14B": ("wan22", "t2v-a14b"),
    "wan i2v-A14B": ("wan22", "i2v-a14b"),
    "flux2 dev": ("flux2", "dev"),
    "flux2 klein-4b": ("flux2", "klein-4b"),
    "flux2 klein-9b": ("flux2", "klein-9b"),
    "flux2 klein-base-4b": ("flux2", "klein-base-4b"),
    "flux2 klein-base-9b": ("flux2", "klein-base-9b"),
    "qwen original": ("qwen-image", "base"),
    "qwen edit": ("qwen-image", "edit"),
    "qwen edit-2509": ("qwen-image", "edit-2509"),
    "qwen edit-2511": ("qwen-image", "edit-2511"),
    "qwen layered": ("qwen-image", "layered"),
}

KANDINSKY_TASKS = [
    "k5-lite-t2v-5s-sd",
    "k5-lite-t2v-10s-sd",
    "k5-lite-i2v-5s-sd",
    "k5-pro-t2v-5s-sd",
    "k5-pro-t2v-5s-hd",
    "k5-pro-t2v-10s-sd",
    "k5-pro-t2v-10s-hd",
    "k5-pro-i2v-5s-sd",
    "k5-pro-i2v-5s-hd",
    "k5-lite-t2v-5s-distil-sd",
    "k5-lite-t2v-10s-distil-sd",
    "k5-lite-t2v-5s-nocfg-sd",
    "k5-lite-t2v-10s-nocfg-sd",
    "k5-lite-t2v-5s-pretrain-sd",
    "k5-lite-t2v-10s-pretrain-sd",
]

DIFFUSION_PIPE: dict[str, Place] = {
    "sdxl": ("sdxl", "base"),
    "flux": ("flux1", "dev"),
    "flux (Kontext)": ("flux1-kontext", "dev"),
    "ltx-video": ("ltx-video", "2b"),
    "hunyuan-video": ("hunyuan-video", "t2v"),
    "cosmos": ("cosmos", "7b-text2world"),
    "lumina_2": ("lumina2", "base"),
    "wan (2.1)": ("wan21", "t2v-14b"),
    "wan (flf2v)": ("wan21", "flf2v-14b"),
    "wan (SkyReels)": ("wan21", "skyreels-v2-14b"),
    "wan (2.2)": ("wan22", "t2v-a14b"),
    "wan (5B)": ("wan22", "5b"),
    "chroma": ("chroma", "base"),
    "hidream": ("hidream", "full"),
    "sd3": ("sd3", "3.5-medium"),
    "cosmos_predict2": ("cosmos-predict2", "2b-text2image"),
    "anima": ("anima", "base"),
    "omnigen2": ("omnigen2", "base"),
    "qwen_image": ("qwen-image", "base"),
    "qwen_image (Edit)": ("qwen-image", "edit"),
    "hunyuan_image": ("hunyuan-image", "2.1"),
    "auraflow": ("auraflow", "pony-v7"),
    "z_image": ("z-image", "base"),
    "hunyuan_video_15": ("hunyuan-video-1.5", "t2v"),
    "flux2 (dev)": ("flux2", "dev"),
    "flux2 (4b)": ("flux2", "klein-base-4b"),
    "flux2 (9b)": ("flux2", "klein-base-9b"),
    "ernie_image": ("ernie-image", "base"),
    "ltx2": ("ltx2", "2.3"),
    "ideogram4": ("ideogram4", "base"),
    "krea2": ("krea2", "raw"),
    "minimax_h3": ("minimax-h3", "fl2va"),
}

PLACES = [
    *(("ai-toolkit", native, place) for native, place in AI_TOOLKIT.items()),
    *(("musubi", native, place) for native, place in MUSUBI.items()),
    *(("musubi", task, ("kandinsky5", task.removeprefix("k5-"))) for task in KANDINSKY_TASKS),
    *(("diffusion-pipe", native, place) for native, place in DIFFUSION_PIPE.items()),
]


@pytest.mark.parametrize(("trainer", "native", "place"), PLACES, ids=[f"{trainer}:{native}" for trainer, native, _ in PLACES])
def test_what_a_trainer_trains_is_reachable(trainer: str, native: str, place: Place) -> None:
    family = FAMILIES[place[0]]
    variant = family.variant(place[1])
    assert variant is not None
    assert needs_of(family, variant, trainer) is not None


@pytest.mark.parametrize("trainer", ["ai-toolkit", "musubi", "diffusion-pipe"])
def test_no_family_is_promised_for_a_trainer_that_has_no_name_for_it(trainer: str) -> None:
    listed = {place[0] for name, _, place in PLACES if name == trainer}
    assert {name for name, row in FAMILIES.items() if trainer in row.needs} == listed


def test_the_lists_are_whole() -> None:
    assert len({name.partition(":")[0] for name in AI_TOOLKIT}) == 54
    assert len({name.partition(" ")[0] for name in DIFFUSION_PIPE}) == 24
    assert len(KANDINSKY_TASKS) == 15
