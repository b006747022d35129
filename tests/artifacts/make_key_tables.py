"""Writes schemas/lora_keys/*.json from the trainers' own model code, built on torch's meta device: names and shapes only.

    PYTHON_OF_MUSUBI         tests/artifacts/make_key_tables.py musubi CHECKOUT/src OUT
    PYTHON_OF_AI_TOOLKIT     tests/artifacts/make_key_tables.py ai-toolkit CHECKOUT OUT
    PYTHON_OF_DIFFUSION_PIPE tests/artifacts/make_key_tables.py diffusion-pipe CHECKOUT OUT
    ANY_PYTHON_WITH_DIFFUSERS tests/artifacts/make_key_tables.py diffusers - OUT

A table is one implementation at one size. `modules` maps a dotted name, with `{0-4,7}` where numbers run, to the shape of
its weight. The same table twice, under another name, only adds its variants.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

META = torch.device("meta")


def modules_of(model):
    """Every module that can carry a LoRA, and its weight's shape."""
    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Embedding)
    return {name: tuple(module.weight.shape) for name, module in model.named_modules() if isinstance(module, kinds)}


def ranges(numbers):
    """`0-4,7`."""
    found = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def products(tuples):
    """Sets of index tuples as products of number sets."""
    if not next(iter(tuples)):
        return [()]
    tails = {}
    for first, *rest in tuples:
        tails.setdefault(first, set()).add(tuple(rest))
    groups = {}
    for first, rest in tails.items():
        groups.setdefault(frozenset(rest), set()).add(first)
    return [(frozenset(firsts), *tail) for rest, firsts in groups.items() for tail in products(rest)]


def compact(modules):
    """The table's rows: names with numbers folded into ranges."""
    groups = {}
    for name, shape in modules.items():
        parts = name.split(".")
        numbers = tuple(int(part) for part in parts if part.isdigit())
        pattern = ".".join("#" if part.isdigit() else part for part in parts)
        groups.setdefault((pattern, shape), set()).add(numbers)
    rows = {}
    for (pattern, shape), tuples in groups.items():
        for product in products(tuples):
            name = pattern
            for numbers in product:
                text = ranges(numbers)
                name = name.replace("#", text if text.isdigit() else "{" + text + "}", 1)
            rows[name] = list(shape)
    return dict(sorted(rows.items()))


class Tables:
    """Collects tables and writes one file per architecture, keeping what other runs wrote."""

    def __init__(self, out):
        self.out = Path(out)

    def add(self, arch, name, naming, variants, model, source):
        modules = model if isinstance(model, dict) else modules_of(model)
        path = self.out / f"{arch}.json"
        data = json.loads(path.read_text()) if path.exists() else {"architecture": arch, "tables": []}
        rows = compact(modules)
        twin = next((table for table in data["tables"] if table["modules"] == rows and table["name"] != name), None)
        data["tables"] = [table for table in data["tables"] if table["name"] != name]
        if twin:
            twin["variants"] = sorted(set(twin["variants"]) | set(variants))
        else:
            data["tables"].append({"name": name, "naming": naming, "variants": variants, "source": source, "modules": rows})
        data["tables"].sort(key=lambda table: table["name"])
        path.write_text(dump(data))
        print(f"{arch}/{name}: {len(modules)} modules in {len(rows)} rows")


def dump(data):
    """JSON with one row a line."""
    tables = []
    for table in data["tables"]:
        head = [f"   {json.dumps(key)}: {json.dumps(table[key])}" for key in ("name", "naming", "variants", "source")]
        rows = ",\n".join(f"    {json.dumps(key)}: {json.dumps(shape)}" for key, shape in table["modules"].items())
        tables.append("  {\n" + ",\n".join(head) + ',\n   "modules": {\n' + rows + "\n   }\n  }")
    return "{\n" + f' "architecture": {json.dumps(data["architecture"])},\n "tables": [\n' + ",\n".join(tables) + "\n ]\n}\n"


