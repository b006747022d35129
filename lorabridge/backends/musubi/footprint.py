"""What musubi-tuner keeps in memory, read at 30c658c below `src/musubi_tuner`."""

from __future__ import annotations

from lorabridge.backends.footprint import Footprint, Only

_FLUX = Only("", r"(img_mod\.lin|txt_mod\.lin|modulation\.lin|norm)", "networks/lora_flux_2.py:32-37, lora_flux.py:32-37")
_WAN = Only("", r"(patch_embedding|text_embedding|time_embedding|time_projection|norm|head)", "networks/lora_wan.py")

FOOTPRINT = Footprint(
    adapter_bytes=4,
    separate_caching=True,
    swap_pairs=True,
    quantized={
        "qwen-image": Only(r"transformer_blocks", r"norm|time_text_embed", "qwen_image/qwen_image_model.py:1365-1372"),
        "z-image": Only(r"layers\.|_refiner\.", r"_modulation|\.norm_|_norm", "zimage/zimage_model.py:722-723"),
        "flux2": Only(r"double_blocks|single_blocks", r"norm|pe_embedder|time_in|_modulation", "flux_2/flux2_models.py:23-24"),
        "wan21": Only(r"blocks", r"norm|patch_embedding|text_embedding|time_|head|modulation|img_emb", "wan/modules/model.py:536-546"),
        "wan22": Only(r"blocks", r"norm|patch_embedding|text_embedding|time_|head|modulation|img_emb", "wan/modules/model.py:536-546"),
        "krea2": Only(r"blocks\.", r"mod\.|norm|txtfusion", "krea2/krea2_utils.py:28-29"),
        "ideogram4": Only(r"layers\.", r"norm|adaln", "ideogram4/ideogram4_utils.py:111-112"),
        "hunyuan-video-1.5": Only(r"double_blocks|transformer_blocks", r"norm|_emb", "hunyuan_video_1_5/hunyuan_video_1_5_models.py:33-35"),
        "framepack": Only(r"transformer_blocks", r"norm", "frame_pack/hunyuan_video_packed.py:1508-1509"),
    },
    adapted={
        "flux2": _FLUX,
        "flux1-kontext": _FLUX,
        "wan21": _WAN,
        "wan22": _WAN,
        "z-image": Only(r"^layers\.", r"_modulation|_refiner", "networks/lora_zimage.py"),
        "hunyuan-video": Only("", r"img_mod|txt_mod|modulation", "networks/lora.py:382"),
        "hunyuan-video-1.5": Only("", r"_in", "networks/lora_hv_1_5.py"),
        "framepack": Only("", r"norm", "networks/lora_framepack.py"),
        "ideogram4": Only("", r"adaln_modulation", "networks/lora_ideogram4.py"),
        "kandinsky5": Only("", r"modulation", "networks/lora_kandinsky.py"),
        "qwen-image": Only(
            "", "", "networks/lora_qwen_image.py: its exclude pattern `_mod_` matches no dotted name, so modulations are trained"
        ),
    },
    source="adapter in fp32: networks/lora.py makes fp32 modules and `full_bf16` is overwritten for LoRA (TB:1682); block swap: modules/custom_offloading_utils.py",
)
