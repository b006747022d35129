# cache-latents
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' '{home}/src/musubi_tuner/qwen_image_cache_latents.py' --dataset_config '{files}/dataset.toml' --vae /m/v.safetensors --model_version edit-2509

# cache-text
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' '{home}/src/musubi_tuner/qwen_image_cache_text_encoder_outputs.py' --dataset_config '{files}/dataset.toml' --text_encoder /m/t.safetensors --model_version edit-2509

# train
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' -m accelerate.commands.launch --config_file '{files}/accelerate.yaml' --num_cpu_threads_per_process 1 '{home}/src/musubi_tuner/qwen_image_train_network.py' --config_file '{files}/train.toml' --dataset_config '{files}/dataset.toml' --sample_prompts '{files}/samples.json'
