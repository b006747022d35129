"""Small checkouts with the trainers' entry points, written for the tests: nothing in them is the trainers' code.

Each reads the configuration in its own honest way; `edits` (file to replacements) make one dishonest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Edits = Mapping[str, tuple[str, str]]

MUSUBI = {
    "src/musubi_tuner/__init__.py": "",
    "src/musubi_tuner/training/__init__.py": "",
    "src/musubi_tuner/training/trainer_base.py": "import torch\n\nclass NetworkTrainer:\n    def train(self, args):\n        torch.cuda.real_work()\n",
    "src/musubi_tuner/dataset/__init__.py": "",
    "src/musubi_tuner/dataset/config_utils.py": '''
from dataclasses import dataclass, fields
from types import SimpleNamespace
import toml
import torch

@dataclass
class Params:
    resolution: tuple = (960, 544)
    enable_bucket: bool = False
    bucket_no_upscale: bool = False
    caption_extension: str = None
    batch_size: int = 1
    num_repeats: int = 1
    cache_directory: str = None
    image_directory: str = None

def load_user_config(file):
    return toml.load(file)

class ConfigSanitizer:
    pass

class BlueprintGenerator:
    def __init__(self, sanitizer):
        pass

    def generate(self, user, args, **more):
        names = {item.name for item in fields(Params)}
        made = []
        for table in user["datasets"]:
            unknown = set(table) - names
            if unknown:
                raise ValueError(f"extra keys not allowed: {sorted(unknown)}")
            made.append(SimpleNamespace(params=Params(**table)))
        return SimpleNamespace(dataset_group=SimpleNamespace(datasets=made))
''',
    "src/musubi_tuner/common.py": '''
import argparse
import toml

def parser():
    made = argparse.ArgumentParser()
    for name in ("config_file", "dataset_config", "sample_prompts", "dit", "vae", "text_encoder", "model_version", "output_dir", "output_name",
                 "network_module", "optimizer_type", "save_precision", "mixed_precision", "log_with", "logging_dir", "network_weights", "resume"):
        made.add_argument(f"--{name}")
    for name in ("network_dim", "max_train_steps", "max_train_epochs", "seed", "gradient_accumulation_steps", "save_every_n_steps",
                 "save_every_n_epochs", "save_last_n_steps", "save_last_n_epochs", "sample_every_n_steps", "sample_every_n_epochs",
                 "blocks_to_swap", "min_timestep", "max_timestep", "max_data_loader_n_workers", "lr_warmup_steps"):
        made.add_argument(f"--{name}", type=int)
    for name in ("network_alpha", "learning_rate", "max_grad_norm", "discrete_flow_shift", "sigmoid_scale", "network_dropout"):
        made.add_argument(f"--{name}", type=float)
    for name in ("gradient_checkpointing", "sdpa", "fp8_base", "fp8_scaled", "fp8_vl", "sample_at_first", "persistent_data_loader_workers", "save_state"):
        made.add_argument(f"--{name}", action="store_true")
    made.add_argument("--lr_scheduler", default="constant", choices=["constant", "cosine"])
    made.add_argument("--timestep_sampling", default="sigma")
    made.add_argument("--weighting_scheme", default="none")
    made.add_argument("--optimizer_args", nargs="*")
    made.add_argument("--network_args", nargs="*")
    return made

def read(parser):
    args = parser.parse_args()
    if args.config_file:
        with open(args.config_file) as stream:
            given = toml.load(stream)
        args = parser.parse_args(namespace=argparse.Namespace(**given))
    return args
''',
    "src/musubi_tuner/qwen_image_train_network.py": '''
import torch
from musubi_tuner.common import parser, read
from musubi_tuner.training.trainer_base import NetworkTrainer

class QwenImageNetworkTrainer(NetworkTrainer):
    pass

def main():
    args = read(parser())
    QwenImageNetworkTrainer().train(args)
''',
}  # fmt: skip
_CACHE = """
import torch
from musubi_tuner.common import parser
from musubi_tuner.dataset import config_utils

def main():
    args = parser().parse_args()
    config_utils.load_user_config(args.dataset_config)
    torch.load_the_model()
