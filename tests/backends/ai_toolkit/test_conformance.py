"""The trainer's own reader, configuration classes and model registry on what is compiled.

Needs a checkout with its Python environment: LORABRIDGE_AI_TOOLKIT_HOME (and LORABRIDGE_AI_TOOLKIT_PYTHON). No model is
loaded and no picture is read.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lorabridge.backends.ai_toolkit import locate
from lorabridge.backends.ai_toolkit.archs import ARCHS
from lorabridge.backends.base import Site
from lorabridge.config.load import load
from lorabridge.families.check import needs_of
from lorabridge.families.table import FAMILIES
from lorabridge.plan.compile import compile_config

HOME = os.environ.get("LORABRIDGE_AI_TOOLKIT_HOME")
pytestmark = [
    pytest.mark.trainer,
    pytest.mark.skipif(not HOME, reason="needs a checkout of ai-toolkit: set LORABRIDGE_AI_TOOLKIT_HOME"),
]
GOLDENS = Path(__file__).parents[2] / "goldens" / "ai_toolkit"

SCRIPT = """
import contextlib, json, sys
with contextlib.redirect_stdout(sys.stderr):
    from toolkit.config import get_config
    from toolkit.config_modules import (DatasetConfig, LoggingConfig, ModelConfig, NetworkConfig, SampleConfig, SaveConfig,
        TrainConfig, preprocess_dataset_raw_config, validate_configs)
    from toolkit.util.get_model import get_model_class
    found = {}
    for path in sys.argv[1:]:
        try:
            process = get_config(path)["config"]["process"][0]
            train = TrainConfig(**process["train"])
            model = ModelConfig(**{**process["model"], "dtype": train.dtype})
            datasets = [DatasetConfig(**item) for item in preprocess_dataset_raw_config(process["datasets"])]
            save, sample = SaveConfig(**process["save"]), SampleConfig(**process.get("sample", {}))
            network, logging = NetworkConfig(**process["network"]), LoggingConfig(**process["logging"])
            validate_configs(train, model, save, datasets)
            found[path] = {"arch": model.arch, "class": get_model_class(model).__name__, "steps": train.steps, "lr": train.lr,
                "qtype": model.qtype, "rank": network.linear, "alpha": network.linear_alpha, "keep": save.max_step_saves_to_keep,
                "every": save.save_every, "neg": sample.neg, "prompts": sample.prompts, "log": logging.log_every,
                "sizes": [data.resolution for data in datasets], "timesteps": train.timestep_type, "noise": train.noise_scheduler}
        except Exception as error:
            found[path] = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(found))
"""


def ask(paths: list[Path]) -> dict[str, Any]:
    """What the trainer reads from these jobs."""
    home = locate(dict(os.environ))
    assert home is not None
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(home.home), "NO_ALBUMENTATIONS_UPDATE": "1"}
    done = subprocess.run(
        [str(home.python), "-c", SCRIPT, *map(str, paths)], cwd=home.home, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))


def text(family: str, variant: str, paths: tuple[str, ...]) -> str:
    """A small configuration of a variant, with one of the sets of paths that it needs."""
    row = FAMILIES[family]
    model = row.variant(variant)
    assert model is not None
    where = ", ".join(f"{key}: {model.repo or 'org/repo'}" if key == "repo" else f"{key}: /models/{key}.safetensors" for key in paths)
    data = "videos: /data/clips, video: {frames: [33]}" if row.media == "video" else "images: /data/pictures"
    data += ", control: [/data/before]" if model.control is True else ""
    adapter = f", training_adapter: {model.adapter}" if model.adapter else ""
    return (
        f'lorabridge: 1\nname: case\nmodel: {{family: {family}, variant: "{variant}", paths: {{{where}}}{adapter}}}\n'
        f"datasets: [{{{data}, resolution: [512]}}]\ntrain: {{for: 77 steps, seed: 1}}\noptimizer: {{lr: 1e-5}}\n"
        "save: {every: 7 steps}\nsample: {every: 7 steps, prompts: [a cat]}\n"
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], Any]:
    folder = tmp_path_factory.mktemp("jobs")
    jobs: dict[tuple[str, str, str], Path] = {}
    for family, variant in ARCHS:
        row = FAMILIES[family]
        model = row.variant(variant)
        assert model is not None
        for paths in needs_of(row, model, "ai-toolkit") or ():
            name = f"{family}-{variant}-{'-'.join(paths)}"
            source = folder / f"{name}.src.yaml"
            source.write_text(text(family, variant, paths), encoding="utf-8")
            plan = compile_config(load(source, environ={}), "ai-toolkit", Site(root="/data"))
            assert plan.ok, [(item.path, item.message) for item in plan.diagnostics]
            jobs[family, variant, " + ".join(paths)] = folder / f"{name}.yaml"
            jobs[family, variant, " + ".join(paths)].write_text(plan.files[0].text, encoding="utf-8")
    found = ask(list(jobs.values()))
    return {key: found[str(path)] for key, path in jobs.items()}


def test_every_variant_is_accepted_and_means_the_same(answers: dict[tuple[str, str, str], Any]) -> None:
    assert {key: answer["error"] for key, answer in answers.items() if "error" in answer} == {}
    for (family, variant, _), answer in answers.items():
        arch = ARCHS[family, variant]
        plain = arch.native.partition(":")[0]
        assert answer["arch"] == ("flux" if plain == "flex1" else plain)
        assert (answer["steps"], answer["lr"], answer["every"], answer["keep"]) == (77, 1e-5, 7, 0)
        assert (answer["neg"], answer["prompts"], answer["sizes"]) == ("", ["a cat"], [512])
        assert answer["noise"] == arch.scheduler
        assert answer["rank"] == answer["alpha"]


def test_every_variant_finds_a_model_class_of_its_own(answers: dict[tuple[str, str, str], Any]) -> None:
    legacy = {
        (family, variant)
        for (family, variant, _), answer in answers.items()
        if answer["class"] == "StableDiffusion" and family not in ("sd15", "sd2", "sdxl", "sd3", "pixart", "auraflow", "flux1", "lumina2")
    }
    assert legacy == set()


def test_the_goldens_are_accepted() -> None:
    found = ask(sorted(GOLDENS.glob("*/job.yaml")))
    assert {path: answer["error"] for path, answer in found.items() if "error" in answer} == {}
