"""A lock says the same on two machines, and every change of an input is found and named."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabridge.plan.lock import content
from lorabridge.plan.lock.compare import compare
from lorabridge.plan.lock.inputs import PLACES, kind_of
from lorabridge.plan.lock.model import Lock, LockError, parse_lock
from tests.plan.lock.support import CONFIG, checkout, loaded_at, locked, make

World = tuple[Path, Path]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make(tmp_path / "here", tmp_path / "models"), tmp_path / "models"


def _found(then: Lock, now: Lock) -> list[tuple[str, str]]:
    return [(item.code, item.message) for item in compare(then, now) if item.severity == "error"]


def test_nothing_changed_is_nothing_found(world: World) -> None:
    lock = locked(*world)
    assert compare(lock, locked(*world)) == []
    assert parse_lock(lock.text()) == lock
    assert lock.text() == locked(*world).text()


def test_two_machines_write_the_same_bytes(tmp_path: Path) -> None:
    one = make(tmp_path / "a/b/here", tmp_path / "models")
    two = make(tmp_path / "there", tmp_path / "other/place")
    text = locked(one, tmp_path / "models").text()
    assert text == locked(two, tmp_path / "other/place").text()
    assert str(tmp_path) not in text


def test_the_order_of_a_folder_does_not_matter(tmp_path: Path) -> None:
    files = {f"{n}.png": f"sha256:{n}" for n in range(20)}
    assert content.combined(files) == content.combined(dict(reversed(files.items())))


def test_the_seed_is_drawn_once_and_is_in_the_lock(world: World) -> None:
    lock = locked(*world)
    assert isinstance(lock.seed, int)
    assert lock.values["train.seed"] == "random"
    assert locked(*world, "train.seed=7").seed is None
    path, models = world
    path.write_text(CONFIG.replace("1600", "1601"))
    assert locked(path, models).seed != lock.seed


INPUTS = {
    "models/dit.safetensors": ("LB623", "model.paths.transformer"),
    "here/vae.safetensors": ("LB623", "model.paths.vae"),
    "here/te/model.safetensors": ("LB623", "`model.safetensors`"),
    "here/te/config.json": ("LB623", "`config.json`"),
    "here/pics/a.png": ("LB624", "`a.png`"),
    "here/pics/ü.txt": ("LB624", "`ü.txt`"),
    "here/pics/deep/c.txt": ("LB624", "`deep/c.txt`"),
    "here/before/a.png": ("LB624", "datasets[0].control[0]"),
    "here/list.jsonl": ("LB624", "datasets[1].jsonl"),
    "here/more/x.png": ("LB624", "`listed: more/x.png`"),
}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("full", [False, True])
def test_a_flipped_byte_of_any_input_is_named(world: World, tmp_path: Path, name: str, full: bool) -> None:
    then = locked(*world, full=full)
    code, words = INPUTS[name]
    raw = (tmp_path / name).read_bytes()
    for at in {0, len(raw) // 2, len(raw) - 1}:
        flipped = bytearray(raw)
        flipped[at] ^= 1
        (tmp_path / name).write_bytes(bytes(flipped))
        found = _found(then, locked(*world, full=full))
        assert [item for item in found if item[0] == code and words in item[1]], (at, found)
    (tmp_path / name).write_bytes(raw)
    assert _found(then, locked(*world, full=full)) == []


@pytest.mark.parametrize("name", ["pics/new.png", "pics/new.txt", "before/b.png", "te/tokenizer.json"])
def test_what_is_added_or_removed_is_named(world: World, tmp_path: Path, name: str) -> None:
    then = locked(*world)
    (tmp_path / "here" / name).write_bytes(b"new")
    now = locked(*world)
    assert [text for _, text in _found(then, now) if f"added: `{Path(name).name}`" in text]
    assert [text for _, text in _found(now, then) if f"removed: `{Path(name).name}`" in text]


@pytest.mark.parametrize("name", ["pics/.aitk_size.json", "pics/_latent_cache/a.safetensors", "pics/cache/qwen/x.arrow", "pics/Thumbs.db"])
def test_what_trainers_write_into_the_data_is_no_drift(world: World, tmp_path: Path, name: str) -> None:
    then = locked(*world)
    path = tmp_path / "here" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"cache")
    assert _found(then, locked(*world)) == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("1600 steps", "1601 steps", "train.for"),
        ("[1024]", "[1024, 768]", "datasets[0].resolution"),
        ("trigger: ohwx", "trigger: ohwy", "trigger"),
        ("./vae.safetensors", "./te/model.safetensors", "model.paths.vae"),
        ('log_prefix: "a"', 'log_prefix: "b"', "backends.musubi.log_prefix"),
        ("name: cat-toy", "name: cat-toy\nsave: {every: 100 steps}", "save.every"),
    ],
)
def test_a_changed_value_is_named(world: World, old: str, new: str, path: str) -> None:
    file, models = world
    then = locked(file, models)
    file.write_text(CONFIG.replace(old, new))
    found = _found(then, locked(file, models))
    assert [text for code, text in found if code == "LB621" and f"`{path}" in text], found


def test_the_base_of_a_config_counts_and_comments_do_not(world: World) -> None:
    file, models = world
    then = locked(file, models)
    file.write_text("# a comment\n" + CONFIG)
    assert _found(then, locked(file, models)) == []
    file.with_name("base.yaml").write_text("optimizer: {lr: 2e-4}\n")
    assert [text for _, text in _found(then, locked(file, models)) if "`optimizer.lr` was `0.0001` and is `0.0002`" in text]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_trainer_and_its_changes(world: World, tmp_path: Path) -> None:
    home = tmp_path / "trainer"
    environ = checkout(home)
    then = locked(*world, environ=environ)
    assert then.trainer is not None
    assert len(then.trainer.commit) == 40
    assert then.trainer.modified == {}
    (home / "outputs").mkdir()
    (home / "outputs/x.py").write_text("ignored by git")
    (home / "notes.txt").write_text("no code")
    assert _found(then, locked(*world, environ=environ)) == []
    (home / "src/musubi_tuner/loss.py").write_text("x = 2\n")
    (home / "src/musubi_tuner/old.py").unlink()
    (home / "src/musubi_tuner/new.py").write_text("")
    now = locked(*world, environ=environ)
    assert [code for code, _ in _found(then, now)] == ["LB622"]
    assert all(f"src/musubi_tuner/{name}.py" in _found(then, now)[0][1] for name in ("loss", "old", "new"))
    assert _found(now, locked(*world, environ=environ)) == []  # dirty when locked, and just as dirty now
    (home / "src/musubi_tuner/loss.py").write_text("x = 3\n")
    assert "loss.py" in _found(now, locked(*world, environ=environ))[0][1]


def test_versions_and_the_plan_are_compared(world: World) -> None:
    then = locked(*world)
    assert [code for code, _ in _found(then, dataclasses.replace(then, lorabridge="9"))] == ["LB625"]
    other = dataclasses.replace(then, plan={**then.plan, "train.toml": "sha256:0"})
    assert [code for code, text in _found(then, other) if "`train.toml`" in text] == ["LB626"]


def test_large_weights_are_told_by_their_header_unless_asked(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "WHOLE", 16)
    short, whole = locked(*world), locked(*world, full=True)
    path = tmp_path / "models/dit.safetensors"
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + b"!")
    assert _found(short, locked(*world)) == []
    assert [code for code, _ in _found(whole, locked(*world, full=True))] == ["LB623"]
    path.write_bytes(raw[:12] + b"x" + raw[13:])
    assert [code for code, _ in _found(short, locked(*world))] == ["LB623"]
    path.write_bytes(raw + b"!")
    assert [code for code, _ in _found(short, locked(*world))] == ["LB623"]
    path.write_bytes(raw)
    assert {item.code for item in compare(short, whole)} == {"LB627"}
    other = tmp_path / "models/dit.bin"
    other.write_bytes(b"12345678" + bytes(3 << 20) + b"end")
    first = content.weights(other, full=False)
    other.write_bytes(b"12345678" + bytes(3 << 20) + b"enD")
    assert content.weights(other, full=False) != first


def test_the_name_of_the_config_does_not_matter(world: World) -> None:
    path, models = world
    then = locked(path, models)
    other = path.with_name("other.yaml")
    path.rename(other)
    assert compare(then, locked(other, models)) == []


def test_a_link_that_leads_back_up_ends(world: World, tmp_path: Path) -> None:
    (tmp_path / "here/pics/deep/up").symlink_to(tmp_path / "here/pics")
    assert len(locked(*world).data["datasets[0].images"].files) == 6


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: "", "not JSON"),
        (lambda text: "[]", "no lock"),
        (lambda text: text.replace('"lock": 1', '"lock": 2'), "format 2"),
        (lambda text: text.replace('"seed"', '"sead"'), "incomplete"),
        (lambda text: text.replace('"cat-toy"', '"dog-toy"'), "by hand"),
        (lambda text: text.replace('"backend": "musubi"', '"backend": 3'), "damaged"),
        (lambda text: json.dumps(json.loads(text)), "by hand"),
    ],
)
def test_a_damaged_lock_is_refused(world: World, change: Callable[[str], str], why: str) -> None:
    with pytest.raises(LockError, match=why):
        parse_lock(change(locked(*world).text()))


def test_every_place_of_the_language_is_in_the_table() -> None:
    from lorabridge.config.fields import leaves
    from lorabridge.config.schema import Config

    no_place = {
        "name",
        "optimizer.type",
        "cache.reuse",
        "save.metadata",
        "logging.prefix",
        "datasets[].captions.extension",
        "evaluate.datasets[].captions.extension",
    }
    speaks_of_one = re.compile(r"\b(files?|folders?|path)\b", re.IGNORECASE)
    for path, row in leaves(Config).items():
        spelled = path.replace("[]", "[0]") + ("[0]" if row.listed else "")
        if speaks_of_one.search(row.doc) and path not in no_place:
            assert kind_of(spelled), path
    assert len(PLACES) == len({pattern for pattern, _ in PLACES})


@settings(max_examples=40)
@given(data=st.data())
def test_any_mutation_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("world")
    path, models = make(folder / "here", folder / "models"), folder / "models"
    then = locked(path, models)
    assert compare(then, locked(path, models)) == []
    name = data.draw(st.sampled_from(sorted(INPUTS)))
    raw = bytearray((folder / name).read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(bytes(raw))
    code, words = INPUTS[name]
    assert [item for item in _found(then, locked(path, models)) if item[0] == code and words in item[1]]


def test_what_cannot_be_read_is_an_error_with_a_place(world: World, tmp_path: Path) -> None:
    from lorabridge.plan.lock.build import Wish, build

    shutil.rmtree(tmp_path / "here/before")
    loaded = loaded_at(*world)
    lock, found = build(loaded, Wish("musubi"), {})
    assert lock is None
    broken = next(item for item in found if item.code == "LB628")
    assert broken.path == "datasets[0].control[0]"
    assert broken.span is not None
