"""Configs of the shapes that the trainers' own examples have: imported and compiled back, the trainer is told the same.

The trainers' examples themselves are run by `benchmarks/round_trip.py` where their checkouts are.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lorabridge.backends.base import Site
from lorabridge.plan.compile import compile_config
from lorabridge.plan.imports import Imported, import_files, import_texts
from lorabridge.plan.sources import compiled, gather_texts
from lorabridge.plan.unchanged import Difference, differences
from lorabridge.plan.used import free_keys, used_in

ROOT = "/data"
DATASET = '[general]\nresolution = [960, 544]\ncaption_extension = ".txt"\nbatch_size = 1\n[[datasets]]\nimage_directory = "/pictures"\n'
QWEN_SH = r"""
python src/musubi_tuner/qwen_image_cache_latents.py --dataset_config data.toml --vae models/vae.safetensors --model_version original
python src/musubi_tuner/qwen_image_cache_text_encoder_outputs.py --dataset_config data.toml --text_encoder models/te.safetensors \
    --batch_size 1 --model_version original
accelerate launch --num_cpu_threads_per_process 1 --mixed_precision bf16 src/musubi_tuner/qwen_image_train_network.py \
    --dit models/dit.safetensors --vae models/vae.safetensors --text_encoder models/te.safetensors --model_version original \
    --dataset_config data.toml --sdpa --mixed_precision bf16 --timestep_sampling shift --weighting_scheme none --discrete_flow_shift 2.2 \
    --optimizer_type adamw8bit --learning_rate 5e-5 --gradient_checkpointing --max_data_loader_n_workers 2 \
    --persistent_data_loader_workers --network_module networks.lora_qwen_image --network_dim 16 --max_train_epochs 16 \
    --save_every_n_epochs 1 --seed 42 --output_dir out --output_name cat
"""
KANDINSKY_SH = r"""
python src/musubi_tuner/kandinsky5_cache_latents.py --dataset_config data.toml --vae models/vae.safetensors
python src/musubi_tuner/kandinsky5_cache_text_encoder_outputs.py --dataset_config data.toml \
    --text_encoder_qwen Qwen/Qwen2.5-VL-7B-Instruct --text_encoder_clip openai/clip-vit-large-patch14
accelerate launch --mixed_precision bf16 src/musubi_tuner/kandinsky5_train_network.py --mixed_precision bf16 \
    --dataset_config data.toml --task k5-pro-t2v-5s-sd --dit models/k5.safetensors --vae models/vae.safetensors --fp8_base --sdpa \
    --text_encoder_qwen Qwen/Qwen2.5-VL-7B-Instruct --text_encoder_clip openai/clip-vit-large-patch14 --gradient_checkpointing \
    --learning_rate 1e-4 --optimizer_type AdamW8Bit --optimizer_args "weight_decay=0.001" "betas=(0.9,0.95)" --max_grad_norm 1.0 \
    --lr_scheduler constant_with_warmup --lr_warmup_steps 100 --network_module networks.lora_kandinsky --network_dim 32 \
    --network_alpha 32 --timestep_sampling shift --discrete_flow_shift 5.0 --output_dir out --output_name k5 --seed 1 \
    --save_every_n_epochs 1 --max_train_epochs 50 --scheduler_scale 10.0
"""
CLIPS = DATASET.replace("image_directory", "target_frames = [1, 25]\nvideo_directory").replace("/pictures", "/clips")
HIDREAM_SH = r"""
python src/musubi_tuner/hidream_o1_cache_pixel.py --dataset_config data.toml
python src/musubi_tuner/hidream_o1_cache_text_encoder_outputs.py --dataset_config data.toml --model_type full --dit m/o1.safetensors --fp8_te
accelerate launch src/musubi_tuner/hidream_o1_train_network.py --dit m/o1.safetensors --dataset_config data.toml --model_type full \
    --task t2i --mixed_precision bf16 --timestep_sampling uniform --weighting_scheme none --noise_scale_start 8.0 --noise_scale_end 8.0 \
    --noise_clip_std 0.0 --optimizer_type adamw8bit --learning_rate 4e-5 --gradient_checkpointing --network_dim 32 \
    --network_module networks.lora_hidream_o1 --max_train_epochs 16 --save_every_n_epochs 1 --seed 42 --output_dir out --output_name o1
