"""Bulk edits of captions: what changes, what never does, and the way back."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from lorabridge.cli.main import app
from lorabridge.data import edit
from tests.data import pictures as make


@pytest.fixture(autouse=True)
def _state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORABRIDGE_STATE", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("LORABRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make.clean(tmp_path / "pics", 5)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["data", "caption-edit", *map(str, arguments)], standalone_mode=False)


def bytes_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.mark.parametrize(
    ("options", "old", "new"),
    [
        ({"prefix": "photo of "}, "a cat", "photo of a cat"),
        ({"prefix": "photo of "}, "photo of a cat", "photo of a cat"),
        ({"suffix": ", film"}, "a cat", "a cat, film"),
        ({"suffix": ", film"}, "a cat, film", "a cat, film"),
        ({"replace": [("cat", "dog"), ("dog", "fox")]}, "a cat", "a fox"),
        ({"replace": [("a.c", "x")]}, "abc a.c", "abc x"),
        ({"regex": [(r"(\w+) cat", r"\1 dog")]}, "red cat", "red dog"),
        ({"regex": [("(?i)CAT", "dog")]}, "Cat", "dog"),
        ({"trigger": "ohwx"}, "a cat", "ohwx, a cat"),
        ({"trigger": "ohwx"}, "the ohwx cat", "the ohwx cat"),
        ({"trigger": "ohwx"}, "the OHWX cat", "the ohwx cat"),
        ({"trigger": "ohwx"}, "", "ohwx"),
        ({"trigger": "a.b\\1"}, "x", "a.b\\1, x"),
        ({"remove_trigger": "ohwx"}, "ohwx, a cat", "a cat"),
        ({"remove_trigger": "ohwx"}, "a cat, ohwx", "a cat"),
        ({"remove_trigger": "ohwx"}, "an ohwx cat", "an cat"),
        ({"remove_trigger": "ohwx"}, "ohwxy", "ohwxy"),
        ({"remove_trigger": "old", "trigger": "new"}, "old, a cat", "new, a cat"),
    ],
)
def test_edits(options: dict[str, object], old: str, new: str) -> None:
    text = old
    for step in edit.steps(**options):  # type: ignore[arg-type]
        text = step(text)
    assert text == new


@given(st.text(max_size=60), st.sampled_from(["ohwx", "a b", "c++", "(x"]))
def test_a_trigger_is_there_after_ensuring_and_a_second_time_changes_nothing(text: str, word: str) -> None:
    (ensure,) = edit.steps(trigger=word)
    once = ensure(text)
    assert word in once
    assert ensure(once) == once


@pytest.mark.parametrize("pattern", ["(", "[a", "(?P<n>a)(?P<n>b)"])
def test_a_wrong_pattern(pattern: str, folder: Path) -> None:
    assert "--regex" in str(getattr(run(folder, "--regex", pattern, "x").exception, "param_hint", ""))


def test_a_wrong_group(folder: Path) -> None:
    assert "invalid group" in str(run(folder, "--regex", "a", r"\7").exception)


def test_a_preview_writes_nothing(folder: Path) -> None:
    before = bytes_of(folder)
    result = run(folder, "--prefix", "photo of ")
    assert bytes_of(folder) == before
    assert "- ohwx on a beach, picture 0" in result.output
    assert "+ photo of ohwx on a beach, picture 0" in result.output
    assert "5 of 5 captions would change" in result.output
    assert not list(Path(os.environ["LORABRIDGE_STATE"]).rglob("*"))


def test_write_and_undo(folder: Path) -> None:
    before = bytes_of(folder)
    assert "5 of 5 captions changed" in run(folder, "--prefix", "photo of ", "--write").output
    assert (folder / "p00.txt").read_text() == "photo of ohwx on a beach, picture 0\n"
    run(folder, "--suffix", ", film", "--write")
    after = bytes_of(folder)
    assert {name for name in before if before[name] != after[name]} == {f"p0{at}.txt" for at in range(5)}, "no picture is touched"
    assert "5 captions have their old text" in run(folder, "--undo").output
    assert (folder / "p00.txt").read_text() == "photo of ohwx on a beach, picture 0\n"
    run(folder, "--undo")
    assert bytes_of(folder) == before
    assert "no edit to take back" in run(folder, "--undo").output


def test_undo_keeps_what_changed_since(folder: Path) -> None:
    run(folder, "--prefix", "x ", "--write")
    (folder / "p01.txt").write_text("by hand")
    result = run(folder, "--undo")
    assert result.return_value == 1
    assert "LB450" in result.output
    assert (folder / "p01.txt").read_text() == "by hand"
    assert (folder / "p00.txt").read_text() == "ohwx on a beach, picture 0\n"


def test_an_edit_that_was_cut_off_can_be_undone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = bytes_of(folder)
    real, calls = edit._replace, []

    def dies(path: str, data: bytes) -> str:
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(path, data)

    monkeypatch.setattr(edit, "_replace", dies)
    run(folder, "--prefix", "x ", "--write")
    monkeypatch.setattr(edit, "_replace", real)
    assert bytes_of(folder) != before
    assert run(folder, "--undo").return_value == 0
    assert bytes_of(folder) == before


def test_a_broken_journal(folder: Path) -> None:
    run(folder, "--prefix", "x ", "--write")
    (journal,) = Path(os.environ["LORABRIDGE_STATE"]).rglob("*.json")
    journal.write_text('{"entries": [{"path": 1}]}')
    assert "LB450" in run(folder, "--undo").output


def test_no_journal_no_edit(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LORABRIDGE_STATE", str(tmp_path / "file"))
    before = bytes_of(folder)
    result = run(folder, "--prefix", "x ", "--write")
    assert "LB449" in result.output
    assert result.return_value == 1
    assert bytes_of(folder) == before


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_encoding_and_line_ends_stay(encoding: str, end: str, folder: Path) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    (folder / "p00.txt").write_bytes((mark + "café\r\nzwei" + end).encode(encoding))
    assert run(folder, "--prefix", "x ", "--write").return_value == 0
    assert (folder / "p00.txt").read_bytes() == (mark + "x café\r\nzwei" + end).encode(encoding)


def test_what_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (folder / "p00.txt").write_bytes("café".encode("latin-1"))
    outside = tmp_path / "outside.txt"
    outside.write_text("a cat")
    (folder / "p01.txt").unlink()
    (folder / "p01.txt").symlink_to(outside)
    (folder / "p02.txt").unlink()
    os.link(outside, folder / "p02.txt")
    (folder / "p03.txt").unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "p03.txt")
    result = run(folder, "--prefix", "x ", "--write")
    assert result.return_value == 1
    assert result.output.count("LB449") == (4 if hasattr(os, "mkfifo") else 3)
    assert "it is a link" in result.output
    assert outside.read_text() == "a cat"
    assert (folder / "p01.txt").is_symlink()
    assert (folder / "p00.txt").read_bytes() == "café".encode("latin-1")
    assert (folder / "p04.txt").read_text().startswith("x ")


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions here")
def test_permissions_stay(folder: Path) -> None:
    (folder / "p00.txt").chmod(0o640)
    run(folder, "--prefix", "x ", "--write")
    assert (folder / "p00.txt").stat().st_mode & 0o777 == 0o640


def test_a_caption_that_changes_in_between(folder: Path) -> None:
    changes, _ = edit.preview([str(folder / "p00.txt")], edit.steps(prefix="x "))
    (folder / "p00.txt").write_text("newer")
    done, problems, _ = edit.apply(changes, "key")
    assert (done, [item.code for item in problems]) == (0, ["LB449"])
    assert (folder / "p00.txt").read_text() == "newer"


def test_a_config_names_its_folders(tmp_path: Path, folder: Path) -> None:
    other = make.fill(tmp_path / "more", {"a.cap": "a cat", "a.txt": "no"})
    (tmp_path / "x.yaml").write_text(
        "lorabridge: 1\nname: x\nmodel: {family: qwen-image}\ntrain: {for: 10 steps}\n"
        "datasets: [{images: pics}, {images: more, captions: .cap}, {jsonl: l.jsonl}]\n"
    )
    result = run(tmp_path / "x.yaml", "--prefix", "x ", "--write")
    assert "6 of 6 captions changed" in result.output
    assert "stand in a list" in result.output
    assert (other / "a.cap").read_text() == "x a cat"
    assert (other / "a.txt").read_text() == "no"
    assert "6 captions have" in run(tmp_path / "x.yaml", "--undo").output


@pytest.mark.parametrize("arguments", [[], ["--undo", "--prefix", "x"]])
def test_usage(arguments: list[str], folder: Path) -> None:
    assert run(folder, *arguments).exception is not None


def test_no_such_folder(tmp_path: Path) -> None:
    assert "LB401" in run(tmp_path / "none", "--prefix", "x").output


def test_hostile_names_and_texts_are_escaped(folder: Path) -> None:
    make.fill(folder, {"a\x1b[31m\nb.txt": "c\x1b[2Jd"})
    result = run(folder, "--prefix", "x ", "--all")
    assert "\x1b" not in result.output