"""
for _name in ("qwen_image_cache_latents", "qwen_image_cache_text_encoder_outputs"):
    MUSUBI[f"src/musubi_tuner/{_name}.py"] = _CACHE

AI_TOOLKIT = {
    "run.py": "",
    "toolkit/__init__.py": "",
    "toolkit/config.py": "import yaml\n\ndef get_config(path, name=None):\n    with open(path) as stream:\n        return yaml.safe_load(stream)\n",
    "toolkit/extension.py": "class Extension:\n    pass\n",
    "toolkit/config_modules.py": '''
import torch

class Held:
    def __init__(self, **kwargs):
        self.dtype = kwargs.get("dtype", "fp32")

class TrainConfig(Held):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = kwargs.get("steps", 1000)
        self.lr = kwargs.get("lr", 1e-6)
        self.optimizer = kwargs.get("optimizer", "adamw")
        self.optimizer_params = kwargs.get("optimizer_params", {})
        self.batch_size = kwargs.get("batch_size", 1)
        self.gradient_accumulation = kwargs.get("gradient_accumulation", 1)
        self.gradient_checkpointing = kwargs.get("gradient_checkpointing", True)
        self.loss_type = kwargs.get("loss_type", "mse")
        self.train_text_encoder = kwargs.get("train_text_encoder", False)
        self.noise_scheduler = kwargs.get("noise_scheduler", "ddpm")
        self.timestep_type = kwargs.get("timestep_type", "sigmoid")
        self.content_or_style = kwargs.get("content_or_style", "balanced")
        self.max_grad_norm = kwargs.get("max_grad_norm", 1.0)
        self.lr_scheduler = kwargs.get("lr_scheduler", "constant")
        self.lr_scheduler_params = kwargs.get("lr_scheduler_params", {})
        self.cache_text_embeddings = kwargs.get("cache_text_embeddings", False)
        self.disable_sampling = kwargs.get("disable_sampling", False)
        self.ema_config = kwargs.get("ema_config", None)

class ModelConfig:
    def __init__(self, **kwargs):
        self.name_or_path = kwargs.get("name_or_path", None)
        self.arch = kwargs.get("arch", None).split(":")[0]
        self.extras = kwargs.get("extras_name_or_path", None)
        self.quantize = kwargs.get("quantize", False)
        self.quantize_te = kwargs.get("quantize_te", False)
        self.vae_path = kwargs.get("vae_path", None)

class NetworkConfig:
    def __init__(self, **kwargs):
        self.type = kwargs.get("type", "lora")
        rank = kwargs.get("linear", 4)
        self.linear = rank
        self.linear_alpha = kwargs.get("linear_alpha", 1.0)

class SaveConfig:
    def __init__(self, **kwargs):
        self.save_every = kwargs.get("save_every", 1000)
        self.dtype = kwargs.get("dtype", "float16")
        self.max_step_saves_to_keep = kwargs.get("max_step_saves_to_keep", 5)

class LoggingConfig:
    def __init__(self, **kwargs):
        self.log_every = kwargs.get("log_every", 100)
        self.use_ui_logger = kwargs.get("use_ui_logger", False)

class DatasetConfig:
    def __init__(self, **kwargs):
        self.folder_path = kwargs.get("folder_path", None)
        self.caption_ext = kwargs.get("caption_ext", ".txt")
        self.num_repeats = kwargs.get("num_repeats", 1)
        self.resolution = kwargs.get("resolution", 512)
        self.cache_latents_to_disk = kwargs.get("cache_latents_to_disk", False)
''',
    "jobs/__init__.py": '''
class BaseJob:
    def __init__(self, config):
        self.config, self.job, self.meta = config["config"], config["job"], config.get("meta", {})
        self.name = self.config["name"]

    def load_processes(self, kinds):
        self.process = [kinds[table["type"]](index, self, table) for index, table in enumerate(self.config["process"])]
''',
    "jobs/process/__init__.py": '''
from jobs.process.BaseTrainProcess import BaseTrainProcess
from jobs.process.BaseSDTrainProcess import BaseSDTrainProcess
''',
    "jobs/process/BaseTrainProcess.py": '''
import os

class BaseTrainProcess:
    def __init__(self, index, job, config):
        self.job, self.raw_process_config = job, config
        self.training_seed = self.get_conf("training_seed", None)
        self.training_folder = self.get_conf("training_folder", None)
        self.performance_log_every = self.get_conf("performance_log_every", 0)
        self.trigger_word = self.get_conf("trigger_word", None)
        self.save_training_config()

    def get_conf(self, key, default=None):
        return self.raw_process_config.get(key, default)

    def save_training_config(self):
        os.makedirs(self.training_folder)
''',
    "jobs/process/BaseSDTrainProcess.py": '''
from jobs.process.BaseTrainProcess import BaseTrainProcess
from toolkit.config_modules import DatasetConfig, LoggingConfig, ModelConfig, NetworkConfig, SaveConfig, TrainConfig
from toolkit.logging import create_logger

class BaseSDTrainProcess(BaseTrainProcess):
    def __init__(self, index, job, config):
        super().__init__(index, job, config)
        self.train_config = TrainConfig(**self.get_conf("train", {}))
        self.model_config = ModelConfig(**self.get_conf("model", {}))
        self.network_config = NetworkConfig(**self.get_conf("network", {}))
        self.save_config = SaveConfig(**self.get_conf("save", {}))
        self.logging_config = LoggingConfig(**self.get_conf("logging", {}))
        self.dataset_configs = []
        for table in self.get_conf("datasets"):
            sizes = table["resolution"]
            for size in sizes if isinstance(sizes, list) else [sizes]:
                self.dataset_configs.append(DatasetConfig(**{**table, "resolution": size}))
''',
    "toolkit/logging.py": "def create_logger(*args):\n    raise RuntimeError('a logger was made')\n",
    "extensions_built_in/__init__.py": "",
    "extensions_built_in/sd_trainer/__init__.py": '''
from toolkit.extension import Extension

class DiffusionTrainerExtension(Extension):
    uid = "diffusion_trainer"

    @classmethod
    def get_process(cls):
        from jobs.process import BaseSDTrainProcess
        return BaseSDTrainProcess
''',
}  # fmt: skip

DIFFUSION_PIPE = {
    "train.py": '''
import argparse
import deepspeed
import torch
from utils.common import DTYPE_MAP

parser = argparse.ArgumentParser()
parser.add_argument("--config", help="Path")
parser.add_argument("--regenerate_cache", action="store_true")
parser.add_argument("--resume_from_checkpoint", nargs="?", const=True, default=None)
parser = deepspeed.add_config_arguments(parser)
args = parser.parse_args()

def set_config_defaults(config):
    config.setdefault("pipeline_stages", 1)
    config["model"]["dtype"] = DTYPE_MAP[config["model"]["dtype"]]
    if "save_dtype" in config:
        config["save_dtype"] = DTYPE_MAP[config["save_dtype"]]
    config["adapter"]["alpha"] = config["adapter"]["rank"]

if __name__ == "__main__":
    model_type = config["model"]["type"]
    if model_type == 'qwen_image':
        from models import qwen_image
        model = qwen_image.QwenImagePipeline(config)
    print(config["output_dir"], config["dataset"], config["epochs"], config.get("max_steps", None), config["lr_scheduler"])
    print(config.get("micro_batch_size_per_gpu", 1), config.get("gradient_accumulation_steps", 1), config.get("gradient_clipping", 1.0))
    print(config.get("steps_per_print", 1), config["logging_steps"], config["compile"], config["pipeline_stages"])
    print(config["activation_checkpointing"], config.get("warmup_steps", 0), config.get("blocks_to_swap", 0))
    optim_config = config["optimizer"]
    kwargs = {k: v for k, v in optim_config.items() if k not in ["type"]}
''',
    "utils/__init__.py": "",
    "utils/common.py": '''
import torch

DTYPE_MAP = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}

def is_main_process():
    return True

def get_t(model_config):
    return model_config.get("timestep_sample_method", "logit_normal"), model_config.get("sigmoid_scale", 1.0)

def nobody_calls_this(model_config):
    return model_config.get("shift", None)
''',
    "utils/saver.py": "def save(config):\n    return config.get('save_every_n_steps'), config['save_dtype']\n",
    "utils/dataset.py": '''
import torch
from pathlib import Path
from utils.common import is_main_process

class DirectoryDataset:
    def __init__(self, directory_config, dataset_config):
        self.directory_config = directory_config
        self.path = Path(directory_config["path"])
        if not self.path.exists() or not self.path.is_dir():
            raise RuntimeError("no such folder")
        self.resolutions = directory_config.get("resolutions", dataset_config.get("resolutions"))
        self.ars = [1.0] if directory_config.get("enable_ar_bucket", dataset_config.get("enable_ar_bucket", False)) else []
        self.shape = [directory_config.get(key, dataset_config.get(key)) for key in ("min_ar", "max_ar", "num_ar_buckets")]
        for key in ("min_ar", "max_ar", "num_ar_buckets"):
            dataset_config.get(key)
        self.skip = directory_config.get("skip_empty_caption", dataset_config.get("skip_empty_caption", True))

    def later(self):
        return self.directory_config["num_repeats"]

class Dataset:
    def __init__(self, dataset_config, model):
        if not is_main_process():
            dataset_config.get("enable_ar_bucket")
        model.model_specific_dataset_config_validation(dataset_config)
        self.directory_datasets = [DirectoryDataset(item, dataset_config) for item in dataset_config["directory"]]
''',
    "models/__init__.py": "",
    "models/base.py": '''
class BasePipeline:
    def configure(self, adapter_config):
        return adapter_config["type"], adapter_config["rank"], adapter_config["alpha"], adapter_config.get("dropout", 0.0), adapter_config.get("exclude_modules")
''',
    "models/qwen_image.py": '''
import torch
from models.base import BasePipeline
from utils.common import get_t

class QwenImagePipeline(BasePipeline):
    framerate = None
    pixels_round_to_multiple = 16

    def __init__(self, config):
        self.model_config = config["model"]
        print(self.model_config["type"], self.model_config["transformer_path"], self.model_config["vae_path"], self.model_config["text_encoder_path"])
        self.t = get_t(self.model_config), self.model_config["dtype"], self.model_config.get("shift")
''',
}  # fmt: skip

CHECKOUTS = {"musubi": MUSUBI, "ai-toolkit": AI_TOOLKIT, "diffusion-pipe": DIFFUSION_PIPE}


def checkout(folder: Path, trainer: str, edits: Edits | None = None) -> Path:
    """Write a checkout. An edit that finds nothing to replace is a mistake of the test."""
    for name, text in CHECKOUTS[trainer].items():
        old, new = (edits or {}).get(name, ("", ""))
        assert old in text, (name, old)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    return folder
