"""One change to a run that trains, and what is said about it."""

from __future__ import annotations

import pytest

from tests.native.diffusion_pipe.conftest import DATASET, MODELS, check, main_text, told


@pytest.mark.parametrize("model", MODELS)
def test_plain_runs_are_clean(model: str) -> None:
    sizes = "size_buckets = [[960, 960, 1]]\n"
    dataset = f"{sizes}[[directory]]\npath = '/data/p'\n{sizes}" if model == "cosmos" else ""
    assert told(check(main_text(model), dataset)) == []


TOP = [
    ("save_every_n_steps = 0", "error LB315 save_every_n_steps"),
    ("checkpoint_every_n_epochs = -1", "warning LB317 checkpoint_every_n_epochs"),
    ("logging_steps = -5", "warning LB317 logging_steps"),
    ("checkpoint_every_n_epochs = 0", "error LB315 checkpoint_every_n_epochs"),
    ("logging_steps = 0", "error LB315 logging_steps"),
    ("steps_per_print = 0", "error LB315 steps_per_print"),
    ("caching_batch_size = 0", "error LB316 caching_batch_size"),
    ("map_num_proc = -1", "error LB316 map_num_proc"),
    ("micro_batch_size_per_gpu = 0", "error LB315 micro_batch_size_per_gpu"),
    ("micro_batch_size_per_gpu = 2.0", "error LB313 micro_batch_size_per_gpu"),
    ("gradient_accumulation_steps = 0", "error LB315 gradient_accumulation_steps"),
    ("max_steps = 0", "error LB317 max_steps"),
    ('max_steps = "2"', "error LB313 max_steps"),
    ("force_constant_lr = 0.0", "error LB323 force_constant_lr"),
    ("uncond_fraction = 1.0", "warning LB317 uncond_fraction"),
    ("compile = 'false'", "error LB317 compile"),
    ("lr_scheduler = 'cosine_with_restarts'", "error LB314 lr_scheduler"),
    ("activation_checkpointing = 'true'", "error LB314 activation_checkpointing"),
    ("activation_checkpointing = 'unsloth'", "error LB315 activation_checkpointing"),
    ("partition_method = 'layers'", "error LB314 partition_method"),
    ("partition_method = 'manual'", "error LB318 partition_method"),
    ("partition_split = [3]", "warning LB312 partition_split"),
    ("blocks_to_swap = 2", "error LB315 blocks_to_swap"),
    ("pipeline_stages = 0", "error LB315 pipeline_stages"),
    ("pipeline_stages = 2", "warning LB319 pipeline_stages"),
    ("save_every_n_examples = 0.5", "error LB315 save_every_n_examples"),
    ("micro_batch_size_per_gpu = 4\nsave_every_n_examples = 3", "error LB315 save_every_n_examples"),
    ("micro_batch_size_per_gpu = 4\neval_every_n_examples = 3", "warning LB317 eval_every_n_examples"),
    ("eval_datasets = ['/data/e.toml']", "error LB315 eval_datasets[0]"),
    ("eval_datasets = [{config = '/data/e.toml'}]", "error LB318 eval_datasets[0]"),
    ("huber_delta = 0.1", "warning LB312 huber_delta"),
    ("seed = 42", "error LB310 seed"),
    ("regenerate_cache = true", "warning LB312 regenerate_cache"),
    ("rank = 8", "error LB311 rank"),
    ("lr = 1e-4", "error LB311 lr"),
    ("resolutions = [512]", "error LB311 resolutions"),
    ("warmup_steps = 10\nmax_steps = 5", "warning LB319 warmup_steps"),
    ("resume_from_checkpoint = true", "warning LB317 resume_from_checkpoint"),
    ("resume_from_checkpoint = 'true'", "error LB315 resume_from_checkpoint"),
    ("checkpoint_every_n_minutes = 0", "warning LB317 checkpoint_every_n_minutes"),
    ("video_clip_mode = 'multiple_overlapping'", "warning LB314 video_clip_mode"),
    ("save_dtype = 'bf16'", "error LB314 save_dtype"),
    ("max_steps = 5\nlr_scheduler = 'cosine'", "hint LB317 max_steps"),
    ("lr_scheduler = 'cosine'\nforce_constant_lr = 1e-5", "warning LB312 lr_scheduler"),
    ("blocks_to_swap = 2\npipeline_stages = 2", "error LB319 blocks_to_swap"),
    ("eval_datasets = 'e.toml'", "error LB313 eval_datasets"),
    ("eval_datasets = [{name = 'a', config = '~/e.toml'}]", "error LB321 eval_datasets[0].config"),
    ("eval_datasets = [{name = 'a', config = '/e.toml', every = 2}]", "error LB310 eval_datasets[0].every"),
    ("eval_datasets = [{name = 'a', config = '/e.toml'}, {name = 'a', config = '/f.toml'}]", "error LB317 eval_datasets[1].name"),
    ("eval_datasets = [{name = 'a', config = '/other/ds.toml'}]", "warning LB317 eval_datasets[0].config"),
    ("resume_from_checkpoint = ''", "warning LB317 resume_from_checkpoint"),
    ("micro_batch_size_per_gpu = []", "error LB315 micro_batch_size_per_gpu"),
    ("micro_batch_size_per_gpu = [[512, 0]]", "error LB315 micro_batch_size_per_gpu[0]"),
    ("micro_batch_size_per_gpu = [[512, 4], [512, 2]]", "warning LB317 micro_batch_size_per_gpu"),
    ("save_every_n_steps = 5\nsave_every_n_examples = 10", "warning LB312 save_every_n_steps"),
    ("reentrant_activation_checkpointing = true", "warning LB312 reentrant_activation_checkpointing"),
    ("monitoring = 'wandb'", "error LB313 monitoring"),
    ("eval_every_n_steps = ''", "warning LB313 eval_every_n_steps"),
    ("logging_steps = true", "warning LB313 logging_steps"),
    ("logging_steps = 0.5", "warning LB317 logging_steps"),
    ("x_axis_examples = 'yes'", "warning LB313 x_axis_examples"),
]


