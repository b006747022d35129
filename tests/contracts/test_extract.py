"""Whole small trainers, laid out as the real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lorabridge.contracts.extract import extract, recognise

Tree = Callable[[dict[str, str]], Path]

MUSUBI = {
    ".git/HEAD": "1" * 40,
    "pyproject.toml": '[project]\nversion = "9.1"\n',
    "train_network.py": "from pkg.train_network import main\nif __name__ == '__main__':\n    main()\n",
    "src/musubi_tuner/shared.py": """
        import argparse
        def setup_parser_common():
            parser = argparse.ArgumentParser()
            parser.add_argument("--steps", type=int, default=1600)
            parser.set_defaults(fp8_scaled=False)
            return parser
        """,
    "src/musubi_tuner/a_train.py": """
        import torch
        from musubi_tuner.shared import setup_parser_common
        def a_setup_parser(parser):
            parser.add_argument("--fp8_scaled", action="store_true")
            return parser
        def main():
            parser = a_setup_parser(setup_parser_common())
            args = parser.parse_args()
        if __name__ == "__main__":
            main()
        """,
    "src/musubi_tuner/b_train.py": """
        from musubi_tuner.shared import setup_parser_common
        from musubi_tuner import a_train
        def main():
            parser = setup_parser_common()
            parser = a_train.a_setup_parser(parser)
            parser.set_defaults(steps=7)
            parser.parse_args()
        if __name__ == "__main__":
            main()
        """,
    "src/musubi_tuner/a_generate_image.py": "import argparse\nif __name__ == '__main__':\n    p = argparse.ArgumentParser()\n    p.add_argument('--no')\n",
    "src/musubi_tuner/helpers.py": "import argparse\ndef f():\n    return argparse.ArgumentParser()\n",
    "src/musubi_tuner/dataset/config_utils.py": """
        from dataclasses import dataclass
        from typing import Optional, Tuple
        @dataclass
        class BaseDatasetParams:
            resolution: Tuple[int, int] = (960, 544)
            num_repeats: int = 1
        @dataclass
        class ImageDatasetParams(BaseDatasetParams):
            image_directory: Optional[str] = None
        class ConfigSanitizer:
            DATASET_ASCENDABLE_SCHEMA = {"num_repeats": int, "resolution": check}
            IMAGE_DATASET_DISTINCT_SCHEMA = {"image_directory": str, "indices": [int]}
        """,
}


def test_musubi(tree: Tree) -> None:
    found = extract(tree(MUSUBI))
    assert (found.trainer, found.commit, found.version) == ("musubi", "1" * 40, "9.1")
    assert set(found.sections) == {"a_train", "b_train", "dataset.general", "dataset.datasets[] (image)", "dataset.datasets[] (video)"}
    assert {name: entry.default for name, entry in found.sections["a_train"].keys.items()} == {"steps": 1600, "fp8_scaled": False}
    assert found.sections["b_train"].keys["steps"].default == 7
    assert found.sections["b_train"].keys["steps"].at == "shared.py:5"
    image = found.sections["dataset.datasets[] (image)"].keys
    assert {name: (entry.type, entry.default) for name, entry in image.items()} == {
        "num_repeats": ("int", 1),
        "resolution": ("tuple", [960, 544]),
        "image_directory": ("str", None),
        "indices": ("list", None),
    }


def test_musubi_before_it_was_a_package(tree: Tree) -> None:
    loose = {
        name.removeprefix("src/musubi_tuner/"): text.replace("musubi_tuner.", "").replace("from musubi_tuner import", "import")
        for name, text in MUSUBI.items()
    }
    loose |= {"hv_train_network.py": loose.pop("a_train.py")}
    del loose["b_train.py"], loose["train_network.py"]
    assert set(extract(tree(loose)).sections["hv_train_network"].keys) == {"steps", "fp8_scaled"}


DIFFUSION_PIPE = {
    "train.py": """
        import argparse, json, toml, deepspeed, torch
        import utils.saver
        from utils import dataset as dataset_util
        parser = argparse.ArgumentParser()
        parser.add_argument('--config')
        parser = deepspeed.add_config_arguments(parser)
        args = parser.parse_args()
        DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
        def set_defaults(config):
            config.setdefault('pipeline_stages', 1)
            model_config = config['model']
            model_config['dtype'] = DTYPES[model_config['dtype']]
            config['adapter'].setdefault('dropout', 0.0)
            if 'alpha' in config['adapter']:
                raise NotImplementedError()
        if __name__ == '__main__':
            with open(args.config) as f:
                config = json.loads(json.dumps(toml.load(f)))
            set_defaults(config)
            model_type = config['model']['type']
            if model_type == 'flux':
                from models import flux
                model = flux.Flux(config)
            elif model_type == 'wan' or model_type == 'wan2':
                from models import wan
                model = wan.Wan(config)
            else:
                raise NotImplementedError
            with open(config['dataset']) as f:
                dataset_config = toml.load(f)
            data = dataset_util.Dataset(dataset_config, model)
            def get_optimizer(params):
                optim_config = config['optimizer']
                kind = optim_config['type'].lower()
                kwargs = {k: v for k, v in optim_config.items() if k not in ['type']}
                if kind == 'own':
                    from optimizers import own
                    klass = own.Own
                else:
                    klass = torch.optim.AdamW
                if kind == 'own':
                    return own.Own(params, **kwargs)
                return klass(params, **kwargs)
            engine = deepspeed.initialize(optimizer=get_optimizer)
            saver = utils.saver.Saver(config)
        """,
    "models/base.py": """
        class Base:
            def __init__(self, config):
                self.config = config
                self.model_config = config['model']
            def get_loss_fn(self):
                def loss(output):
                    return self.config.get('huber', 0.1)
                return loss
        """,
    "models/flux.py": "from models.base import Base\nclass Flux(Base):\n    def __init__(self, config):\n        super().__init__(config)\n        self.model_config.get('guidance', 1.0)\n",
    "models/wan.py": "from models.base import Base\nclass Wan(Base):\n    def load(self):\n        return self.model_config['t5']\n    def get_loss_fn(self):\n        return None\n",
    "optimizers/own.py": "class Own:\n    def __init__(self, params, lr=1e-3, stabilize=True):\n        pass\n",
    "utils/saver.py": "class Saver:\n    def __init__(self, config):\n        self.config = config\n    def step(self):\n        return need(self.config)\ndef need(config):\n    return 'every' in config\n",
    "utils/dataset.py": """
        class Dataset:
            def __init__(self, dataset_config, model):
                for directory_config in dataset_config['directory']:
                    directory_config.get('repeats', dataset_config.get('repeats', 1))
                    directory_config['path']
        """,
}


def test_diffusion_pipe(tree: Tree) -> None:
    found = extract(tree(DIFFUSION_PIPE))
    assert found.trainer == "diffusion-pipe"
    assert {name: set(section.keys) for name, section in found.sections.items()} == {
        "main": {"pipeline_stages", "model", "adapter", "dataset", "optimizer", "huber", "every"},
        "model.flux": {"type", "dtype", "guidance"},
        "model.wan": {"type", "dtype", "t5"},
        "model.wan2": {"type", "dtype", "t5"},
        "adapter": {"alpha", "dropout"},
        "optimizer": {"type"},
        "optimizer.own": {"type", "lr", "stabilize"},
        "dataset": {"directory", "repeats"},
        "directory[]": {"repeats", "path"},
        "args": {"config"},
    }
    assert found.sections["model.flux"].keys["dtype"].choices == ("float32", "bfloat16")
    assert found.sections["main"].keys["huber"].only == ("flux",)
    assert found.sections["adapter"].keys["alpha"].refused
    assert found.sections["args"].takes == ("deepspeed.add_config_arguments",)
    assert found.sections["optimizer"].takes == ("torch.optim.AdamW",)
    assert found.sections["directory[]"].keys["repeats"].facts() == {"default": 1, "default_of": "dataset.repeats"}


AI_TOOLKIT = {
    "version.py": 'VERSION = "1.2"\n',
    "jobs/BaseJob.py": """
        class BaseJob:
            def __init__(self, config):
                self.config = config['config']
                self.job = config['job']
                self.name = self.get_conf('name', required=True)
            def get_conf(self, key, default=None, required=False):
                return self.config[key]
            def load_processes(self, table):
                for i, process in enumerate(self.config['process']):
                    if 'type' not in process:
                        raise ValueError
                    process['type']
        """,
    "jobs/ExtensionJob.py": "from jobs.BaseJob import BaseJob\nclass ExtensionJob(BaseJob):\n    def __init__(self, config):\n        super().__init__(config)\n        self.device = self.get_conf('device', 'cpu')\n",
    "jobs/process.py": """
        from toolkit.config_modules import NetworkConfig, DatasetConfig
        class BaseProcess:
            def __init__(self, number, job, config):
                self.config = config
            def get_conf(self, key, default=None, required=False, as_type=None):
                return self.config[key]
        class BaseSDTrainProcess(BaseProcess):
            def __init__(self, number, job, config):
                super().__init__(number, job, config)
                network = self.get_conf('network', None)
                if network is not None:
                    self.network = NetworkConfig(**network)
                else:
                    self.network = None
                for raw in self.get_conf('datasets', []):
                    data = DatasetConfig(**raw)
            def run(self):
                return self.get_conf('late', 1)
        class Unrelated(BaseProcess):
            def run(self):
                return self.get_conf('elsewhere')
        """,
    "toolkit/config_modules.py": """
        from typing import Literal
        class NetworkConfig:
            def __init__(self, **kwargs):
                self.type: Literal['lora', 'lokr'] = kwargs.get('type', 'lora')
        class DatasetConfig:
            def __init__(self, **kwargs):
                self.folder_path: str = kwargs.get('folder_path', None)
        class ModelConfig:
            def __init__(self, **kwargs):
                self.model_kwargs = kwargs.get('model_kwargs', {})
        class SliderConfig:
            def __init__(self, **kwargs):
                self.weight = kwargs.get('weight', 1.0)
        """,
    "extensions_built_in/train/__init__.py": """
        class Extension: pass
        class Plain(Extension):
            uid = "diffusion_trainer"
            @classmethod
            def get_process(cls):
                from jobs.process import BaseSDTrainProcess
                return BaseSDTrainProcess
        class Slider(Extension):
            uid = "slider"
            @classmethod
            def get_process(cls):
                from .slider import SliderProcess
                return SliderProcess
        class Other(Extension):
            uid = "other"
            @classmethod
            def get_process(cls):
                from jobs.process import Unrelated
                return Unrelated
        """,
    "extensions_built_in/train/slider.py": """
        from jobs.process import BaseSDTrainProcess
        from toolkit.config_modules import SliderConfig
        class SliderProcess(BaseSDTrainProcess):
            def __init__(self, number, job, config, **kwargs):
                super().__init__(number, job, config)
                self.slider = SliderConfig(**self.config.get('slider', {}))
        """,
    "extensions_built_in/models/thing.py": "class Thing:\n    def load(self):\n        return self.model_config.model_kwargs.get('edit', False)\n",
}


def test_ai_toolkit(tree: Tree) -> None:
    found = extract(tree(AI_TOOLKIT))
    assert (found.trainer, found.version, found.commit) == ("ai-toolkit", "1.2", "")
    assert {name: set(section.keys) for name, section in found.sections.items()} == {
        "job": {"config", "job"},
        "config": {"name", "device", "process"},
        "process": {"type", "network", "datasets", "late"},
        "network": {"type"},
        "datasets[]": {"folder_path"},
        "process (slider)": {"slider"},
        "slider (slider)": {"weight"},
        "model.model_kwargs": {"edit"},
    }
    assert found.sections["network"].keys["type"].suggested == ("lora", "lokr")
    assert found.sections["config"].keys["name"].required


@pytest.mark.parametrize(
    ("files", "name"), [(MUSUBI, "musubi"), (DIFFUSION_PIPE, "diffusion-pipe"), (AI_TOOLKIT, "ai-toolkit"), ({"x.py": ""}, None)]
)
def test_recognised(tree: Tree, files: dict[str, str], name: str | None) -> None:
    assert recognise(tree(files)) == name


def test_twice_the_same_bytes(tree: Tree) -> None:
    from lorabridge.contracts.model import dumps

    root = tree(AI_TOOLKIT)
    assert dumps(extract(root)) == dumps(extract(root))
