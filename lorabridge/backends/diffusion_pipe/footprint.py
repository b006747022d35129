"""What diffusion-pipe keeps in memory, read at 8f83dbf."""

from __future__ import annotations

from lorabridge.backends.footprint import Footprint, Only

FOOTPRINT = Footprint(
    adapter_bytes=2,
    separate_caching=True,
    swap_pairs=True,
    draws=False,
    encoder_streams=frozenset(("z-image", "hunyuan-video-1.5", "flux2", "ernie-image", "ideogram4", "krea2", "minimax-h3", "ltx2")),
    quantized={
        "qwen-image": Only("", r"time_text_embed|img_in|txt_in|norm_out|proj_out", "models/qwen_image.py:23,262"),
        "flux1": Only("", r"time_text_embed|context_embedder|x_embedder|^proj_out|^norm_out", "models/flux.py:79,204"),
        "flux2": Only("", r"img_in|time_in|guidance_in|txt_in|final_layer|stream_modulation", "models/flux2.py:22"),
        "chroma": Only("", r"norm|img_in|txt_in|distilled_guidance_layer|final_layer", "models/chroma.py:23"),
        "sd3": Only("", r"pos_embed|time_text_embed|context_embedder|norm_out|proj_out", "models/sd3.py:12"),
        "hidream": Only("", r"norm|t_embedder|p_embedder|x_embedder|final_layer|gate", "models/hidream.py:24"),
        "z-image": Only("", r"x_embedder|t_embedder|cap_embedder|final_layer", "models/z_image.py:23"),
        "krea2": Only("", r"^(first|last|tmlp|tproj|txtfusion|txtmlp)", "models/krea2.py:22"),
        "ernie-image": Only("", r"x_embedder|text_proj|time_|adaLN_modulation|final_", "models/ernie_image.py:19"),
        "hunyuan-image": Only("", r"byt5_in|txt_in|img_in|time_in|final_layer", "models/hunyuan_image.py:26"),
        "cosmos-predict2": Only("", r"x_embedder|t_embedder|t_embedding_norm|final_layer", "models/cosmos_predict2.py:33"),
        "anima": Only("", r"x_embedder|t_embedder|t_embedding_norm|final_layer", "models/cosmos_predict2.py:33"),
    },
    source="text encoders of ComfyPipeline models are streamed (models/base.py:541, docs/minimax_h3_notes.md:12); adapter in `adapter.dtype`, which lorabridge writes as bf16; block swap: utils/offloading.py, half-and-half for two kinds",
)