@pytest.mark.parametrize(("line", "expected"), TOP, ids=[row[0] for row in TOP])
def test_top_of_main(line: str, expected: str) -> None:
    assert expected in told(check(main_text(top=line)))


OFF = ["eval_every_n_steps = 0", "gradient_clipping = 0", "blocks_to_swap = 0", "map_num_proc = 0", "warmup_steps = 0", "max_steps = 2.0",
       "activation_checkpointing = 1", "lr_scheduler = 'cosine'", "micro_batch_size_per_gpu = [[512, 4], [1024, 1]]", "save_every_n_epochs = 1.0\n".strip()]  # fmt: skip


@pytest.mark.parametrize("line", OFF)
def test_zeros_and_numbers_that_work(line: str) -> None:
    text = main_text(top=line, without="save_every_n_epochs" if line.startswith("save") else "")
    assert told(check(text if not line.startswith("save") else text.replace("epochs = 2", f"epochs = 2\n{line}"))) == []


@pytest.mark.parametrize("key", ["output_dir", "dataset", "epochs", "save_every_n_epochs"])
def test_missing_at_the_top(key: str) -> None:
    assert f"error LB318 {key}" in told(check(main_text(without=key)))


INSIDE = [
    ("sdxl", "transformer_dtype = 'nf4'", "error LB314 model.transformer_dtype"),
    ("z_image", "transformer_dtype = 'float8'", "warning LB312 model.transformer_dtype"),
    ("qwen_image", "shfit = 3.0", "error LB310 model.shfit"),
    ("qwen_image", "epochs = 3", "error LB311 model.epochs"),
    ("qwen_image", "timestep_sample_method = 'sigmoid'", "error LB314 model.timestep_sample_method"),
    ("qwen_image", "shift = 3.0\nflux_shift = true", "warning LB312 model.flux_shift"),
    ("qwen_image", "shift = '3'", "error LB313 model.shift"),
    ("qwen_image", "vae_path = '~/vae'", "error LB321 model.vae_path"),
    ("sdxl", "debiased_estimation_loss = false", "error LB317 model.debiased_estimation_loss"),
    ("sdxl", "min_snr_gamma = 0", "error LB323 model.min_snr_gamma"),
    ("wan", "min_t = 0.9\nmax_t = 0.5", "error LB315 model.min_t"),
    ("z_image", "merge_adapters = '/data/a.safetensors'", "error LB313 model.merge_adapters"),
    ("flux", "fuse_adapters = []", "error LB311 model.fuse_adapters"),
    ("cosmos_predict2", "llm_path = '/data/q'", "warning LB312 model.llm_path"),
    ("qwen_image", "shift = -1.0", "error LB317 model.shift"),
    ("qwen_image", "timestep_sample_method = 'uniform'\nsigmoid_scale = 1.0", "warning LB312 model.sigmoid_scale"),
    ("qwen_image", "sigmoid_scale = 0", "warning LB317 model.sigmoid_scale"),
    ("wan", "max_t = 1.5", "warning LB317 model.max_t"),
    ("sdxl", "unet_lr = -1e-4", "error LB315 model.unet_lr"),
    ("qwen_image", "vae_path = ''", "error LB315 model.vae_path"),
]


