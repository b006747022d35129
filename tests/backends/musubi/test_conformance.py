"""The trainer's own parser and dataset code on everything that lorabridge writes for it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from lorabridge.backends import musubi
from lorabridge.backends.base import Site
from lorabridge.config.load import load
from lorabridge.plan.compile import compile_config

from .helpers import GOLDENS

HOME = os.environ.get("LORABRIDGE_MUSUBI_HOME", "")
pytestmark = [
    pytest.mark.trainer,
    pytest.mark.skipif(not HOME, reason="LORABRIDGE_MUSUBI_HOME is not set: no musubi-tuner checkout to ask"),
]

PROBE = """
import argparse, importlib, json, sys
import torch
torch.cuda.current_device = lambda: 0
from musubi_tuner.dataset import config_utils
import musubi_tuner.training.trainer_base as base

class Done(BaseException):
    pass

for line in sys.stdin:
    request = json.loads(line)
    seen = {}
    real = argparse.ArgumentParser.parse_args
    def parse_args(self, *args, **kwargs):
        seen["parser"], seen["args"] = self, real(self, *args, **kwargs)
        return seen["args"]
    def stop(*args, **kwargs):
        raise Done
    module = importlib.import_module("musubi_tuner." + request["script"])
    trainers = [item for item in vars(module).values() if isinstance(item, type) and callable(getattr(item, "train", None)) and issubclass(item, base.NetworkTrainer)]
    kept = [(item, item.train) for item in trainers]
    load = config_utils.load_user_config
    argparse.ArgumentParser.parse_args, sys.argv = parse_args, [request["script"], *request["argv"]]
    for item in trainers:
        item.train = stop
    if not request["train"]:
        config_utils.load_user_config = stop
    answer = {"id": request["id"], "error": ""}
    try:
        module.main()
    except Done:
        known = {action.dest for action in seen["parser"]._actions} | set(seen["parser"]._defaults)
        answer["unknown"] = sorted(set(request["keys"]) - known)
        answer["choices"] = sorted(a.dest for a in seen["parser"]._actions if a.choices and getattr(seen["args"], a.dest, None) not in [None, *a.choices])
    except BaseException as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    finally:
        argparse.ArgumentParser.parse_args = real
        config_utils.load_user_config = load
        for item, train in kept:
            item.train = train
    if not answer["error"]:
        try:
            user = config_utils.load_user_config(request["dataset"])
            made = config_utils.BlueprintGenerator(config_utils.ConfigSanitizer()).generate(user, seen["args"], architecture="x")
            answer["datasets"] = [[str(item.params.resolution), item.params.cache_directory, item.params.batch_size, item.params.num_repeats] for item in made.dataset_group.datasets]
        except BaseException as error:
            answer["error"] = f"{type(error).__name__}: {error}"
    print("ANSWER " + json.dumps(answer), flush=True)
"""


def test_the_trainer_reads_every_golden(tmp_path: Path) -> None:
    import tomllib

    found = musubi.locate(os.environ)
    assert found is not None
    assert not found.problems, found.problems
    requests, tables = [], {}
    for folder in sorted(GOLDENS.iterdir()):
        made = compile_config(load(folder / "config.yaml", environ={}), "musubi", Site(root="/project"))
        files = tmp_path / folder.name
        files.mkdir()
        for file in made.files:
            (files / file.path).write_text(file.text, encoding="utf-8")
        keys = list(tomllib.loads((files / "train.toml").read_text(encoding="utf-8")))
        tables[folder.name] = tomllib.loads((files / "dataset.toml").read_text(encoding="utf-8"))["datasets"]
        for stage in made.stages:
            words = [word.replace("{files}", str(files)) for word in stage.argv]
            place = next(index for index, word in enumerate(words) if word.startswith("{home}"))
            train = stage.name == "train"
            requests.append(
                {
                    "id": f"{folder.name} {stage.name}",
                    "script": Path(words[place]).stem,
                    "argv": words[place + 1 :],
                    "train": train,
                    "keys": keys if train else [],
                    "dataset": str(files / "dataset.toml"),
                }
            )
    env = {**os.environ, "PYTHONPATH": str(found.home / "src"), "HF_HUB_OFFLINE": "1"}
    text = "".join(json.dumps(request) + "\n" for request in requests)
    run = subprocess.run([str(found.python), "-c", PROBE], input=text, capture_output=True, text=True, env=env, check=False, timeout=300)
    answers = [json.loads(line.removeprefix("ANSWER ")) for line in run.stdout.splitlines() if line.startswith("ANSWER ")]
    assert len(answers) == len(requests), run.stderr[-2000:]
    for answer in answers:
        assert not answer["error"], answer
        assert answer["unknown"] == [], answer
        assert answer["choices"] == [], answer
        meant = [
            [str(tuple(table["resolution"])), table["cache_directory"], table["batch_size"], table["num_repeats"]]
            for table in tables[answer["id"].split()[0]]
        ]
        assert answer["datasets"] == meant
