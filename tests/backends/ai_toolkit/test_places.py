"""Where things are: the checkout, what a run left behind, the command."""

from __future__ import annotations

import sys

from lorabridge.backends.ai_toolkit import COMMIT, artifacts, locate


def checkout(folder, commit=COMMIT, packed=False):
    for name in ("run.py", "toolkit/config_modules.py", "venv/bin/python"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    git = folder / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    if packed:
        (git / "packed-refs").write_text(f"# pack-refs\n{commit} refs/heads/main\n")
    else:
        (git / "refs/heads/main").write_text(commit + "\n")
    return folder


def test_a_named_checkout(tmp_path):
    home = checkout(tmp_path / "aitk")
    found = locate({"LORABRIDGE_AI_TOOLKIT_HOME": str(home)})
    assert found is not None
    assert (found.home, found.commit, found.problems) == (home, COMMIT, ())
    assert found.python == home / "venv/bin/python"


def test_another_commit_and_another_python_are_told(tmp_path):
    home = checkout(tmp_path / "aitk", "0" * 40, packed=True)
    found = locate({"LORABRIDGE_AI_TOOLKIT_HOME": str(home), "LORABRIDGE_AI_TOOLKIT_PYTHON": sys.executable})
    assert found is not None
    assert found.commit == "0" * 40
    assert found.problems == ()  # drift is for `doctor` to tell; it does not keep a run from starting
    assert str(found.python) == sys.executable


def test_a_usual_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate({"HOME": str(tmp_path)}) is None
    checkout(tmp_path / "ai-toolkit")
    found = locate({"HOME": str(tmp_path)})
    assert found is not None
    assert found.home == tmp_path / "ai-toolkit"


def test_a_folder_that_is_no_checkout_is_told(tmp_path):
    found = locate({"LORABRIDGE_AI_TOOLKIT_HOME": str(tmp_path)})
    assert found is not None
    assert "run.py" in found.problems[0]


def test_artifacts_by_step_with_the_last_one_at_the_end(tmp_path):
    folder = tmp_path / "cat"
    names = [
        "cat.safetensors",
        "cat_000000500.safetensors",
        "cat_000001000.safetensors",
        "cat-two.safetensors",
        "optimizer.pt",
        "loss_log.db",
    ]
    samples = ["samples/17__000000500_1.jpg", "samples/16__000000000_0.jpg", "samples/.thumbs/16__000000000_0.jpg.jpg"]
    for name in names + samples:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    left = artifacts(tmp_path, "cat")
    assert [path.name for path in left.checkpoints] == ["cat_000000500.safetensors", "cat_000001000.safetensors", "cat.safetensors"]
    assert [path.name for path in left.states] == ["optimizer.pt"]
    assert [path.name for path in left.samples] == ["16__000000000_0.jpg", "17__000000500_1.jpg"]


def test_artifacts_of_two_experts(tmp_path):
    folder = tmp_path / "wan"
    folder.mkdir()
    for tail in ("_000000010_high_noise", "_000000010_low_noise", "_high_noise", "_low_noise"):
        (folder / f"wan{tail}.safetensors").write_text("")
    names = [path.name for path in artifacts(tmp_path, "wan").checkpoints]
    assert names == [f"wan{tail}.safetensors" for tail in ("_000000010_high_noise", "_000000010_low_noise", "_high_noise", "_low_noise")]


def test_nothing_left_behind(tmp_path):
    assert artifacts(tmp_path, "none").checkpoints == ()


def test_the_command(compiled):
    (stage,) = compiled("hardware.gpus=[1]").stages
    assert stage.argv == ("{python}", "{home}/run.py", "{files}/job.yaml")
    assert stage.cwd == "{home}"
    assert stage.env == {"PYTHONUNBUFFERED": "1", "CUDA_VISIBLE_DEVICES": "1"}
    assert stage.makes == ("/data/output/cat-toy",)


def test_a_cpu_run_hides_the_gpus(compiled):
    (stage,) = compiled("hardware.device=cpu").stages
    assert stage.env == {"PYTHONUNBUFFERED": "1", "CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1"}


def test_the_same_bytes_again(compiled):
    one, two = compiled("train.seed=random").files[0].text, compiled("train.seed=random").files[0].text
    assert one == two
    assert compiled("train.seed=random", "adapter.rank=8").files[0].text != one


def test_the_source_map_points_from_lines_to_fields(compiled):
    file = compiled("trigger=sks", "save.every=9 steps").files[0]
    lines = dict(enumerate(file.text.splitlines(), 1))
    told = {path: lines[number].strip() for number, path in file.sources.items()}
    assert told["save.every"] == "save_every: 9"
    assert told["trigger"] == "trigger_word: sks"
    assert told["datasets[0].images"] == "- folder_path: /data/data/cat"
    assert told["train.for"] == "steps: 1600"