@pytest.mark.parametrize(("model", "line", "expected"), INSIDE, ids=[row[1] for row in INSIDE])
def test_model(model: str, line: str, expected: str) -> None:
    assert expected in told(check(main_text(model, inside=line)))


@pytest.mark.parametrize("model", MODELS)
def test_required_files_of_each_type(model: str) -> None:
    text = main_text(model)
    for line in MODELS[model].splitlines():
        assert any(item.startswith("error LB318 model.") for item in told(check(text.replace(line + "\n", "", 1)))), line


TEXT_ENCODERS = [
    ("text_encoders = [{path = '/data/q'}]", "error LB318 model.text_encoders[0]"),
    ("text_encoders = [{type = 'lumina2'}]", "error LB318 model.text_encoders[0]"),
    ("text_encoders = {path = '/data/q', type = 'lumina2'}", "error LB313 model.text_encoders"),
    ("text_encoders = [{path = '/a', type = 'lumina2'}, {path = '/b', type = 'lumina2'}]", "error LB317 model.text_encoders"),
    ("text_encoders = [{path = '/a', type = 'flux9'}]", "warning LB317 model.text_encoders[0].type"),
    ("text_encoders = [{path = '/a', type = 'lumina2', device = 'cpu'}]", "error LB310 model.text_encoders[0].device"),
    ("text_encoders = [{path = '~/a', type = 'lumina2'}]", "error LB321 model.text_encoders[0].path"),
    ("text_encoders = []", "error LB315 model.text_encoders"),
    ("merge_adapters = ['~/a']\ntext_encoders = [{path = '/a', type = 'lumina2'}]", "error LB321 model.merge_adapters[0]"),
]


@pytest.mark.parametrize(("line", "expected"), TEXT_ENCODERS, ids=[row[0] for row in TEXT_ENCODERS])
def test_text_encoders(line: str, expected: str) -> None:
    text = main_text("z_image").replace("text_encoders = [{path = '/data/q', type = 'lumina2'}]", line)
    assert expected in told(check(text))


ADAPTER = [
    ("sdxl", "alpha = 8", "error LB315 adapter.alpha"),
    ("sdxl", "dropout = 1.0", "error LB323 adapter.dropout"),
    ("sdxl", "rank_dropout = 0.1", "warning LB312 adapter.rank_dropout"),
    ("sdxl", "lora_dropout = 0.1", "error LB310 adapter.lora_dropout"),
    ("qwen_image", "init_from_existing = '/data/a.safetensors'", "error LB315 adapter.init_from_existing"),
    ("qwen_image", "fuse_adapters = [{path = '/a'}]", "warning LB312 adapter.fuse_adapters"),
    ("qwen_image", "exclude_modules = '('", "error LB315 adapter.exclude_modules"),
    ("qwen_image", "dtype = 'fp16'", "error LB314 adapter.dtype"),
    ("qwen_image", "dtype = 'float8'", "warning LB317 adapter.dtype"),
    ("qwen_image", "init_from_existing = '~/a'", "error LB321 adapter.init_from_existing"),
    ("qwen_image", "dropout = 2.0", "error LB315 adapter.dropout"),
    ("qwen_image", "dropout = -0.1", "warning LB317 adapter.dropout"),
    ("sdxl", "exclude_modules = 'x'", "warning LB312 adapter.exclude_modules"),
    ("flux", "fuse_adapters = ['/a']", "error LB313 adapter.fuse_adapters"),
]


