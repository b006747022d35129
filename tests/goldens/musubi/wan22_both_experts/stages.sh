# cache-latents
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' CUDA_VISIBLE_DEVICES=0 OMP_NUM_THREADS=4 '{python}' '{home}/src/musubi_tuner/wan_cache_latents.py' --dataset_config '{files}/dataset.toml' --vae /models/vae.pth

# cache-text
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' CUDA_VISIBLE_DEVICES=0 OMP_NUM_THREADS=4 '{python}' '{home}/src/musubi_tuner/wan_cache_text_encoder_outputs.py' --dataset_config '{files}/dataset.toml' --t5 /models/t5.pth

# train
PYTHONUNBUFFERED=1 PYTHONUTF8=1 PYTHONPATH='{home}/src' CUDA_VISIBLE_DEVICES=0,1 OMP_NUM_THREADS=4 '{python}' -m accelerate.commands.launch --config_file '{files}/accelerate.yaml' --num_cpu_threads_per_process 4 '{home}/src/musubi_tuner/wan_train_network.py' --config_file '{files}/train.toml' --dataset_config '{files}/dataset.toml' --sample_prompts '{files}/samples.json'