def attempt(function):
    """One model that cannot be built must not stop the others."""
    try:
        with META:
            function()
    except Exception as error:  # the reason is what the person who runs this needs
        print(f"  cannot build {function.__name__}: {type(error).__name__}: {str(error)[:160]}")


def variants(family, *names):
    return [f"{family}:{name}" for name in names]


FLUX_DEV = [*variants("flux1", "dev", "krea"), *variants("flux1-kontext", "dev")]


def musubi(home, tables):
    sys.path.insert(0, home)
    torch.cuda.current_device = lambda: 0
    at = "musubi-tuner 30c658c"

    def flux2():
        from musubi_tuner.flux_2 import flux2_models as m

        for name, params, names in (
            ("klein-4b", m.Klein4BParams(), ("klein-base-4b", "klein-4b")),
            ("klein-9b", m.Klein9BParams(), ("klein-base-9b", "klein-9b")),
            ("dev", m.Flux2Params(), ("dev",)),
        ):
            tables.add(
                "flux2",
                f"{name} native",
                "native",
                variants("flux2", *names),
                m.Flux2(params, "torch", False),
                f"{at} flux_2/flux2_models.py",
            )

    def flux1():
        from musubi_tuner.flux import flux_models as m

        for name, guided, depth, names in (
            ("dev", True, 19, FLUX_DEV),
            ("schnell", False, 19, variants("flux1", "schnell")),
            ("flex1", True, 8, variants("flux1", "flex1")),
        ):
            params = m.FluxParams(64, 768, 4096, 3072, 4.0, 24, depth, 38, [16, 56, 56], 10_000, True, guided)
            tables.add("flux1", f"{name} native", "native", names, m.Flux(params), f"{at} flux/flux_models.py")

    def wan():
        from musubi_tuner.wan.configs import WAN_CONFIGS
        from musubi_tuner.wan.modules.model import WanModel

        names = {
            "t2v-14B": [*variants("wan21", "t2v-14b", "t2i-14b", "skyreels-v2-14b"), "wan22:t2v-a14b"],
            "t2v-1.3B": variants("wan21", "t2v-1.3b"),
            "i2v-14B": variants("wan21", "i2v-480p-14b", "i2v-720p-14b"),
            "flf2v-14B": variants("wan21", "flf2v-14b"),
            "t2v-1.3B-FC": variants("wan21", "t2v-1.3b-fun-control"),
            "t2v-14B-FC": variants("wan21", "t2v-14b-fun-control"),
            "i2v-14B-FC": variants("wan21", "i2v-14b-fun-control"),
            "i2v-A14B": ["wan22:i2v-a14b"],
        }
        for task, found in names.items():
            c = WAN_CONFIGS[task]
            kind = "i2v" if c.i2v else "flf2v" if c.flf2v else "t2v"
            model = WanModel(
                model_type=kind, model_version="2.2" if c.v2_2 else "2.1", dim=c.dim, ffn_dim=c.ffn_dim, freq_dim=c.freq_dim, in_dim=c.in_dim,
                num_heads=c.num_heads, num_layers=c.num_layers, out_dim=c.out_dim, text_len=c.text_len, attn_mode="torch",
            )  # fmt: skip
            tables.add("wan", f"{task.lower()} native", "native", found, model, f"{at} wan/configs, wan/modules/model.py")
        model = WanModel(
            model_version="2.2", dim=3072, ffn_dim=14336, in_dim=48, out_dim=48, num_heads=24, num_layers=30, attn_mode="torch"
        )
        tables.add("wan", "5b native", "native", ["wan22:5b"], model, "diffusion-pipe 8f83dbf models/wan/configs/wan_ti2v_5B.py; " + at)

    def hunyuan():
        from musubi_tuner.hunyuan_model.models import HUNYUAN_VIDEO_CONFIG, HYVideoDiffusionTransformer

        model = HYVideoDiffusionTransformer(4096, 768, in_channels=16, out_channels=16, **HUNYUAN_VIDEO_CONFIG["HYVideo-T/2-cfgdistill"])
        tables.add("hunyuan-video", "t2v native", "native", ["hunyuan-video:t2v"], model, f"{at} hunyuan_model/models.py")

    def hunyuan15():
        from musubi_tuner.hunyuan_video_1_5.hunyuan_video_1_5_models import HunyuanVideo_1_5_DiffusionTransformer as M

        for task in ("t2v", "i2v"):
            source = f"{at} hunyuan_video_1_5/hunyuan_video_1_5_models.py"
            tables.add("hunyuan-video-1.5", f"{task} native", "native", [f"hunyuan-video-1.5:{task}"], M(task), source)

    def framepack():
        from musubi_tuner.frame_pack.hunyuan_video_packed import HunyuanVideoTransformer3DModelPacked as M

        model = M(has_image_proj=True, has_clean_x_embedder=True, attn_mode="torch")
        tables.add("framepack", "base", "diffusers", variants("framepack", "base", "f1"), model, f"{at} frame_pack/hunyuan_video_packed.py")

    def zimage():
        from musubi_tuner.zimage import zimage_model

        model = zimage_model.create_model("torch", False, torch.bfloat16)
        tables.add("z-image", "base", "diffusers", variants("z-image", "base", "turbo", "de-turbo"), model, f"{at} zimage/zimage_model.py")

    def krea():
        from musubi_tuner.krea2 import krea2_mmdit, krea2_utils

        model = krea2_mmdit.SingleStreamDiT(krea2_utils.single_mmdit_large_wide)
        names = variants("krea2", "raw", "turbo", "raw-edit", "turbo-edit")
        tables.add("krea2", "raw native", "native", names, model, f"{at} krea2/krea2_utils.py")

    def ideogram():
        from musubi_tuner.ideogram4 import ideogram4_model as m

        model = m.Ideogram4Transformer(m.Ideogram4Config())
        tables.add("ideogram4", "base native", "native", ["ideogram4:base"], model, f"{at} ideogram4/ideogram4_model.py")

    def kandinsky():
        from musubi_tuner.kandinsky5.configs import TASK_CONFIGS
        from musubi_tuner.kandinsky5.models.dit import DiffusionTransformer3D as M

        for task, config in TASK_CONFIGS.items():
            if "t2i" in task or "i2i" in task:
                continue
            params = {key: value for key, value in vars(config.dit_params).items() if key != "instruct_type"}
            size = "lite" if "lite" in task else "pro"
            kind = "i2v" if params["visual_cond"] and "i2v" in task else "t2v"
            name = task.removeprefix("k5-")
            tables.add("kandinsky5", f"{size}-{kind} {name}", "native", [f"kandinsky5:{name}"], M(**params), f"{at} kandinsky5/configs.py")

    for function in (flux2, flux1, wan, hunyuan, hunyuan15, framepack, zimage, krea, ideogram, kandinsky):
        attempt(function)


