"""The rest of make_key_tables.py: ai-toolkit, diffusion-pipe, and names derived from other tables."""

from __future__ import annotations

import json
import re
import sys

from .make_key_tables import attempt, modules_of, variants


def ai_toolkit(home, tables):
    sys.path.insert(0, home)
    import extensions_built_in.diffusion_models  # noqa: F401  (its imports compute, which the meta device cannot)

    at = "ai-toolkit 27a03a9 extensions_built_in/diffusion_models"

    def radiance():
        from extensions_built_in.diffusion_models.chroma.src import radiance as m

        tables.add("chroma", "radiance native", "native", ["chroma:radiance"], m.Chroma(m.chroma_params), f"{at}/chroma/src/radiance.py")

    def omnigen2():
        from extensions_built_in.diffusion_models.omnigen2.src.models.transformers.transformer_omnigen2 import (
            OmniGen2Transformer2DModel as M,
        )

        source = f"{at}/omnigen2: names only, the class's default sizes are not those of the published weights"
        tables.add("omnigen2", "base names", "diffusers", ["omnigen2:base"], M(), source)

    for function in (radiance, omnigen2):
        attempt(function)


def diffusion_pipe(home, tables):
    sys.path.insert(0, home)
    at = "diffusion-pipe 8f83dbf models"

    def cosmos():
        from models.cosmos_predict2_modeling import MiniTrainDIT

        for name, found, channels, blocks, heads in (
            ("predict2-2b native", ["cosmos-predict2:2b-text2image", "anima:base"], 2048, 28, 16),
            ("predict2-14b native", ["cosmos-predict2:14b-text2image"], 5120, 36, 40),
        ):
            model = MiniTrainDIT(
                max_img_h=1024, max_img_w=1024, max_frames=128, in_channels=16, out_channels=16, patch_spatial=2, patch_temporal=1,
                concat_padding_mask=True, model_channels=channels, num_blocks=blocks, num_heads=heads, crossattn_emb_channels=1024, pos_emb_cls="rope3d",
                pos_emb_learnable=True, pos_emb_interpolation="crop", use_adaln_lora=True, adaln_lora_dim=256,
            )  # fmt: skip
            tables.add("cosmos", name, "native", found, model, f"{at}/cosmos_predict2_modeling.py")

    attempt(cosmos)


def expanded(table):
    """A table's rows with the ranges written out."""
    found = {}
    for name, shape in table["modules"].items():
        names = [""]
        for part in re.split(r"(\{[^}]*\})", name):
            choices = [part]
            if part.startswith("{"):
                spans = [span.split("-") for span in part[1:-1].split(",")]
                choices = [str(number) for span in spans for number in range(int(span[0]), int(span[-1]) + 1)]
            names = [head + choice for head in names for choice in choices]
        found |= dict.fromkeys(names, tuple(shape))
    return found


def read(tables, arch, name):
    data = json.loads((tables.out / f"{arch}.json").read_text())
    return next(table for table in data["tables"] if table["name"] == name)


def derived(_, tables):
    """Fused and renamed layers of the original checkpoints, computed from the diffusers tables."""
    z_image(tables)
    lumina(tables)
    for name in ("3-medium", "3.5-medium", "3.5-large"):
        sd3(tables, name)
    hidream_o1(tables)
    chroma(tables)
    hunyuan_image(tables)
    ltx(tables)


def ltx(tables):
    """Lightricks' own first words; the blocks are called the same."""
    from lorabridge.artifacts.key_maps import first_word

    for architecture in ("ltx-video", "ltx2"):
        for table in json.loads((tables.out / f"{architecture}.json").read_text())["tables"]:
            if table["naming"] == "diffusers":
                rows = {first_word(name, architecture, native=True): shape for name, shape in expanded(table).items()}
                source = "the diffusers table under the original names (diffusers 0.42.1 loaders, the way back)"
                tables.add(architecture, f"{table['name']} native", "native", table["variants"], rows, source)


def fuse(rows, rule):
    """Rows whose name `rule` sends to the same new name are stacked along the output."""
    found = {}
    for name, shape in rows.items():
        new = rule(name)
        if new is not None:
            old = found.get(new)
            found[new] = shape if old is None else (old[0] + shape[0], *shape[1:])
    return found


def z_image(tables):
    table = read(tables, "z-image", "base")

    def rule(name):
        name = re.sub(r"attention\.to_[qkv]$", "attention.qkv", name).replace("attention.to_out.0", "attention.out")
        return name.replace("all_x_embedder.2-1", "x_embedder").replace("all_final_layer.2-1", "final_layer")

    source = "ComfyUI's fused names (musubi-tuner 30c658c networks/convert_z_image_lora_to_comfy.py)"
    tables.add("z-image", "base native", "native", table["variants"], fuse(expanded(table), rule), source)