@pytest.mark.parametrize(("model", "line", "expected"), ADAPTER, ids=[row[1] for row in ADAPTER])
def test_adapter(model: str, line: str, expected: str) -> None:
    assert expected in told(check(main_text(model, adapter=line)))


@pytest.mark.parametrize(("value", "code"), [("2.0", "LB313"), ("0", "LB315"), ("-1", "LB315"), ("'8'", "LB313"), ("true", "LB313")])
def test_rank(value: str, code: str) -> None:
    assert f"error {code} adapter.rank" in told(check(main_text(adapter=f"rank = {value}", without="rank = 8")))


@pytest.mark.parametrize(("model", "bad"), [("sdxl", True), ("flux", True), ("qwen_image", False)])
def test_lokr(model: str, bad: bool) -> None:
    text = main_text(model, adapter="type = 'lokr'", without="type = 'lora'").replace("rank = 8", "rank = 1e6")
    assert ("error LB315 adapter.type" in told(check(text))) is bad
    assert not any("rank" in item for item in told(check(text)))


OPTIMIZER = [
    ("momentum = 0.9", "error LB310 optimizer.momentum"),
    ("rank = 8", "error LB311 optimizer.rank"),
    ("eps = '1e-8'", "error LB313 optimizer.eps"),
    ("weight_decay = -0.1", "error LB315 optimizer.weight_decay"),
    ("betas = [0.9]", "error LB315 optimizer.betas"),
    ("betas = [0.9, 1.0]", "error LB315 optimizer.betas[1]"),
    ("beta2_half_life = 1000", "error LB318 optimizer.beta2_half_life"),
    ("beta2_half_life = 1000\nbetas = [0.9]", "error LB319 optimizer.beta2_half_life"),
    ("beta2_half_life = '1000'\nbetas = [0.9, 0.99]", "error LB313 optimizer.beta2_half_life"),
    ("betas = 0.9", "error LB313 optimizer.betas"),
]


@pytest.mark.parametrize(("line", "expected"), OPTIMIZER, ids=[row[0] for row in OPTIMIZER])
def test_optimizer_arguments(line: str, expected: str) -> None:
    assert expected in told(check(main_text(optimizer=line)))


