# cache-latents
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' '{home}/src/musubi_tuner/hidream_o1_cache_pixel.py' --dataset_config '{files}/dataset.toml'

# cache-text
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' '{home}/src/musubi_tuner/hidream_o1_cache_text_encoder_outputs.py' --dataset_config '{files}/dataset.toml' --model_type full

# train
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' -m accelerate.commands.launch --config_file '{files}/accelerate.yaml' --num_cpu_threads_per_process 1 '{home}/src/musubi_tuner/hidream_o1_train_network.py' --config_file '{files}/train.toml' --dataset_config '{files}/dataset.toml' --sample_prompts '{files}/samples.json'
