"""The verdict on what a run delivered: the file against the config, one checkpoint after the other."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from lorabridge.config.load import load
from lorabridge.run.delivery import problem_of, verdict_in, verdict_of
from lorabridge.run.folder import RunFolder

from ..artifacts.makers import FILES, write, z_image

CONFIG = """
lorabridge: 1
name: cat
model: {{family: z-image, paths: {{repo: a/b}}}}
datasets: [{{images: data}}]
adapter: {{rank: {rank}, alpha: {alpha}}}
train: {{for: 100 steps}}
save: {{dtype: fp32}}
"""


@pytest.fixture
def config(tmp_path):
    def make(rank=4, alpha=4):
        path = tmp_path / "x.yaml"
        path.write_text(CONFIG.format(rank=rank, alpha=alpha))
        loaded = load(path)
        assert loaded.config is not None, loaded.diagnostics
        return loaded

    return make


def test_a_file_as_it_was_asked_for(tmp_path, config):
    found = verdict_of(write(tmp_path / "cat.safetensors", z_image()), config())
    assert (found.ok, found.problem, found.diagnostics) == (True, "", ())
    assert any("NaN" in text for text in found.checked)
    assert any("rank" in text for text in found.checked)


@pytest.mark.parametrize(
    ("asked", "code", "place"), [({"rank": 8, "alpha": 4}, "LB812", 6), ({"alpha": 2}, "LB813", 6), ({"rank": 8, "alpha": 8}, "LB812", 6)]
)
def test_another_network_than_the_config_asked_for(tmp_path, config, asked, code, place):
    found = verdict_of(write(tmp_path / "cat.safetensors", z_image()), config(**asked))
    assert not found.ok
    assert found.diagnostics[0].code == code
    assert found.diagnostics[0].span.line == place
    assert found.problem == found.diagnostics[0].message


def test_nan_and_untrained(tmp_path):
    arrays = z_image()
    next(iter(arrays.values()))[0, 0] = np.nan
    assert "NaN" in problem_of(write(tmp_path / "nan.safetensors", arrays))
    assert "untrained" in problem_of(write(tmp_path / "zero.safetensors", z_image(up_zero=True)))


def test_steps_of_the_plan(tmp_path, config):
    path = write(tmp_path / "cat.safetensors", z_image(), {"ss_steps": "60"})
    found = verdict_of(path, config())
    assert [(item.code, item.severity) for item in found.diagnostics] == [("LB816", "warning")]
    assert found.ok
    assert verdict_of(path, config(), steps=60).diagnostics == ()
    early = write(tmp_path / "cat-00000006.safetensors", z_image(), {"lorabridge_step": "6"})
    assert verdict_of(early, config()).diagnostics == (), "a checkpoint on the way is not the result"


def test_folders(tmp_path):
    folder = tmp_path / "epoch3"
    folder.mkdir()
    assert "holds no .safetensors file" in problem_of(folder)
    shutil.copy(FILES / "zimage_lora.safetensors", folder / "adapter_model.safetensors")
    assert problem_of(folder) == ""
    (folder / "second.safetensors").write_bytes(b"")
    assert "second.safetensors" in problem_of(folder)


def test_in_a_run(tmp_path, config):
    """The folder's own config and plan are what a checkpoint is held against."""
    folder = RunFolder(tmp_path / "run")
    folder.create()
    path = write(folder.output / "cat.safetensors", z_image(), {"ss_steps": "60"})
    assert verdict_in(folder, path).ok
    config(rank=8, alpha=8)
    shutil.copy(tmp_path / "x.yaml", folder.resolved)
    folder.plan.write_text('{"backend": "musubi", "total_steps": 60}')
    found = verdict_in(folder, path)
    assert [item.code for item in found.diagnostics] == ["LB812", "LB813"]
    assert "rank 4, the config says 8" in found.problem


@pytest.mark.parametrize(("trainer", "severity"), [("ai-toolkit", "warning"), ("diffusion-pipe", "warning"), ("musubi", "error")])
def test_trainers_that_save_no_alpha(tmp_path, config, trainer, severity):
    found = verdict_of(write(tmp_path / "cat.safetensors", z_image()), config(alpha=2), trainer)
    assert [(item.code, item.severity) for item in found.diagnostics] == [("LB813", severity)]


def test_what_is_not_there_and_a_config_that_does_not_hold(tmp_path, config):
    assert "is not there" in problem_of(tmp_path / "none.safetensors")
    loaded = config()
    loaded.config = None
    assert verdict_of(write(tmp_path / "cat.safetensors", z_image()), loaded).ok