NAMES = [
    ("AdamW", []), ("AdamW8bitKahan", []), ("SGD", []), ("prodigy", ["error LB314 optimizer.type"]), ("AdamWW", ["error LB314 optimizer.type"]),
    ("Prodigy", ["warning LB317 optimizer.lr"]), ("offload", ["warning LB317 optimizer.type"]), ("automagic", []), ("Lion", []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_optimizer_names(name: str, expected: list[str]) -> None:
    assert told(check(main_text(optimizer=f"type = '{name}'", without="type = 'adamw'"))) == expected


def test_optimizer_as_a_whole() -> None:
    assert told(check(main_text(without="type = 'adamw'"))) == ["error LB318 optimizer.type"]
    assert told(check(main_text(optimizer="type = 1", without="type = 'adamw'"))) == ["error LB313 optimizer.type"]
    assert told(check(main_text(optimizer="type = 'ScheduleFreeAdamW'", without="type = 'adamw'"))) == ["warning LB317 optimizer.type"]
    assert told(check(main_text(optimizer="type = 'GenericOptim'\ncompile = true", without="type = 'adamw'"))) == [
        "warning LB312 optimizer.compile"
    ]
    assert told(check(main_text().replace("lr = 1e-4", "lr = 0.0"))) == ["error LB323 optimizer.lr"]
    clipped = main_text(top="gradient_clipping = 1.0", optimizer="gradient_release = true")
    assert told(check(clipped)) == ["warning LB312 gradient_clipping"]


def test_missing_rates() -> None:
    assert told(check(main_text(without="lr ="))) == ["warning LB318 optimizer.lr"]
    assert told(check(main_text("cosmos_predict2", without="lr ="))) == ["error LB318 optimizer.lr"]
    assert told(check(main_text(without="lr =").replace("'adamw'", "'adamw_optimi'"))) == ["error LB318 optimizer.lr"]
    assert told(check(main_text(without="lr =").replace("'adamw'", "'automagic'"))) == []


def test_lokr_is_not_loaded_again() -> None:
    text = main_text("qwen_image", adapter="type = 'lokr'\ninit_from_existing = '/data/run'", without="type = 'lora'")
    assert told(check(text)) == ["error LB319 adapter.init_from_existing"]


def test_two_losses() -> None:
    assert told(check(main_text("qwen_image", top="huber_delta = 0.1\nsmooth_l1_beta = 0.1"))) == ["warning LB312 smooth_l1_beta"]


@pytest.mark.parametrize(("value", "code"), [("[]", "LB315"), ("'/data/p'", "LB313")])
def test_directory_that_is_no_list_of_tables(value: str, code: str) -> None:
    assert f"error {code} directory" in told(check(dataset=f"resolutions = [512]\ndirectory = {value}\n"))


def test_swapping_needs_an_adapter() -> None:
    text = main_text("qwen_image", top="blocks_to_swap = 8").replace("[adapter]\ntype = 'lora'\nrank = 8\n", "")
    assert told(check(text)) == ["error LB319 blocks_to_swap"]


def test_paths_are_not_expanded() -> None:
    assert "error LB321 output_dir" in told(check(main_text().replace("/data/out", "~/out")))


def test_whole_model_training() -> None:
    text = main_text("ltx-video").replace("[adapter]\ntype = 'lora'\nrank = 8\n", "")
    assert told(check(text)) == ["error LB315 model.type"]
    assert told(check(main_text().replace("[adapter]\ntype = 'lora'\nrank = 8\n", ""))) == []


def test_swapping() -> None:
    for model, blocks, bad in (
        ("qwen_image", 58, False),
        ("qwen_image", 59, True),
        ("flux", 34, False),
        ("flux", 35, True),
        ("flux2", 40, True),
        ("flux2", 8, False),
    ):
        assert ("error LB315 blocks_to_swap" in told(check(main_text(model, top=f"blocks_to_swap = {blocks}")))) is bad, (model, blocks)


def test_the_model_itself() -> None:
    assert "error LB318 model.type" in told(check(main_text(without="type = 'sdxl'")))
    assert "error LB318 model.dtype" in told(check(main_text(without="dtype = 'bfloat16'")))
    assert "warning LB317 model.dtype" in told(check(main_text("qwen_image").replace("bfloat16", "float8")))
    assert told(check(main_text().replace("'sdxl'", "'sdlx'"))) == ["error LB314 model.type"]
    assert "error LB319 model.cfg" in told(check(main_text("minimax_h3", top="pipeline_stages = 2", inside="cfg = 4")))
    rates = "unet_lr = 0\ntext_encoder_1_lr = 0\ntext_encoder_2_lr = 0"
    whole = main_text(inside=rates).replace("[adapter]\ntype = 'lora'\nrank = 8\n", "")
    assert "error LB323 model.unet_lr" in told(check(whole))
    assert "warning LB312 model.unet_lr" in told(check(main_text(top="force_constant_lr = 1e-4", inside="unet_lr = 1e-5")))
    fp8 = main_text("qwen_image", inside="transformer_dtype = 'float8'").replace("[adapter]\ntype = 'lora'\nrank = 8\n", "")
    assert told(check(fp8)) == ["warning LB319 model.transformer_dtype"]


def test_wandb() -> None:
    found = told(check(main_text(tail="[monitoring]\nenable_wandb = true")))
    assert found == [f"error LB318 monitoring.{key}" for key in ("wandb_api_key", "wandb_tracker_name", "wandb_run_name")]
    assert told(check(main_text(tail="[monitoring]\nenable_wandb = false"))) == []
    assert told(check(main_text(tail="[monitoring]\nwandb_project = 'x'"))) == ["error LB310 monitoring.wandb_project"]
    keys = "[monitoring]\nenable_wandb = true\nwandb_api_key = ''\nwandb_tracker_name = 'a'\nwandb_run_name = 'b'"
    assert told(check(main_text(tail=keys))) == ["warning LB315 monitoring.wandb_api_key"]


DATA = [
    ("sdxl", "", "num_repeats = 0", "error LB316 directory[0].num_repeats"),
    ("sdxl", "", "num_repeats = 0.5", "warning LB317 directory[0].num_repeats"),
    ("sdxl", "num_repeats = '2'", "", "error LB316 num_repeats"),
    ("sdxl", "cache_shuffle_num = 3.0", "", "error LB313 cache_shuffle_num"),
    ("sdxl", "caption_prefix = 1", "", "error LB313 caption_prefix"),
    ("sdxl", "shuffle_tags = true\ncache_shuffle_delimiter = ''", "", "error LB316 cache_shuffle_delimiter"),
    ("sdxl", "shuffle_tags = 'false'", "", "error LB317 shuffle_tags"),
    ("sdxl", "", "control_path = '/data/c'", "error LB316 directory[0].control_path"),
    ("flux2", "", "control_path = '/data/c'", "error LB315 directory[0].control_path"),
    ("sdxl", "", "subsample_ratio = 0.5", "error LB311 directory[0].subsample_ratio"),
    ("sdxl", "path = '/data/p'", "", "error LB311 path"),
    ("sdxl", "", "mask_path = '$HOME/m'", "error LB321 directory[0].mask_path"),
    ("sdxl", "min_ar = 0.5", "", "warning LB312 min_ar"),
    ("sdxl", "min_ar = 0", "", "warning LB312 min_ar"),
    ("sdxl", "num_ar_buckets = 0", "", "warning LB312 num_ar_buckets"),
    ("sdxl", "enable_ar_bucket = true", "", "error LB318 min_ar"),
    ("sdxl", "enable_ar_bucket = true\nmin_ar = 0.5\nmax_ar = 2.0\nnum_ar_buckets = 0", "", "error LB316 num_ar_buckets"),
    ("sdxl", "enable_ar_bucket = true\nmin_ar = 0.5\nmax_ar = 2.0\nnum_ar_buckets = 3.0", "", "error LB313 num_ar_buckets"),
    ("sdxl", "enable_ar_bucket = true\nar_buckets = ['1:1']", "", "error LB315 ar_buckets[0]"),
    ("sdxl", "size_buckets = [[512, 512]]", "", "error LB315 size_buckets[0]"),
    ("sdxl", "size_buckets = []", "", "error LB315 size_buckets"),
    ("sdxl", "size_buckets = [[512, 512, 33]]", "", "error LB323 size_buckets"),
    ("wan", "frame_buckets = 33", "", "error LB313 frame_buckets"),
    ("wan", "frame_buckets = [1, 32]", "", "warning LB317 frame_buckets[1]"),
    ("minimax_h3", "frame_buckets = [1, 33]", "", "warning LB317 frame_buckets[1]"),
    ("wan", "", "resolutions = [512, [480, 0]]", "error LB320"),
    ("wan", "", "resolutions = [[480, 0]]", "error LB316 directory[0].resolutions[0]"),
    ("sdxl", "", "resolutions = [256, 512, 768, 1024]", "warning LB323 directory[0].resolutions"),
    ("sdxl", "subsample_ratio = '0.5'", "", "error LB313 subsample_ratio"),
    ("sdxl", "subsample_ratio = -0.5", "", "error LB317 subsample_ratio"),
    ("sdxl", "subsample_ratio = 2.0", "", "warning LB317 subsample_ratio"),
    ("sdxl", "cache_shuffle_num = -1", "", "error LB316 cache_shuffle_num"),
    ("sdxl", "", "mask_path = ''", "error LB317 directory[0].mask_path"),
    ("sdxl", "", "resolutions = []", "error LB315 directory[0].resolutions"),
    ("sdxl", "", "resolutions = ['512']", "error LB315 directory[0].resolutions[0]"),
    ("sdxl", "", "resolutions = [8]", "warning LB317 directory[0].resolutions[0]"),
    ("sdxl", "size_buckets = 512", "", "error LB313 size_buckets"),
    ("sdxl", "size_buckets = [512, 512, 1]", "", "error LB313 size_buckets[0]"),
    ("sdxl", "size_buckets = [[512, 0, 1]]", "", "error LB316 size_buckets[0]"),
    ("sdxl", "size_buckets = [[512, 512, 1]]", "", "warning LB312 resolutions"),
    ("sdxl", "enable_ar_bucket = true\nar_buckets = 1.0", "", "error LB313 ar_buckets"),
    ("sdxl", "enable_ar_bucket = true\nar_buckets = [0.0, 1.0]", "", "error LB315 ar_buckets[0]"),
    ("sdxl", "enable_ar_bucket = true\nar_buckets = [1.0]\nmin_ar = 0.5", "", "warning LB312 min_ar"),
    ("sdxl", "enable_ar_bucket = true\nmin_ar = 0.5\nmax_ar = 2.0\nnum_ar_buckets = -1", "", "error LB315 num_ar_buckets"),
    ("sdxl", "enable_ar_bucket = true\nmin_ar = 0.5\nmax_ar = 2.0\nnum_ar_buckets = 1", "", "warning LB317 num_ar_buckets"),
    ("sdxl", "enable_ar_bucket = true\nmin_ar = 0\nmax_ar = 2.0\nnum_ar_buckets = 3", "", "error LB315 min_ar"),
    ("wan", "frame_buckets = ['33']", "", "error LB313 frame_buckets[0]"),
    ("wan", "frame_buckets = [0, 1]", "", "warning LB317 frame_buckets[0]"),
    ("sdxl", "frame_buckets = [1, 33]", "", "hint LB312 frame_buckets"),
    ("cosmos", "", "", "warning LB323 resolutions"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "top", "directory", "expected"), DATA, ids=[f"{row[1]}|{row[2]}" for row in DATA])
def test_dataset(model: str, top: str, directory: str, expected: str) -> None:
    assert expected in told(check(main_text(model), DATASET.format(top=top, directory=directory)))


def test_good_datasets() -> None:
    for top in (
        "num_repeats = 1.5",
        "subsample_ratio = 0",
        "skip_empty_caption = false",
        "enable_ar_bucket = true\nar_buckets = [[1, 1], [2, 3]]",
        "frame_buckets = [1, 33]",
    ):
        assert told(check(main_text("wan"), DATASET.format(top=top, directory=""))) == [], top


def test_keys_that_must_stand_at_the_top() -> None:
    below = "[[directory]]\npath = '/data/p'\nresolutions = [512]\n"
    assert told(check(dataset=below)) == ["error LB318 directory[0].resolutions"]
    sized = "[[directory]]\npath = '/data/p'\nsize_buckets = [[512, 512, 1]]\n"
    assert told(check(dataset=sized)) == []


@pytest.mark.parametrize(("text", "expected"), [
    ("resolutions = [512]\n[directory]\npath = '/data/p'\n", "error LB313 directory"),
    ("resolutions = [512]\n", "error LB318 directory"),
    ("resolutions = [512]\n[[directory]]\nnum_repeats = 2\n", "error LB318 directory[0]"),
    ("resolutions = 512\n[[directory]]\npath = '/data/p'\n", "error LB313 resolutions"),
])  # fmt: skip
def test_shape_of_the_dataset(text: str, expected: str) -> None:
    assert expected in told(check(dataset=text))


def test_positions() -> None:
    found = check(main_text(top="save_every_n_steps = 0"))
    assert [(item.span.line, item.span.column) for item in found if item.span] == [(5, 22)]
    assert "step" in found[0].why


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ("", "error LB318 epochs"),
        ("max_steps = 2", "warning LB318 epochs"),
        ("max_steps = 2\nlr_scheduler = 'cosine'", "error LB318 epochs"),
    ],
)
def test_without_epochs(top: str, expected: str) -> None:
    assert expected in told(check(main_text(top=top, without="epochs")))


def test_betas_are_numbers_with_a_decimal_point() -> None:
    text = main_text()
    assert "error LB315 optimizer.betas" in told(check(text.replace("[optimizer]", "[optimizer]\nbetas = [0, 0]", 1)))
    assert "error LB315 optimizer.betas" not in told(check(text.replace("[optimizer]", "[optimizer]\nbetas = [0.0, 0.9]", 1)))
