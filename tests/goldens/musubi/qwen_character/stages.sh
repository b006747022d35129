# cache-latents
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' '{home}/src/musubi_tuner/qwen_image_cache_latents.py' --dataset_config '{files}/dataset.toml' --vae /models/qwen_image_vae.safetensors --model_version original --batch_size 4 --num_workers 1 --skip_existing --disable_cudnn_backend

# cache-text
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' '{home}/src/musubi_tuner/qwen_image_cache_text_encoder_outputs.py' --dataset_config '{files}/dataset.toml' --text_encoder /models/qwen_2.5_vl_7b.safetensors --model_version original --fp8_vl --batch_size 16 --num_workers 8 --skip_existing

# train
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' '{python}' -m accelerate.commands.launch --config_file '{files}/accelerate.yaml' --num_cpu_threads_per_process 1 '{home}/src/musubi_tuner/qwen_image_train_network.py' --config_file '{files}/train.toml' --dataset_config '{files}/dataset.toml' --sample_prompts '{files}/samples.json'