"""
MAIN = """
output_dir = '/results/wan_run'
dataset = 'data.toml'
epochs = 100
micro_batch_size_per_gpu = 1
pipeline_stages = 1
gradient_accumulation_steps = 2
gradient_clipping = 1
warmup_steps = 10
eval_every_n_epochs = 1
eval_before_first_step = true
save_every_n_epochs = 5
checkpoint_every_n_minutes = 90
activation_checkpointing = 'unsloth'
partition_method = 'parameters'
save_dtype = 'bfloat16'
caching_batch_size = 4
steps_per_print = 1
video_clip_mode = 'single_middle'
blocks_to_swap = 20
[model]
type = 'wan'
ckpt_path = '/models/Wan2.1-T2V-14B'
dtype = 'bfloat16'
transformer_dtype = 'float8'
timestep_sample_method = 'logit_normal'
[adapter]
type = 'lora'
rank = 32
dtype = 'bfloat16'
[optimizer]
type = 'AdamW8bitKahan'
lr = 2e-5
betas = [0.9, 0.99]
weight_decay = 0.01
stabilize = false
"""
BUCKETS = """
resolutions = [512]
enable_ar_bucket = true
min_ar = 0.5
max_ar = 2.0
num_ar_buckets = 7
frame_buckets = [1, 33]
[[directory]]
path = '/clips'
num_repeats = 10
"""
H3 = """
output_dir = 'results/h3'
dataset = 'data.toml'
epochs = 100
micro_batch_size_per_gpu = 1
image_micro_batch_size_per_gpu = 8
save_every_n_epochs = 1
save_dtype = 'bfloat16'
compile = true
[model]
type = 'minimax_h3'
diffusion_model = '/m/h3.safetensors'
vae = '/m/vae.safetensors'
audio_vae = '/m/audio.safetensors'
text_encoders = [
    {path = '/m/te.safetensors', type = 'minimax'}
]
dtype = 'bfloat16'
timestep_sample_method = 'uniform'
shift = 8
image_shift = 1
cfg = 4
[adapter]
type = 'lora'
rank = 16
[optimizer]
type = 'adamw_optimi'
lr = 1e-4
"""
COSMOS = """
output_dir = 'results/cosmos'
dataset = 'data.toml'
epochs = 10
save_every_n_epochs = 1
[model]
type = 'cosmos'
transformer_path = '/m/t.safetensors'
vae_path = '/m/v.safetensors'
text_encoder_path = '/m/te.safetensors'
dtype = 'bfloat16'
[adapter]
type = 'lora'
rank = 16
[optimizer]
type = 'automagic'
weight_decay = 0.01
"""
SIZES = "size_buckets = [[960, 960, 1], [960, 704, 1], [704, 960, 1]]\n[[directory]]\npath = '/pictures'\nnum_repeats = 4\n"
SDXL_SIZES = "size_buckets = [[1024, 768, 1], [768, 1024, 1]]\n[[directory]]\npath = '/pictures'\n"
SDXL = COSMOS.replace("'cosmos'\ntransformer_path = '/m/t.safetensors'\nvae_path = '/m/v.safetensors'\ntext_encoder_path = '/m/te.safetensors'",
                      "'sdxl'\ncheckpoint_path = '/m/sdxl.safetensors'").replace("automagic", "adamw")  # fmt: skip
JOB = """
job: extension
config:
  name: "my_lora_v1"
  process:
    - type: 'sd_trainer'
      training_folder: "output"
      device: cuda:0
      network: {type: "lora", linear: 32, linear_alpha: 32}
      save: {dtype: float16, save_every: 250, max_step_saves_to_keep: 4, push_to_hub: false}
      datasets:
        - folder_path: "/pictures"
          caption_ext: "txt"
          caption_dropout_rate: 0.05
          shuffle_tokens: false
          cache_latents_to_disk: true
          resolution: [ 512, 768, 1024 ]
      train:
        batch_size: 1
        steps: 2000
        gradient_accumulation_steps: 1
        train_unet: true
        train_text_encoder: false
        gradient_checkpointing: true
        noise_scheduler: "flowmatch"
        optimizer: "adamw8bit"
        lr: 1e-4
        ema_config: {use_ema: true, ema_decay: 0.99}
        dtype: bf16
      model: MODEL
      sample:
        sampler: "flowmatch"
        sample_every: 250
        width: 1024
        height: 1024
        prompts: ["a cat on a chair", "a dog", "a bird"]
        neg: ""
        seed: 42
        walk_seed: true
        guidance_scale: 4
        sample_steps: 20
meta:
  name: "[name]"
  version: '1.0'
