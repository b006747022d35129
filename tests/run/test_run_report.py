"""The curve and the page."""

from __future__ import annotations

import html.parser
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lorabridge.run.curve import curve_svg, smoothed, thinned, ticks
from lorabridge.run.pictures import Sample, collect, gallery, shrunk
from lorabridge.run.view import Point

from .tinypng import png

SAMPLES = """
import zlib
sys.path.insert(0, HERE)
from tinypng import png
for step in (0, 5, 10):
    for index, prompt in enumerate(["ohwx on a beach", "a <i>beach</i>"]):
        path = OUT / f"s-{step}-{index}.png"
        path.write_bytes(png((step * 25, 80, index * 200)))
        say(event="sample", path=str(path), step=step, text=prompt)
steps(1, 10)
say(event="warning", text="captions are <short>"); say(event="warning", text="captions are <short>")
lora()
""".replace("HERE", repr(str(Path(__file__).parent)))


class Page(html.parser.HTMLParser):
    """The addresses, pictures and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data):
        self.words += data


@pytest.fixture
def env():
    import os
    import sys

    return {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def test_the_page_holds_all_it_shows(run, env):
    ran = run("pass", SAMPLES, env=env)
    assert ran.verdict.code == 0, ran.verdict
    text = ran.folder.report.read_text()
    page = Page(text)
    assert all(a.startswith("data:image/png;base64,") for a in page.addresses)
    assert len(page.addresses) == 6
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert text.count("<svg") == 1
    for words in (
        "cat-toy", "completed", "10 steps in", "with trigger", "without trigger", "before", "during", "after", "step 5", "ohwx on a beach", "a <i>beach</i>",
        "cat-toy.safetensors", "captions are <short>", "2 times", "counted <in> steps", "1 setting said exactly", "0123456789ab with local changes",
        "load_lora_weights", "rank 16", "cache-1",
    ):  # fmt: skip
        assert words in page.words, words


def test_a_failed_run_says_what_to_do(run):
    ran = run("steps(1, 2); raise ValueError('<b>no & pictures</b>')")
    page = Page(ran.folder.report.read_text())
    assert "failed: ValueError: <b>no & pictures</b>" in page.words
    assert "What to do" in page.words
    assert "load_lora_weights" not in page.words
    assert page.addresses == ["logs/train.log"]


def test_pictures_that_nobody_told_about_get_their_step(tmp_path):
    import os

    paths = []
    for number, seconds in enumerate((5, 5, 20, 20)):
        path = tmp_path / f"{number}.png"
        path.write_bytes(png((1, 2, 3)))
        os.utime(path, (seconds, seconds))
        paths.append(path)
    samples = collect([], paths, [(10_000, 50), (19_000, 100)], ["one", "two"])
    assert [(s.step, s.prompt) for s in samples] == [(0, "one"), (0, "two"), (100, "one"), (100, "two")]
    table = gallery(samples, "one", tmp_path)
    assert table.steps == (0, 100)
    assert [(row.prompt, row.trigger) for row in table.rows] == [("one", True), ("two", False)]


def test_many_steps_are_spread_and_the_budget_holds(tmp_path, monkeypatch):
    from lorabridge.run import pictures

    path = tmp_path / "with space.png"
    path.write_bytes(png((1, 2, 3)))
    samples = [Sample(path, step, 0) for step in range(0, 1001, 100)]
    table = gallery(samples, "", tmp_path)
    assert (table.steps, table.total) == ((0, 200, 400, 600, 800, 1000), 11)
    monkeypatch.setattr(pictures, "_BUDGET", 2 * len(path.read_bytes()) + 60)
    cells = gallery(samples, "", tmp_path).rows[0].cells
    assert [bool(cell and cell.uri) for cell in cells] == [True, True, False, False, False, False]
    assert cells[3] is not None
    assert cells[3].link == "with%20space.png"


def test_large_pictures_are_made_smaller(tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "x.png"
    image.effect_noise((900, 600), 90).save(path)
    data, kind = shrunk(path)
    assert kind == "image/jpeg"
    assert len(data) < len(path.read_bytes()) / 2


def paths_of(svg: str) -> list[str]:
    names = [element.get("class") or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")]
    return [name for name in names if name != "g"]


def test_curve():
    points = {step: Point(1 / step, 1e-4 * step) for step in range(1, 101)}
    svg = curve_svg(points, "a <b> & c")
    assert paths_of(svg) == ["raw", "smooth", "lr", "raw", "smooth", "lr"]
    assert 'aria-label="Learning curve of a &lt;b&gt; &amp; c"' in svg
    assert paths_of(curve_svg({1: Point(1.0, None), 2: Point(0.5, None)}, "x")) == ["raw", "smooth", "raw", "smooth"]


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ({}, "no loss was reported"),
        ({1: Point(float("nan"), None)}, "every loss was not a finite number"),
        ({1: Point(1.0, 0.0), 2: Point(float("inf"), 0.0)}, "not finite"),
        ({5: Point(0.0, None)}, "smoothed"),
        ({1: Point(-2.0, 1e-12), 2: Point(1e30, 1e-12)}, "learning rate"),
    ],
)
def test_curves_of_odd_runs(points, text):
    svg = curve_svg(points, "x")
    ET.fromstring(svg)
    assert text in svg
    assert "nan" not in svg
    assert "inf " not in svg


def test_a_long_run_stays_small():
    points = {step: Point(1 + step % 7 / 10, 1e-4) for step in range(1, 50_001)}
    points[30_011] = Point(9.0, 1e-4)
    assert len(curve_svg(points, "x")) < 60_000
    kept = thinned([(step, point.loss or 0.0) for step, point in points.items()])
    assert (30_011, 9.0) in kept
    assert (kept[0][0], kept[-1][0]) == (1, 50_000)


def test_smoothing_is_fair_to_the_first_values():
    assert smoothed([(step, 3.0) for step in range(50)]) == [(step, pytest.approx(3.0)) for step in range(50)]


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (1, 1, [1]), (0, 1e-4, [0, 2e-5, 4e-5, 6e-5, 8e-5, 1e-4])]
)
def test_ticks(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)