def lumina(tables):
    table = read(tables, "lumina2", "base")
    swap = {"linear_1": "w1", "linear_2": "w2", "linear_3": "w3"}

    def rule(name):
        name = re.sub(r"\.attn\.to_[qkv]$", ".attention.qkv", name).replace(".attn.to_out.0", ".attention.out")
        name = re.sub(r"linear_[123]$", lambda match: swap[match[0]], name) if "feed_forward" in name else name
        name = re.sub(r"\.norm1\.linear$", ".adaLN_modulation.1", name)
        outer = {
            "time_caption_embed.timestep_embedder.linear_1": "t_embedder.mlp.0", "time_caption_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
            "time_caption_embed.caption_embedder.1": "cap_embedder.1", "norm_out.linear_1": "final_layer.adaLN_modulation.1", "norm_out.linear_2": "final_layer.linear",
        }  # fmt: skip
        return outer.get(name, name)

    source = "the diffusers table under Lumina's own names (ComfyUI comfy/ldm/lumina/model.py)"
    tables.add("lumina2", "base native", "native", table["variants"], fuse(expanded(table), rule), source)


SD3_OUTER = {
    "context_embedder": "context_embedder", "pos_embed.proj": "x_embedder.proj", "norm_out.linear": "final_layer.adaLN_modulation.1", "proj_out": "final_layer.linear",
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0", "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0", "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
}  # fmt: skip
SD3_INNER = {
    "attn.to_q": "x_block.attn.qkv", "attn.to_k": "x_block.attn.qkv", "attn.to_v": "x_block.attn.qkv", "attn.to_out.0": "x_block.attn.proj",
    "attn2.to_q": "x_block.attn2.qkv", "attn2.to_k": "x_block.attn2.qkv", "attn2.to_v": "x_block.attn2.qkv", "attn2.to_out.0": "x_block.attn2.proj",
    "attn.add_q_proj": "context_block.attn.qkv", "attn.add_k_proj": "context_block.attn.qkv", "attn.add_v_proj": "context_block.attn.qkv",
    "attn.to_add_out": "context_block.attn.proj", "ff.net.0.proj": "x_block.mlp.fc1", "ff.net.2": "x_block.mlp.fc2",
    "ff_context.net.0.proj": "context_block.mlp.fc1", "ff_context.net.2": "context_block.mlp.fc2",
    "norm1.linear": "x_block.adaLN_modulation.1", "norm1_context.linear": "context_block.adaLN_modulation.1",
}  # fmt: skip


def sd3(tables, name):
    table = read(tables, "sd3", name)

    def rule(module):
        if module in SD3_OUTER:
            return SD3_OUTER[module]
        _, block, rest = module.split(".", 2)
        return f"joint_blocks.{block}.{SD3_INNER[rest]}"

    source = "the diffusers table under the original MMDiT names (ComfyUI comfy/model_detection.py: joint_blocks, x_embedder)"
    tables.add("sd3", f"{name} native", "native", table["variants"], fuse(expanded(table), rule), source)


def hidream_o1(tables):
    rows = {"model.t_embedder1.mlp.0": (4096, 256), "model.t_embedder1.mlp.2": (4096, 4096), "model.final_layer2.linear": (3072, 4096)}
    rows |= {
        "model.language_model.embed_tokens": (151936, 4096),
        "model.x_embedder.proj1": (1024, 3072),
        "model.x_embedder.proj2": (4096, 1024),
    }
    sizes = {
        "mlp.down_proj": (4096, 12288), "mlp.gate_proj": (12288, 4096), "mlp.up_proj": (12288, 4096), "self_attn.k_proj": (1024, 4096),
        "self_attn.o_proj": (4096, 4096), "self_attn.q_proj": (4096, 4096), "self_attn.v_proj": (1024, 4096),
    }  # fmt: skip
    rows |= {f"model.language_model.layers.{layer}.{name}": shape for layer in range(36) for name, shape in sizes.items()}
    source = (
        "musubi-tuner 30c658c hidream_o1: its module names; sizes of Qwen3-VL-8B (ideogram4/ideogram4_utils.py QWEN3_VL_8B_INSTRUCT_CONFIG)"
    )
    tables.add("hidream-o1", "full", "native", variants("hidream-o1", "full", "dev"), rows, source)


def chroma(tables):
    """FLUX's blocks without their modulation layers, which one small network replaces."""
    gone = re.compile(r"(mod|modulation)\.lin$|^(time|vector|guidance)_in\.|adaLN")
    rows = {name: shape for name, shape in expanded(read(tables, "flux1", "dev native")).items() if not gone.search(name)}
    rows |= {"distilled_guidance_layer.in_proj": (5120, 64), "distilled_guidance_layer.out_proj": (3072, 5120)}
    rows |= {f"distilled_guidance_layer.layers.{layer}.{side}": (5120, 5120) for layer in range(5) for side in ("in_layer", "out_layer")}
    source = "ai-toolkit 27a03a9 extensions_built_in/diffusion_models/chroma/src (model.py, layers.py)"
    tables.add("chroma", "base native", "native", variants("chroma", "base", "hd"), rows, source)