"""
MODELS = {
    "flux": '{name_or_path: "org/flux", is_flux: true, quantize: true}',
    "qwen": '{name_or_path: "org/qwen", arch: "qwen_image", quantize: true, qtype: "uint3|org/repo/ara.safetensors", quantize_te: true, qtype_te: "qfloat8", low_vram: true}',
    "hidream": '{name_or_path: "org/hidream", extras_name_or_path: "org/parts", arch: "hidream", quantize: true, quantize_te: true, model_kwargs: {llama_model_path: "org/llama"}}',
    "sd35": '{name_or_path: "org/sd35", is_v3: true, quantize: true}',
}
EXAMPLES = {
    "musubi qwen": ("musubi", {"train.sh": QWEN_SH, "data.toml": DATASET}),
    "musubi kandinsky": ("musubi", {"train.sh": KANDINSKY_SH, "data.toml": CLIPS}),
    "musubi hidream": ("musubi", {"train.sh": HIDREAM_SH, "data.toml": DATASET}),
    "diffusion-pipe wan": ("diffusion-pipe", {"main.toml": MAIN, "data.toml": BUCKETS}),
    "diffusion-pipe h3": ("diffusion-pipe", {"main.toml": H3, "data.toml": BUCKETS.replace("33", "34")}),
    "diffusion-pipe cosmos": ("diffusion-pipe", {"main.toml": COSMOS, "data.toml": SIZES}),
    "diffusion-pipe sizes": ("diffusion-pipe", {"main.toml": SDXL, "data.toml": SDXL_SIZES}),
    **{f"ai-toolkit {name}": ("ai-toolkit", {"job.yaml": JOB.replace("MODEL", model)}) for name, model in MODELS.items()},
}


def _differences(trainer: str, texts: dict[str, str], made: Imported) -> list[Difference]:
    assert made.loaded is not None
    plan = compile_config(made.loaded, trainer, Site(root=ROOT))
    assert plan.ok, plan.diagnostics
    return list(differences(gather_texts(texts, trainer), compiled(plan), made.fates, ROOT))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_comes_back_with_equal_values_and_nothing_is_lost(name: str) -> None:
    trainer, texts = EXAMPLES[name]
    made = import_texts(texts, trainer=trainer)
    assert made.ok, [item.message for item in made.findings]
    assert _differences(trainer, texts, made) == []
    assert not [item.message for item in made.findings if item.code == "LB324"]
    kinds = {fate.key.name: fate.kind for fate in made.fates}
    assert not [key for key, kind in kinds.items() if kind == "unused"], kinds
    assert sum(kind in ("carried", "written", "default") for kind in kinds.values()) > 0.85 * len(kinds), kinds


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_comparison_sees_a_value_that_is_changed(name: str) -> None:
    """The check of the check: with one value changed in the files, the same config no longer comes back equal."""
    trainer, texts = EXAMPLES[name]
    made = import_texts(texts, trainer=trainer)
    first = next(iter(texts))
    for old, new in (("network_dim ", "network_dim 4"), ("rank = ", "rank = 4"), ("linear: ", "linear: 4")):
        if old in texts[first]:
            changed = {**texts, first: texts[first].replace(old, new)}
            assert [item.key for item in _differences(trainer, changed, made)][:1] in (["network_dim"], ["rank"], ["linear"])
            return
    raise AssertionError("nothing was changed")


def test_what_comes_back_with_another_value_is_a_finding() -> None:
    made = import_texts({"train.sh": QWEN_SH.replace("--sdpa ", ""), "data.toml": DATASET}, trainer="musubi")
    (found,) = [item for item in made.findings if item.code == "LB324"]
    assert "`sdpa` is left out in the files; a compile of this config says true" in found.message
    assert found.severity == "warning"


def test_a_rate_that_is_left_out_is_the_optimizers_own() -> None:
    made = import_texts({"main.toml": COSMOS, "data.toml": SIZES})
    assert made.loaded is not None
    assert made.loaded.written["optimizer"]["lr"] == 1e-6, "automagic's default, not what the family recommends"


def test_a_second_training_in_a_script_is_told() -> None:
    second = QWEN_SH[QWEN_SH.index("accelerate") :].replace("network_dim 16", "network_dim 64")
    made = import_texts({"train.sh": QWEN_SH + second, "data.toml": DATASET})
    assert made.loaded is not None
    assert made.loaded.written["adapter"]["rank"] == 16
    assert any(item.code == "LB325" and "second training command" in item.message for item in made.findings)


def test_sample_prompts_that_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "train.sh").write_text(QWEN_SH.rstrip() + " --sample_prompts prompts.txt --sample_every_n_epochs 1\n", "utf-8")
    (tmp_path / "data.toml").write_text(DATASET, "utf-8")
    made = import_files([str(tmp_path / "train.sh"), str(tmp_path / "data.toml")])
    assert made.text
    assert any(item.code == "LB325" and "prompts.txt" in item.message for item in made.findings)


def test_a_break_in_a_script_is_read_over_and_told() -> None:
    broken = QWEN_SH.replace("qwen_image_train_network.py \\\n", "qwen_image_train_network.py\n")
    made = import_texts({"train.sh": broken, "data.toml": DATASET})
    assert made.ok
    assert made.loaded is not None
    assert made.loaded.written["adapter"]["rank"] == 16
    assert any(item.code == "LB320" and item.severity == "warning" for item in made.findings)


def test_evaluation_without_data_is_dead() -> None:
    made = import_texts({"main.toml": MAIN, "data.toml": BUCKETS})
    kinds = {fate.key.name: (fate.kind, fate.why) for fate in made.fates}
    assert kinds["eval_every_n_epochs"][0] == "dead"
    assert "eval_datasets" in kinds["eval_every_n_epochs"][1]


def test_the_batch_of_pictures_among_clips_stays() -> None:
    made = import_texts({"main.toml": H3, "data.toml": BUCKETS.replace("33", "34")})
    assert made.loaded is not None
    assert made.loaded.written["backends"]["diffusion-pipe"]["image_micro_batch_size_per_gpu"] == 8


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_compile_may_add_is_no_key_of_the_examples(name: str) -> None:
    trainer, texts = EXAMPLES[name]
    used = used_in(gather_texts(texts, trainer))
    assert used
    assert free_keys(trainer) <= {"seed", "persistent_data_loader_workers", "training_seed", "performance_log_every", "use_ui_logger"}
