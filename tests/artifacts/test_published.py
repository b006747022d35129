"""What shapes cannot tell: the hub repository that a file lies in, the sha256 that is stated beside it."""

from __future__ import annotations

import hashlib
import os

import pytest

from lorabridge.artifacts import published
from lorabridge.artifacts.inspect import inspect, record
from lorabridge.artifacts.published import KNOWN, Published, repositories, said_of, sha256_of, stated_hash
from lorabridge.artifacts.show import lines
from lorabridge.families import FAMILIES

from .makers import model_file
from .test_models import check

DIGEST = "ab" * 32


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setitem(published.KNOWN, DIGEST, Published("flux2", "klein-9b", "flux-2-klein-9b.safetensors", "a test"))


def cached(tmp_path, repository, name="dit.safetensors", digest=DIGEST):
    """A file in the hub's cache: a link to a blob that is named by its sha256."""
    folder = tmp_path / f"models--{repository.replace('/', '--')}"
    (folder / "blobs").mkdir(parents=True)
    (folder / "snapshots" / "0123").mkdir(parents=True)
    model_file(folder / "blobs" / digest, "flux2", "klein-9b native")
    link = folder / "snapshots" / "0123" / name
    os.symlink(folder / "blobs" / digest, link)
    return link


def noted(path, digest=DIGEST, later=10.0):
    """What `hf download --local-dir` leaves."""
    note = path.parent / ".cache" / "huggingface" / "download" / f"{path.name}.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{'0' * 40}\n{digest}\n{path.stat().st_mtime + later}\n")


def test_the_table_holds_what_the_families_know():
    for digest, known in KNOWN.items():
        assert len(digest) == 64
        assert set(digest) <= set("0123456789abcdef")
        assert FAMILIES[known.family].variant(known.variant) is not None
        assert known.source
    assert repositories()["black-forest-labs/flux.2-klein-9b"] == (("flux2", "klein-9b"),)


def test_the_cache_names_the_repository_and_the_hash(tmp_path):
    link = cached(tmp_path, "black-forest-labs/FLUX.2-klein-9B")
    assert stated_hash(link) == DIGEST
    said = said_of(str(link), link)
    assert said.variants == (("flux2", "klein-9b"),)
    assert said.distilled is True
    found = check(tmp_path, {"transformer": str(link)}, variant="klein-base-9b")
    assert [(item.code, item.severity, item.span.line) for item in found] == [("LB837", "error", 9)]
    assert "it is distilled, klein-base-9b is not" in found[0].why
    assert check(tmp_path, {"transformer": str(link)}, variant="klein-9b") == []


def test_hub_ids(tmp_path):
    found = check(tmp_path, {"repo": "black-forest-labs/FLUX.2-klein-9B"}, variant="klein-base-9b")
    assert [(item.code, item.severity) for item in found] == [("LB837", "error")]
    assert check(tmp_path, {"repo": "black-forest-labs/flux.2-klein-base-9b"}, variant="klein-base-9b") == []
    assert check(tmp_path, {"repo": "someone/else"}, variant="klein-base-9b") == []
    found = check(tmp_path, {"repo": "black-forest-labs/FLUX.2-klein-base-4B"}, variant="klein-base-9b")
    assert [(item.code, item.severity) for item in found] == [("LB837", "warning")]
    found = check(tmp_path, {"repo": "Tongyi-MAI/Z-Image-Turbo"}, variant="klein-base-9b")
    assert [(item.code, item.severity) for item in found] == [("LB837", "warning")]
    assert "z-image" in found[0].message


def test_a_known_hash_beside_the_file(tmp_path, known):
    path = model_file(tmp_path / "my.safetensors", "flux2", "klein-9b native")
    assert check(tmp_path, {"transformer": "./my.safetensors"}, variant="klein-base-9b") == []
    (tmp_path / "my.safetensors.sha256").write_text(f"{DIGEST.upper()}  my.safetensors\n")
    found = check(tmp_path, {"transformer": "./my.safetensors"}, variant="klein-base-9b")
    assert [(item.code, item.severity) for item in found] == [("LB837", "error")]
    assert "the published flux-2-klein-9b.safetensors" in found[0].message
    assert stated_hash(path) == DIGEST


def test_a_download_note_holds_until_the_file_is_changed(tmp_path):
    path = model_file(tmp_path / "my.safetensors", "flux2", "klein-9b native")
    noted(path)
    assert stated_hash(path) == DIGEST
    os.utime(path, (path.stat().st_mtime + 100,) * 2)
    assert stated_hash(path) == ""


@pytest.mark.parametrize("text", ["", "x", "ab" * 31, "zz" * 32, "\0" * 300])
def test_notes_that_say_nothing(text, tmp_path):
    path = model_file(tmp_path / "my.safetensors", "flux2", "klein-9b native")
    (tmp_path / "my.safetensors.sha256").write_text(text)
    noted(path, text or "none")
    assert stated_hash(path) == ""
    assert stated_hash(tmp_path) == ""


def test_a_known_origin_is_worth_more_than_a_name(tmp_path, known):
    """`turbo` in a name is a hint; a hash is not."""
    path = tmp_path / "klein_turbo.safetensors"
    model_file(path, "flux2", "klein-9b native")
    variants = {"variant": "klein-base-9b"}
    assert [item.code for item in check(tmp_path, {"transformer": "./klein_turbo.safetensors"}, **variants)] == ["LB835"]
    (tmp_path / "klein_turbo.safetensors.sha256").write_text(DIGEST)
    assert [item.code for item in check(tmp_path, {"transformer": "./klein_turbo.safetensors"}, **variants)] == ["LB837"]


def test_inspect_says_it(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    model_file(path, "z-image", "base")
    with open(path, "r+b") as file:
        file.truncate(1 << 20)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert sha256_of(path) == digest
    monkeypatch.setitem(published.KNOWN, digest, Published("z-image", "turbo", "z.safetensors", "a test"))
    (tmp_path / "a.safetensors.sha256").write_text(digest)
    found = inspect(path)
    assert any(digest in line and "z.safetensors (z-image turbo)" in line for line in lines(found))
    assert (record(found)["sha256"], record(found)["published"]) == (digest, "z.safetensors")
