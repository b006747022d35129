"""Every line of the key maps against the shapes of both key tables; whole models there and back."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from lorabridge.artifacts.convert import convert, save
from lorabridge.artifacts.header import read_header
from lorabridge.artifacts.key_maps import first_word, in_both, rows, spelled, template, to_diffusers, to_native
from lorabridge.artifacts.key_rows import FIRST_WORDS, LINES, SPELLINGS
from lorabridge.artifacts.lora import RefusedError, load_lora
from lorabridge.artifacts.lowrank import matrices
from lorabridge.artifacts.tables import tables

from .makers import pair, write

BOTH = sorted({table.architecture for table in tables() if table.naming == "native"} & set(LINES))


def table_of(architecture, naming, variant):
    found = [item for item in tables() if (item.architecture, item.naming) == (architecture, naming) and variant in item.variants]
    return found[0] if found else None


def twins(architecture):
    """Pairs of a native and a diffusers table of one published model."""
    for native in tables():
        if native.architecture == architecture and native.naming == "native":
            for variant in native.variants:
                other = table_of(architecture, "diffusers", variant)
                if other:
                    yield native, other
                    break


@pytest.mark.parametrize("architecture", BOTH)
def test_shapes_add_up(architecture):
    """Each native weight is as tall as its parts together, and as wide as each of them."""
    seen, forward = 0, to_diffusers(architecture)
    for native, other in twins(architecture):
        for name, shape in native.shapes.items():
            own = spelled(name, architecture, comfyui=True)
            key, number = template(own, forward)
            row = forward.get(key)
            if row is None:
                assert in_both(own, architecture), f"{native.name}: {name} leads nowhere"
                continue
            parts = [other.shapes.get(part.replace("{}", number)) for part in row.diffusers]
            if None in parts:
                assert "14b" in native.name or other.name != native.name.removesuffix(" native"), f"{name} -> {row.diffusers}"
                continue
            seen += 1
            assert sum(part[0] for part in parts) == shape[0], name
            assert {prod(part[1:]) for part in parts} == {prod(shape[1:])}, name
            unit = shape[0] // sum(row.shares)
            assert [part[0] for part in parts] == [share * unit for share in row.shares], name
    assert seen or not rows(architecture)


@pytest.mark.parametrize("architecture", BOTH)
def test_no_line_leads_into_the_void(architecture):
    """Both sides of each line are in a key table, so that a slip of the pen is seen."""
    there = {table.naming: set() for table in tables()}
    for table in tables():
        if table.architecture == architecture:
            there[table.naming] |= set(table.shapes) | {spelled(name, architecture, comfyui=True) for name in table.shapes}
    for row in rows(architecture):
        assert any(row.native.replace("{}", str(number)) in there["native"] for number in (0, 1)) or _only_diffusers(architecture), row
        for name in row.diffusers:
            assert any(name.replace("{}", str(number)) in there["diffusers"] for number in (0, 1)), row


def _only_diffusers(architecture):
    return architecture == "z-image"


def lora(shapes, style, seed=0):
    found = {}
    for number, (name, shape) in enumerate(shapes.items()):
        if len(shape) == 2:
            found |= pair(name, shape[0], shape[1], rank=1, style=style, seed=seed + number)
    return found


def few(table):
    """The modules of the first two blocks and those outside of blocks."""
    picked = {}
    for row in table.rows:
        names = list(row.names())
        for name in {names[0], names[-1]}:
            if len(row.shape) == 2:
                picked[name] = row.shape
    return picked


def bits(path):
    return {name: (tensor.dtype, tensor.shape) for name, tensor in read_header(path).tensors.items()}


@pytest.mark.parametrize("architecture", [*BOTH, *FIRST_WORDS, "hidream", "omnigen2", "qwen-image"])
def test_there_and_back(architecture, tmp_path):
    """From diffusers' names to ComfyUI's and kohya's, and back: the same names, the same numbers."""
    table = next(item for item in tables() if item.architecture == architecture and item.naming == "diffusers")
    known = to_native(architecture)
    shapes = {
        name: shape
        for name, shape in few(table).items()
        if template(name, known)[0] in known or architecture in FIRST_WORDS or not known or in_both(name, architecture)
    }
    path = write(tmp_path / "a.safetensors", lora(shapes, "diffusers"))
    before = {item.name: matrices(item) for item in load_lora(path).items}
    for target in ("comfyui", "kohya"):
        try:
            there = convert(path, target, family=table.families[0])
        except RefusedError as error:
            pytest.fail(f"{target}: {error}")
        assert there.exact
        save(there, tmp_path / f"{target}.safetensors")
        save(convert(tmp_path / f"{target}.safetensors", "diffusers"), tmp_path / "back.safetensors")
        after = {item.name: matrices(item) for item in load_lora(tmp_path / "back.safetensors").items}
        assert set(after) == set(before)
        assert all(np.array_equal(one, two) for name in before for one, two in zip(after[name], before[name], strict=True))


@pytest.mark.parametrize("architecture", [name for name in BOTH if rows(name) and not all(row.even for row in rows(name))])
def test_uneven_parts_of_other_widths_are_refused(architecture, tmp_path):
    """Where to cut a fused weight is a fact of the published widths."""
    row = next(item for item in rows(architecture) if not item.even)
    tall = 64 * sum(row.shares)
    names = {item.native.replace("{}", "0"): (64, 64) for item in rows(architecture) if "{}" in item.native and len(item.diffusers) == 1}
    shapes = {**names, row.native.replace("{}", "0"): (tall, 32)}
    path = write(tmp_path / "a.safetensors", lora(shapes, "comfyui"))
    with pytest.raises(RefusedError, match="where to cut cannot be known"):
        convert(path, "diffusers")


def test_both_spellings_of_hunyuan_video(tmp_path):
    """musubi-tuner's names become ComfyUI's and its own again."""
    table = next(item for item in tables() if (item.architecture, item.name) == ("hunyuan-video", "t2v native"))
    picked = {name: shape for name, shape in few(table).items() if "_blocks.0." in name}
    path = write(tmp_path / "a.safetensors", lora(picked, "kohya"))
    save(convert(path, "diffusers", family="hunyuan-video"), tmp_path / "d.safetensors")
    save(convert(tmp_path / "d.safetensors", "comfyui"), tmp_path / "c.safetensors")
    assert "diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight" in bits(tmp_path / "c.safetensors")
    save(convert(tmp_path / "d.safetensors", "kohya"), tmp_path / "k.safetensors")
    kept = {name for name in bits(tmp_path / "k.safetensors") if not name.endswith(".alpha")}
    assert kept == set(bits(path))
    for old, new in SPELLINGS["hunyuan-video"]:
        assert spelled(f"a{old}", "hunyuan-video", comfyui=True) == f"a{new}"
        assert spelled(f"a{new}", "hunyuan-video", comfyui=False) == f"a{old}"


@pytest.mark.parametrize("architecture", FIRST_WORDS)
def test_first_words(architecture):
    table = next(item for item in tables() if item.architecture == architecture)
    words = {
        naming: {
            name.partition(".")[0] for one in tables() if (one.architecture, one.naming) == (architecture, naming) for name in one.shapes
        }
        for naming in ("native", "diffusers")
    }
    for native, diffusers in FIRST_WORDS[architecture]:
        assert diffusers in words["diffusers"], diffusers
        assert native in words["native"]
        assert native not in words["diffusers"]
        assert first_word(f"{native}.linear", architecture, native=False) == f"{diffusers}.linear"
    assert all(first_word(first_word(name, architecture, native=True), architecture, native=False) == name for name in table.shapes)