def hunyuan_image(tables):
    """HunyuanVideo's blocks at width 3584, under the names that diffusion-pipe saves."""
    rows = {}
    for name, shape in expanded(read(tables, "hunyuan-video", "t2v native")).items():
        if name.startswith(("double_blocks.", "single_blocks.")):
            rows[comfy_name(name)] = tuple(side // 3072 * 3584 for side in shape)
    tables.add(
        "hunyuan-image", "2.1 native", "native", ["hunyuan-image:2.1"], rows, "diffusion-pipe 8f83dbf models/hunyuan_image.py (blocks only)"
    )
    video = read(tables, "hunyuan-video", "t2v native")
    renamed = {comfy_name(name): shape for name, shape in expanded(video).items()}
    tables.add("hunyuan-video", "t2v comfyui", "native", video["variants"], renamed, "the native table under the names ComfyUI loads")


def comfy_name(name):
    """`img_attn_qkv` and `img_mlp.fc1` as ComfyUI has them."""
    return (
        re.sub(r"_attn_(qkv|proj)", r"_attn.\1", name)
        .replace("_mlp.fc1", "_mlp.0")
        .replace("_mlp.fc2", "_mlp.2")
        .replace("modulation.linear", "modulation.lin")
        .replace("_mod.linear", "_mod.lin")
    )


XL = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280), "cross_attention_dim": 2048, "transformer_layers_per_block": [1, 2, 10], "attention_head_dim": [5, 10, 20],
    "use_linear_projection": True, "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip


def unets(d, tables, at):
    def sdxl():
        rows = modules_of(d.UNet2DConditionModel(**XL))
        tables.add("sdxl", "base", "diffusers", variants("sdxl", "base", "v-pred"), rows, f"{at} UNet2DConditionModel, SDXL's config")
        native = {ldm(name, 3): shape for name, shape in rows.items()}
        tables.add(
            "sdxl",
            "base native",
            "native",
            variants("sdxl", "base", "v-pred"),
            native,
            "the same under the names of the original checkpoint",
        )

    def sd15():
        rows = modules_of(d.UNet2DConditionModel(cross_attention_dim=768))
        tables.add("sd15", "base", "diffusers", ["sd15:base"], rows, f"{at} UNet2DConditionModel(cross_attention_dim=768)")
        native = {ldm(name, 4): shape for name, shape in rows.items()}
        tables.add("sd15", "base native", "native", ["sd15:base"], native, "the same under the names of the original checkpoint")

    def sd2():
        config = {"cross_attention_dim": 1024, "use_linear_projection": True, "attention_head_dim": [5, 10, 20, 20]}
        rows = modules_of(d.UNet2DConditionModel(**config))
        tables.add("sd2", "base", "diffusers", variants("sd2", "2.1", "2.1-base"), rows, f"{at} UNet2DConditionModel({config})")
        native = {ldm(name, 4): shape for name, shape in rows.items()}
        tables.add(
            "sd2",
            "base native",
            "native",
            variants("sd2", "2.1", "2.1-base"),
            native,
            "the same under the names of the original checkpoint",
        )

    for function in (sdxl, sd15, sd2):
        attempt(function)


RESNET = {"conv1": "in_layers.2", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
OUTER = {
    "conv_in": "input_blocks.0.0", "conv_out": "out.2", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
}  # fmt: skip


def ldm(name, levels):
    """A diffusers UNet name as the original checkpoints have it. `levels`: resolutions of the UNet."""
    if name in OUTER:
        return OUTER[name]
    match = re.match(r"(down_blocks|up_blocks)\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", name)
    if match is None:
        index = {"resnets.0": 0, "attentions.0": 1, "resnets.1": 2}[re.match(r"mid_block\.(\w+\.\d)", name)[1]]
        return f"middle_block.{index}.{inner(name.split('.', 3)[3], 'resnets' in name)}"
    side, level, kind, number, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
    if kind == "downsamplers":
        return f"input_blocks.{3 * level + 3}.0.op"
    if kind == "upsamplers":
        with_attention = level > 0 if levels == 4 else level < 2
        return f"output_blocks.{3 * level + 2}.{2 if with_attention else 1}.conv"
    block = f"input_blocks.{3 * level + 1 + number}" if side == "down_blocks" else f"output_blocks.{3 * level + number}"
    return f"{block}.{0 if kind == 'resnets' else 1}.{inner(rest, kind == 'resnets')}"


def inner(rest, resnet):
    return RESNET[rest] if resnet else rest
