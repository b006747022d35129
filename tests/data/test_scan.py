"""Seeded defects: each is found in every set that holds it (recall 1), and a clean set yields nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lorabridge.config.load import load
from lorabridge.data.items import Scan
from lorabridge.diagnostics import CODES
from lorabridge.plan.data import Looked, data_findings, rules_of, scan_config
from tests.data import pictures as make

TRAINERS = ("musubi", "diffusion-pipe", "ai-toolkit", "embedded")
HEAD = """\
lorabridge: 1
name: cat-toy
trigger: ohwx
model: {family: FAMILY}
train: {for: 1600 steps}
datasets:
  - {images: pics, resolution: [512]}
"""
Look = Callable[..., Looked]


@pytest.fixture(autouse=True)
def _memory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORABRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def run(backend: str = "", data: str = "", family: str = "qwen-image") -> Looked:
        text = HEAD.replace("FAMILY", family)
        if data:
            text = text.replace("{images: pics, resolution: [512]}", data)
        path = tmp_path / "x.yaml"
        path.write_text(text, "utf-8")
        before = _digest(tmp_path)
        looked = scan_config(load(path, environ={}), backend)
        assert _digest(tmp_path) == before, "a scan changes nothing"
        return looked

    return run


def _digest(folder: Path) -> str:
    """Names, kinds, times of change and bytes of everything below a folder."""
    parts = []
    for here, folders, names in os.walk(folder):
        for name in sorted([*folders, *names]):
            path = os.path.join(here, name)
            facts = os.lstat(path)
            body = hashlib.sha256(Path(path).read_bytes()).hexdigest() if os.path.isfile(path) and os.access(path, os.R_OK) else ""
            parts.append((path, facts.st_mode, facts.st_mtime_ns, body))
    return repr(sorted(parts, key=repr))


def kinds(scan: Scan) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for problem in scan.problems:
        found.setdefault(problem.kind, set()).add(os.path.basename(problem.path))
    return found


@pytest.mark.parametrize("backend", ["", *TRAINERS])
def test_a_clean_set_yields_nothing(backend: str, look: Look, tmp_path: Path) -> None:
    make.clean(tmp_path / "pics")
    looked = look(backend)
    assert looked.count == 24
    assert looked.scans[0].findings == ()
    assert all(item.caption and item.caption.startswith("ohwx") for item in looked.scans[0].items)


@pytest.mark.parametrize("backend", ["", "musubi", "diffusion-pipe", "ai-toolkit"])
def test_a_clean_set_of_clips_yields_nothing(backend: str, look: Look, tmp_path: Path) -> None:
    for at in range(6):
        make.fill(tmp_path / "clips", {f"c{at}.mp4": make.mp4(832, 832, 49, 16.0) + bytes(at), f"c{at}.txt": f"ohwx {at}"})
    looked = look(backend, "{videos: clips, resolution: [512], video: {frames: [1, 49]}}", "wan21")
    assert [(item.kind, item.frames, item.fps) for item in looked.scans[0].items] == [("video", 49, 16.0)] * 6
    assert looked.scans[0].findings == ()


PALETTE = make.png(600, 600, colour=3)
DEFECTS: dict[str, tuple[dict[str, bytes | str], set[str]]] = {
    "caption_missing": ({"x.jpg": make.jpeg(900, 900, seed=99)}, {"x.jpg"}),
    "caption_empty": ({"p03.txt": " \n"}, {"p03.txt"}),
    "caption_encoding": ({"p03.txt": "ohwx café".encode("latin-1"), "p04.txt": "ohwx".encode("utf-16")}, {"p03.txt", "p04.txt"}),
    "caption_bom": ({"p03.txt": "\ufeffohwx"}, {"p03.txt"}),
    "caption_control": ({"p03.txt": "ohwx\nb\0c", "p04.txt": "ohwx \x1b[31m"}, {"p03.txt", "p04.txt"}),
    "caption_long": ({"p03.txt": "ohwx " * 2000}, {"p03.txt"}),
    "trigger_absent": ({"p03.txt": "a cat", "p04.txt": "OHWX cat"}, {"p03.jpg", "p04.jpg"}),
    "same_stem": ({"p03.png": make.png(700, 700)}, {"p03.png"}),
    "orphan": ({"gone.txt": "ohwx"}, {"gone.txt"}),
    "broken": ({"p03.jpg": b"no picture at all", "p04.jpg": b""}, {"p03.jpg", "p04.jpg"}),
    "cut": ({"p03.jpg": make.jpeg(900, 900)[:-60], "q.png": make.png(600, 600)[:-30], "q.txt": "ohwx"}, {"p03.jpg", "q.png"}),
    "misnamed": ({"p03.jpg": make.png(600, 600)}, {"p03.jpg"}),
    "turned": ({"p03.jpg": make.jpeg(900, 900, turned=6)}, {"p03.jpg"}),
    "alpha": ({"q.png": make.png(600, 600, colour=6), "q.txt": "ohwx"}, {"q.png"}),
    "cmyk": ({"p03.jpg": make.jpeg(900, 900, parts=4)}, {"p03.jpg"}),
    "deep": ({"q.png": make.png(600, 600, bits=16), "q.txt": "ohwx"}, {"q.png"}),
    "deep_grey": ({"q.png": make.png(600, 600, colour=0, bits=16), "q.txt": "ohwx"}, {"q.png"}),
    "palette": ({"q.png": PALETTE, "q.txt": "ohwx"}, {"q.png"}),
    "animated": ({"q.webp": make.webp(600, 600, frames=4), "q.txt": "ohwx"}, {"q.webp"}),
    "small": ({"p03.jpg": make.jpeg(400, 500), "p04.jpg": make.jpeg(511, 511)}, {"p03.jpg", "p04.jpg"}),
    "duplicate": ({"copy.jpg": make.jpeg(1024, 1024, seed=3), "copy.txt": "ohwx"}, {"p03.jpg"}),
    "bad_name": ({"a\nb.jpg": make.jpeg(900, 900, seed=77), "a\nb.txt": "ohwx"}, {"a\nb.jpg"}),
    "bomb": ({"p03.jpg": make.jpeg(40_000, 40_000)}, {"p03.jpg"}),
}


@pytest.mark.parametrize("kind", DEFECTS)
def test_a_defect_is_found_and_nothing_else(kind: str, look: Look, tmp_path: Path) -> None:
    files, wanted = DEFECTS[kind]
    make.fill(make.clean(tmp_path / "pics"), files)
    for backend in ("", *TRAINERS):
        looked = look(backend)
        found = kinds(looked.scans[0])
        if kind == "trigger_absent" and looked.rules.adds_trigger:
            assert found == {}
            continue
        if kind == "caption_bom" and backend == "embedded":
            assert found == {}
            continue
        assert found == {kind: wanted}, backend


def test_every_finding_says_file_why_and_way_out(look: Look, tmp_path: Path) -> None:
    make.clean(tmp_path / "pics")
    for files, _ in DEFECTS.values():
        make.fill(tmp_path / "pics", files)
    for backend in ("", *TRAINERS):
        looked = look(backend)
        for item in looked.scans[0].findings:
            assert item.code in CODES
            assert all((item.why, item.fix, item.span)), item
            assert "`" in item.message


def test_captions_know_their_place(look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics"), {"p03.txt": b"ohwx\nna\xefve"})
    (problem,) = look("musubi").scans[0].problems
    assert (problem.line, problem.column) == (2, 3)
    (finding,) = look("musubi").scans[0].findings
    assert finding.span is not None
    assert (os.path.basename(finding.span.file), finding.span.line, finding.span.column) == ("p03.txt", 2, 3)


def test_what_each_trainer_lists(look: Look, tmp_path: Path) -> None:
    names = ["a.jpg", "b.JPG", "c.Jpg", "d.avif", "e.tif", "f.md", ".g.jpg", "h.webp", "i.jfif"]
    for at, name in enumerate(names):
        make.fill(tmp_path / "pics", {name: make.jpeg(900, 900, seed=100 + at), name.rpartition(".")[0] + ".txt": "ohwx"})
    make.fill(tmp_path / "pics", {"sub/j.jpg": make.jpeg(900, 900, seed=1), "sub/j.txt": "ohwx", ".thumbs/k.jpg": make.jpeg(9, 9)})
    listed = {}
    for backend in TRAINERS:
        scan = look(backend).scans[0]
        listed[backend] = {os.path.relpath(item.path, tmp_path / "pics") for item in scan.items}
    assert listed["musubi"] == {"a.jpg", "b.JPG", "d.avif", "h.webp"}
    assert listed["ai-toolkit"] == {"a.jpg", "b.JPG", "c.Jpg", "h.webp", "sub/j.jpg"}
    assert listed["embedded"] == {"a.jpg", "b.JPG", "c.Jpg", "e.tif", ".g.jpg", "h.webp"}
    assert listed["diffusion-pipe"] == {*names}
    found = kinds(look("musubi").scans[0])
    assert found["not_taken"] == {"c.Jpg", "e.tif"}
    assert found["nested"] == {"sub"}
    assert found["hidden"] == {".thumbs", ".g.jpg"}
    assert "nested" not in kinds(look("ai-toolkit").scans[0])


def test_what_becomes_of_a_picture_without_a_caption(look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics", 3), {"bare.jpg": make.jpeg(900, 900, seed=99)})
    counts = {backend: (look(backend).count, len(look(backend).scans[0].left)) for backend in TRAINERS}
    assert counts == {"musubi": (3, 1), "diffusion-pipe": (3, 1), "ai-toolkit": (4, 0), "embedded": (4, 0)}


def test_what_becomes_of_a_cut_picture(look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics", 3), {"p01.jpg": make.jpeg(900, 900)[:-40]})
    counts = {backend: look(backend).count for backend in TRAINERS}
    assert counts == {"musubi": 3, "diffusion-pipe": 3, "ai-toolkit": 2, "embedded": 3}
    severity = {backend: look(backend).scans[0].findings[0].severity for backend in TRAINERS}
    assert severity == {"musubi": "error", "diffusion-pipe": "error", "ai-toolkit": "warning", "embedded": "error"}


def test_generated_controls_are_no_pictures(look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics", 3), {"_controls/p00.jpg": make.jpeg(900, 900, seed=9), "_controls/p00.txt": "ohwx"})
    assert look("ai-toolkit").count == 3


def test_a_note_is_tried_as_a_picture(look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics"), {"notes.md": "todo", "notes.txt": "ohwx"})
    assert kinds(look("diffusion-pipe").scans[0]) == {"foreign": {"notes.md"}}
    assert kinds(look("musubi").scans[0]) == {"orphan": {"notes.txt"}}


def test_masks_and_control(look: Look, tmp_path: Path) -> None:
    make.clean(tmp_path / "pics", 4)
    make.fill(tmp_path / "m", {"p00.png": make.png(1024, 1024, colour=0), "p01.png": make.png(512, 512, colour=0), "p02.png": b"?"})
    make.fill(tmp_path / "c", {"p00.jpg": make.jpeg(1024, 1024), "p01_0.png": make.png(300, 300), "p02.png": make.png(300, 200)})
    scan = look("diffusion-pipe", "{images: pics, resolution: [512], masks: m, control: [c]}").scans[0]
    assert kinds(scan) == {
        "mask_missing": {"p03.jpg"},
        "mask_size": {"p01.jpg"},
        "broken": {"p02.png"},
        "control_missing": {"p03.jpg"},
        "control_size": {"p02.jpg"},
    }
    assert [len(item.control) for item in scan.items] == [1, 1, 1, 0]
    assert {item.code for item in scan.findings} == {"LB424", "LB425", "LB412", "LB426", "LB427"}


def test_companions_inside_the_data(look: Look, tmp_path: Path) -> None:
    make.clean(tmp_path / "pics", 3)
    for at in range(3):
        make.fill(tmp_path / "pics" / "masks", {f"p0{at}.jpg": make.jpeg(1024, 1024, parts=1, seed=50 + at)})
    data = "{images: pics, resolution: [512], masks: pics/masks}"
    scan = look("ai-toolkit", data).scans[0]
    assert kinds(scan)["nested_companion"] == {"masks"}
    assert "LB428" in {item.code for item in scan.findings}
    assert kinds(look("embedded", data).scans[0]) == {"nested": {"masks"}}


@pytest.mark.parametrize(
    ("text", "kind", "line", "column"),
    [
        ('{"a": ["x"],\n "b": ', "captions_json", 2, 7),
        ("[1, 2]", "captions_json", 1, 1),
        ('{"p00.jpg": ["a"],\n "p01.jpg": "text"}', "captions_json", 2, 2),
        ('{"p00.jpg": ["a"],\n "p00.jpg": ["b"]}', "captions_json", 2, 2),
        ('{"p00.jpg": []}', "captions_json", 1, 2),
        ("\ufeff{}", "captions_json", 1, 1),
    ],
)
def test_captions_json(text: str, kind: str, line: int, column: int, look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics", 2), {"captions.json": text})
    (problem,) = [item for item in look("diffusion-pipe").scans[0].problems if item.kind == kind]
    assert (problem.line, problem.column) == (line, column)
    assert look("musubi").scans[0].problems == (), "only diffusion-pipe reads it"


def test_a_good_captions_json(look: Look, tmp_path: Path) -> None:
    make.fill(tmp_path / "pics", {"a.jpg": make.jpeg(600, 600), "b.jpg": make.jpeg(600, 601), "b.txt": "unread"})
    make.fill(tmp_path / "pics", {"captions.json": json.dumps({"a.jpg": ["ohwx one", "ohwx two"], "gone.jpg": ["x"]})})
    scan = look("diffusion-pipe").scans[0]
    assert [item.captions for item in scan.items] == [("ohwx one", "ohwx two")]
    assert kinds(scan) == {"caption_missing": {"b.jpg"}, "listed_missing": {"gone.jpg"}}
    assert [item.why for item in scan.left] == ["no caption"]


LINES: dict[str, tuple[str, str, int]] = {
    "not json": ("{'image_path': 1}", "jsonl_line", 2),
    "empty": ("", "jsonl_line", 1),
    "no object": ("[1]", "jsonl_line", 1),
    "no path": ('{"caption": "x"}', "jsonl_line", 1),
    "no caption": ('{"image_path": "PICS/p00.jpg"}', "jsonl_line", 1),
    "a number": ('{"image_path": "PICS/p00.jpg", "caption": 7}', "jsonl_line", 1),
    "a clip": ('{"video_path": "PICS/p00.jpg", "caption": "x"}', "jsonl_line", 1),
    "missing": ('{"image_path": "PICS/none.jpg", "caption": "ohwx"}', "listed_missing", 1),
    "relative": ('{"image_path": "pics/p00.jpg", "caption": "ohwx"}', "listed_relative", 1),
    "blank caption": ('{"image_path": "PICS/p00.jpg", "caption": " "}', "caption_empty", 1),
}


@pytest.mark.parametrize("name", LINES)
def test_json_lines(name: str, look: Look, tmp_path: Path) -> None:
    make.clean(tmp_path / "pics", 3)
    bad, kind, column = LINES[name]
    good = [json.dumps({"image_path": str(tmp_path / "pics" / f"p0{at}.jpg"), "caption": f"ohwx {at}"}) for at in (1, 2)]
    text = "\n".join([good[0], bad.replace("PICS", str(tmp_path / "pics")), good[1]]) + "\n"
    (tmp_path / "list.jsonl").write_text(text, "utf-8")
    scan = look("musubi", "{jsonl: list.jsonl, resolution: [512]}").scans[0]
    problems = [item for item in scan.problems if item.kind != "trigger_absent"]
    assert [(item.kind, item.line, item.column) for item in problems] == [(kind, 2, column)]
    assert len(scan.items) == (3 if kind in ("listed_relative", "caption_empty") else 2)


def test_clips(look: Look, tmp_path: Path) -> None:
    make.fill(
        tmp_path / "clips",
        {
            "a.mp4": make.mp4(832, 480, 81, 16.0),
            "short.mp4": make.mp4(832, 480, 20, 16.0),
            "fast.mp4": make.mp4(832, 480, 120, 30.0),
            "stream.mkv": make.mkv(832, 480, 0),
            "old.flv": (Path(__file__).parent / "clips" / "plain.flv").read_bytes(),
            **{f"{name}.txt": "ohwx" for name in ("a", "short", "fast", "stream", "old")},
        },
    )
    data = "{videos: clips, resolution: [480], video: {frames: [1, 33]}}"
    found = kinds(look("musubi", data, "wan21").scans[0])
    assert found == {"short": {"short.mp4"}, "retimed": {"fast.mp4"}, "unknown_length": {"stream.mkv", "old.flv"}}
    found = kinds(look("diffusion-pipe", data, "wan21").scans[0])
    assert found == {"short": {"short.mp4"}, "unknown_length": {"stream.mkv", "old.flv"}}, "it brings clips to its own rate"
    short = "{videos: clips, resolution: [480], video: {frames: [65]}}"
    assert kinds(look("diffusion-pipe", short, "wan21").scans[0])["short"] == {"short.mp4", "fast.mp4"}, "120 frames at 30 are 64 at 16"


def test_a_clip_without_a_caption_stops_musubi(look: Look, tmp_path: Path) -> None:
    make.fill(tmp_path / "clips", {"a.mp4": make.mp4(832, 832, 49, 16.0)})
    data = "{videos: clips, resolution: [480], video: {frames: [33]}}"
    scan = look("musubi", data, "wan21").scans[0]
    assert kinds(scan) == {"clip_caption_missing": {"a.mp4"}}
    assert [item.severity for item in scan.findings] == ["error"]
    assert len(scan.items) == 1, "it is listed all the same"


def test_clips_that_are_squeezed(look: Look, tmp_path: Path) -> None:
    for name, frames, fps in (("fits", 33, 16.0), ("long", 160, 16.0), ("fast", 66, 32.0), ("short", 20, 16.0)):
        make.fill(tmp_path / "clips", {f"{name}.mp4": make.mp4(832, 480, frames, fps), f"{name}.txt": "ohwx"})
    scan = look("ai-toolkit", "{videos: clips, resolution: [480], video: {frames: [33]}}", "wan21").scans[0]
    assert kinds(scan) == {"retimed": {"long.mp4"}, "short": {"short.mp4"}}
    assert "4.8 times the speed" in next(item.message for item in scan.findings if item.code == "LB433")


def test_small_pictures_that_stay_small(look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics", 3), {"p01.jpg": make.jpeg(300, 300)})
    data = "{images: pics, resolution: [512], upscale: false}"
    assert kinds(look("musubi", data).scans[0]) == {"small_kept": {"p01.jpg"}}
    assert [(item.code, item.severity) for item in look("musubi", data).scans[0].findings] == [("LB421", "hint")]


def test_a_folder_without_end(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make.clean(tmp_path / "pics", 5)
    monkeypatch.setattr("lorabridge.data.walk.MOST_FILES", 4)
    assert "too_many" in kinds(look("ai-toolkit").scans[0])


def test_names_without_an_ending_are_no_pair(look: Look, tmp_path: Path) -> None:
    make.fill(tmp_path / "pi.cs", {name: make.png(600, 600, seed=at) for at, name in enumerate(["a", "b", ".c", ".d"])})
    found = kinds(look("diffusion-pipe", "{images: pi.cs, resolution: [512]}").scans[0])
    assert "same_stem" not in found


def test_held_out_pictures(look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics", 30), {})
    make.fill(tmp_path / "held", {"p.jpg": make.jpeg(1024, 1024, seed=7), "p.txt": "ohwx", "q.jpg": b"broken", "q.txt": "ohwx"})
    path = tmp_path / "x.yaml"
    path.write_text(HEAD.replace("FAMILY", "qwen-image") + "evaluate: {every: 100 steps, datasets: [{images: held, resolution: [512]}]}\n")
    found = [(item.code, item.path) for item in data_findings(load(path, environ={}), "diffusion-pipe")]
    assert found == [("LB412", "evaluate.datasets[0]"), ("LB422", "evaluate.datasets[0]")]


def test_every_kind_is_provoked_somewhere() -> None:
    from lorabridge.data.problems import KINDS

    text = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert {kind for kind in KINDS if f'"{kind}"' not in text} == set()


def test_an_unwritable_folder(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make.clean(tmp_path / "pics", 2)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert kinds(look("ai-toolkit").scans[0]) == {"unwritable": {"pics"}}
    assert kinds(look("musubi").scans[0]) == {}, "its caches are not in the data folder"


def test_an_old_cache(look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics", 2), {"_latent_cache/x.safetensors": "old"})
    os.utime(tmp_path / "pics" / "_latent_cache" / "x.safetensors", (1, 1))
    assert kinds(look("ai-toolkit").scans[0]) == {"stale_cache": {"_latent_cache"}}
    os.utime(tmp_path / "pics" / "_latent_cache" / "x.safetensors")
    assert kinds(look("ai-toolkit").scans[0]) == {}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_pipes_dead_links_and_rings(look: Look, tmp_path: Path) -> None:
    pics = make.clean(tmp_path / "pics", 3)
    os.mkfifo(pics / "pipe.jpg")
    os.mkfifo(pics / "p01.txt.fifo")
    (pics / "dead.jpg").symlink_to("nowhere")
    (pics / "ring.jpg").symlink_to("ring.jpg")
    (pics / "loop").symlink_to(pics, target_is_directory=True)
    (pics / "folder.jpg").mkdir()
    (pics / "p02.txt").unlink()
    os.mkfifo(pics / "p02.txt")
    for backend in TRAINERS:
        found = kinds(look(backend).scans[0])
        assert {"pipe.jpg", "dead.jpg", "ring.jpg", "p02.txt"} <= found["odd"], backend


def test_bytes_that_are_no_text_in_a_name(look: Look, tmp_path: Path) -> None:
    make.clean(tmp_path / "pics", 3)
    name = os.fsencode(tmp_path / "pics") + b"/caf\xe9.jpg"
    try:
        with open(name, "wb") as handle:
            handle.write(make.jpeg(900, 900))
    except OSError:
        pytest.skip("this disk takes only UTF-8 names")
    looked = look("ai-toolkit")
    assert set(kinds(looked.scans[0])) == {"bad_name", "caption_missing"}
    for item in looked.scans[0].findings:
        item.message.encode("utf-8")


def test_files_that_vanish(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make.clean(tmp_path / "pics", 3)
    real = os.open

    def gone(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith(("p01.jpg", "p02.txt")):
            raise FileNotFoundError(2, "No such file or directory")
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", gone)
    assert kinds(look("musubi").scans[0]) == {"unreadable": {"p01.jpg", "p02.txt"}}


def test_a_caption_of_a_hundred_megabytes_is_not_read(look: Look, tmp_path: Path) -> None:
    make.clean(tmp_path / "pics", 2)
    with open(tmp_path / "pics" / "p01.txt", "wb") as handle:
        handle.truncate(100 << 20)
    text = (tmp_path / "x.yaml").write_text(HEAD.replace("FAMILY", "qwen-image"), "utf-8")
    assert text
    scan = scan_config(load(tmp_path / "x.yaml", environ={}), "musubi").scans[0]
    assert kinds(scan) == {"caption_long": {"p01.txt"}}


def test_folders_that_are_not_there(look: Look, tmp_path: Path) -> None:
    assert [item.code for item in look("musubi").scans[0].findings] == ["LB401"]
    (tmp_path / "pics").mkdir()
    assert [item.code for item in look("musubi").scans[0].findings] == ["LB402"]
    assert [item.code for item in look("musubi", "{jsonl: none.jsonl}").scans[0].findings] == ["LB401"]


def test_many_of_a_kind_are_counted(look: Look, tmp_path: Path) -> None:
    make.fill(make.clean(tmp_path / "pics", 2), {f"x{at:04}.txt": "ohwx" for at in range(320)})
    (finding,) = look("musubi").scans[0].findings
    assert "and 316 more" in finding.message
    loaded = load(tmp_path / "x.yaml", environ={})
    assert len([item for item in data_findings(loaded, "musubi", every=True) if item.code == "LB411"]) == 320


def test_few_pictures(look: Look, tmp_path: Path) -> None:
    make.clean(tmp_path / "pics", 5)
    look("musubi")
    loaded = load(tmp_path / "x.yaml", environ={})
    assert [(item.code, item.severity) for item in data_findings(loaded, "musubi")] == [("LB439", "hint")]


def test_a_second_scan_reads_no_header_and_says_the_same(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make.fill(make.clean(tmp_path / "pics"), {"p03.jpg": make.jpeg(90, 90), "p04.jpg": b"broken"})
    for path in (tmp_path / "pics").iterdir():
        os.utime(path, (1e9, 1e9))
    first = look("musubi").scans[0]
    monkeypatch.setattr("lorabridge.data.facts.read_header", lambda path: pytest.fail(f"{path} is read again"))
    assert look("musubi").scans[0] == first
    monkeypatch.undo()


def test_a_changed_file_is_read_again(look: Look, tmp_path: Path) -> None:
    pics = make.clean(tmp_path / "pics", 3)
    for path in pics.iterdir():
        os.utime(path, (1e9, 1e9))
    look("musubi")
    make.fill(pics, {"p01.jpg": make.jpeg(90, 90)})
    os.utime(pics / "p01.jpg", (1e9 + 1, 1e9 + 1))
    assert kinds(look("musubi").scans[0]) == {"small": {"p01.jpg"}}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "facts": 7}', '{"version": 1, "facts": {"a": [1]}}', "[" * 100_000])
def test_a_broken_cache_is_no_cache(text: str, look: Look, tmp_path: Path) -> None:
    make.clean(tmp_path / "pics", 2)
    look("musubi")
    cache = Path(os.environ["LORABRIDGE_CACHE"])
    for path in (cache / "headers").rglob("*.json"):
        path.write_text(text)
    assert look("musubi").count == 2


def test_rules_are_written_for_every_trainer() -> None:
    for name in TRAINERS:
        rules = rules_of(name)
        assert rules.trainer == name
        for effect in rules.effects.values():
            assert effect.evidence