def diffusers_tables(_, tables):
    import diffusers as d

    at = f"diffusers {d.__version__}"
    small = {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30}
    clip = {"image_dim": 1280, "added_kv_proj_dim": 5120, "in_channels": 36}
    sd35 = {
        "num_layers": 24,
        "num_attention_heads": 24,
        "caption_projection_dim": 1536,
        "pos_embed_max_size": 384,
        "dual_attention_layers": tuple(range(13)),
        "qk_norm": "rms_norm",
    }
    large = {"num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432, "pos_embed_max_size": 192, "qk_norm": "rms_norm"}
    rows = (
        ("flux1", "dev", FLUX_DEV, "FluxTransformer2DModel", {"guidance_embeds": True}),
        ("flux1", "schnell", ["flux1:schnell"], "FluxTransformer2DModel", {}),
        ("flux1", "flex1", ["flux1:flex1"], "FluxTransformer2DModel", {"guidance_embeds": True, "num_layers": 8}),
        ("flux1", "flex2", ["flex2:preview"], "FluxTransformer2DModel", {"guidance_embeds": True, "num_layers": 8, "in_channels": 196, "out_channels": 64}),
        ("flux2", "dev", ["flux2:dev"], "Flux2Transformer2DModel", {}),
        ("flux2", "klein-4b", variants("flux2", "klein-base-4b", "klein-4b"), "Flux2Transformer2DModel", {"num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680, "guidance_embeds": False}),
        ("flux2", "klein-9b", variants("flux2", "klein-base-9b", "klein-9b"), "Flux2Transformer2DModel", {"num_layers": 8, "num_single_layers": 24, "num_attention_heads": 32, "joint_attention_dim": 12288, "guidance_embeds": False}),
        ("chroma", "base", variants("chroma", "base", "hd"), "ChromaTransformer2DModel", {}),
        ("qwen-image", "base", variants("qwen-image", "base", "2512", "edit", "edit-2509", "edit-2511"), "QwenImageTransformer2DModel", {}),
        ("qwen-image", "layered", ["qwen-image:layered"], "QwenImageTransformer2DModel", {"use_additional_t_cond": True}),
        ("z-image", "base", variants("z-image", "base", "turbo", "de-turbo"), "ZImageTransformer2DModel", {}),
        ("sd3", "3-medium", ["sd3:3-medium"], "SD3Transformer2DModel", {"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "pos_embed_max_size": 192}),
        ("sd3", "3.5-medium", ["sd3:3.5-medium"], "SD3Transformer2DModel", sd35),
        ("sd3", "3.5-large", ["sd3:3.5-large"], "SD3Transformer2DModel", large),
        ("pixart", "sigma", ["pixart:sigma"], "PixArtTransformer2DModel", {"caption_channels": 4096}),
        ("pixart", "alpha", ["pixart:alpha"], "PixArtTransformer2DModel", {"caption_channels": 4096, "use_additional_conditions": True}),
        ("sana", "1.6b", variants("sana", "1.6b"), "SanaTransformer2DModel", {}),
        ("sana", "0.6b", variants("sana", "0.6b"), "SanaTransformer2DModel", {"num_layers": 28, "num_attention_heads": 36, "num_cross_attention_heads": 16, "cross_attention_head_dim": 72, "cross_attention_dim": 1152}),
        ("sana", "1.5-1.6b", variants("sana", "1.5-1.6b"), "SanaTransformer2DModel", {"qk_norm": "rms_norm_across_heads"}),
        ("sana", "1.5-4.8b", variants("sana", "1.5-4.8b"), "SanaTransformer2DModel", {"num_layers": 60, "qk_norm": "rms_norm_across_heads"}),
        ("auraflow", "base", variants("auraflow", "v0.3", "pony-v7"), "AuraFlowTransformer2DModel", {}),
        ("lumina2", "base", ["lumina2:base"], "Lumina2Transformer2DModel", {"cap_feat_dim": 2304}),
        ("hidream", "i1", variants("hidream", "full", "dev", "e1"), "HiDreamImageTransformer2DModel", {"patch_size": 2, "caption_channels": [4096, 4096], "llama_layers": [*range(32), *[31] * 16], "axes_dims_rope": (64, 32, 32), "in_channels": 16}),
        ("cogview4", "6b", ["cogview4:6b"], "CogView4Transformer2DModel", {"num_layers": 28, "num_attention_heads": 32, "attention_head_dim": 128}),
        ("wan", "t2v-14b", [*variants("wan21", "t2v-14b", "t2i-14b", "skyreels-v2-14b"), "wan22:t2v-a14b"], "WanTransformer3DModel", {}),
        ("wan", "t2v-1.3b", ["wan21:t2v-1.3b"], "WanTransformer3DModel", small),
        ("wan", "i2v-14b", variants("wan21", "i2v-480p-14b", "i2v-720p-14b", "flf2v-14b"), "WanTransformer3DModel", clip),
        ("wan", "i2v-a14b", ["wan22:i2v-a14b"], "WanTransformer3DModel", {"in_channels": 36}),
        ("wan", "5b", ["wan22:5b"], "WanTransformer3DModel", {"num_attention_heads": 24, "ffn_dim": 14336, "num_layers": 30, "in_channels": 48, "out_channels": 48}),
        ("hunyuan-video", "t2v", ["hunyuan-video:t2v"], "HunyuanVideoTransformer3DModel", {}),
        ("framepack", "base", variants("framepack", "base", "f1"), "HunyuanVideoFramepackTransformer3DModel", {"has_image_proj": True, "has_clean_x_embedder": True}),
        ("hunyuan-video-1.5", "t2v", variants("hunyuan-video-1.5", "t2v", "i2v"), "HunyuanVideo15Transformer3DModel", {}),
        ("hunyuan-image", "2.1", ["hunyuan-image:2.1"], "HunyuanImageTransformer2DModel", {"text_embed_2_dim": 1472}),
        ("ltx-video", "2b", ["ltx-video:2b"], "LTXVideoTransformer3DModel", {}),
        ("ltx-video", "13b", ["ltx-video:13b"], "LTXVideoTransformer3DModel", {"num_layers": 48, "attention_head_dim": 128, "cross_attention_dim": 4096}),
        ("ltx2", "2.0", ["ltx2:2.0"], "LTX2VideoTransformer3DModel", {}),
        ("ltx2", "2.3", variants("ltx2", "2.3"), "LTX2VideoTransformer3DModel", {"gated_attn": True, "cross_attn_mod": True, "audio_gated_attn": True, "audio_cross_attn_mod": True, "use_prompt_embeddings": False}),
        ("cosmos", "7b", ["cosmos:7b-text2world"], "CosmosTransformer3DModel", {}),
        ("cosmos", "14b", ["cosmos:14b-text2world"], "CosmosTransformer3DModel", {"num_layers": 36, "num_attention_heads": 40}),
        ("cosmos", "predict2-2b", ["cosmos-predict2:2b-text2image"], "CosmosTransformer3DModel", {"num_attention_heads": 16, "extra_pos_embed_type": None}),
        ("cosmos", "predict2-14b", ["cosmos-predict2:14b-text2image"], "CosmosTransformer3DModel", {"num_attention_heads": 40, "num_layers": 36, "extra_pos_embed_type": None}),
        ("kandinsky5", "lite diffusers", ["kandinsky5:lite-t2v-5s-sd"], "Kandinsky5Transformer3DModel", {"in_visual_dim": 16, "out_visual_dim": 16, "model_dim": 1792, "ff_dim": 7168}),
        ("krea2", "raw", variants("krea2", "raw", "turbo", "raw-edit", "turbo-edit"), "Krea2Transformer2DModel", {}),
        ("ideogram4", "base", ["ideogram4:base"], "Ideogram4Transformer2DModel", {}),
        ("ernie-image", "base", ["ernie-image:base"], "ErnieImageTransformer2DModel", {}),
        ("nucleus-image", "base", ["nucleus-image:base"], "NucleusMoEImageTransformer2DModel", {}),
        ("minimax-h3", "base", variants("minimax-h3", "fl2va", "ref2va"), "MiniMaxH3Transformer3DModel", {}),
        ("ace-step", "1.5", ["ace-step:1.5"], "AceStepTransformer1DModel", {}),
    )  # fmt: skip
    for arch, name, found, cls, config in rows:

        def build(arch=arch, name=name, found=found, cls=cls, config=config):
            tables.add(
                arch,
                name,
                "diffusers",
                found,
                getattr(d, cls)(**config),
                f"{at} {cls}({', '.join(f'{k}={v}' for k, v in config.items())})"[:200],
            )

        attempt(build)
    from make_key_tables_more import unets

    unets(d, tables, at)


if __name__ == "__main__":
    which, home, out = sys.argv[1:4]
    from make_key_tables_more import ai_toolkit, derived, diffusion_pipe

    makers = {
        "musubi": musubi,
        "diffusers": diffusers_tables,
        "ai-toolkit": ai_toolkit,
        "diffusion-pipe": diffusion_pipe,
        "derived": derived,
    }
    makers[which](home, Tables(out))
