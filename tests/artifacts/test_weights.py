"""Models in shards: read by their index, and refused where the index does not say the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from lorabridge.artifacts.algebra import extract
from lorabridge.artifacts.lora import RefusedError, load_lora
from lorabridge.artifacts.lowrank import matrices
from lorabridge.artifacts.weights import open_weights
from lorabridge.cli.checkpoint import command

from .makers import write

RNG = np.random.default_rng(3)
BASE = {f"layers.{n}.attention.to_{letter}.weight": RNG.standard_normal((16, 24)).astype(np.float32) for n in range(2) for letter in "qkv"}
UPDATE = {name: RNG.standard_normal((16, 2)).astype(np.float32) @ RNG.standard_normal((2, 24)).astype(np.float32) for name in BASE}
TUNED = {name: value + UPDATE[name] for name, value in BASE.items()}


def shards(folder, arrays, name="diffusion_pytorch_model"):
    """Three files and an index."""
    folder.mkdir(parents=True)
    names, where = list(arrays), {}
    for number in range(3):
        file = f"{name}-{number + 1:05d}-of-00003.safetensors"
        own = names[number::3]
        write(folder / file, {key: arrays[key] for key in own})
        where |= dict.fromkeys(own, file)
    index = folder / f"{name}.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": where}))
    return index


@pytest.mark.parametrize("how", ["index", "folder", "pipeline"])
def test_extract_from_shards(tmp_path, how):
    index = shards(tmp_path / "base" / "transformer", BASE)
    place = {"index": index, "folder": index.parent, "pipeline": index.parent.parent}[how]
    tuned = write(tmp_path / "tuned.safetensors", TUNED)
    out = tmp_path / "x.safetensors"
    ended = CliRunner().invoke(
        command, ["extract", str(place), str(tuned), "--rank", "2", "--dtype", "fp32", "-o", str(out)], standalone_mode=False
    )
    assert ended.exception is None, ended.output
    for item in load_lora(out).items:
        up, down = matrices(item)
        np.testing.assert_allclose(up @ down, UPDATE[f"{item.name}.weight"], atol=1e-4)
    assert len(load_lora(out).items) == len(BASE)


def _lose(index):
    next(index.parent.glob("*-00002-*")).unlink()


def _cut(index):
    path = next(index.parent.glob("*-00002-*"))
    path.write_bytes(path.read_bytes()[:-1])


def _map(index, change):
    found = json.loads(index.read_text())
    change(found["weight_map"])
    index.write_text(json.dumps(found))


DAMAGES = {
    "1 of 3 shards": _lose,
    "cut off": _cut,
    "does not hold it": lambda index: _map(index, lambda found: found.update({"layers.9.weight": next(iter(found.values()))})),
    "no shard beside it": lambda index: _map(index, lambda found: found.update({"x": "../../../etc/passwd"})),
    "is no index": lambda index: index.write_text("[1]"),
    "no index of shards": lambda index: index.write_bytes(b"\xff{"),
    "is in two files": lambda index: write(next(index.parent.glob("*-00002-*")), BASE),
    "scales lie beside them": lambda index: write(
        next(index.parent.glob("*-00003-*")), {name: (BASE[name], "F8_E4M3") for name in list(BASE)[2::3]} | {"a.scale_weight": np.ones(1)}
    ),
}


@pytest.mark.parametrize("word", DAMAGES)
def test_what_an_index_may_not_be(tmp_path, word):
    index = shards(tmp_path / "base", BASE)
    DAMAGES[word](index)
    with pytest.raises(RefusedError, match=word), open_weights(index):
        pass


def test_folders_that_leave_it_open(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.safetensors", BASE)
    with pytest.raises(RefusedError, match=r"2 \.safetensors files and no index"), open_weights(tmp_path):
        pass
    (tmp_path / "b.safetensors").unlink()
    with open_weights(tmp_path) as found:
        assert np.array_equal(found.array(next(iter(BASE))), next(iter(BASE.values())))


def test_the_same_model_twice(tmp_path):
    with pytest.raises(RefusedError, match="are the same"):
        extract(write(tmp_path / "a.safetensors", BASE), shards(tmp_path / "b", BASE), 2)
