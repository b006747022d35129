# cache-latents
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' '{home}/src/musubi_tuner/cache_latents.py' --dataset_config '{files}/dataset.toml' --vae /m/vae.pt --vae_dtype float16

# cache-text
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' '{home}/src/musubi_tuner/cache_text_encoder_outputs.py' --dataset_config '{files}/dataset.toml' --text_encoder1 /m/llava.safetensors --text_encoder2 /m/clip.safetensors --fp8_llm

# train
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' -m accelerate.commands.launch --config_file '{files}/accelerate.yaml' --num_cpu_threads_per_process 1 '{home}/src/musubi_tuner/hv_train_network.py' --config_file '{files}/train.toml' --dataset_config '{files}/dataset.toml'
