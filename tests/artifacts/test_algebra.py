"""Merge, resize, EMA, extract, compare and prune, each against the same arithmetic done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from lorabridge.artifacts.compare import compare
from lorabridge.artifacts.header import read_header
from lorabridge.artifacts.read import Reader
from lorabridge.cli.checkpoint import command

from .makers import raw_file, write

MODULES = tuple(f"diffusion_model.layers.{n}.attention.to_q" for n in range(2))


def lora(path, seed, rank=4, scale=1.0):
    rng = np.random.default_rng(seed)
    arrays = {}
    for module in MODULES:
        arrays[f"{module}.lora_A.weight"] = rng.standard_normal((rank, 24)).astype(np.float32)
        arrays[f"{module}.lora_B.weight"] = (scale * rng.standard_normal((16, rank))).astype(np.float32)
    return write(path, arrays)


def updates(path):
    """The full update of each module, by hand."""
    header = read_header(path)
    assert header.sound, header.problems
    with Reader(path) as reader:
        arrays = {name: reader.array(tensor).astype(np.float64) for name, tensor in header.tensors.items()}
    return {module: arrays[f"{module}.lora_B.weight"] @ arrays[f"{module}.lora_A.weight"] for module in MODULES}


def run(*arguments):
    ended = CliRunner().invoke(command, [str(item) for item in arguments], standalone_mode=False)
    assert ended.exception is None, ended.output
    return ended


def test_merge_is_the_weighted_sum(tmp_path):
    one, two, out = lora(tmp_path / "a.safetensors", 1), lora(tmp_path / "b.safetensors", 2), tmp_path / "m.safetensors"
    run("merge", f"{one}:0.7", f"{two}:0.3", "-o", out)
    for module, found in updates(out).items():
        np.testing.assert_allclose(found, 0.7 * updates(one)[module] + 0.3 * updates(two)[module], atol=1e-4)


def test_merge_to_a_rank_is_the_best_of_that_rank(tmp_path):
    one, two, out = lora(tmp_path / "a.safetensors", 1), lora(tmp_path / "b.safetensors", 2), tmp_path / "m.safetensors"
    ended = run("merge", f"{one}:0.5", f"{two}:0.5", "--rank", 3, "-o", out)
    assert "lost of the update" in ended.output
    for module, found in updates(out).items():
        whole = 0.5 * updates(one)[module] + 0.5 * updates(two)[module]
        left, middle, right = np.linalg.svd(whole)
        np.testing.assert_allclose(found, (left[:, :3] * middle[:3]) @ right[:3], atol=1e-4)


def test_resize_keeps_the_strongest_directions(tmp_path):
    one, out = lora(tmp_path / "a.safetensors", 3), tmp_path / "r.safetensors"
    run("resize", one, "--rank", 2, "-o", out)
    for module, found in updates(out).items():
        left, middle, right = np.linalg.svd(updates(one)[module])
        np.testing.assert_allclose(found, (left[:, :2] * middle[:2]) @ right[:2], atol=1e-4)


def test_ema_is_the_running_average(tmp_path):
    files = [lora(tmp_path / f"c-step{n:08d}.safetensors", n) for n in (1, 2, 3)]
    out = tmp_path / "e.safetensors"
    run("ema", *files, "--decay", 0.5, "-o", out)
    with Reader(out) as reader:
        name = f"{MODULES[0]}.lora_A.weight"
        found = reader.array(read_header(out).tensors[name])
    parts = []
    for file in files:
        with Reader(file) as reader:
            parts.append(reader.array(read_header(file).tensors[name]))
    np.testing.assert_allclose(found, 0.5 * (0.5 * parts[0] + 0.5 * parts[1]) + 0.5 * parts[2], rtol=1e-5)


def test_extract_finds_what_was_added(tmp_path):
    rng = np.random.default_rng(5)
    base = {f"layers.{n}.attention.to_q.weight": rng.standard_normal((16, 24)).astype(np.float32) for n in range(2)}
    added = updates(lora(tmp_path / "l.safetensors", 6))
    tuned = {name: (value + added[f"diffusion_model.{name.removesuffix('.weight')}"]).astype(np.float32) for name, value in base.items()}
    one, two, out = write(tmp_path / "b.safetensors", base), write(tmp_path / "t.safetensors", tuned), tmp_path / "x.safetensors"
    run("extract", one, two, "--rank", 4, "--dtype", "fp32", "-o", out)
    header = read_header(out)
    with Reader(out) as reader:
        for n in range(2):
            key = next(name for name in header.tensors if f"layers.{n}.attention.to_q.lora_A" in name)
            down, up = (reader.array(header.tensors[item]) for item in (key, key.replace("lora_A", "lora_B")))
            np.testing.assert_allclose(up @ down, added[f"diffusion_model.layers.{n}.attention.to_q"], atol=1e-3)


def test_compare_tells_same_from_moved(tmp_path):
    one, same = lora(tmp_path / "a.safetensors", 7), lora(tmp_path / "b.safetensors", 7)
    doubled = lora(tmp_path / "c.safetensors", 7, scale=2.0)
    assert compare(one, same).total.moved == pytest.approx(0.0, abs=1e-6)
    assert compare(one, doubled).total.moved == pytest.approx(1.0, rel=1e-5)
    assert compare(one, doubled).total.cosine == pytest.approx(1.0, rel=1e-6)
    assert abs(compare(one, lora(tmp_path / "d.safetensors", 8)).total.cosine) < 0.5


def test_prune_shows_first_and_never_takes_the_result(tmp_path):
    for step in (100, 200, 300, 400):
        lora(tmp_path / f"cat-step{step:08d}.safetensors", step)
    lora(tmp_path / "cat.safetensors", 9)
    shown = run("prune", tmp_path, "--keep", "last:2")
    assert "2 of 5 would be removed" in shown.output
    assert len(list(tmp_path.glob("*.safetensors"))) == 5
    run("prune", tmp_path, "--keep", "last:2", "--yes")
    left = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert left == ["cat-step00000300.safetensors", "cat-step00000400.safetensors", "cat.safetensors"]


@pytest.mark.parametrize("length", [640, 1152])
def test_a_header_length_that_looks_like_a_pickle(tmp_path, length):
    text = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    path = raw_file(tmp_path / "a.safetensors", text.ljust(length), b"x")
    assert path.read_bytes()[:2] in (b"\x80\x02", b"\x80\x04")
    assert read_header(path).sound
